"""Pixels shared out among the peaks of a landscape: a watershed that joins peaks without a valley between them."""

import numpy as np
from numpy.typing import NDArray

from core.geometry.compiled import compiled


def basins(
    points: NDArray[np.int64], depth: NDArray[np.float32], separation: float, edge: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which peak every pixel belongs to.

    The landscape is flooded from its peaks downwards (Meyer 1994, on its negative): a pixel goes to the peak of its
    highest neighbour. Where two basins meet, they become one if the lower of their peaks is less than `separation`
    above the pixel at which they meet. So peaks stay whose dynamics (Grimaud 1992) reach it. Of pixels of one height
    the first counts as the highest. All this asks neighbours only: basins that no pixel of `edge` has come into are
    those of any larger landscape.

    Parameters
    ----------
    points : N x 2, pixels (y, x) from 0 on, row by row; neighbours are the eight around a pixel.
    depth : N, heights of the landscape at these pixels; there is none elsewhere.
    separation : more than 0.
    edge : N, pixels that may have neighbours that are not known.

    Returns
    -------
    The index of every pixel's peak, N, and whether a pixel of `edge` has a part in its basin, N.
    """
    shape = tuple(points.max(axis=0, initial=0) + 3)
    order = np.argsort(-depth, kind="stable")
    rank = np.full(shape, len(order), np.int64)
    place = (points[:, 0] + 1) * shape[1] + points[:, 1] + 1
    rank.ravel()[place[order]] = np.arange(len(order))
    return _flood(order, place, rank.ravel(), shape[1], depth, separation, edge)


@compiled
def _flood(
    order: NDArray[np.int64],
    place: NDArray[np.int64],
    rank: NDArray[np.int64],
    width: int,
    depth: NDArray[np.float32],
    separation: float,
    edge: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """See `basins`.

    Parameters
    ----------
    order : pixels from the highest to the lowest.
    place : of a pixel in a flat image with a rim, `width` wide.
    rank : its place in `order`, at every place of that image; N where there is no pixel.
    """
    count = len(order)
    parent, doubtful = np.arange(count), edge.copy()
    steps = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    for now in range(count):
        pixel = order[now]
        around = np.sort(rank[place[pixel] + steps])
        for neighbour in around:
            if neighbour >= now:
                break
            here, there = _root(parent, pixel), _root(parent, order[neighbour])
            if here == there:
                continue
            if rank[place[here]] < rank[place[there]]:
                here, there = there, here
            if here == pixel or depth[here] - depth[pixel] < separation:
                parent[here] = there
                doubtful[there] |= doubtful[here]
    for pixel in range(count):
        parent[pixel] = _root(parent, pixel)
    return parent, doubtful[parent]


@compiled
def _root(parent: NDArray[np.int64], pixel: int) -> int:
    """The peak of a pixel's basin; the way there is made shorter."""
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel
