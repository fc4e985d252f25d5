"""Views: self-contained HTML pages that a node shows."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NodeView:
    """A view: its page, and whether KNIME's reports may show it."""

    html: str
    can_be_used_in_report: bool = False


def view_html(html: str, svg_or_png: str | bytes | None = None, can_be_used_in_report: bool = False) -> NodeView:
    """A view from a page; KNIME may show the picture in its place."""
    return NodeView(html, can_be_used_in_report)


def as_view(obj: Any) -> NodeView:
    """What a node returned as its view.

    Raises
    ------
    ValueError : it is none.
    """
    if not isinstance(obj, NodeView):
        kind = type(obj).__name__
        raise ValueError(f"The last value must be a view made by view_html, not a {kind}; others within KNIME only.")
    return obj
