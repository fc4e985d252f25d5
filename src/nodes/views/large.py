"""A large result as a page to travel through, and as a preview."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nodes.running import amount
from nodes.views.html import page, paragraph, thresholds_text
from nodes.views.node_view import node_view
from nodes.views.sheet import sheet

if TYPE_CHECKING:
    from core.blockwise.segment import Segmented
    from core.progress import Progress

MOST_OBJECTS = 1_000_000
"""The page shows measures of up to so many objects."""

_SHOWN = ("id", "centroid_x", "centroid_y", "area_px", "area_um2", "touches_edge")


def write_view(found: "Segmented", longest: int, budget: int, progress: "Progress") -> None:
    """Write `preview.png`, its longest side so many pixels at most, and `view.html` with pictures of so many bytes.

    Raises
    ------
    OutputError : they could not be written.
    """
    from core.blockwise.shown import shown
    from core.io.write import atomic
    from core.pyramid import PyramidConfig, build_pyramid
    from core.visual import png_bytes
    from nodes.views.deep_zoom import deep_zoom_page

    plan = found.plan
    with shown(found) as look:
        with atomic(found.folder / "preview.png") as temporary:
            temporary.write_bytes(png_bytes(look.overview(longest)))
        config = PyramidConfig(budget=budget)
        pyramid = build_pyramid(plan.height, plan.width, look.picture, look.labels, config, progress, workers=2)
    names = [*_SHOWN, "score"] if found.count <= MOST_OBJECTS else []
    tables = [{name: table[name] for name in names} for table in found.objects()]
    objects = {name: np.concatenate([table[name] for table in tables] or [np.empty(0)]) for name in names}
    note = f"{amount(found.count, 'object')}. Thresholds: {thresholds_text(plan.thresholds)}."
    if names:
        objects["probability"] = objects.pop("score")
    else:
        objects = {name: np.empty(0) for name in ("id", "centroid_x", "centroid_y")}
        note += " So many do not fit into this page: their measures are in the file objects.parquet."
    text = deep_zoom_page(found.folder.name, note, pyramid, objects, plan.sizes)
    with atomic(found.folder / "view.html") as temporary:
        temporary.write_text(text, "utf-8")


def large_view(folder: Path | None) -> Any:
    """The view of a node with the results in a folder, as `write_view` left them; None where there are none."""
    if folder is None:
        return node_view(page("Large image", paragraph("No images.")), sheet([]))
    return node_view((folder / "view.html").read_text("utf-8"), (folder / "preview.png").read_bytes())
