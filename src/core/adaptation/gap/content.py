"""What of a plane is image: without padding, as windows of bounded size."""

import numpy as np
from numpy.typing import NDArray

from core.padding import Mask, data_box, mirrored

Plane = NDArray[np.float32]
"""Grey values of one channel of one slice, axes YX."""

WINDOW = 512
"""Four windows of so many pixels a side, at most, are looked at where neighbouring pixels count."""


def windows(plane: Plane, data: Mask | None) -> list[tuple[Plane, Mask]]:
    """Windows of the part of a plane that has data, spread over it, and where each has.

    What is padding within them is filled with what lies opposite of it.

    Parameters
    ----------
    data : see `data_mask`.
    """
    box = data_box(data)
    part, known = plane[box], np.ones(plane[box].shape, bool) if data is None else data[box]
    part = mirrored(part[None], known)[0]
    starts = [_starts(n) for n in part.shape]
    corners = [(slice(y, y + WINDOW), slice(x, x + WINDOW)) for y in starts[0] for x in starts[1]]
    return [(part[at], known[at]) for at in corners]


def _starts(size: int) -> list[int]:
    """Where windows begin along an axis: one in the middle, or two that leave as much between as beside them."""
    if size < 2 * WINDOW:
        return [max(0, (size - WINDOW) // 2)]
    free = (size - 2 * WINDOW) // 3
    return [free, size - free - WINDOW]
