"""An adaptation as a page: what was chosen and why, the criterion over the epochs, and what was found."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nodes.running import amount
from nodes.views.charts import line_chart
from nodes.views.html import page, paragraph, side_by_side, table
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, SCRIPTS, STYLE, viewer
from nodes.views.slides import Album, Layer
from nodes.views.stage import read

if TYPE_CHECKING:
    from core.adaptation.adapt import AdaptationResult
    from core.training.data import Target

HEADER = (
    "Strategy",
    "Chosen",
    "Epoch",
    "Criterion",
    "Objects",
    "Solidity",
    "Diameter (px)",
    "Area fraction",
    "Confidence",
    "Threshold",
    "Mean AP, labelled images",
    "Seconds",
)

MOST_SHOWN = 6
"""So many target images are shown."""

_FRAMED = "#viewer{height:min(100vh - 24px,760px);min-height:240px;margin-top:14px}"


def adaptation_view(result: "AdaptationResult", targets: "Sequence[Target]", title: Callable[[str], str]) -> Any:
    """The view of the Domain Adaptation Learner.

    Parameters
    ----------
    title : what people call a strategy.
    """
    rows = []
    for run in result.runs:
        look = run.history[run.epoch - 1] if run.history else {}
        seen = [
            look.get(name)
            for name in ("objects", "solidity", "object_size", "area_fraction", "confidence", "threshold")
        ]
        chosen = "chosen" if run is result.chosen else "failed" if run.problem else ""
        epoch = run.epoch or None
        rows.append([title(run.strategy), chosen, epoch, run.criterion, *seen, run.score, run.seconds])
    curves = {
        title(run.strategy): [(row["epoch"], row["deviation"]) for row in run.history if "deviation" in row]
        for run in result.runs
    }
    drawn = {name: points for name, points in curves.items() if points}
    charts = [line_chart(drawn, "Epoch", "Off what is expected (SD)")] if drawn else []
    album, layers = _found(result, targets, title)
    text = [
        f"Chosen: {title(result.chosen.strategy)}, epoch {result.chosen.epoch} of {len(result.chosen.history)}. "
        f"Computed on {result.device}.",
        "The criterion tells how far the objects that a model finds on the target images are from the labelled ones, "
        "in standard deviations: lower is better. Nobody has labelled the target images, so it is a hint, not a score: "
        "look at the outlines.",
    ]
    html = page(
        "Adaptation",
        *map(paragraph, text),
        table(HEADER, rows),
        side_by_side(*charts) if charts else "",
        viewer(album, layers, album.note("first")),
        style=read(*STYLE) + _FRAMED,
        script=read(*SCRIPTS) if album.slides else "",
    )
    return node_view(html, charts[0] if charts else album.sheet())


def _found(
    result: "AdaptationResult", targets: "Sequence[Target]", title: Callable[[str], str]
) -> tuple[Album, list[tuple[str, str]]]:
    """Some target images, spread over all, with what the training without adaptation and the chosen one find."""
    from core.inference.predict import Predictor

    plain = next((run for run in result.runs if run.strategy == "none" and run is not result.chosen), None)
    shown = [run for run in (plain, result.chosen) if run is not None and run.model is not None]
    layers = list(zip([title(run.strategy) for run in shown], (COLORS["first"], COLORS["found"]), strict=False))
    if len(shown) == 1:
        layers = [(layers[0][0], COLORS["found"])]
    predictors = [Predictor(run.model, "cpu") for run in shown if run.model is not None]
    count = min(MOST_SHOWN, len(targets))
    album = Album(count, len(targets), [color for _, color in layers])
    for number in range(count):
        one = targets[round(number * (len(targets) - 1) / max(1, count - 1))]
        found = [predictor.predict(one.image) for predictor in predictors]
        caption = ", ".join(
            f"{name}: {amount(len(objects.scores), 'object')}" for (name, _), objects in zip(layers, found, strict=True)
        )
        album.add(one.name, caption, one.image, [Layer(objects.labels, objects.scores.tolist()) for objects in found])
    return album, layers
