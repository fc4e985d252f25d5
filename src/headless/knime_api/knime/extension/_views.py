"""Views: self-contained HTML pages that a node shows."""

import base64
from typing import Any


class NodeView:
    """A view.

    Parameters
    ----------
    html : the page.
    can_be_used_in_report : whether KNIME's reports may show it.
    """

    def __init__(self, html: str, can_be_used_in_report: bool = False) -> None:
        self.html, self.can_be_used_in_report = html, can_be_used_in_report

    def to_html(self) -> str:
        """The page as text."""
        return str(self.html)


def view_html(html: str, svg_or_png: str | bytes | None = None, can_be_used_in_report: bool = False) -> NodeView:
    """A view from a page; for a report, a picture may take its place."""
    return NodeView(html, can_be_used_in_report or svg_or_png is not None)


def view_png(png: bytes) -> NodeView:
    """A view of a picture."""
    return _picture("image/png", png)


def view_jpeg(jpeg: bytes) -> NodeView:
    """A view of a photo."""
    return _picture("image/jpeg", jpeg)


def view_svg(svg: str) -> NodeView:
    """A view of a drawing."""
    return NodeView(f"<!DOCTYPE html>\n<html><body>{svg}</body></html>", can_be_used_in_report=True)


def view(obj: Any) -> NodeView:
    """A view of a page, drawing, picture or of what can show itself in Jupyter.

    Raises
    ------
    ValueError : the object is none of these; a page must begin with <!DOCTYPE html>.
    """
    if isinstance(obj, str):
        if obj.lstrip().lower().startswith("<!doctype html>"):
            return view_html(obj)
        if "<svg" in obj[:256] and 'xmlns="http://www.w3.org/2000/svg"' in obj[:256]:
            return view_svg(obj)
    if isinstance(obj, bytes):
        if obj.startswith(b"\x89PNG\r\n\x1a\n"):
            return view_png(obj)
        if obj.startswith(b"\xff\xd8\xff"):
            return view_jpeg(obj)
    for method, make in _REPRESENTATIONS.items():
        shown = getattr(obj, method, lambda: None)()
        if shown:
            made: NodeView = make(shown)
            return made
    raise ValueError(f"There is no view of {obj!r}.")


def as_view(obj: Any) -> NodeView:
    """What a node returned as its view."""
    return obj if isinstance(obj, NodeView) else view(obj)


def _picture(kind: str, content: bytes) -> NodeView:
    data = base64.b64encode(content).decode()
    page = f'<!DOCTYPE html>\n<html><body><img src="data:{kind};base64,{data}"></body></html>'
    return NodeView(page, can_be_used_in_report=True)


_REPRESENTATIONS: dict[str, Any] = {
    "_repr_html_": view_html,
    "_repr_svg_": view_svg,
    "_repr_png_": view_png,
    "_repr_jpeg_": view_jpeg,
}
