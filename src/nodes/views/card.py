"""A pretrained model's card as a page."""

from typing import Any

from core.pretrained.card import SCORES, ModelCard
from nodes.views.charts import bar_chart
from nodes.views.html import page, paragraph, table
from nodes.views.node_view import node_view


def card_view(card: ModelCard) -> Any:
    """What the model is for, what it learned from, how good it is."""
    facts = "".join(paragraph(f"{name}: {value}") for name, value in card.facts())
    tested = paragraph(
        "Scores on images that were used neither for training nor for choosing thresholds; AP is TP / (TP + FP + FN) "
        "of all images together."
    )
    chart = bar_chart([(score.on, score.ap_50) for score in card.scores], "AP@0.5")
    scores = table(SCORES, card.score_rows())
    return node_view(page(card.name, paragraph(card.purpose), facts, tested, scores), chart, facts, scores)
