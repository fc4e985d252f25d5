"""Ways from fragment to fragment through bright pixels, such as those of a nerve."""

from itertools import product
from math import ceil, hypot

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from core.config import require
from core.image import Image, amount_of_channels, check_numbers
from core.progress import SILENT, Progress


def bright_pixels(image: Image, channel: int = 0, threshold: float | None = None) -> tuple[NDArray[np.bool_], float]:
    """The pixels of a channel that are above a threshold, and the threshold.

    Parameters
    ----------
    image : axes YX or ZYX, perhaps with C.
    channel : which one, from 0.
    threshold : in the image's own values; None takes that of Otsu (1979, IEEE Transactions on Systems, Man, and
        Cybernetics), which parts the values, of all slices together, into two groups that differ most.

    Returns
    -------
    Axes ZYX of a stack, otherwise YX. An image whose pixels all have the same value has no bright ones.

    Raises
    ------
    UserInputError : there is no such channel; values that are no numbers; several time points.
    """
    from skimage.filters import threshold_otsu

    channels = image.size("C")
    require(0 <= channel < channels, "The channel", channel + 1, f"1 to {channels}: {_have(channels)}")
    stack = image.czyx()[channel]
    pixels = stack if len(stack) > 1 else stack[0]
    check_numbers(pixels)
    value = float(threshold_otsu(pixels)) if threshold is None else threshold
    return pixels > value, value


def _have(channels: int) -> str:
    return f"the image has {amount_of_channels(channels)}"


def ways(
    fragments: NDArray[np.integer],
    through: NDArray[np.bool_],
    sizes: tuple[float, float, float],
    longest: float,
    progress: Progress = SILENT,
) -> NDArray[np.int64]:
    """Fragments that a way through bright pixels leads to from each other.

    A way goes from pixel to neighbouring pixel, those at edges and corners among them, from the edge of one fragment to
    the edge of another, and all pixels between are bright. It is as long as the line through their centres, so it is
    never shorter than the straight gap. Fragments that touch need no way.

    What is found is enough that all other pairs follow from it: the ways that cross the border between the surroundings
    of two fragments, where every bright pixel belongs to the fragment that it is nearest to (Mehlhorn 1988, Information
    Processing Letters: they hold a minimum spanning tree).

    Parameters
    ----------
    fragments : integers 0 to M, axes ZYX, every number from 1 to M is there.
    through : bright pixels, of the same shape.
    sizes : µm of a pixel along Z, Y, X.
    longest : µm.

    Returns
    -------
    Pairs [2, N] of fragments, from 0.
    """
    count = int(fragments.max(initial=0))
    node, total = _nodes(fragments, through, sizes, longest / 2, count)
    one, other, length = [], [], []
    for step in _half_of_neighbours(fragments.shape):
        progress.check()
        here, there = node[_window(step, -1)], node[_window(step, 1)]
        both = (here >= 0) & (there >= 0) & (here != there)
        a, b = here[both], there[both]
        inside = (a < count).astype(np.int8) + (b < count)
        one.append(a)
        other.append(b)
        # half of a step that leaves a fragment lies within it, and all of one between two
        length.append((1 - inside / 2) * hypot(*(s * size for s, size in zip(step, sizes, strict=True))))
    if not one:
        return np.empty((2, 0), np.int64)
    a, b, weight = _shortest(np.concatenate(one), np.concatenate(other), np.concatenate(length), total)
    touching = (a < count) & (b < count)
    edges = coo_array((weight[~touching], (a[~touching], b[~touching])), shape=(total, total)).tocsr()
    progress.check()
    far, source = np.zeros(total), np.arange(total)
    if count and edges.nnz:
        far, _, source = dijkstra(
            edges, directed=False, indices=np.arange(count), return_predecessors=True, limit=longest / 2, min_only=True
        )
    reached = touching | (far[a] + weight + far[b] <= longest)  # unreached ones are infinitely far
    pairs = np.stack([source[a], source[b]])[:, reached]
    return np.unique(pairs[:, pairs[0] != pairs[1]], axis=1).astype(np.int64)


def _nodes(
    fragments: NDArray[np.integer],
    through: NDArray[np.bool_],
    sizes: tuple[float, float, float],
    reach: float,
    count: int,
) -> tuple[NDArray[np.int32], int]:
    """Every fragment is a node, and so is every bright pixel within reach of one; -1 elsewhere."""
    near = fragments > 0
    for axis, size in enumerate(sizes):
        side = 2 * min(ceil(reach / size) + 1, fragments.shape[axis]) + 1
        near = ndimage.maximum_filter1d(near.view(np.uint8), side, axis, mode="constant").view(bool)
    near &= through & (fragments == 0)
    node = fragments.astype(np.int32) - 1
    pixels = int(near.sum())
    node[near] = np.arange(count, count + pixels, dtype=np.int32)
    return node, count + pixels


def _half_of_neighbours(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Steps to neighbours at sides, edges and corners, of every two opposite ones the first."""
    ranges = [range(-1, 2) if size > 1 else range(1) for size in shape]
    return [step for step in product(*ranges) if step > (0,) * len(shape)]


def _window(step: tuple[int, ...], side: int) -> tuple[slice, ...]:
    """The pixels that have a neighbour that far away (side -1), or these neighbours (side 1)."""
    return tuple(slice(max(s * side, 0), min(s * side, 0) or None) for s in step)


def _shortest(
    one: NDArray[np.int32], other: NDArray[np.int32], length: NDArray[np.float64], total: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every pair once, the smaller node first, with its shortest length."""
    key = np.minimum(one, other).astype(np.int64) * total + np.maximum(one, other)
    order = np.argsort(length, kind="stable")
    keys, first = np.unique(key[order], return_index=True)
    a, b = np.divmod(keys, total)
    return a, b, length[order][first]
