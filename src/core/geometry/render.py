"""Paint star-convex polygons into a label image."""

import numpy as np
from numpy.typing import NDArray

from core.geometry.compiled import compiled
from core.geometry.rays import outlines
from core.image import Labels


def render_polygons(
    distances: NDArray[np.float32],
    points: NDArray[np.generic],
    scores: NDArray[np.float32],
    shape: tuple[int, int],
) -> Labels:
    """The pixels whose centres lie in a polygon; where polygons overlap, the one of the highest score is on top.

    Parameters
    ----------
    distances : from a polygon's point to its boundary along every ray in pixels, N x n_rays. Polygons of infinite or
        undefined size are left out.
    points : the polygons' points in pixels, N x 2 (y, x).
    scores : N; of equal scores the first polygon is on top.
    shape : height and width of the image in pixels.

    Returns
    -------
    int32, axes YX: polygon i has the label i + 1. A polygon that others cover leaves no pixel.
    """
    labels = np.zeros(shape, np.int32)
    distances = np.asarray(distances)
    order = np.argsort(-np.asarray(scores), kind="stable")
    order = order[np.isfinite(distances[order]).all(axis=1)]
    _paint(outlines(distances[order], np.asarray(points)[order]), order, labels)
    return labels


@compiled
def _paint(corners: NDArray[np.float64], numbers: NDArray[np.int64], labels: NDArray[np.int32]) -> None:
    """Paint polygons where nothing is painted yet, row by row between every two crossings of a row and their sides.

    Parameters
    ----------
    corners : of the polygons, the topmost first, N x n_rays x 2 (y, x).
    numbers : N; polygon i is painted as numbers[i] + 1.
    labels : painted into.
    """
    n_rays = corners.shape[1]
    height, width = labels.shape
    capacity = 0
    for polygon in corners:
        capacity = max(capacity, int(min(polygon[:, 0].max() - polygon[:, 0].min(), height)) + 2)
    crossings = np.empty((capacity, n_rays))
    counts = np.zeros(capacity, np.int64)
    for polygon, number in zip(corners, numbers):  # noqa: B905 - numba knows no strict
        top = int(max(np.ceil(polygon[:, 0].min()), 0))
        bottom = int(min(np.floor(polygon[:, 0].max()), height - 1))
        counts[: max(bottom - top + 1, 0)] = 0
        y0, x0 = polygon[n_rays - 1]
        for corner in range(n_rays):
            y1, x1 = polygon[corner]
            upper, lower = min(y0, y1), max(y0, y1)
            # A side holds its upper end and not its lower one, so that a corner on a row is crossed once.
            for row in range(int(max(np.ceil(upper), top)), int(min(np.ceil(lower), bottom + 1))):
                x = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
                place = counts[row - top]
                while place > 0 and crossings[row - top, place - 1] > x:
                    crossings[row - top, place] = crossings[row - top, place - 1]
                    place -= 1
                crossings[row - top, place] = x
                counts[row - top] += 1
            y0, x0 = y1, x1
        for row in range(top, bottom + 1):
            for pair in range(0, counts[row - top], 2):
                start = int(max(np.ceil(crossings[row - top, pair]), 0))
                stop = int(min(np.floor(crossings[row - top, pair + 1]), width - 1))
                for column in range(start, stop + 1):
                    if labels[row, column] == 0:
                        labels[row, column] = number + 1
