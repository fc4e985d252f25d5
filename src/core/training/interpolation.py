"""How much of what retraining changed is taken over, judged by images that were not learned from.

Weights on the straight line between a model and what retraining made of it often do better than either end, and
forget less of what the model knew (WiSE-FT: Wortsman et al. 2022, Robust fine-tuning of zero-shot models).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.inference.predict import Predictor
from core.model import SegmentationModel
from core.progress import Progress
from core.training.checkpoint import Row
from core.training.data import Example, prepare
from core.training.halves import in_halves
from core.training.object_size import at_scale
from core.training.thresholds import fit_thresholds, score_thresholds

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the way from the given to the retrained weights; at 0 the given model is kept."""

ALL_OR_NOTHING = (0.0, 1.0)
"""Shares where a part of the network was replaced by random weights: nothing of use lies between."""


def between(given: SegmentationModel, retrained: SegmentationModel, share: float) -> SegmentationModel:
    """A model whose weights have gone a share of the way from the given to the retrained ones.

    At 0 it is the given model, at the scale of the retrained one; else it is the retrained one in all but its weights.
    """
    if share == 0:
        return at_scale(given, retrained.config.scale)
    model = retrained.copy()
    start = given.state_dict()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            if weight.is_floating_point():
                weight.copy_(torch.lerp(start[name], weight, share))
    return model


def scores_on_the_way(
    given: SegmentationModel,
    retrained: SegmentationModel,
    shares: Sequence[float],
    learned: Sequence[Example],
    judged: Sequence[Example],
    device: str,
    progress: Progress,
) -> NDArray[np.float64]:
    """Mean average precision of the models at some shares, with the thresholds that they have.

    Those of a model with a new head are fitted to the images that it learned from.

    Returns
    -------
    0 to 1, axes image of `judged`, share.
    """
    normalization = given.config.normalization
    known = prepare(judged, normalization)
    scores = np.zeros((len(known), len(shares)))
    for column, share in enumerate(shares):
        part = progress.part(column / len(shares), (column + 1) / len(shares))
        predictor = Predictor(between(given, retrained, share), device)
        thresholds: Mapping[str, float] = predictor.model.config.thresholds
        if not thresholds:
            thresholds, _ = fit_thresholds(predictor, prepare(learned, normalization), part.part(0.0, 0.8))
        scores[:, column] = score_thresholds(predictor, known, [thresholds], part.part(0.8, 1.0))[:, 0]
    return scores


def try_out(
    train: Callable[[SegmentationModel, int, Sequence[Example], Progress], list[Row]],
    start: SegmentationModel,
    given: SegmentationModel,
    shares: Sequence[float],
    examples: Sequence[Example],
    seed: int,
    device: str,
    progress: Progress,
) -> tuple[NDArray[np.float64], list[Row]]:
    """What each share is worth: retrain on one half of the images and judge on the other, and the other way round.

    Parameters
    ----------
    train : trains a model in place; called with a copy of `start`, the number of the half (0 or 1), and the half.
    examples : one or more, see `in_halves`.

    Returns
    -------
    Mean average precision, 0 to 1, axes image, share; no image where a half has no object to learn from. And the
    history of the first training.
    """
    halves = in_halves(examples, seed)
    if not all(any(e.labels.any() for e in half) for half in halves):
        return np.zeros((0, len(shares))), []
    scores, histories = [], []
    for number, (learned, judged) in enumerate((halves, halves[::-1])):
        part, model = progress.part(number / 2, (number + 1) / 2, f"trial {number + 1} of 2: "), start.copy()
        histories.append(train(model, number, learned, part.part(0.0, 0.8, suffix=" of this part")))
        scores.append(scores_on_the_way(given, model, shares, learned, judged, device, part.part(0.8, 1.0)))
    return np.concatenate(scores), histories[0]
