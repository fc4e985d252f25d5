"""The course of a training as a page."""

from typing import TYPE_CHECKING, Any

from nodes.running import amount
from nodes.views.charts import line_chart
from nodes.views.html import page, paragraph, side_by_side, table, thresholds_text
from nodes.views.node_view import node_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.training.checkpoint import Row
    from core.training.train import TrainingResult

COLUMNS = {
    "Training loss": "train_loss",
    "Validation loss": "validation_loss",
    "Learning rate": "learning_rate",
    "Seconds": "seconds",
}
"""Columns of the table of epochs, and what the library calls them."""


def training_view(result: "TrainingResult", *notes: str) -> Any:
    """The losses and the learning rate over the epochs, with the score, the thresholds and the device in words."""
    history, config = result.history, result.model.config
    chart, rates, every = curves(history)
    seconds = sum(float(row.get("seconds", 0.0)) for row in history)
    text = [
        *notes,
        f"Mean average precision on the {result.scored_on} images: {result.score:.3f} (1 is perfect).",
        f"Thresholds: {thresholds_text(result.model.thresholds)}.",
        f"Trained for {amount(len(history), 'epoch')} in {seconds:.0f} s on {result.device}. "
        f"Network {config.network.name}, head {config.head.name}, {amount(config.network.in_channels, 'channel')}.",
    ]
    html = page("Training curve", *map(paragraph, text), side_by_side(chart, rates), every)
    return node_view(html, chart)


def curves(history: "Sequence[Row]") -> tuple[str, str, str]:
    """The losses and the learning rate over the epochs as charts, and the table of epochs."""
    series = {
        name: [(float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None]
        for name, key in COLUMNS.items()
    }
    validated = series["Validation loss"]
    best = min(validated, key=lambda point: point[1])[0] if validated else None
    mark = (best, "best epoch") if best is not None else None
    losses = {name: series[name] for name in ("Training loss", "Validation loss") if series[name]}
    chart = line_chart(losses, "Epoch", "Loss", mark)
    rates = line_chart({"Learning rate": series["Learning rate"]}, "Epoch", "", mark)
    epochs = [
        [int(row["epoch"]), *(row.get(key) for key in COLUMNS.values()), "best" if row["epoch"] == best else ""]
        for row in history
    ]
    return chart, rates, table(["Epoch", *COLUMNS, "Kept"], epochs, 1000)
