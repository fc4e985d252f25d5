"""Where the tiles of an image lie: whether they cover it, and which of them are neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError


@dataclass(frozen=True, order=True)
class Place:
    """Where a tile lies in its image, in pixels: its first row and column, and its size."""

    y: int
    x: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"Y {self.y}, X {self.x}, {self.height} x {self.width} pixels"

    @property
    def bottom(self) -> int:
        """The row behind the last."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """The column behind the last."""
        return self.x + self.width

    def within(self, other: "Place") -> tuple[slice, slice]:
        """Rows and columns of what this place shares with another, counted from this one."""
        top, bottom = max(self.y, other.y) - self.y, min(self.bottom, other.bottom) - self.y
        left, right = max(self.x, other.x) - self.x, min(self.right, other.right) - self.x
        return slice(top, bottom), slice(left, right)


def faults(shape: tuple[int, int], places: Sequence[Place]) -> list[str]:
    """What is wrong with the tiles of an image, in words: places that no tile covers, tiles that are there twice.

    Parameters
    ----------
    shape : height and width of the image, pixels.
    places : of all its tiles.

    Raises
    ------
    UserInputError : a tile reaches out of the image.
    """
    for place in places:
        if min(place.y, place.x) < 0 or place.bottom > shape[0] or place.right > shape[1]:
            raise UserInputError(
                f"The tile at {place} reaches out of the image, which has {shape[0]} x {shape[1]} pixels.",
                todo="Give tiles of one image only, with the columns that the Large Image Tiler made.",
            )
    found = []
    if missing := _uncovered(shape, places):
        found.append(f"no tile covers {_some(missing)}")
    corners = sorted((place.y, place.x) for place in places)
    if twice := sorted({one for one, other in pairwise(corners) if one == other}):
        found.append(f"several tiles begin at {_some([f'Y {y}, X {x}' for y, x in twice])}")
    return found


def neighbours(tiles: Sequence[Place]) -> tuple[list[NDArray[np.bool_]], list[list[int]]]:
    """Which sides of every tile are inner edges (top, bottom, left, right), and its neighbours before it.

    Neighbours have a common area. Along an axis on which no tiles overlap those are neighbours, too, that have a common
    border.

    Parameters
    ----------
    tiles : in ascending order.
    """
    inner = [np.zeros(4, bool) for _ in tiles]
    near: list[tuple[int, int, tuple[int, int]]] = []
    overlap = [False, False]
    for i, one in enumerate(tiles):
        for j in range(i + 1, len(tiles)):
            other = tiles[j]
            if other.y > one.bottom:
                break
            rows, columns = one.within(other)
            lengths = (rows.stop - rows.start, columns.stop - columns.start)
            if min(lengths) >= 0 and max(lengths) > 0:
                near.append((i, j, lengths))
                for side, (a, b) in zip((i, j), ((one, other), (other, one)), strict=True):
                    inner[side] |= [b.y < a.y, b.bottom > a.bottom, b.x < a.x, b.right > a.right]
            if min(lengths) > 0:
                overlap = [overlap[0] or one.y != other.y, overlap[1] or one.x != other.x]
    pairs: list[list[int]] = [[] for _ in tiles]
    for i, j, lengths in near:
        if all(length > 0 or not there for length, there in zip(lengths, overlap, strict=True)):
            pairs[j].append(i)
    return inner, pairs


def _uncovered(shape: tuple[int, int], places: Sequence[Place]) -> list[Place]:
    """The parts of an image that no tile covers, from edge to edge of tiles."""
    ys = sorted({0, shape[0], *(p.y for p in places), *(p.bottom for p in places)})
    xs = sorted({0, shape[1], *(p.x for p in places), *(p.right for p in places)})
    covered = np.zeros((len(ys) - 1, len(xs) - 1), bool)
    for p in places:
        covered[ys.index(p.y) : ys.index(p.bottom), xs.index(p.x) : xs.index(p.right)] = True
    return [Place(ys[i], xs[j], ys[i + 1] - ys[i], xs[j + 1] - xs[j]) for i, j in np.argwhere(~covered).tolist()]


def _some(things: Sequence[object], most: int = 3) -> str:
    rest = len(things) - most
    return "; ".join(map(str, things[:most])) + (f"; and {rest} more places" if rest > 0 else "")
