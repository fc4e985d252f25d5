"""Fragments grouped: what lies near enough to each other becomes one object."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, hypot, isfinite, prod, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.config import require
from core.errors import UserInputError
from core.image import Image
from core.measurement.runs import Runs, runs
from core.measurement.ways import ways
from core.progress import SILENT, Progress

SLACK = 1e-9
"""Share by which a gap may be above the limit, because 0.3 is not three times 0.1 for a computer."""

Pairs = NDArray[np.int64]
"""Which fragments belong together, [2, N], by their places in the order of their labels, from 0."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """What became of fragments.

    Parameters
    ----------
    labels : kind "labels", axes as before; objects are numbered from 1 in the order of their first pixels.
    before, after : the number of fragments, and of objects.
    """

    labels: Image
    before: int
    after: int


def group_fragments(
    labels: Image,
    gap: float,
    through: NDArray[np.bool_] | None = None,
    progress: Progress = SILENT,
    smallest: float = 0.0,
) -> Grouping:
    """Give one number to fragments that are near enough to each other, and to whatever hangs together by such pairs.

    The gap of two fragments is the shortest straight line from the edge of one to the edge of the other, pixels taken
    as bricks of their physical size: 0 where they touch at a side, an edge or a corner, the size of a pixel where one
    pixel lies between. This is single linkage (Sneath 1957, Journal of General Microbiology), cut at `gap`. Where a
    way is asked for, see `core.measurement.ways.ways`, its length takes the place of the gap.

    Which fragments come together does not depend on their numbers, nor do the numbers of the objects.

    Parameters
    ----------
    labels : kind "labels", axes YX or ZYX; numbers are arbitrary, a number is one fragment, in however many pieces.
    gap : µm, 0 or more: fragments with at most this gap become one object.
    through : pixels of the same shape that lead from fragment to fragment; None: the straight gap alone counts.
    smallest : objects of less than this area in µm², of stacks of less than this volume in µm³, are left out: all their
        fragments together count. 0 or more.

    Raises
    ------
    UserInputError : the labels have no pixel size along an axis; a gap out of bounds; labels that are negative or no
        integers; another shape of `through`.
    Canceled : the user stopped the work.
    """
    require(isfinite(gap) and gap >= 0, "gap", gap, "0 µm or more")
    require(isfinite(smallest) and smallest >= 0, "smallest", smallest, "0 or more")
    sizes = _sizes(labels)
    depth, height, width = (labels.size(axis) for axis in "ZYX")
    if labels.array.size != depth * height * width:
        raise UserInputError("Labels have one channel and one time point.", todo="Give a stack of label images.")
    if through is not None and through.shape != labels.array.shape:
        raise UserInputError(f"The labels have the shape {labels.array.shape}, what connects them {through.shape}.")
    # slice below slice the stack is one high image, of which there are runs
    found = runs(labels.array.reshape(depth * height, width))
    limit, count = gap * (1 + SLACK), len(found.ids)
    if through is None:
        pairs = _near(found, (depth, height, width), sizes, limit, progress)
    else:
        numbers = np.repeat(found.number, found.length).reshape(depth, height, width)
        pairs = ways(numbers, through.reshape(numbers.shape), sizes, limit, progress)
    graph = coo_array((np.ones(pairs.shape[1], bool), (pairs[0], pairs[1])), shape=(count, count))
    group = connected_components(graph, directed=False)[1] + 1 if count else np.empty(0, np.int64)
    brick = prod(sizes if depth > 1 else sizes[1:])
    measured = np.bincount(group, found.total(found.length)) * brick
    group[measured[group] < smallest * (1 - SLACK)] = 0
    of_runs = np.append(0, group)[found.number]
    _, first, place = np.unique(of_runs[of_runs > 0], return_index=True, return_inverse=True)
    of_runs[of_runs > 0] = np.argsort(np.argsort(first))[place] + 1
    array = np.repeat(of_runs.astype(np.int32), found.length).reshape(labels.array.shape)
    return Grouping(labels.with_array(array, labels.axes, "labels"), count, len(first))


def _sizes(labels: Image) -> tuple[float, float, float]:
    """Size of a pixel along Z, Y, X in µm; that of a single slice does not matter.

    Raises
    ------
    UserInputError : it is unknown.
    """
    flat = labels.size("Z") == 1
    unknown = [axis for axis in ("YX" if flat else "ZYX") if axis not in labels.pixel_size]
    if unknown:
        what = "distance of slices" if unknown == ["Z"] else "pixel size"
        raise UserInputError(
            f"The labels have no {what}, so gaps in µm are not known.",
            todo=f"Set the {what} when reading the images, in the Microscopy Image Reader under Pixels.",
        )
    z, y, x = (labels.pixel_size.get(axis, 1.0) for axis in "ZYX")
    return z, y, x


def _near(
    found: Runs, shape: tuple[int, int, int], sizes: tuple[float, float, float], limit: float, progress: Progress
) -> Pairs:
    """Enough of the pairs with a gap of at most `limit` that all others follow from them.

    Runs of two rows are compared at once. Those of one row are sorted, so that what a run reaches in another row is a
    range: it is enough to join the run with the first of them, and every one of them with the next.
    """
    drawn = found.number > 0
    number, row, first, stop = (values[drawn] for values in (found.number - 1, found.row, found.first, found.stop))
    (depth, height, width), count = shape, max(1, len(found.ids))
    z, y = np.divmod(row, max(1, height))
    by_first, by_stop = row * (width + 1) + first, row * (width + 1) + stop
    chained = np.zeros(len(number) + 1, np.int64)  # changes of how many ranges hold a run and the next
    keys = [np.empty(0, np.int64)]
    steps = list(_rows_apart(shape, sizes, limit))
    for done, (dz, dy, reach) in enumerate(steps):
        progress.step(done / len(steps), "Measuring gaps")
        runs_of = np.flatnonzero((z + dz < depth) & (y + dy >= 0) & (y + dy < height))
        start = (row[runs_of] + dz * height + dy) * (width + 1)
        low = np.searchsorted(by_stop, start + np.maximum(first[runs_of] - reach, 0), "left")
        high = np.searchsorted(by_first, start + np.minimum(stop[runs_of] + reach, width), "right")
        some = low < high
        low, high = low[some], high[some]
        one, other = number[runs_of[some]], number[low]
        different = one != other
        keys.append(np.unique(one[different] * count + other[different]))
        chained += np.bincount(low, minlength=len(chained)) - np.bincount(high - 1, minlength=len(chained))
    linked = np.flatnonzero(np.cumsum(chained)[:-1] > 0)
    keys.append(np.unique(number[linked] * count + number[linked + 1]))
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), count))


def _rows_apart(
    shape: tuple[int, int, int], sizes: tuple[float, float, float], limit: float
) -> Iterator[tuple[int, int, int]]:
    """How many slices and rows apart pixels may lie, each pair of rows once, and how many columns may be between."""
    depth, height, width = shape
    for dz in range(depth):
        for dy in range(0 if dz == 0 else 1 - height, height):
            apart = hypot(max(dz - 1, 0) * sizes[0], max(abs(dy) - 1, 0) * sizes[1])
            if apart <= limit:
                columns = sqrt(max(limit**2 - apart**2, 0.0)) / sizes[2]
                yield dz, dy, min(floor(columns * (1 + SLACK)), width)
