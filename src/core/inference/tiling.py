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
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product


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
    return [(c, slice(max(0, c.start - margin), min(size, c.stop + margin))) for c in cores]


def tiles(shape: tuple[int, ...], core: int, margin: int, multiple: int) -> Iterator[Tile]:
    """The tiles of an image.

    Parameters
    ----------
    shape : length of every axis in pixels, multiples of `multiple`.
    core : wanted length of a core in pixels; rounded up to a multiple of `multiple`.
    margin : radius of the network's receptive field in pixels; rounded up likewise, so that every crop starts on the
        network's pooling grid.
    multiple : the number of pixels by which the network pools in all.
    """
    core, margin = round_up(core, multiple), round_up(margin, multiple)
    for parts in product(*(cut(size, core, margin) for size in shape)):
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
        axes.append([(c, slice(max(0, c.start - margin), min(size, c.stop + margin))) for c in cores])
    for parts in product(*axes):
        yield Tile(core=tuple(p[0] for p in parts), crop=tuple(p[1] for p in parts))
