"""Views of nodes: a page or a picture."""

import base64
from dataclasses import dataclass
from typing import Any

_DOCTYPE = "<!doctype html>"
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


@dataclass(frozen=True)
class NodeView:
    """A view as a self-contained page; `can_be_used_in_report` says whether it is ready at once."""

    html: str
    can_be_used_in_report: bool = False


def view(content: Any) -> NodeView:
    """The view of an HTML page, an SVG text, or PNG or JPEG bytes.

    Raises
    ------
    ValueError : it is nothing of these.
    """
    if isinstance(content, NodeView):
        return content
    if isinstance(content, str) and _is_page(content):
        return view_html(content)
    if isinstance(content, str) and "<svg" in content[:256]:
        return view_svg(content)
    if isinstance(content, bytes) and content.startswith(_PNG):
        return view_png(content)
    if isinstance(content, bytes) and content.startswith(_JPEG):
        return view_jpeg(content)
    raise ValueError(f"There is no view of {type(content).__name__}; HTML begins with {_DOCTYPE}.")


def view_html(
    html: str, svg_or_png: str | bytes | None = None, render_fn: Any = None, can_be_used_in_report: bool = False
) -> NodeView:
    """The view of a self-contained page; the picture and its function are for reports of KNIME.

    Raises
    ------
    ValueError : it does not begin with <!doctype html>, and browsers would show it as pages of the last century.
    """
    if not _is_page(html):
        raise ValueError(f"A page of a view begins with {_DOCTYPE}, this one with {html[:20]!r}.")
    return NodeView(html, can_be_used_in_report or svg_or_png is not None)


def view_svg(svg: str) -> NodeView:
    """The view of an SVG picture.

    Raises
    ------
    ValueError : it is no SVG with its namespace.
    """
    if "<svg" not in svg[:256] or "xmlns" not in svg[:1024]:
        raise ValueError("An SVG picture begins with <svg xmlns=...>.")
    return NodeView(f"{_DOCTYPE}<body>{svg}</body>", True)


def view_png(png: bytes) -> NodeView:
    """The view of a PNG picture.

    Raises
    ------
    ValueError : it is no PNG.
    """
    return _picture(png, _PNG, "png")


def view_jpeg(jpeg: bytes) -> NodeView:
    """The view of a JPEG picture.

    Raises
    ------
    ValueError : it is no JPEG.
    """
    return _picture(jpeg, _JPEG, "jpeg")


def _is_page(html: str) -> bool:
    return html[: len(_DOCTYPE)].lower() == _DOCTYPE


def _picture(content: bytes, magic: bytes, kind: str) -> NodeView:
    if not content.startswith(magic):
        raise ValueError(f"These bytes are no {kind.upper()} picture.")
    data = base64.b64encode(content).decode()
    return NodeView(f'{_DOCTYPE}<body><img alt="" src="data:image/{kind};base64,{data}"></body>', True)
