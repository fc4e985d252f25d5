"""Joining label images of tiles to one, in which every object is there once and whole.

Every tile has been segmented by itself, so that its numbers mean nothing in another, and an object at its edge may be
there in part only. Edges of a tile behind which other tiles go on are its inner edges; an object that touches none of
them is whole, others are cut.

    tile A  |--------------------|
    tile B                 |--------------------|
              (whole)      (b) (  c  )   (whole)          b is whole in A, cut in B;
                           |-----|                        c is whole in B, cut in A
                         common area

1. Two objects of two tiles are the same if they cover each other in the common area: if their intersection has at least
   half of the pixels that the smaller one has there. What is whole in a tile lies in it; therefore an object that lies
   mostly outside of that tile is never the same.
2. Of the objects that are the same the one is taken that is whole and farthest from its tile's inner edges (as in the
   suppression of double detections: the best first, which drops those that are the same).
3. Objects that are whole in no tile, because they are larger than the overlap, are put together of their parts: of
   those cut ones that are the same. They are reported. A part that has no counterpart stays as it is.
4. A sliver at an inner edge that has no counterpart in another tile, though that tile sees all of its place, is no
   object: a border that two tiles draw a pixel apart leaves such a thing. It is dropped.
5. Where tiles touch without overlap, objects on both sides are joined if at least half of the shorter of their two
   borders on the seam lies against the other. Two different objects that happen to touch there are joined, too, and
   slanting ones may stay apart: only tiles that overlap can tell.

What is kept is painted tile by tile; where two different objects claim a pixel, the one of the upper left tile has it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.errors import UserInputError
from core.image import Labels
from core.inference.places import Place, neighbours
from core.measurement.runs import runs
from core.progress import SILENT, Progress

SLIVER = 2
"""A sliver reaches so many pixels into its tile, at most."""

KEPT = 6
"""So many tiles are kept in memory while neighbours are compared: one, the one before it and the three above."""


@dataclass(frozen=True, eq=False)
class Stitched:
    """The label image that tiles were joined to.

    Parameters
    ----------
    labels : int32, axes YX, objects numbered from 1 without gaps.
    count : number of objects.
    cut : row and column of the middle of every object that is whole in none of the tiles, though these overlap: it is
        larger than the overlap, and was put together of parts.
    """

    labels: Labels
    count: int
    cut: tuple[tuple[int, int], ...]


def stitch(
    shape: tuple[int, int], places: Sequence[Place], read: Callable[[int], Labels], progress: Progress = SILENT
) -> Stitched:
    """Join tiles by the rules above; the result does not depend on their order.

    In memory are the label image and a few tiles. Every tile is read about three times. Where no tile is, there is
    background.

    Parameters
    ----------
    shape : height and width of the image, pixels.
    places : of the tiles, in any order.
    read : gives the labels of a tile by its number in `places`: int32, axes YX, numbers of its own.

    Raises
    ------
    UserInputError : labels of a tile have another size than its place.
    Canceled : the user stopped the work.
    """
    order = sorted(range(len(places)), key=lambda number: places[number])
    tiles = [places[number] for number in order]
    inner, pairs = neighbours(tiles)

    @lru_cache(maxsize=KEPT)
    def objects(number: int) -> _Objects:
        return _Objects.of(read(order[number]), tiles[number], inner[number])

    census = _Census(len(tiles))
    for number in range(len(tiles)):
        progress.step(0.7 * number / len(tiles), f"comparing tile {number + 1} of {len(tiles)}")
        census.add(objects(number))
        for other in pairs[number]:
            census.compare(other, objects(other), number, objects(number))
    numbers, cut = census.decide()
    labels = np.zeros(shape, np.int32)
    for number, place in enumerate(tiles):
        progress.step(0.7 + 0.3 * number / len(tiles), f"joining tile {number + 1} of {len(tiles)}")
        part = labels[place.y : place.bottom, place.x : place.right]
        colours = np.concatenate([[0], numbers[census.start[number] : census.start[number + 1]]]).astype(np.int32)
        np.copyto(part, colours[objects(number).numbered], where=part == 0)
    return Stitched(labels, _close_gaps(labels, int(numbers.max(initial=0))), cut)


@dataclass(frozen=True, eq=False)
class _Objects:
    """The objects of a tile.

    Parameters
    ----------
    numbered : int32, axes YX, the tile's labels numbered from 1 without gaps.
    area : pixels of every object.
    box : first and last row, first and last column of every object, in the image, 4 x M.
    clearance : pixels between every object and the nearest inner edge; 0 where it is cut.
    sliver : whether it only just reaches over an inner edge.
    """

    place: Place
    numbered: Labels
    area: NDArray[np.int64]
    box: NDArray[np.int64]
    clearance: NDArray[np.int64]
    sliver: NDArray[np.bool_]

    @classmethod
    def of(cls, labels: Labels, place: Place, inner: NDArray[np.bool_]) -> Self:
        if labels.shape != (place.height, place.width):
            raise UserInputError(
                f"The labels have {labels.shape[0]} x {labels.shape[1]} pixels.",
                where=f"Tile at {place}",
                todo="Give the labels as they were predicted for the tiles, neither cropped nor resized.",
            )
        found = runs(labels)
        numbered = np.repeat(found.number.astype(np.int32), found.length).reshape(labels.shape)
        far = max(labels.shape)
        box = np.array([[far], [-1], [far], [-1]]).repeat(len(found.ids) + 1, 1)
        for extreme, target, values in zip(
            (np.minimum, np.maximum) * 2, box, (found.row, found.row, found.first, found.stop - 1), strict=True
        ):
            extreme.at(target, found.number, values)
        box = box[:, 1:]
        ends = np.array([0, place.height - 1, 0, place.width - 1])[:, None]
        distance = np.where(inner[:, None], np.abs(box - ends), np.iinfo(np.int64).max)
        depth = np.abs(box[[1, 0, 3, 2]] - ends) + 1
        return cls(
            place,
            numbered,
            found.total(found.length).astype(np.int64),
            box + np.array([place.y, place.y, place.x, place.x])[:, None],
            distance.min(0, initial=np.iinfo(np.int64).max),
            ((distance == 0) & (depth <= SLIVER)).any(0),
        )


class _Census:
    """The objects of all tiles, numbered through, and what they have to do with each other."""

    def __init__(self, tiles: int) -> None:
        self.start = np.zeros(tiles + 1, np.int64)
        self._added = 0
        self._clearance: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._sliver: list[NDArray[np.bool_]] = [np.empty(0, bool)]
        self._box: list[NDArray[np.int64]] = [np.empty((4, 0), np.int64)]
        self._missed: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._same: list[NDArray[np.int64]] = [np.empty((2, 0), np.int64)]
        self._joined: list[NDArray[np.int64]] = [np.empty((2, 0), np.int64)]
        self._overlap = False

    def add(self, objects: _Objects) -> None:
        """The objects of the next tile."""
        self.start[self._added + 1] = self.start[self._added] + len(objects.area)
        self._added += 1
        self._clearance.append(objects.clearance)
        self._sliver.append(objects.sliver)
        self._box.append(objects.box)

    def compare(self, i: int, one: _Objects, j: int, other: _Objects) -> None:
        """Two tiles that were added, and have a common area or border."""
        a, b = one.numbered[one.place.within(other.place)], other.numbered[other.place.within(one.place)]
        if a.size:
            self._overlap = True
            first, second, covered, in_a, in_b = _coverage(a, b, len(one.area), len(other.area))
            alike = 2 * covered >= np.minimum(in_a[first], in_b[second])
            alike &= (one.clearance[first] == 0) | (2 * in_b[second] >= other.area[second])
            alike &= (other.clearance[second] == 0) | (2 * in_a[first] >= one.area[first])
            first, second = first[alike], second[alike]
            self._same.append(np.stack([first + self.start[i], second + self.start[j]]))
            for objects, here, twins, number in ((one, in_a, first, i), (other, in_b, second, j)):
                missed = here == objects.area
                missed[twins] = False
                self._missed.append(np.flatnonzero(missed) + self.start[number])
        else:
            a, b = _border(one, other), _border(other, one)
            first, second, covered, in_a, in_b = _coverage(a, b, len(one.area), len(other.area))
            against = 2 * covered >= np.minimum(in_a[first], in_b[second])
            self._joined.append(np.stack([first[against] + self.start[i], second[against] + self.start[j]]))

    def decide(self) -> tuple[NDArray[np.int64], tuple[tuple[int, int], ...]]:
        """The number of every object in the joined image, 0 for those dropped; where those lie that are cut."""
        clearance, box = np.concatenate(self._clearance), np.concatenate(self._box, axis=1)
        count = len(clearance)
        same, joined = np.concatenate(self._same, axis=1), np.concatenate(self._joined, axis=1)
        taken = self._best(same, clearance)
        parts = same[:, (clearance[same] == 0).all(0)]
        links = np.concatenate([parts, joined], axis=1)
        links = links[:, taken[links].all(0)]
        _, group = connected_components(coo_array((np.ones(links.shape[1]), links), (count, count)), directed=False)
        taken &= ~self._slivers(group, taken)
        numbers = np.zeros(count, np.int64)
        kept, first, numbers[taken] = np.unique(group[taken], return_index=True, return_inverse=True)
        numbers[taken] = np.argsort(np.argsort(first))[numbers[taken]] + 1
        return numbers, self._places(numbers, len(kept), clearance, box) if self._overlap else ()

    def _best(self, same: NDArray[np.int64], clearance: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which objects are left when of those that are the same the best whole one is taken."""
        taken = np.ones(len(clearance), bool)
        twins: dict[int, list[int]] = {}
        for one, other in same.T.tolist():
            twins.setdefault(one, []).append(other)
            twins.setdefault(other, []).append(one)
        for number in sorted((n for n in twins if clearance[n] > 0), key=lambda n: (-clearance[n], n)):
            if taken[number]:
                taken[twins[number]] = False
        return taken

    def _slivers(self, group: NDArray[np.int32], taken: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which objects are slivers, in groups of slivers alone, of which a tile that sees all of one has nothing."""
        sliver, missed = np.concatenate(self._sliver), np.zeros(len(group), bool)
        missed[np.concatenate(self._missed)] = True
        more = np.bincount(group, taken & ~sliver, len(group) + 1) > 0
        doubted = np.bincount(group, taken & missed, len(group) + 1) > 0
        result: NDArray[np.bool_] = sliver & doubted[group] & ~more[group]
        return result

    @staticmethod
    def _places(
        numbers: NDArray[np.int64], count: int, clearance: NDArray[np.int64], box: NDArray[np.int64]
    ) -> tuple[tuple[int, int], ...]:
        """The middle of every object of which all parts are cut."""
        whole = np.zeros(count + 1, bool)
        whole[numbers[clearance > 0]] = True
        first, last = np.full((2, count + 1), np.iinfo(np.int64).max), np.full((2, count + 1), -1)
        for axis in (0, 1):
            np.minimum.at(first[axis], numbers, box[2 * axis])
            np.maximum.at(last[axis], numbers, box[2 * axis + 1])
        found = np.flatnonzero(~whole)
        middle = (first + last)[:, found[found > 0]] // 2
        return tuple((int(y), int(x)) for y, x in middle.T)


def _coverage(
    a: Labels, b: Labels, count_a: int, count_b: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of objects that share pixels, counted from 0; how many they share; pixels of each object of a, and of b."""
    both = (a > 0) & (b > 0)
    keys, covered = np.unique(a[both].astype(np.int64) * (count_b + 1) + b[both], return_counts=True)
    first, second = np.divmod(keys, count_b + 1)
    in_a, in_b = (np.bincount(of.ravel(), minlength=n + 1)[1:] for of, n in ((a, count_a), (b, count_b)))
    return first - 1, second - 1, covered, in_a, in_b


def _border(one: _Objects, other: _Objects) -> Labels:
    """The pixels of a tile that lie against another, which it touches without overlap."""
    rows, columns = one.place.within(other.place)
    if rows.start == rows.stop:
        border: Labels = one.numbered[-1 if rows.start else 0, columns]
    else:
        border = one.numbered[rows, -1 if columns.start else 0]
    return border


def _close_gaps(labels: Labels, largest: int) -> int:
    """Number objects anew in place where some were painted over; their number."""
    there = np.zeros(largest + 1, bool)
    for row in labels:
        there[row] = True
    there[0] = False
    new = np.where(there, np.cumsum(there), 0).astype(np.int32)
    if not there[1:].all():
        for row in labels:
            row[:] = new[row]
    return int(there.sum())
