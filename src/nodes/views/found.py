"""What a model found, as a page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nodes.views.html import page, paragraph, thresholds_text
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, FILLED, SCRIPTS, STYLE, viewer
from nodes.views.stage import read

if TYPE_CHECKING:
    from nodes.views.slides import Album


def found_view(album: "Album", thresholds: Mapping[str, float], device: str, *, previews: bool) -> Any:
    """Images with the objects found in them; the thresholds and the device in words.

    Parameters
    ----------
    previews : whether the node's table has a picture of every image.
    """
    note = paragraph(f"Thresholds: {thresholds_text(thresholds)}. Computed on {device}.", "note")
    elsewhere = "All are in KNIME's Table View, in a column of previews." if previews else ""
    images = viewer(album, [("Objects found", COLORS["found"])], album.note("first", elsewhere))
    script = read(*SCRIPTS) if album.slides else ""
    html = page("Objects found", note, images, style=read(*STYLE) + FILLED, script=script)
    return node_view(html, album.sheet())
