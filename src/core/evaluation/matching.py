"""Which predicted object is which true one: the overlaps of two label images, and the matches that follow.

Only overlaps that exist are held, never a table of every true with every predicted object: 33,000 on each side take
some megabytes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from core.errors import UserInputError
from core.image import Labels

BLOCK = 1 << 20
"""Pixels that are looked at in one go, so that no temporary array is as large as the image."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All pairs of a true and a predicted object that share a pixel.

    Parameters
    ----------
    true, predicted : int64, N, which true and which predicted object: from 0, in the order of their labels.
    iou : float64, N, intersection over union of the pair, more than 0 and at most 1.
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
    UserInputError : different shapes, or labels that are negative or no integers.
    """
    if truth.shape != prediction.shape:
        raise UserInputError(
            f"The true labels have the shape {truth.shape}, the predicted ones {prediction.shape}.",
            todo="Compare labels of the same image.",
        )
    true_runs, predicted_runs, lengths = _runs(truth.ravel(), prediction.ravel())
    true, true_count = _numbered(true_runs)
    predicted, predicted_count = _numbered(predicted_runs)
    table = coo_array((lengths, (true, predicted)), shape=(true_count + 1, predicted_count + 1)).tocsr()
    true_area, predicted_area = table.sum(axis=1), table.sum(axis=0)
    shared = table.tocoo()
    both = (shared.row > 0) & (shared.col > 0)
    row, column, area = shared.row[both].astype(np.int64), shared.col[both].astype(np.int64), shared.data[both]
    iou = area / (true_area[row] + predicted_area[column] - area)
    return Overlaps(row - 1, column - 1, iou, true_count, predicted_count)


def _runs(
    truth: NDArray[np.generic], prediction: NDArray[np.generic]
) -> tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.int64]]:
    """Two flat images as runs of pixels in which neither changes: true label, predicted label and length of each.

    Labels come in long runs: there are far fewer runs than pixels to sort and count.
    """
    starts, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for begin in range(0, len(truth), BLOCK):
        one, other = truth[begin : begin + BLOCK], prediction[begin : begin + BLOCK]
        change = np.flatnonzero((one[1:] != one[:-1]) | (other[1:] != other[:-1])) + 1
        ends = np.concatenate([[0], change, [len(one)]])
        starts.append(begin + ends[:-1])
        lengths.append(np.diff(ends))
    start = np.concatenate(starts)
    return truth[start], prediction[start], np.concatenate(lengths)


def _numbered(labels: NDArray[np.generic]) -> tuple[NDArray[np.int64], int]:
    """Labels numbered from 1 without a gap, in their order, 0 where they are 0; and how many there are."""
    if labels.dtype.kind not in "biu":
        raise UserInputError(f"The labels are numbers of the type {labels.dtype}.", todo="Give labels as integers.")
    names = np.unique(labels)
    if len(names) and names[0] < 0:
        raise UserInputError(f"The label {names[0]} is negative.", todo="Number objects from 1 on.")
    names = names[names > 0]
    return np.searchsorted(names, labels, side="right"), len(names)


def match(found: Overlaps, threshold: float) -> NDArray[np.int64]:
    """The largest set of pairs with an IoU of at least `threshold`, no object in two of them.

    Of the largest sets it is the one of the highest sum of IoU, as StarDist's `matching` has it. Above an IoU of .5 no
    pair has a rival, since both objects have most of their pixels in common. At .5 and below, pairs with rivals are
    an assignment problem, solved exactly on the sparse table (Jonker and Volgenant 1987).

    Returns
    -------
    Indices of pairs of `found`, ascending.
    """
    chosen = np.flatnonzero(found.iou >= threshold)
    true, predicted = found.true[chosen], found.predicted[chosen]
    rivals = (np.bincount(true, minlength=1)[true] > 1) | (np.bincount(predicted, minlength=1)[predicted] > 1)
    contested = chosen[rivals]
    kept = contested[_assigned(found.true[contested], found.predicted[contested], found.iou[contested])]
    return np.sort(np.concatenate([chosen[~rivals], kept]))


def _assigned(true: NDArray[np.int64], predicted: NDArray[np.int64], iou: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the largest set of pairs in which no object is twice, of the highest sum of IoU."""
    if not len(true):
        return np.empty(0, np.int64)
    rows, row = np.unique(true, return_inverse=True)
    columns, column = np.unique(predicted, return_inverse=True)
    # Every true object can also be matched with a stand-in of its own, which means: with none. The solver takes no
    # weight of 0, so all are raised by 1. One more pair is worth more than any sum of IoU.
    stand_in = np.arange(len(rows))
    gain = np.concatenate([len(rows) + 2 + iou, np.ones(len(rows))])
    place = (np.concatenate([row, stand_in]), np.concatenate([column, len(columns) + stand_in]))
    table = coo_array((gain, place), shape=(len(rows), len(columns) + len(rows))).tocsr()
    best = np.empty(len(rows), np.int64)
    matched, partner = min_weight_full_bipartite_matching(table, maximize=True)
    best[matched] = partner
    return np.flatnonzero(best[row] == column)


@dataclass(frozen=True, eq=False)
class Partners:
    """What became of every object of a label image in a comparison with another.

    Parameters
    ----------
    labels : int64, N, the objects, ascending.
    partner : int64, N, the label of the matched object of the other image; 0 without one.
    iou : float64, N, IoU with that, or the highest with any object of the other image; 0 to 1.
    """

    labels: NDArray[np.int64]
    partner: NDArray[np.int64]
    iou: NDArray[np.float64]


def partners(truth: Labels, prediction: Labels, threshold: float = 0.5) -> tuple[Partners, Partners]:
    """Which object is whose match at an IoU of at least `threshold`: of the true objects, and of the predicted ones.

    Raises
    ------
    UserInputError : as `overlaps`.
    """
    found = overlaps(truth, prediction)
    chosen = match(found, threshold)
    true, predicted = (np.unique(labels[labels > 0]).astype(np.int64) for labels in (truth, prediction))

    def of(labels: NDArray[np.int64], own: NDArray[np.int64], others: NDArray[np.int64]) -> Partners:
        partner, iou = np.zeros(len(labels), np.int64), np.zeros(len(labels))
        np.maximum.at(iou, own, found.iou)
        partner[own[chosen]], iou[own[chosen]] = others[chosen], found.iou[chosen]
        return Partners(labels, partner, iou)

    return (
        of(true, found.true, predicted[found.predicted]),
        of(predicted, found.predicted, true[found.true]),
    )
