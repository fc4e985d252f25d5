"""Objects that are regions of pixels: which of a window's belong to its core, and how they lie on the image."""

import math

import numpy as np
from numpy.typing import NDArray

from core.heads import base
from core.heads.base import Frame, Instances, Piece, Window
from core.image import Labels


def piece_of(
    regions: Labels,
    pixels: NDArray[np.int32],
    number: NDArray[np.integer],
    points: NDArray[np.int32],
    scores: NDArray[np.floating],
    unsure: NDArray[np.bool_],
    core: Window,
    window: Window,
    frame: Frame,
) -> Piece:
    """The objects 1 to n of a window that belong to its core.

    Those are the ones whose point lies in it. One that is unsure may have its point elsewhere: of such an object, and
    of one longer than `LARGEST`, what is in the core is taken as an object.

    Parameters
    ----------
    regions : the objects' pixels, int32, of the window, axes YX.
    pixels, number : N x 2, pixels (y, x) in the maps of the whole image, and the object of each, N.
    points, scores : of the objects, n x 2 and n.
    unsure : of which objects more may come to light, n.
    core, window, frame : as in `Head.pick`.
    """
    count = len(points)
    unsure = unsure | (_lengths(pixels, number, count) > base.LARGEST)
    in_core = np.zeros(count, bool)
    in_core[number[core.contains(pixels)] - 1] = True
    unsure &= in_core
    owned = core.contains(points) | unsure
    if unsure.any():
        rows, columns = np.ogrid[window.top : window.bottom, window.left : window.right]
        outside = (rows < core.top) | (rows >= core.bottom) | (columns < core.left) | (columns >= core.right)
        regions[outside & np.append(False, unsure)[regions]] = 0
    labels, origin = _on_image(regions, window, frame)
    if not owned.all():
        labels = np.concatenate([[0], np.cumsum(owned) * owned]).astype(np.int32)[labels]
    return Piece(Instances.visible(labels, scores.astype(np.float32)[owned]), origin, points[unsure])


def _lengths(points: NDArray[np.int32], number: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Height or width of objects 1 to `count`, whichever is more, in pixels of the maps."""
    low, high = np.full((2, count), np.iinfo(np.int64).max), np.zeros((2, count), np.int64)
    for axis in (0, 1):
        np.minimum.at(low[axis], number - 1, points[:, axis])
        np.maximum.at(high[axis], number - 1, points[:, axis] + 1)
    lengths: NDArray[np.int64] = (high - low).max(axis=0, initial=0)
    return lengths


def _on_image(labels: Labels, window: Window, frame: Frame) -> tuple[Labels, tuple[int, int]]:
    """Labels of a window of the maps as those of the image's pixels, each from the nearest; and their first pixel."""
    whole = [math.ceil(n * frame.scale) for n in frame.shape]
    starts, stops = (window.top, window.left), (window.bottom, window.right)
    places, sources = [], []
    for pixels, limit, start, stop in zip(frame.shape, whole, starts, stops, strict=True):
        nearest = np.minimum((np.arange(pixels) + 0.5) * frame.scale, limit - 1).astype(int)
        places.append(np.flatnonzero((nearest >= start) & (nearest < stop)))
        sources.append(nearest[places[-1]] - start)
    first_row, first_column = (int(place[0]) if len(place) else 0 for place in places)
    return np.ascontiguousarray(labels[np.ix_(*sources)]), (first_row, first_column)
