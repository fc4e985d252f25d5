"""What a model found, as a page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.running import amount
from nodes.views.html import thresholds_text
from nodes.views.overlay import COLORS, overlay_page

if TYPE_CHECKING:
    from nodes.views.overlay import Slide


def found_view(slides: "Sequence[Slide]", count: int, thresholds: Mapping[str, float], device: str) -> Any:
    """Images with the outlines of their objects; the thresholds and the device in words."""
    note = (
        f"{amount(count, 'image')}, {len(slides)} shown. Thresholds: {thresholds_text(thresholds)}. "
        f"Computed on {device}. Arrow keys change the image, the space bar switches the outlines."
    )
    return knext.view_html(overlay_page("Objects found", note, [("Outlines", COLORS["found"])], slides))
