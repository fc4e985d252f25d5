"""Which predicted object is which true one: the overlaps of two label images, and the matches that follow.

Only overlaps that exist are held, never a table of every true with every predicted object: 33,000 on each side take
some megabytes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import UserInputError
from core.image import Labels


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All pairs of a true and a predicted object that share a pixel.

    Parameters
    ----------
    true, predicted : int64, N, which true and which predicted object: from 0, in the order of their labels.
    iou : float64, N, intersection over union of the pair, 0 to 1.
    true_count, predicted_count : how many objects there are.
    """

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    iou: NDArray[np.float64]
    true_count: int
    predicted_count: int


def overlaps(truth: Labels, prediction: Labels) -> Overlaps:
    """The overlaps of two label images.

    Parameters
    ----------
    truth, prediction : integers, any axes, 0 is background; labels need not be consecutive.

    Raises
    ------
    UserInputError : different shapes.
    """
    if truth.shape != prediction.shape:
        raise UserInputError(
            f"The true labels have the shape {truth.shape}, the predicted ones {prediction.shape}.",
            todo="Compare labels of the same image.",
        )
    true_number, true_area = _numbered(truth)
    predicted_number, predicted_area = _numbered(prediction)
    both = np.flatnonzero((true_number > 0) & (predicted_number > 0))
    width = np.int64(len(predicted_area))
    pairs = true_number[both].astype(np.int64) * width + predicted_number[both]
    if len(true_area) * width <= 4 * pairs.size:
        shared = np.bincount(pairs, minlength=1)
        pairs = np.flatnonzero(shared)
        shared = shared[pairs]
    else:
        pairs, shared = np.unique(pairs, return_counts=True)
    true, predicted = pairs // width, pairs % width
    iou = shared / (true_area[true] + predicted_area[predicted] - shared)
    return Overlaps(true - 1, predicted - 1, iou, len(true_area) - 1, len(predicted_area) - 1)


def _numbered(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat labels numbered from 1 without a gap, and how many pixels each number has; number 0 is background."""
    flat = labels.ravel()
    highest = int(flat.max(initial=0))
    if highest <= 2 * flat.size + 1000 and flat.min(initial=0) >= 0:
        area = np.bincount(flat, minlength=highest + 1)
        present = area > 0
        present[0] = True
        if present.all():
            return flat.astype(np.int64, copy=False), area
        numbers = np.cumsum(present) - 1
        return numbers[flat], area[present]
    ids, numbers = np.unique(np.append(0, flat), return_inverse=True)
    numbers = numbers[1:]
    if ids[0] != 0:
        raise UserInputError(f"The label {ids[0]} is negative.", todo="Number objects from 1 on.")
    return numbers, np.bincount(numbers, minlength=len(ids))


def match(found: Overlaps, threshold: float) -> NDArray[np.int64]:
    """The largest set of pairs with an IoU of at least `threshold`, no object in two of them.

    Of the largest sets it is the one of the highest sum of IoU. From an IoU of .5 on a pair has no rival; below, each
    group of objects that overlap is solved by the Hungarian algorithm.

    Returns
    -------
    Indices of pairs of `found`, ascending.
    """
    chosen = np.flatnonzero(found.iou >= threshold)
    true, predicted, iou = found.true[chosen], found.predicted[chosen], found.iou[chosen]
    rivals = (np.bincount(true, minlength=1)[true] > 1) | (np.bincount(predicted, minlength=1)[predicted] > 1)
    if not rivals.any():
        return chosen
    total = found.true_count + found.predicted_count
    graph = coo_array((np.ones(len(true)), (true, found.true_count + predicted)), shape=(total, total))
    group = connected_components(graph, directed=False)[1][true]
    kept = [chosen[~rivals[np.arange(len(chosen))] & ~np.isin(group, group[rivals])]]
    for number in np.unique(group[rivals]):
        members = np.flatnonzero(group == number)
        rows, row = np.unique(true[members], return_inverse=True)
        columns, column = np.unique(predicted[members], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        index = np.full(gain.shape, -1)
        # one more pair is worth more than any sum of IoU within the group
        gain[row, column], index[row, column] = (
            1 + len(members) - len(members) * (1 - iou[members]) / (1 + len(members)),
            members,
        )
        best = index[linear_sum_assignment(gain, maximize=True)]
        kept.append(chosen[best[best >= 0]])
    return np.sort(np.concatenate(kept))
