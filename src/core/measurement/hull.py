"""How large the convex hulls of objects are."""

import numpy as np
from numpy.typing import NDArray

from core.geometry.compiled import compiled
from core.measurement.runs import Runs


def hull_areas(found: Runs) -> NDArray[np.float64]:
    """Area of every object's convex hull in pixels, pixels taken as squares; an object may have several parts."""
    order = np.argsort(found.number, kind="stable")
    order = order[np.searchsorted(found.number[order], 1) :]
    number, row = found.number[order], found.row[order]
    # an object's leftmost and rightmost run in every row
    change = (np.diff(number) != 0) | (np.diff(row) != 0)
    left, right = np.append(True, change)[: len(order)], np.append(change, True)[: len(order)]
    areas = np.zeros(len(found.ids))
    _add_envelopes(number[left], row[left], -found.first[order][left], areas)
    _add_envelopes(number[left], row[left], found.stop[order][right], areas)
    return areas


@compiled
def _add_envelopes(
    number: NDArray[np.int64], row: NDArray[np.int64], end: NDArray[np.int64], areas: NDArray[np.float64]
) -> None:
    """Add the area between column 0 and the concave envelope of the ends of an object's rows, for every object.

    The envelope is built by the monotone chain (Andrew 1979). Entries come object by object, row by row.
    """
    ys, xs = np.empty(2 * len(number), np.int64), np.empty(2 * len(number), np.int64)
    size = 0
    for entry in range(len(number)):
        if entry == 0 or number[entry - 1] != number[entry]:
            size = 0
        for y in (row[entry], row[entry] + 1):
            size = _extended(ys, xs, size, y, end[entry])
        if entry + 1 == len(number) or number[entry + 1] != number[entry]:
            for i in range(1, size):
                areas[number[entry] - 1] += (ys[i] - ys[i - 1]) * (xs[i] + xs[i - 1]) / 2


@compiled
def _extended(ys: NDArray[np.int64], xs: NDArray[np.int64], size: int, y: int, x: int) -> int:
    """Put a point below all others at the end of an envelope, or level with the last; return how many points it has."""
    if size and ys[size - 1] == y:
        if xs[size - 1] >= x:
            return size
        size -= 1
    while size >= 2:
        height, width = ys[size - 1] - ys[size - 2], xs[size - 1] - xs[size - 2]
        if width * (y - ys[size - 2]) > (x - xs[size - 2]) * height:
            break
        size -= 1
    ys[size], xs[size] = y, x
    return size + 1
