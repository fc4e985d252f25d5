"""Cutting an image into tiles whose results, put together, are those of the whole image.

Along one axis, `core` is what a tile is responsible for, `margin` what the network looks at beside it:

    image   0                                             size
            |---------------------------------------------|
    core    |---------|---------|---------|---------|-----|
    crop    |------------|                                       first tile: margin on one side only
                    |---------------|                            inner tile: margin on both sides
                                            |-------------|      last tile ends with the image

Cores touch and do not overlap. A crop ends where the image ends, so that a tile at the image's edge sees the same
edge as the whole image does.

An object belongs to the tile in whose core a point of it lies, for instance its centre (`owners`). Where the
margin is as long as the network looks and an object reaches (`object_margin`), that tile sees the object whole and as
it is in the whole image; so every object is found once, whatever its neighbours find of it:

    core              |---------|---------|
    object                    (o  )                 its point o lies in the left core: the left tile's
    crop of the left tile  |---------------|        holds all of it

People cut images into equal tiles that share a strip with their neighbours (`overlapping`):

    tiles   |------------|
                     |------------|                  every tile but the last is equally long
                              |------------|
                                       |------|      and the last ends with the image
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Tile:
    """One tile along every axis, in pixels of the image.

    Parameters
    ----------
    core : what the tile is responsible for.
    crop : the core and its margins.
    """

    core: tuple[slice, ...]
    crop: tuple[slice, ...]

    def inner(self, grid: int) -> tuple[slice, ...]:
        """Where the core lies in the crop's result, whose pixels are `grid` image pixels wide."""
        return tuple(
            slice((core.start - crop.start) // grid, (core.stop - crop.start) // grid)
            for core, crop in zip(self.core, self.crop, strict=True)
        )

    def outer(self, grid: int) -> tuple[slice, ...]:
        """Where the core lies in the whole result, whose pixels are `grid` image pixels wide."""
        return tuple(slice(core.start // grid, core.stop // grid) for core in self.core)


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple that is not below a value."""
    return -(-value // multiple) * multiple


def cut(size: int, core: int, margin: int) -> list[tuple[slice, slice]]:
    """Core and crop of every tile along one axis.

    Parameters
    ----------
    size : length of the axis in pixels, 1 or more.
    core : length of a core in pixels; the last core may be shorter.
    margin : length of a margin in pixels.
    """
    starts = range(0, size, core)
    cores = [slice(start, min(start + core, size)) for start in starts]
    return _with_margins(cores, size, margin)


def tiles(
    shape: Sequence[int], core: int | Sequence[int], margin: int | Sequence[int], multiple: int = 1
) -> Iterator[Tile]:
    """The tiles of an image, the last axis running fastest.

    Parameters
    ----------
    shape : length of every axis in pixels, multiples of `multiple`.
    core : wanted length of a core in pixels, of all axes or of each; rounded up to a multiple of `multiple`.
    margin : radius of the network's receptive field in pixels, likewise; rounded up as well, so that every crop starts
        on the network's pooling grid.
    multiple : the number of pixels by which the network pools in all.
    """
    cores, margins = ([round_up(n, multiple) for n in _of_each(value, len(shape))] for value in (core, margin))
    for parts in product(*map(cut, shape, cores, margins)):
        yield Tile(core=tuple(p[0] for p in parts), crop=tuple(p[1] for p in parts))


def even_tiles(shape: tuple[int, ...], core: int, margin: int, multiple: int) -> Iterator[Tile]:
    """The tiles of an image, of nearly equal cores, so that the last ones are no narrow strips.

    Parameters
    ----------
    core : largest length of a core in pixels.
    shape, margin, multiple : see `tiles`.
    """
    margin = round_up(margin, multiple)
    axes = []
    for size in shape:
        units, count = size // multiple, -(-size // max(core, multiple))
        bounds = [units * i // count * multiple for i in range(count + 1)]
        cores = [slice(start, stop) for start, stop in pairwise(bounds)]
        axes.append(_with_margins(cores, size, margin))
    for parts in product(*axes):
        yield Tile(core=tuple(p[0] for p in parts), crop=tuple(p[1] for p in parts))


def owners(points: ArrayLike, shape: Sequence[int], core: int | Sequence[int], multiple: int = 1) -> NDArray[np.int64]:
    """The tile that every point belongs to: its number in the order of `tiles`.

    A core owns the points from its first pixel to below the next core's, along every axis; points beyond the image's
    edges belong to the tile beside them.

    Parameters
    ----------
    points : positions in pixels, N x axes; a pixel's centre has its index as position.
    shape, core, multiple : as for `tiles`.
    """
    cores = np.array([round_up(n, multiple) for n in _of_each(core, len(shape))])
    counts = -(-np.asarray(shape) // cores)
    place = np.floor(np.asarray(points, float).reshape(-1, len(shape)) / cores).astype(np.int64)
    numbers: NDArray[np.int64] = np.ravel_multi_index(tuple(np.clip(place, 0, counts - 1).T), tuple(counts))
    return numbers


def object_margin(reach: int, extent: float) -> int:
    """The margin with which a tile sees every object whole whose point lies in its core, in pixels.

    Parameters
    ----------
    reach : radius of the network's receptive field, pixels: so far from a crop's edge its result is that of the whole.
    extent : length of the largest object, pixels: so far it may reach from any of its points.
    """
    return reach + int(np.ceil(extent))


def overlapping(size: int, tile: int, overlap: int) -> list[slice]:
    """Tiles along one axis that share `overlap` pixels with their neighbours.

    Parameters
    ----------
    size : length of the axis in pixels, 1 or more.
    tile : length of a tile in pixels; the last may be shorter, but not than the overlap unless it is the only one.
    overlap : pixels that neighbours share, 0 or more and less than `tile`.
    """
    starts = range(0, max(1, size - overlap), tile - overlap)
    return [slice(start, min(start + tile, size)) for start in starts]


def _with_margins(cores: list[slice], size: int, margin: int) -> list[tuple[slice, slice]]:
    """Every core with its crop."""
    return [(c, slice(max(0, c.start - margin), min(size, c.stop + margin))) for c in cores]


def _of_each(value: int | Sequence[int], axes: int) -> Sequence[int]:
    return [value] * axes if isinstance(value, int) else value
