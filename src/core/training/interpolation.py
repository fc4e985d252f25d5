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
from core.training.thresholds import fit_thresholds, score_thresholds

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the way from the given to the retrained weights; at 0 the given model is kept."""

ALL_OR_NOTHING = (0.0, 1.0)
"""Shares where a part of the network was replaced by random weights: nothing of use lies between."""

UNTRIED = 0.5
"""The share where no image can tell."""


def between(given: SegmentationModel, retrained: SegmentationModel, share: float) -> SegmentationModel:
    """A model whose weights have gone a share of the way from the given to the retrained ones.

    It is the retrained one in all else.
    """
    model = retrained.copy()
    start = given.state_dict()
    with torch.no_grad():
        for name, weight in model.state_dict().items():
            weight.copy_(torch.lerp(start[name], weight, share) if weight.is_floating_point() else weight)
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
    """Mean average precision of the models at some shares, with the retrained one's thresholds.

    Where it has none, because its head was new, those of each model are fitted to the images that it learned from.

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
        thresholds: Mapping[str, float] = retrained.config.thresholds
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
    examples : one or more; a single image is cut into two.

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
        histories.append(train(model, number, learned, part.part(0.0, 0.8)))
        scores.append(scores_on_the_way(given, model, shares, learned, judged, device, part.part(0.8, 1.0)))
    return np.concatenate(scores), histories[0]


def in_halves(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Examples shared out at random; a single one is cut through the middle of its longer side."""
    if len(examples) > 1:
        order = np.random.default_rng(seed).permutation(len(examples))
        return [examples[i] for i in order[::2]], [examples[i] for i in order[1::2]]
    (one,) = examples
    side = int(np.argmax(one.labels.shape))
    pixels, labels = np.array_split(one.image.cyx(), 2, side + 1), np.array_split(one.labels, 2, side)
    first, second = (
        Example(one.name, one.image.with_array(np.ascontiguousarray(p), "CYX", "intensity"), np.ascontiguousarray(q))
        for p, q in zip(pixels, labels, strict=True)
    )
    return [first], [second]
