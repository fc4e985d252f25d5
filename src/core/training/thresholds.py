"""The head's thresholds, fitted on images with known objects."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.evaluation.matching import Overlaps, match, overlaps
from core.evaluation.scores import IOU_THRESHOLDS, Score
from core.heads import Instances
from core.image import Labels
from core.inference.predict import Predictor
from core.progress import SILENT, Progress
from core.training.caution import first_as_good
from core.training.data import Prepared


def fit_thresholds(
    predictor: Predictor, examples: Sequence[Prepared], progress: Progress = SILENT
) -> tuple[dict[str, float], float]:
    """The thresholds of the highest score on some images; of equal scores those nearest the head's own.

    The score is the mean over the images of the average precision at IoU .50 to .95, TP / (TP + FP + FN) as in DSB2018.
    What is found on images without objects counts as found on the others, in equal shares: by themselves they only ask
    that nothing be found, and a single one would outweigh many objects. Scores are compared after averaging over
    neighbouring values of the thresholds: the best one on a few images often lies beside a cliff, and beyond the cliff
    on the next image. Thresholds that the model already has from a fit, on other images, stay unless these are clearly
    better on two images or more.

    The network runs once per image, all thresholds are tried on its output.

    Returns
    -------
    The thresholds and their score, not averaged, of all images by themselves, 0 to 1.
    """
    head = predictor.model.head
    names, values = zip(*head.threshold_grid().items(), strict=True)
    candidates = [dict(zip(names, combination, strict=True)) for combination in product(*values)]
    known = dict(predictor.model.config.thresholds)
    asked = [*candidates, known] if known else candidates
    matched = match_thresholds(predictor, examples, asked, progress, "fitting thresholds")
    every = _with_strays(matched)
    scores = every.mean(axis=0)[: len(candidates)]
    smooth = ndimage.uniform_filter(scores.reshape([len(v) for v in values]), size=3, mode="nearest").ravel()
    own = head.default_thresholds()
    nearness = [-sum(abs(one[name] - own[name]) for name in names) for one in candidates]
    best = max(range(len(candidates)), key=lambda i: (round(smooth[i], 9), nearness[i]))
    if known and (len(every) == 1 or first_as_good(every[:, [len(candidates), best]]) == 0):
        best = len(candidates)
    return asked[best], float(np.mean([image[best].map_50_95 for image in matched]))


def _with_strays(matched: Sequence[Sequence[Score]]) -> NDArray[np.float64]:
    """The scores of the images with objects, of all where none has any; axes image, thresholds."""
    shown = np.array([image[0].true_count > 0 for image in matched])
    if not shown.any():
        return np.array([[one.map_50_95 for one in image] for image in matched])
    true = np.array([[one.true_count for one in image] for image in matched])[shown]
    predicted = np.array([[one.pred_count for one in image] for image in matched])
    tp = np.array([[one.tp for one in image] for image in matched])[shown]
    total = true + predicted[shown] + predicted[~shown].sum(axis=0) / shown.sum()
    scores: NDArray[np.float64] = (tp / (total[:, :, None] - tp)).mean(axis=2)
    return scores


def score_thresholds(
    predictor: Predictor,
    examples: Sequence[Prepared],
    candidates: Sequence[Mapping[str, float]],
    progress: Progress = SILENT,
    message: str = "scoring",
) -> NDArray[np.float64]:
    """The average precision at IoU .50 to .95 of each of many thresholds on every image; axes image, thresholds.

    Parameters
    ----------
    examples : normalised, not rescaled, one at least.
    """
    matched = match_thresholds(predictor, examples, candidates, progress, message)
    return np.array([[one.map_50_95 for one in image] for image in matched])


def match_thresholds(
    predictor: Predictor,
    examples: Sequence[Prepared],
    candidates: Sequence[Mapping[str, float]],
    progress: Progress,
    message: str,
) -> list[list[Score]]:
    """What each of many thresholds finds on every image, as `score_thresholds`."""
    head, config = predictor.model.head, predictor.model.config
    matched = []
    for done, example in enumerate(examples):
        progress.step(done / len(examples), f"{message}, image {done + 1} of {len(examples)}")
        maps, shape = predictor.maps(example.pixels), example.labels.shape
        found = head.decode_many(maps, shape, config.network.grid, candidates, config.scale)
        matched.append(matches(example.labels, found))
    return matched


def matches(truth: Labels, found: Iterable[tuple[Instances, int]]) -> list[Score]:
    """The objects of an image that are in each of what `Head.decode_many` gives.

    Images of labels are compared once for all that are the first objects of the same ones, and not held any longer.
    """
    known: WeakKeyDictionary[Instances, Overlaps] = WeakKeyDictionary()
    scores = []
    for objects, count in found:
        if objects not in known:
            known[objects] = overlaps(truth, objects.labels)
        scores.append(_score(known[objects], count))
    return scores


def _score(found: Overlaps, count: int) -> Score:
    """Of the first `count` predicted objects."""
    chosen = found.predicted < count
    first = Overlaps(found.true[chosen], found.predicted[chosen], found.iou[chosen], found.true_count, count)
    matched = first.iou[match(first, IOU_THRESHOLDS[0])]
    tp = tuple(int((matched >= threshold).sum()) for threshold in IOU_THRESHOLDS)
    return Score(first.true_count, count, tp, float(matched.sum()))
