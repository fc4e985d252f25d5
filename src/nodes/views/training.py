"""The course of a training as a page."""

from typing import TYPE_CHECKING, Any

from nodes.network_settings import network_title
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

LOOKS = {
    "Target objects": "objects",
    "Solidity": "solidity",
    "Diameter (px)": "object_size",
    "Area fraction": "area_fraction",
    "Confidence": "confidence",
    "Threshold": "threshold",
    "Deviation": "deviation",
    "Criterion": "criterion",
}
"""Further ones where images without labels chose the epoch."""


def training_view(result: "TrainingResult", *notes: str) -> Any:
    """The losses and the learning rate over the epochs, with the score, the thresholds and the device in words."""
    history, config = result.history, result.model.config
    chart, rates, every = curves(history)
    looks = criterion_chart(history)
    seconds = sum(float(row.get("seconds", 0.0)) for row in history)
    text = [
        *notes,
        f"Mean average precision on the {result.scored_on} images: {result.score:.3f} (1 is perfect).",
        f"Thresholds: {thresholds_text(result.model.thresholds)}.",
        f"Trained for {amount(len(history), 'epoch')} in {seconds:.0f} s on {result.device}. "
        f"Network {network_title(config.network.name)}, head {config.head.name}, "
        f"{amount(config.network.in_channels, 'channel')}.",
    ]
    if looks:
        text.insert(len(notes), _choice(history))
    charts = [looks, chart, rates] if looks else [chart, rates]
    html = page("Training curve", *map(paragraph, text), side_by_side(*charts), every)
    return node_view(html, charts[0])


def curves(history: "Sequence[Row]") -> tuple[str, str, str]:
    """The losses and the learning rate over the epochs as charts, and the table of epochs."""
    mark, best = _mark(history), best_epoch(history)
    losses = {name: _series(history, COLUMNS[name]) for name in ("Training loss", "Validation loss")}
    chart = line_chart({name: points for name, points in losses.items() if points}, "Epoch", "Loss", mark)
    rates = line_chart({"Learning rate": _series(history, "learning_rate")}, "Epoch", "", mark)
    columns = COLUMNS | LOOKS if _looked(history) else COLUMNS
    epochs = [
        [int(row["epoch"]), *(row.get(key) for key in columns.values()), "best" if row["epoch"] == best else ""]
        for row in history
    ]
    return chart, rates, table(["Epoch", *columns, "Kept"], epochs, 1000)


def criterion_chart(history: "Sequence[Row]") -> str:
    """How far objects on images without labels are from what is expected, over the epochs; empty where none were."""
    series = {"Criterion": _series(history, "criterion"), "Of this epoch alone": _series(history, "deviation")}
    drawn = {name: points for name, points in series.items() if points}
    return line_chart(drawn, "Epoch", "Off what is expected (SD)", _mark(history)) if drawn else ""


def best_epoch(history: "Sequence[Row]") -> float | None:
    """The epoch whose model was kept: of the lowest criterion, or validation loss; None where nothing chose it."""
    chosen_by = _series(history, "criterion" if _looked(history) else "validation_loss")
    return min(chosen_by, key=lambda point: point[1])[0] if chosen_by else None


def _choice(history: "Sequence[Row]") -> str:
    """How the epoch was chosen, in words."""
    best = best_epoch(history)
    if best is None:
        return "No epoch could be chosen by the target images: the last one was kept."
    chosen = next(row for row in history if row["epoch"] == best)
    return (
        f"Epoch {best:.0f} was kept, whose objects on the target images look most like the labelled ones: "
        f"{chosen['criterion']:.2f} standard deviations from what is expected, over the last epochs. That is a hint, "
        "not a score: look at what the model finds there."
    )


def _looked(history: "Sequence[Row]") -> bool:
    """Whether images without labels chose the epoch."""
    return any("objects" in row for row in history)


def _series(history: "Sequence[Row]", key: str) -> list[tuple[float, float]]:
    """The points of a curve."""
    return [(float(row["epoch"]), float(row[key])) for row in history if row.get(key) is not None]


def _mark(history: "Sequence[Row]") -> tuple[float, str] | None:
    best = best_epoch(history)
    return None if best is None else (best, "best epoch")
