"""A large image with its objects as tiles at several resolutions, small enough to travel in one page."""

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import PIL.Image

from core.ahead import computed_ahead
from core.config import Config, require
from core.image import Labels
from core.progress import SILENT, Progress
from core.visual import Picture

ReadPicture = Callable[[int, slice, slice], Picture]
"""Factor, rows, columns: a part of the image reduced by the factor; rows and columns count reduced pixels."""

ReadLabels = Callable[[int, slice, slice], Labels]
"""The same part of the label image, reduced by picking pixels: numbers are never mixed."""


@dataclass(frozen=True)
class PyramidConfig(Config):
    """How an image is cut up.

    Parameters
    ----------
    tile : height and width of a tile, pixels, 64 to 2048.
    budget : most bytes that all encoded tiles may take, 10,000 or more.
    quality : of JPEG, 1 to 95.
    """

    tile: int = 512
    budget: int = 24_000_000
    quality: int = 80

    def __post_init__(self) -> None:
        require(64 <= self.tile <= 2048, "tile", self.tile, "from 64 to 2048")
        require(self.budget >= 10_000, "budget", self.budget, "10,000 or more")
        require(1 <= self.quality <= 95, "quality", self.quality, "from 1 to 95")


@dataclass(frozen=True)
class TileLevel:
    """The whole image at one resolution, reduced to ceil(size / factor) pixels.

    Parameters
    ----------
    factor : by how much it is reduced, a power of two.
    rows, columns : number of tiles.
    pictures : files in JPEG, row by row; a tile of a single colour is a PNG file of one pixel.
    labels : the objects of the same tiles, with one more pixel on every side that is not the image's edge, so that
        outlines can be drawn tile by tile. Empty where there is no object; else little-endian numbers, compressed by
        zlib: the count n of objects; their n numbers, ascending (all 32 bit); for every pixel 0 or the place of its
        object among these, from 1 (8 bit for n below 2^8, 16 bit below 2^16, or 32 bit).
    object_size : square root of the objects' mean area within a tile, pixels of this level; 0 without objects.
    """

    factor: int
    rows: int
    columns: int
    pictures: tuple[bytes, ...]
    labels: tuple[bytes, ...]
    object_size: float

    @property
    def size(self) -> int:
        """Bytes of all tiles."""
        return sum(map(len, self.pictures)) + sum(map(len, self.labels))


@dataclass(frozen=True)
class Pyramid:
    """An image of `height` times `width` pixels at several resolutions.

    Parameters
    ----------
    tile : height and width of a tile, pixels.
    levels : the coarsest first, one tile; each next one is twice as fine.
    """

    height: int
    width: int
    tile: int
    levels: tuple[TileLevel, ...]

    @property
    def finest(self) -> int:
        """The factor of the finest level: 1 if the pyramid holds the image in full resolution."""
        return self.levels[-1].factor


def build_pyramid(
    height: int,
    width: int,
    picture: ReadPicture,
    labels: ReadLabels,
    config: PyramidConfig | None = None,
    progress: Progress = SILENT,
    workers: int = 1,
) -> Pyramid:
    """All levels of an image from a single tile to the finest that the budget allows.

    Levels are made from coarse to fine. One is begun if it will fit the budget, should it outgrow the one before as
    that did its own; it is thrown away if it does not fit after all. The coarsest is always there. In memory are the
    encoded tiles and at most `workers` raw ones.

    Parameters
    ----------
    height, width : pixels of the image, 1 or more.
    picture, labels : read a part; called from `workers` threads at once.

    Raises
    ------
    UserInputError : an image without pixels.
    Canceled : the user stopped the work.
    """
    config = config or PyramidConfig()
    require(min(height, width) > 0, "The size of the image", (height, width), "1 pixel or more each way")
    factor = 1
    while -(-max(height, width) // factor) > config.tile:
        factor *= 2
    cutter = _Cutter(height, width, picture, labels, config, workers)
    levels: list[TileLevel] = []
    left, growth, done = config.budget, 1.0, 0.0
    while factor >= 1 and (not levels or levels[-1].size * growth <= left):
        share = 0.75 / factor**2
        level = cutter.level(factor, left if levels else None, progress.part(done, done + share))
        if level is None:
            break
        growth = level.size / levels[-1].size if levels else 1.0
        left -= level.size
        levels.append(level)
        done += share
        factor //= 2
    return Pyramid(height, width, config.tile, tuple(levels))


@dataclass(frozen=True)
class _Cutter:
    """What is the same for all levels: `build_pyramid`'s parameters."""

    height: int
    width: int
    picture: ReadPicture
    labels: ReadLabels
    config: PyramidConfig
    workers: int

    def level(self, factor: int, most: int | None, progress: Progress) -> TileLevel | None:
        """One level; none if its tiles take more than `most` bytes."""
        side = self.config.tile
        rows, columns = (-(-n // (factor * side)) for n in (self.height, self.width))
        pictures, codes, objects, covered, size = [], [], 0, 0, 0
        places = list(product(range(rows), range(columns)))
        with computed_ahead(partial(self._tile, factor), places, self.workers, progress) as tiles:
            for picture, code, ids, pixels in tiles:
                pictures.append(picture)
                codes.append(code)
                objects, covered, size = objects + ids, covered + pixels, size + len(picture) + len(code)
                if most is not None and size > most:
                    return None
                progress.step(len(pictures) / len(places), "Picture of the whole")
        object_size = (covered / objects) ** 0.5 if objects else 0.0
        return TileLevel(factor, rows, columns, tuple(pictures), tuple(codes), object_size)

    def _tile(self, factor: int, place: tuple[int, int]) -> tuple[bytes, bytes, int, int]:
        """Its picture and its labels, encoded; how many objects it has, how many of its pixels are theirs."""
        extent = [-(-n // factor) for n in (self.height, self.width)]
        first = [n * self.config.tile for n in place]
        stop = [min(a + self.config.tile, n) for a, n in zip(first, extent, strict=True)]
        rows, columns = map(slice, first, stop)
        picture = _encode_picture(self.picture(factor, rows, columns), self.config.quality)
        rows, columns = (slice(max(a - 1, 0), min(b + 1, n)) for a, b, n in zip(first, stop, extent, strict=True))
        numbers = self.labels(factor, rows, columns)
        code, objects = _encode_labels(numbers)
        return picture, code, objects, int(np.count_nonzero(numbers))


def _encode_picture(pixels: Picture, quality: int) -> bytes:
    buffer = io.BytesIO()
    if (pixels == pixels[0, 0]).all():
        PIL.Image.fromarray(pixels[:1, :1]).save(buffer, "PNG")
    else:
        PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _encode_labels(numbers: Labels) -> tuple[bytes, int]:
    """As `TileLevel` says; the number of objects."""
    flat = numbers.ravel()
    first = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    ids, places = np.unique(np.append(0, flat[first]), return_inverse=True)
    count = len(ids) - 1
    if not count:
        return b"", 0
    kind = "<u1" if count < 1 << 8 else "<u2" if count < 1 << 16 else "<u4"
    local = np.repeat(places[1:].astype(kind), np.diff(np.append(first, flat.size)))
    ids[0] = count
    return zlib.compress(ids.astype("<i4").tobytes() + local.tobytes()), count
