"""What a model found, as a page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nodes.views.html import page, paragraph, thresholds_text
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, FILLED, SCRIPTS, STYLE, viewer
from nodes.views.stage import read

if TYPE_CHECKING:
    from nodes.views.slides import Album


def found_view(
    album: "Album",
    thresholds: Mapping[str, float],
    device: str,
    *,
    previews: bool,
    ranked: bool = False,
    warning: str = "",
) -> Any:
    """Images with the objects found in them; the thresholds and the device in words.

    Parameters
    ----------
    previews : whether the node's table has a picture of every image.
    ranked : whether the least certain images come first.
    warning : stands above all else; may be empty.
    """
    note = paragraph(f"Thresholds: {thresholds_text(thresholds)}. Computed on {device}.", "note")
    told = [paragraph(warning, "warning")] if warning else []
    elsewhere = "All are in KNIME's Table View, in a column of previews." if previews else ""
    shown = album.note("least certain" if ranked else "first", elsewhere)
    if ranked:
        shown += " They are sorted: those of whose objects the smallest share is found again come first."
    images = viewer(album, [("Objects found", COLORS["found"])], shown)
    script = read(*SCRIPTS) if album.slides else ""
    html = page("Objects found", *told, note, images, style=read(*STYLE) + FILLED, script=script)
    return node_view(html, album.sheet())
