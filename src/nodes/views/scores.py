"""Scores as a page: the curve over IoU thresholds, the tables, the images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.views.charts import line_chart
from nodes.views.html import page, table
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, SCRIPTS, STYLE, viewer
from nodes.views.stage import read

if TYPE_CHECKING:
    from nodes.views.slides import Album

LAYERS = (COLORS["truth"], COLORS["first"], COLORS["second"])
"""Colours of the truth and of the methods."""

_FRAMED = "#viewer{height:min(100vh - 24px,760px);min-height:240px;margin-top:14px}h2{font-size:14px;margin:14px 0 0}"


def scores_view(
    methods: Sequence[str],
    summary: Sequence[Sequence[Any]],
    header: Sequence[str],
    curves: Sequence[Sequence[tuple[float, float]]],
    images: Sequence[Sequence[Any]],
    image_header: Sequence[str],
    album: "Album",
) -> Any:
    """The view of the Segmentation Scorer.

    Parameters
    ----------
    methods : their names.
    summary, header : one row per method, and the names of its columns.
    curves : per method the pooled AP over the IoU threshold.
    images, image_header : one row per image and method, the row's ID first; and the names of its columns.
    album : images with the truth and every method.
    """
    chart = line_chart(dict(zip(methods, curves, strict=True)), "IoU threshold", "AP (pooled)")
    by_score = image_header.index("mAP@.50:.95")
    worst = sorted(images, key=lambda line: line[by_score])
    numbers = {one.title: i for i, one in enumerate(album.slides)}
    ids, slides = [line[0] for line in worst], [numbers.get(line[0]) for line in worst]
    each = table(image_header, worst, 2000, ids=ids, slides=slides, sortable=True)
    layers = list(zip(("Drawn by hand", *methods), LAYERS, strict=False))
    by_method = table(header, summary)
    shown = viewer(album, layers)
    html = page(
        "Scores",
        by_method,
        chart,
        "<h2>Images, the worst first</h2>" if images else "",
        each if images else "",
        shown,
        style=read(*STYLE) + _FRAMED,
        script=read(*SCRIPTS) if album.slides else "",
    )
    return node_view(html, chart, by_method, *([album.sheet()] if album.slides else []), rows=True)
