"""What of a plane is image: without padding, as windows of bounded size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Plane = NDArray[np.float32]
"""Grey values of one channel of one slice, axes YX."""

Mask = NDArray[np.bool_]
"""Pixels of a plane, axes YX."""

WINDOW = 512
"""Four windows of so many pixels a side, at most, are looked at where neighbouring pixels count."""

_ABRUPT = 0.05
_SOLID = 0.9


def padding(plane: NDArray[Any]) -> Mask:
    """The pixels that were added around an image, axes YX.

    These are zeros that are connected to the edge, solid and end abruptly. Background that is 0 is none: it is ragged
    from noise, or the pixels beside it are nearly 0, less than 5 % of the brightest ones.
    """
    zero = plane == 0
    none = np.zeros(plane.shape, bool)
    rim = np.concatenate([zero[0], zero[-1], zero[:, 0], zero[:, -1]])
    if not rim.any() or zero.all():
        return none
    regions, _ = ndimage.label(zero)
    of_rim = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    outside = np.isin(regions, of_rim[of_rim > 0])
    beside = ndimage.binary_dilation(outside) & ~outside
    framed = np.pad(outside, 3, constant_values=True)
    solid = ndimage.binary_opening(framed, np.ones((3, 3)))[3:-3, 3:-3]
    is_solid = solid.sum() >= _SOLID * outside.sum()
    abrupt = np.median(plane[beside]) > _ABRUPT * np.percentile(plane[~outside], 99.8)
    return outside if is_solid and abrupt else none


def windows(plane: Plane, outside: Mask) -> list[tuple[Plane, Mask]]:
    """Windows of the content, spread over it, and what of them is padding; it is filled from its nearest pixels."""
    inside = np.nonzero(~outside)
    top, left = (int(at.min()) for at in inside)
    bottom, right = (int(at.max()) + 1 for at in inside)
    part, hidden = plane[top:bottom, left:right], outside[top:bottom, left:right]
    if hidden.any():
        nearest = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
        part = part[tuple(nearest)]
    starts = [_starts(n) for n in part.shape]
    corners = [(slice(y, y + WINDOW), slice(x, x + WINDOW)) for y in starts[0] for x in starts[1]]
    return [(part[at], hidden[at]) for at in corners]


def _starts(size: int) -> list[int]:
    """Where windows begin along an axis: one in the middle, or two that leave as much between as beside them."""
    if size < 2 * WINDOW:
        return [max(0, (size - WINDOW) // 2)]
    free = (size - 2 * WINDOW) // 3
    return [free, size - free - WINDOW]
