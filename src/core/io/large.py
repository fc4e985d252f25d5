"""Images that need not fit in memory: rectangles are read where they are wanted, at full or lower resolution."""

import errno
import hashlib
import itertools
import lzma
import math
import struct
import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import RGB, Image
from core.io.axes import Pages
from core.io.formats import ZARR_MARKS, sniff
from core.io.regions import ArrayPixels, Pixels

Damaged = Literal["fail", "zero"]
"""What is done with places of a file that cannot be read: an error, or zeros in their stead, with a note."""

DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
"""What readers and codecs raise for damaged data. A lack of memory is none."""


@dataclass(frozen=True)
class Level:
    """One resolution of an image.

    Parameters
    ----------
    height, width : pixels.
    pixel_size : length of a pixel along Y and X in micrometres; empty if unknown.
    chunk : height and width of what is stored in one piece; reading whole pieces is fastest.
    """

    height: int
    width: int
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    chunk: tuple[int, int] = (512, 512)


class LargeImage(ABC):
    """A 2-D image with one or more levels, of which rectangles are read.

    Reading is thread-safe. It pickles as its path and the arguments that it was opened with, so that other processes
    open it for themselves; each of them keeps its own list of damaged places.

    Parameters
    ----------
    path : the file or folder.
    pixels : one for each level, the full resolution first.
    pixel_sizes : µm, of each level.
    channel_names : one per channel, or empty; a colour picture has `core.image.RGB`.
    damaged : what to do with places that cannot be read.
    """

    def __init__(
        self,
        path: Path,
        pixels: Sequence[Pixels],
        pixel_sizes: Sequence[Mapping[str, float]],
        channel_names: tuple[str, ...],
        damaged: Damaged,
    ) -> None:
        self.path = path
        self.channels = pixels[0].channels
        self.channel_names = channel_names
        self.dtype: np.dtype[Any] = pixels[0].dtype
        self.levels = tuple(
            Level(p.height, p.width, dict(size), p.chunk[1:]) for p, size in zip(pixels, pixel_sizes, strict=True)
        )
        self._pixels: tuple[Pixels, ...] = tuple(pixels)
        self._zero = damaged == "zero"
        self._places: dict[str, None] = {}
        self._lock = threading.Lock()

    @property
    def is_colour(self) -> bool:
        """Whether the first three channels are named red, green and blue."""
        return tuple(name.lower() for name in self.channel_names[:3]) == RGB

    @property
    def damaged(self) -> list[str]:
        """Places that could not be read so far and came as zeros, each once; tiles and pixels are counted from 0."""
        with self._lock:
            return list(self._places)

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """A rectangle, axes CYX, all channels, `dtype`; a new array.

        Parameters
        ----------
        level : index in `levels`.
        rows, columns : within the level, not empty, without a step.

        Raises
        ------
        ImageReadError : a part of it is damaged, and the image was opened with damaged="fail"; or the file is gone.
        ValueError : the rectangle is empty or not within the level.
        """
        pixels = self._pixels[level]
        rows, columns = _within(rows, pixels.height), _within(columns, pixels.width)
        try:
            return pixels.load(slice(0, self.channels), rows, columns)
        except DAMAGE as error:
            refuse_unreachable(error, self.path)
        return self._by_chunks(level, rows, columns)

    @abstractmethod
    def fingerprint(self) -> str:
        """Hexadecimal digest (SHA-256) of the sizes and of samples of the pixels, wherever the file lies.

        It is the same for a copy, and another one where the sampled data (about 16 places of the full resolution)
        differ.
        """

    def close(self) -> None:
        """Give back what was opened. Reading afterwards is an error."""
        self._pixels = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _by_chunks(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """The rectangle, of which something cannot be read, piece by piece."""
        pixels = self._pixels[level]
        result = np.zeros((self.channels, rows.stop - rows.start, columns.stop - columns.start), self.dtype)
        for piece in itertools.product(
            _pieces(slice(0, self.channels), pixels.chunk[0], self.channels),
            _pieces(rows, pixels.chunk[1], pixels.height),
            _pieces(columns, pixels.chunk[2], pixels.width),
        ):
            c, y, x = (
                slice(max(whole.start, part.start), min(whole.stop, part.stop))
                for whole, part in zip(piece, (slice(0, self.channels), rows, columns), strict=True)
            )
            try:
                part = pixels.load(c, y, x)
            except DAMAGE as error:
                refuse_unreachable(error, self.path)
                self._note(level, piece, error)
                continue
            result[c, y.start - rows.start : y.stop - rows.start, x.start - columns.start : x.stop - columns.start] = (
                part
            )
        return result

    def _note(self, level: int, piece: tuple[slice, slice, slice], error: BaseException) -> None:
        c, y, x = piece
        _, height, width = self._pixels[level].chunk
        place = f"level {level}, tile in row {y.start // height}, column {x.start // width}"
        if c.stop - c.start < self.channels:
            names = self.channel_names or [f"channel {i + 1}" for i in range(self.channels)]
            place += f" of {', '.join(names[c])}"
        place += f" (pixels Y {y.start} to {y.stop - 1}, X {x.start} to {x.stop - 1})"
        if not self._zero:
            raise ImageReadError(
                f"The image is damaged: {place} cannot be read ({str(error) or type(error).__name__}).",
                where=str(self.path),
                todo="Copy or export it again, or let damaged parts be left out, where the node offers it.",
            ) from error
        with self._lock:
            self._places[place] = None

    def _digest(self, stored: Iterable[bytes]) -> str:
        """SHA-256 of shapes, type and the given bytes."""
        shapes = [(level.height, level.width, level.chunk) for level in self.levels]
        digest = hashlib.sha256(repr((self.channels, self.dtype.str, shapes)).encode())
        for data in stored:
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()


class ArrayImage(LargeImage):
    """An image in memory, with one level; it pickles with its pixels.

    Parameters
    ----------
    image : axes YX or CYX, others of length 1.
    path : where it came from.

    Raises
    ------
    UserInputError : it is a stack or a time series.
    """

    def __init__(self, image: Image, path: Path | str = "") -> None:
        array = image.cyx()
        chunks = (len(array), *(min(512, n) for n in array.shape[1:]))
        sizes = {axis: size for axis, size in image.pixel_size.items() if axis in "YX"}
        super().__init__(
            Path(path), [ArrayPixels(array, "CYX", chunks, len(array))], [sizes], image.channel_names, "fail"
        )
        self._image = image

    def fingerprint(self) -> str:
        """Digest of all pixels."""
        return self._digest([np.ascontiguousarray(self._image.array).tobytes()])

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrayImage, (self._image, self.path)


def open_large(path: Path | str, pages: Pages = "Z", damaged: Damaged = "fail") -> LargeImage:
    """Open a large image. Little is read before pixels are asked for; PNG, JPEG and BMP are read whole.

    TIFF in all dialects of `core.io.tiff` with the levels of their pyramids, SVS, and OME-Zarr 0.4 and 0.5. Colours
    come as the channels red, green, blue; an alpha channel is dropped, and equal colours stay three channels, since
    neither can be looked through before it is read. Of several images in a file the largest is opened.

    Parameters
    ----------
    pages : what the pages of a TIFF mean that does not say it: "C" channels, "Z" slices, "T" time points.
    damaged : "fail" refuses what cannot be read, "zero" reads zeros in its stead and notes the place in `damaged`.

    Raises
    ------
    ImageReadError : missing, unreadable, not supported, a stack or a time series, stored in pieces of more than 1 GiB,
        or (damaged="fail") shorter than its pixels.
    """
    path = Path(path).absolute()
    path = path.parent if path.name in ZARR_MARKS else path
    family = sniff(path)
    # imported here: the formats' modules build on this one, and Zarr takes its time
    if family == "tiff":
        from core.io.large_tiff import TiffImage

        return TiffImage(path, pages, damaged)
    if family == "zarr":
        from core.io.large_zarr import ZarrImage

        return ZarrImage(path, damaged)
    from core.io.raster import read_raster

    return ArrayImage(read_raster(path), path)


def fitting_level(image: LargeImage, pixel_size: float) -> int:
    """The level whose pixels are nearest in size, as a ratio; 0 if the image does not know its pixel size.

    Parameters
    ----------
    pixel_size : µm, of the images that a model learned from. Along Y and X the geometric mean counts.
    """
    known = [level.pixel_size for level in image.levels if {"Y", "X"} <= level.pixel_size.keys()]
    if len(known) < len(image.levels):
        return 0
    sizes = [math.sqrt(size["Y"] * size["X"]) for size in known]
    return min(range(len(sizes)), key=lambda i: abs(math.log(sizes[i] / pixel_size)))


def _within(part: slice, length: int) -> slice:
    start = 0 if part.start is None else int(part.start)
    stop = length if part.stop is None else int(part.stop)
    if part.step not in (None, 1) or not 0 <= start < stop <= length:
        raise ValueError(f"{part} is no part of {length} pixels.")
    return slice(start, stop)


def _pieces(part: slice, step: int, length: int) -> list[slice]:
    """The whole pieces of length `step` that a part touches."""
    first = part.start // step * step
    return [slice(start, min(start + step, length)) for start in range(first, part.stop, step)]


def refuse_unreachable(error: BaseException, path: Path) -> None:
    """Raise an ImageReadError for what is no damage of the data: a lost connection, a missing right."""
    if isinstance(error, ImageReadError):
        raise error
    if isinstance(error, OSError) and error.errno not in (None, errno.EIO, errno.EINVAL):
        raise ImageReadError(
            f"The image cannot be read ({error.strerror}).",
            where=str(path),
            todo="Check the path, the drive and the connection.",
        ) from error
