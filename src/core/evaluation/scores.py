"""How well predicted objects are the true ones. The same word means different numbers in different papers:

    ap           TP / (TP + FP + FN) at one IoU threshold, "accuracy" in StarDist, "AP" in DSB2018
    pooled       TP, FP and FN summed over all images first (StarDist's `matching_dataset`): the share of all objects
    ap_dsb2018   AP of each image, mean over the images, then over IoU .50 to .95 (Caicedo et al. 2019; Wilhelm 2019):
                 an image of two objects weighs as much as one of two hundred
    ap_interp11  precision interpolated at 11 recalls, predictions of all images ranked by score (PASCAL VOC 2007)
    pq           panoptic quality (Kirillov et al. 2019): F1 times mean IoU of the matches

An object is matched when its IoU is at least the threshold, as in StarDist; in `ap_dsb2018` when it is above it, as in
Wilhelm 2019. That differs only where an IoU is exactly .5, .55, ... .95.

Where there is neither a true nor a predicted object, nothing is wrong: AP, precision, recall, F1 and PQ are 1. Where
only one of the two is missing, AP, F1 and PQ are 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.evaluation.matching import Overlaps, match, overlaps
from core.image import Labels

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
""".50 to .95 in steps of .05."""


@dataclass(frozen=True)
class Score:
    """Counts and what follows from them; of one image, or pooled over several.

    Parameters
    ----------
    true_count, pred_count : objects that there are and that were predicted.
    tp : matched objects at every threshold of `IOU_THRESHOLDS`.
    matched_iou : sum of the IoU of the matches at .5.
    """

    true_count: int
    pred_count: int
    tp: tuple[int, ...]
    matched_iou: float

    @property
    def fp(self) -> tuple[int, ...]:
        """Predicted objects without a match, at every threshold."""
        return tuple(self.pred_count - tp for tp in self.tp)

    @property
    def fn(self) -> tuple[int, ...]:
        """True objects without a match, at every threshold."""
        return tuple(self.true_count - tp for tp in self.tp)

    @property
    def ap(self) -> tuple[float, ...]:
        """TP / (TP + FP + FN) at every threshold, 0 to 1."""
        return tuple(_ratio(tp, self.true_count + self.pred_count - tp) for tp in self.tp)

    @property
    def map_50_95(self) -> float:
        """Mean of `ap`."""
        return float(np.mean(self.ap))

    @property
    def precision(self) -> float:
        """Share of the predicted objects that are right at IoU .5; 1 without any."""
        return _ratio(self.tp[0], self.pred_count)

    @property
    def recall(self) -> float:
        """Share of the true objects that were found at IoU .5; 1 without any."""
        return _ratio(self.tp[0], self.true_count)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN) at IoU .5."""
        return _ratio(2 * self.tp[0], self.true_count + self.pred_count)

    @property
    def pq(self) -> float:
        """Panoptic quality at IoU .5."""
        return self.f1 * self.mean_matched_iou if self.true_count + self.pred_count else 1.0

    @property
    def mean_matched_iou(self) -> float:
        """Mean IoU of the matches at .5; 0 without any."""
        return self.matched_iou / self.tp[0] if self.tp[0] else 0.0

    @property
    def mean_true_iou(self) -> float:
        """Sum of the IoU of the matches at .5 by the number of true objects (StarDist: mean true score); 1 without."""
        return _ratio(self.matched_iou, self.true_count)

    @property
    def count_error(self) -> int:
        """Predicted less true count: negative where objects are missed."""
        return self.pred_count - self.true_count

    @property
    def relative_count_error(self) -> float:
        """Count error without its sign, as a share of the true count; of 1 where there is no true object."""
        return abs(self.count_error) / max(1, self.true_count)


@dataclass(frozen=True)
class ImageScore(Score):
    """The score of one image.

    Parameters
    ----------
    ap_strict : as `ap`, but matched when IoU > threshold.
    """

    ap_strict: tuple[float, ...]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def score_image(truth: Labels, prediction: Labels) -> ImageScore:
    """Score one image.

    Parameters
    ----------
    truth, prediction : integers, any axes, 0 is background; numbers are arbitrary.

    Raises
    ------
    UserInputError : different shapes.
    """
    found = overlaps(truth, prediction)
    matches = found.iou[match(found, 0.5)]
    total = found.true_count + found.predicted_count
    tp = tuple(int((matches >= t).sum()) for t in IOU_THRESHOLDS)
    strict = [int((matches > t).sum()) for t in IOU_THRESHOLDS]
    return ImageScore(
        found.true_count,
        found.predicted_count,
        tp,
        float(matches.sum()),
        tuple(_ratio(n, total - n) for n in strict),
    )


def pooled(scores: Sequence[Score]) -> Score:
    """The score of all images together: their counts summed up."""
    return Score(
        sum(s.true_count for s in scores),
        sum(s.pred_count for s in scores),
        tuple(sum(s.tp[i] for s in scores) for i in range(len(IOU_THRESHOLDS))),
        sum(s.matched_iou for s in scores),
    )


def ap_dsb2018(scores: Sequence[ImageScore]) -> float:
    """Mean over images of AP, then over IoU .50 to .95; IoU > threshold. Without images 1."""
    return float(np.mean([s.ap_strict for s in scores])) if scores else 1.0


def ap_interp11(images: Sequence[tuple[Overlaps, NDArray[np.float32]]]) -> float:
    """Interpolated precision of predictions ranked by score, mean over IoU .50 to .95.

    The predictions of all images take, from the highest score down, the true object that they overlap best and that
    is not taken yet. Precision at a recall is the highest one at this recall or above, at 0, .1, ... 1.

    Parameters
    ----------
    images : the overlaps of every image, and the scores of its predicted objects in the order of their labels.

    Returns
    -------
    0 to 1; where there is no true object 1 without and 0 with predictions.

    Raises
    ------
    UserInputError : not one score per predicted object.
    """
    for number, (found, scores) in enumerate(images, start=1):
        if len(scores) != found.predicted_count:
            raise UserInputError(
                f"There are {len(scores)} scores for {found.predicted_count} predicted objects.",
                where=f"Image {number}",
                todo="Give one score per object, in the order of their labels.",
            )
    true_count = sum(found.true_count for found, _ in images)
    if true_count == 0:
        return 0.0 if any(len(scores) for _, scores in images) else 1.0
    order = np.argsort(-np.concatenate([scores for _, scores in images]), kind="stable")
    values = []
    for threshold in IOU_THRESHOLDS:
        hits = np.concatenate([_taken(found, scores, threshold) for found, scores in images])
        right = np.cumsum(hits[order])
        precision = right / np.arange(1, len(order) + 1)
        # recall >= k / 10 in whole numbers: 3 of 10 are less than 0.1 * 3
        values.append(np.mean([precision[10 * right >= k * true_count].max(initial=0.0) for k in range(11)]))
    return float(np.mean(values))


def _taken(found: Overlaps, scores: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Which predictions get a true object when those of high score choose first."""
    pairs = np.flatnonzero(found.iou >= threshold)
    pairs = pairs[np.lexsort((-found.iou[pairs], -scores[found.predicted[pairs]]))]
    hit, gone = np.zeros(found.predicted_count, bool), np.zeros(found.true_count, bool)
    for true, predicted in zip(found.true[pairs], found.predicted[pairs], strict=True):
        if not hit[predicted] and not gone[true]:
            hit[predicted] = gone[true] = True
    return hit
