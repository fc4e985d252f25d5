"""Scores as a page: the curve over IoU thresholds, the tables, the outlines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.views.charts import line_chart
from nodes.views.html import table
from nodes.views.overlay import COLORS, overlay_page

if TYPE_CHECKING:
    from nodes.views.overlay import Slide


def scores_view(
    methods: Sequence[str],
    summary: Sequence[Sequence[Any]],
    header: Sequence[str],
    curves: Sequence[Sequence[tuple[float, float]]],
    slides: "Sequence[Slide]",
) -> Any:
    """The view of the Segmentation Scorer.

    Parameters
    ----------
    methods : their names.
    summary, header : one row per method, and the names of its columns.
    curves : per method the pooled AP over the IoU threshold.
    slides : images with the outlines of the truth and of every method.
    """
    chart = line_chart(dict(zip(methods, curves, strict=True)), "IoU threshold", "AP (pooled)")
    layers = [("Drawn by hand", COLORS["truth"]), *zip(methods, (COLORS["first"], COLORS["second"]), strict=False)]
    note = "Arrow keys change the image, the space bar the outlines."
    before = table(header, summary) + chart
    html = overlay_page("Scores", note, layers, slides, before=before)
    return knext.view_html(html, svg_or_png=chart, can_be_used_in_report=True)
