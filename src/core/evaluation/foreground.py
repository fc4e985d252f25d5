"""Foreground IoU (Jaccard index): how well objects are told from the background, whatever objects they are.

    pooled          shared pixels by covered pixels, summed over all pixels first: a large object counts by its size
    mean of slices  IoU of each 2-D slice, mean over the slices: a slice of one small object counts as any other

A 2-D image is a stack of one slice. Where neither has foreground, 0 / 0 pixels, there is nothing to judge: such a slice
is left out of the mean, and without any foreground at all both are NaN. Some papers count an empty slice as 0, though
nothing in it is wrong (Franco-Barranco et al. 2022 in their code); figures are comparable only within one of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Labels

EmptySlices = Literal["left out", "zero"]
"""What a slice counts without foreground in truth and prediction: nothing, or an IoU of 0."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """The pixels of foreground in truth and prediction, slice by slice.

    Parameters
    ----------
    shared : int64, Z, pixels that are foreground in both.
    covered : int64, Z, pixels that are foreground in at least one.
    """

    shared: NDArray[np.int64]
    covered: NDArray[np.int64]

    @property
    def pooled(self) -> float:
        """IoU of all pixels together, 0 to 1; NaN without foreground."""
        covered = int(self.covered.sum())
        return int(self.shared.sum()) / covered if covered else float("nan")

    def mean_of_slices(self, empty: EmptySlices = "left out") -> float:
        """Mean of the slices' IoU, 0 to 1; NaN without a slice that counts."""
        counted = self.covered > 0
        number = int(counted.sum()) if empty == "left out" else len(counted)
        return float((self.shared[counted] / self.covered[counted]).sum()) / number if number else float("nan")


def foreground(truth: Labels, prediction: Labels) -> Foreground:
    """Compare the foreground of two label images or masks.

    Parameters
    ----------
    truth, prediction : axes YX or ZYX; 0 is background, everything else foreground.

    Raises
    ------
    UserInputError : different shapes.
    """
    if truth.shape != prediction.shape:
        raise UserInputError(
            f"The true labels have the shape {truth.shape}, the predicted ones {prediction.shape}.",
            todo="Compare labels of the same image.",
        )
    planes = [one.reshape(-1, *one.shape[-2:]) for one in (truth, prediction)]
    shared, covered = np.zeros((2, len(planes[0])), np.int64)
    for z, (true, predicted) in enumerate(zip(*planes, strict=True)):
        shared[z] = np.count_nonzero((true != 0) & (predicted != 0))
        covered[z] = np.count_nonzero((true != 0) | (predicted != 0))
    return Foreground(shared, covered)


def together(images: Sequence[Foreground]) -> Foreground:
    """The slices of several images as those of one."""
    nothing = [np.empty(0, np.int64)]
    return Foreground(
        np.concatenate([*nothing, *(one.shared for one in images)]),
        np.concatenate([*nothing, *(one.covered for one in images)]),
    )
