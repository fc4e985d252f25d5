"""Rims of objects, one pixel wide: find them, take them away, give them back."""

import numpy as np
from numpy.typing import NDArray

from core.image import Labels

_BESIDE = ((0, 1), (1, 0))
_AROUND = (*_BESIDE, (1, 1), (1, -1))


def rims(labels: Labels) -> NDArray[np.bool_]:
    """Which object pixels have a pixel of something else above, below, left or right; the image's edge is nothing.

    Without their rims no two objects touch, not even at corners.
    """
    return (labels > 0) & _different(labels, _BESIDE, background=True)


def contacts(labels: Labels) -> NDArray[np.bool_]:
    """Which object pixels have a pixel of another object among their eight neighbours."""
    return _different(labels, _AROUND, background=False)


def grown(labels: Labels) -> Labels:
    """The objects with the background pixels above, below, left and right of them; labels int32, axes YX."""
    padded, result = np.pad(labels, 1), labels.copy()
    height, width = labels.shape
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        neighbour = padded[dy : dy + height, dx : dx + width]
        np.copyto(result, neighbour, where=result == 0)
    return result


def _different(labels: Labels, steps: tuple[tuple[int, int], ...], *, background: bool) -> NDArray[np.bool_]:
    """Which pixels differ from the one a step further or back, background counted or not."""
    mask = np.zeros(labels.shape, np.bool_)
    height, width = labels.shape
    for dy, dx in steps:
        here = slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0))
        there = slice(dy, height), slice(max(dx, 0), width - max(-dx, 0))
        first, second = labels[here], labels[there]
        differ = first != second
        if not background:
            differ &= (first > 0) & (second > 0)
        mask[here] |= differ
        mask[there] |= differ
    return mask
