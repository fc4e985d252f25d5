"""A pretrained model's card as a page."""

from typing import Any

import knime.extension as knext

from core.pretrained.card import SCORES, ModelCard
from nodes.views.html import page, paragraph, table


def card_view(card: ModelCard) -> Any:
    """What the model is for, what it learned from, how good it is."""
    facts = "".join(paragraph(f"{name}: {value}") for name, value in card.facts())
    tested = paragraph(
        "Scores on images that were used neither for training nor for choosing thresholds; AP is TP / (TP + FP + FN) "
        "of all images together."
    )
    html = page(card.name, paragraph(card.purpose), facts, tested, table(SCORES, card.score_rows()))
    return knext.view_html(html, can_be_used_in_report=True)
