"""The head's thresholds, fitted on images with known objects."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from core.evaluation.scores import score_image
from core.image import Labels
from core.inference.predict import Predictor
from core.progress import SILENT, Progress
from core.training.data import Prepared


def fit_thresholds(
    predictor: Predictor, examples: Sequence[Prepared], progress: Progress = SILENT
) -> tuple[dict[str, float], float]:
    """The thresholds of the highest score on some images.

    The score is the mean over the images of the average precision at IoU .50 to .95, TP / (TP + FP + FN) as in DSB2018.
    The network runs once per image, all thresholds are tried on its output.

    Returns
    -------
    The thresholds and their score, 0 to 1.
    """
    head, grid = predictor.model.head, predictor.model.config.network.grid
    names, values = zip(*head.threshold_grid().items(), strict=True)
    candidates = [dict(zip(names, combination, strict=True)) for combination in product(*values)]
    scores = np.zeros(len(candidates))
    for done, example in enumerate(examples):
        progress.step(done / len(examples), f"fitting thresholds, image {done + 1} of {len(examples)}")
        found = head.decode_many(predictor.maps(example.pixels), example.labels.shape, grid, candidates)
        scores += [_precision(example.labels, instances.labels) for instances in found]
    best = int(np.argmax(scores))
    return candidates[best], float(scores[best] / len(examples))


def mean_precision(predictor: Predictor, examples: Sequence[Prepared], progress: Progress = SILENT) -> float:
    """The score that `fit_thresholds` maximises, at the model's own thresholds."""
    model, total = predictor.model, 0.0
    for done, example in enumerate(examples):
        progress.step(done / len(examples), f"scoring image {done + 1} of {len(examples)}")
        maps = predictor.maps(example.pixels)
        found = model.head.decode(maps, example.labels.shape, model.config.network.grid, model.thresholds)
        total += _precision(example.labels, found.labels)
    return total / len(examples)


def _precision(truth: Labels, predicted: Labels) -> float:
    return float(score_image(truth, predicted).map_50_95)
