"""The course of a training as a page."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.running import amount
from nodes.views.charts import line_chart
from nodes.views.html import page, paragraph, thresholds_text

if TYPE_CHECKING:
    from core.training.train import TrainingResult


def training_view(result: "TrainingResult", *notes: str) -> Any:
    """The losses over the epochs, with the score, the thresholds and the device in words."""
    history, config = result.history, result.model.config
    series = {
        name: [(float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None]
        for name, key in (("Training loss", "train_loss"), ("Validation loss", "validation_loss"))
    }
    validated = series["Validation loss"]
    best = (min(validated, key=lambda point: point[1])[0], "best epoch") if validated else None
    chart = line_chart({name: points for name, points in series.items() if points}, "Epoch", "Loss", best)
    seconds = sum(float(row.get("seconds", 0.0)) for row in history)
    text = [
        *notes,
        f"Mean average precision on the {result.scored_on} images: {result.score:.3f} (1 is perfect).",
        f"Thresholds: {thresholds_text(result.model.thresholds)}.",
        f"Trained for {amount(len(history), 'epoch')} in {seconds:.0f} s on {result.device}. "
        f"Network {config.network.name}, head {config.head.name}, {amount(config.network.in_channels, 'channel')}.",
    ]
    html = page("Training curve", *map(paragraph, text), chart)
    return knext.view_html(html, svg_or_png=chart, can_be_used_in_report=True)
