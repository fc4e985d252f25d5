"""Every object pixel's distance to what is not its object: exact, all objects at once."""

import numpy as np
from numpy.typing import NDArray

from core.geometry.compiled import compiled
from core.image import Labels

_FAR = 1 << 20


def boundary_distances(labels: Labels) -> NDArray[np.float32]:
    """Euclidean distance in pixels, axes YX, between a pixel's centre and the nearest one outside its object.

    The background is 0, an object's rim 1. The image's edge bounds no object: an object cut by it is as deep there as
    it would be beyond. Only an object that fills the image is taken as ending at its edge.

    Two passes, along columns and rows, as Meijster, Roerdink & Hesselink 2000; the second one is searched outwards and
    stops early, which for the size of cells is faster than their envelope of parabolas.
    """
    labels = np.ascontiguousarray(labels, np.int32)
    if labels.size and labels.flat[0] > 0 and (labels == labels.flat[0]).all():
        return _distances(np.pad(labels, 1))[1:-1, 1:-1].copy()
    return _distances(labels)


@compiled
def _distances(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    height, width = labels.shape
    column = np.empty((height, width), np.int32)
    column[:1] = _FAR
    for y in range(1, height):
        for x in range(width):
            column[y, x] = column[y - 1, x] + 1 if labels[y, x] == labels[y - 1, x] else 1
    for y in range(height - 2, -1, -1):
        for x in range(width):
            column[y, x] = min(column[y, x], column[y + 1, x] + 1 if labels[y, x] == labels[y + 1, x] else 1)
    result = np.zeros((height, width), np.float32)
    for y in range(height):
        start = 0
        while start < width:
            stop = start + 1
            while stop < width and labels[y, stop] == labels[y, start]:
                stop += 1
            if labels[y, start] > 0:
                for x in range(start, stop):
                    left = x - start + 1 if start > 0 else _FAR
                    right = stop - x if stop < width else _FAR
                    nearest = np.int64(min(left, right, column[y, x])) ** 2
                    step = 1
                    while step * step < nearest and step < max(left, right, stop - x, x - start + 1):
                        if x - step >= start:
                            nearest = min(nearest, step * step + np.int64(column[y, x - step]) ** 2)
                        if x + step < stop:
                            nearest = min(nearest, step * step + np.int64(column[y, x + step]) ** 2)
                        step += 1
                    result[y, x] = np.sqrt(nearest)
            start = stop
    return result
