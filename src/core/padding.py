"""The part of an image that no microscope has seen: zeros that fill it up to a rectangle.

Padding are, in this library,

- rows and columns of zeros at the edges of a plane, as of an image that was shifted or put into a larger frame;
- areas of at least `AREA` zeros that a corner of the rest belongs to and that are solid, as the wedges of an image that
  was turned. Solid means that at least half of their pixels lie in some square of 3 x 3 zeros; in the noise of a dark
  background they do not;

all this only where it ends abruptly: half of the pixels beside it have at least `ABRUPT` of the grey value that is
bright in the image (its 99.8th percentile). A real background of 0 fades into what lies on it, and is data.

A pixel is zero where all channels are. Dark places inside of an image, or at its edge away from the corners, are data.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SOLID, AREA, ABRUPT = 0.5, 64, 0.05

Mask = NDArray[np.bool_]
"""Axes YX: where an image has data."""


def data_mask(plane: NDArray[Any]) -> Mask | None:
    """Where a plane, axes CYX, has data and no padding; None where it has no padding at all."""
    zeros: Mask = (plane == 0).all(axis=0)
    rows, columns = (np.flatnonzero(~zeros.all(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros(zeros.shape, bool)
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    data = np.zeros(zeros.shape, bool)
    data[box] = ~_corners(zeros[box])
    return None if data.all() or not _ends_abruptly(plane, data) else data


def data_box(data: Mask | None) -> tuple[slice, slice]:
    """The rows and columns that have data; of a plane without padding all."""
    if data is None:
        return slice(None), slice(None)
    rows, columns = (np.flatnonzero(data.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def mirrored(plane: NDArray[Any], data: Mask) -> NDArray[Any]:
    """A plane, axes CYX, with the pixels without data filled by those opposite of the nearest pixel that has data."""
    if data.all():
        return plane
    near = ndimage.distance_transform_edt(~data, return_distances=False, return_indices=True)
    here = np.indices(data.shape, near.dtype)
    most = np.array(data.shape, near.dtype)[:, None, None] - 1
    opposite = np.clip(2 * near - here, 0, most)
    rows, columns = np.where(data[tuple(opposite)], opposite, near)
    return plane[:, rows, columns]


def _ends_abruptly(plane: NDArray[Any], data: Mask) -> bool:
    """Whether the pixels beside the padding are not nearly zero, in any channel."""
    beside = data & ndimage.binary_dilation(~data)
    return any(
        np.median(np.abs(channel[beside].astype(float)))
        >= ABRUPT * np.percentile(np.abs(channel[data].astype(float)), 99.8)
        > 0
        for channel in plane
    )


def _corners(zeros: Mask) -> Mask:
    """The solid areas of zeros at the four corners."""
    found = np.zeros(zeros.shape, bool)
    if not zeros[:: max(len(zeros) - 1, 1), :: max(zeros.shape[1] - 1, 1)].any():
        return found
    areas, _ = ndimage.label(zeros)
    inner = ndimage.binary_erosion(zeros, np.ones((3, 3)), border_value=1)
    solid = ndimage.binary_dilation(inner, np.ones((3, 3))) & zeros
    for number in {int(areas[y, x]) for y in (0, -1) for x in (0, -1)} - {0}:
        area = areas == number
        if area.sum() >= AREA and (solid & area).sum() >= SOLID * area.sum():
            found |= area
    return found
