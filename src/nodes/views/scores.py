"""Scores as a page: the curve over IoU thresholds, the tables, the images."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from nodes.views.charts import line_chart
from nodes.views.html import MOST_SORTED, page, table
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, SCRIPTS, STYLE, viewer
from nodes.views.slides import Layer
from nodes.views.stage import read

if TYPE_CHECKING:
    from core.evaluation.matching import Partners
    from core.image import Image
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
    images, image_header : one row per image and method, the row's ID first, the worst image first by AP@0.5 of the
        first method; and the names of its columns.
    album : the worst images with the truth and every method.
    """
    curve_of = dict(zip(methods, curves, strict=True))
    chart = line_chart(curve_of, "IoU threshold", "AP (pooled)", colors=LAYERS[1:])
    numbers = {one.title: i for i, one in enumerate(album.slides)}
    ids, slides = [line[0] for line in images], [numbers.get(line[0]) for line in images]
    each = table(image_header, images, MOST_SORTED, ids=ids, slides=slides, sortable=True)
    order = "Images, the worst first by AP@0.5" + (f" of {escape(methods[0])}" if len(methods) > 1 else "")
    layers = list(zip(("Drawn by hand", *methods), LAYERS, strict=False))
    by_method = table(header, summary)
    shown = viewer(album, layers, album.note("worst"))
    html = page(
        "Scores",
        by_method,
        chart,
        f"<h2>{order}</h2>" if images else "",
        each if images else "",
        shown,
        style=read(*STYLE) + _FRAMED,
        script=read(*SCRIPTS) if album.slides else "",
    )
    return node_view(html, chart, by_method, *([album.sheet()] if album.slides else []), rows=True)


def compared(truth: "Image", predicted: "dict[str, Image]") -> list[Layer]:
    """Layers of the truth and of every method: what each object is matched with at an IoU of 0.5.

    The truth is right where the first method has found it.
    """
    from core.evaluation.matching import partners

    found = {method: partners(truth.array, labels.array) for method, labels in predicted.items()}
    titles = {method: f"Match, {method}" if len(found) > 1 else "Match" for method in found}
    of_truth = {titles[method]: _in_words(of_truth) for method, (of_truth, _) in found.items()}
    layers = [Layer(truth, (), of_truth, (next(iter(found.values()))[0].partner > 0).tolist())]
    for method, (_, own) in found.items():
        layers.append(Layer(predicted[method], (), {"Match": _in_words(own)}, (own.partner > 0).tolist()))
    return layers


def _in_words(found: "Partners") -> list[str]:
    return [
        f"object {partner}, IoU {iou:.2f}" if partner else f"none, highest IoU {iou:.2f}"
        for partner, iou in zip(found.partner, found.iou, strict=True)
    ]
