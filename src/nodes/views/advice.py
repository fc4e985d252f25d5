"""A ranking of models as a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.running import amount, rescaled
from nodes.views.charts import bar_chart
from nodes.views.html import page, paragraph, table
from nodes.views.node_view import node_view

if TYPE_CHECKING:
    from core.training.transferability import Transferability


def advice_view(ranking: "Sequence[Transferability]", images: int) -> Any:
    """Bars of the scores, and the table behind them; the first of the ranking is what is advised."""
    best = ranking[0]
    usable = [one for one in ranking if not one.problem]
    size = "" if best.scale == 1 else f" Images are {rescaled(best.scale)} for it."
    text = [
        f"Start from: {best.name}.{size}",
        f"Scored on {amount(images, 'labelled image')}: the mean of the score without any retraining and of how much "
        "of where the objects are can be read from what the network sees.",
    ]
    chart = bar_chart([(one.name, one.score) for one in usable], "Transferability")
    header = ["Model", "Transferability", "Zero-shot", "Linear probe", "Scale", "Problem"]
    rows = [[one.name, one.score, one.zero_shot, one.probe, one.scale, one.problem or "–"] for one in ranking]
    ranked = table(header, rows)
    html = page("Advice", *map(paragraph, text), chart, ranked)
    return node_view(html, chart, ranked)
