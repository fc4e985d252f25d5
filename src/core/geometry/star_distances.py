"""What a StarDist network learns: distances to the object's boundary along rays, and the object probability.

Schmidt, Weigert, Broaddus & Myers, MICCAI 2018.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.geometry.boundary import boundary_distances
from core.geometry.compiled import compiled
from core.geometry.rays import directions
from core.image import Labels


def star_distances(labels: Labels, n_rays: int = 32, grid: int = 1) -> NDArray[np.float32]:
    """Distances from every object pixel to its object's boundary along rays.

    A ray advances by one pixel's length until it meets a pixel outside the object. The boundary lies half a pixel
    behind the last pixel inside, measured along the ray's longer component, so that the polygon through the ends of
    the rays covers the object's own pixels. The same distances as StarDist's since its version 0.4.

    Parameters
    ----------
    labels : int32, axes YX.
    n_rays : number of rays; ray k has the angle 2 pi k / n_rays.
    grid : distances are computed for one pixel of every grid x grid pixels, the first of each row and column.

    Returns
    -------
    Distances in pixels, n_rays x ceil(Y/grid) x ceil(X/grid), 0 in the background.
    """
    shape = tuple(-(-size // grid) for size in labels.shape)
    result = np.empty((n_rays, *shape), np.float32)
    _fill(labels, result, grid)
    return result


def object_probability(labels: Labels, grid: int = 1) -> NDArray[np.float32]:
    """How deep inside its object a pixel lies: its distance to the boundary, divided by the object's largest one.

    Parameters
    ----------
    labels : int32, axes YX.
    grid : computed for one pixel of every grid x grid pixels; the largest distance is that among these pixels.

    Returns
    -------
    0 in the background to 1 in an object's middle, ceil(Y/grid) x ceil(X/grid).
    """
    return relative(labels[::grid, ::grid], np.ascontiguousarray(boundary_distances(labels)[::grid, ::grid]))


def relative(labels: Labels, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is known of every object's pixels, axes YX, divided by the object's largest value, in place."""
    if labels.max(initial=0) > labels.size:
        numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape) + 1
        labels = np.where(labels > 0, numbers, 0).astype(np.int32)
    if labels.size:
        _divide_by_largest(np.ascontiguousarray(labels, np.int32), depth)
    return depth


def star_targets(labels: Labels, n_rays: int = 32, grid: int = 1) -> NDArray[np.float32]:
    """`object_probability` and `star_distances` in one array, (1 + n_rays) x ceil(Y/grid) x ceil(X/grid)."""
    probability = object_probability(labels, grid)
    result = np.empty((1 + n_rays, *probability.shape), np.float32)
    result[0] = probability
    _fill(labels, result[1:], grid)
    return result


def _fill(labels: Labels, result: NDArray[np.float32], grid: int) -> None:
    """Write the distances along all rays to `result`."""
    padded = np.pad(np.ascontiguousarray(labels, np.int32), 1)
    height, width = padded.shape
    _march(padded.ravel(), width, grid, *_paths(len(result), height, width), result)


@lru_cache(maxsize=4)
def _paths(n_rays: int, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The pixels that a ray meets in an image.

    Returns
    -------
    The offset in the flat image to the ray's s-th pixel, n_rays x S, and the distance to the boundary if that is the
    first one outside. Where two steps of a ray end in the same pixel, it is there once.
    """
    steps, rays = np.arange(height + width), directions(n_rays)
    pixels = np.rint(steps * rays[..., None]).astype(np.int64)
    offsets, distances = np.zeros((n_rays, len(steps)), np.int64), np.zeros((n_rays, len(steps)), np.float32)
    for ray, (dy, dx) in enumerate(pixels):
        fresh = np.flatnonzero(np.diff(dy, prepend=1) | np.diff(dx, prepend=1))
        offsets[ray, : len(fresh)] = dy[fresh] * width + dx[fresh]
        distances[ray, : len(fresh)] = steps[fresh] - 1 + 0.5 / np.abs(rays[ray]).max()
    return offsets, distances


@compiled
def _march(
    labels: NDArray[np.int32],
    width: int,
    grid: int,
    offsets: NDArray[np.int64],
    distances: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    """Follow every ray of every pixel.

    Parameters
    ----------
    labels : flat, with a rim of background, which stops the rays that would leave the image.
    width : of the image with its rim.
    offsets, distances : of `_paths`.
    """
    n_rays, rows, columns = result.shape
    for row in range(rows):
        start = (row * grid + 1) * width + 1
        for ray in range(n_rays):
            path = offsets[ray]
            for column in range(columns):
                pixel = start + column * grid
                label = labels[pixel]
                if label <= 0:
                    result[ray, row, column] = 0
                    continue
                step = 1
                while labels[pixel + path[step]] == label:
                    step += 1
                result[ray, row, column] = distances[ray, step]


@compiled
def _divide_by_largest(labels: NDArray[np.int32], depth: NDArray[np.float32]) -> None:
    """Divide every object's depths by the largest of them, in place."""
    largest = np.zeros(max(labels.max(), 0) + 1, np.float32)
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            if labels[y, x] > 0:
                largest[labels[y, x]] = max(largest[labels[y, x]], depth[y, x])
    for y in range(height):
        for x in range(width):
            if labels[y, x] > 0:
                depth[y, x] /= largest[labels[y, x]]
