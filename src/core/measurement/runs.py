"""Label images as horizontal runs of pixels: far fewer than pixels, and all measures of objects follow from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Labels


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of equal labels within the rows of an image, row by row from left to right, background as well.

    Parameters
    ----------
    ids : the labels of the objects, ascending, M.
    number : int64, N: which object a run belongs to, 1 to M in the order of `ids`, 0 for background.
    start : int64, N: index of the run's first pixel in the flat image.
    row, first, stop : int64, N: the run's row, its first column and the column behind its last.
    """

    ids: NDArray[np.integer]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]

    @property
    def length(self) -> NDArray[np.int64]:
        """Pixels of every run."""
        return self.stop - self.first

    def total(self, of_runs: NDArray[np.generic]) -> NDArray[np.float64]:
        """A value of every run, summed up for every object, M."""
        return np.bincount(self.number, of_runs, len(self.ids) + 1)[1:].astype(np.float64)


def runs(labels: Labels) -> Runs:
    """The runs of a label image.

    Parameters
    ----------
    labels : integers, axes YX, 0 is background; labels need not be consecutive.

    Raises
    ------
    UserInputError : labels that are negative or no integers.
    """
    if labels.dtype.kind not in "biu":
        raise UserInputError(f"The labels are numbers of the type {labels.dtype}.", todo="Give labels as integers.")
    width = labels.shape[1]
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    start = np.flatnonzero(begins)
    label = labels.ravel()[start]
    ids = np.unique(label)
    if len(ids) and ids[0] < 0:
        raise UserInputError(f"The label {ids[0]} is negative.", todo="Number objects from 1 on.")
    ids = ids[ids > 0]
    row, first = np.divmod(start, max(1, width))
    stop = first + np.diff(start, append=labels.size)
    return Runs(ids, np.searchsorted(ids, label, side="right"), start, row, first, stop)
