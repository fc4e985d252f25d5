"""What a model found, as a page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nodes.views.html import page, paragraph, thresholds_text
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, SCRIPTS, STYLE, viewer
from nodes.views.stage import read

if TYPE_CHECKING:
    from nodes.views.slides import Album

_FILLED = "body{box-sizing:border-box;height:100vh;min-height:260px;display:flex;flex-direction:column}"


def found_view(
    album: "Album", thresholds: Mapping[str, float], device: str, *, previews: bool, warning: str = ""
) -> Any:
    """Images with the objects found in them; the thresholds and the device in words.

    Parameters
    ----------
    previews : whether the node's table has a picture of every image.
    warning : stands above all else; may be empty.
    """
    note = paragraph(f"Thresholds: {thresholds_text(thresholds)}. Computed on {device}.", "note")
    told = [paragraph(warning, "warning")] if warning else []
    elsewhere = "All are in KNIME's Table View, in a column of previews." if previews else ""
    images = viewer(album, [("Objects found", COLORS["found"])], album.note("first", elsewhere))
    script = read(*SCRIPTS) if album.slides else ""
    html = page("Objects found", *told, note, images, style=read(*STYLE) + _FILLED, script=script)
    return node_view(html, album.sheet())
