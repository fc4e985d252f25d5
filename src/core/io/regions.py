"""Rectangles out of arrays that are not read as a whole, whatever the order of their axes."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.io.axes import Pages, name_axes

MAX_CHUNK = 2**30
"""Bytes of the largest piece that is decoded at once."""


class Pixels(Protocol):
    """One level of an image: `channels` × `height` × `width` pixels.

    `chunk` (channels, height, width) is what is stored in one piece: a tile, a strip, a chunk. Such pieces are whole or
    damaged; what `load` gives of one never depends on how much of it is asked for.
    """

    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102
    @property
    def chunk(self) -> tuple[int, int, int]: ...  # noqa: D102

    def load(self, channels: slice, rows: slice, columns: slice) -> NDArray[Any]:
        """A new array CYX. All three slices have a start and an end within the image; several threads may call.

        Raises whatever the file, its reader or its codecs raise for damaged data.
        """


@dataclass(frozen=True)
class ArrayPixels:
    """Rectangles of anything that has a shape and is sliced like an array: NumPy's, Zarr's.

    Parameters
    ----------
    array : one dimension per letter of `axes`.
    axes : as name_axes gives them: C S Y X, "-" for length 1.
    chunks : length along each axis of what is stored in one piece.
    channels : how many of the channels are read, from the first.
    missing : which pieces are not there, one entry for each, None if all are.
    """

    array: Any
    axes: str
    chunks: tuple[int, ...]
    channels: int
    missing: NDArray[np.bool_] | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return self._length("Y")

    @property
    def width(self) -> int:
        """Columns."""
        return self._length("X")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in the order of bytes of this machine."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype.newbyteorder("=")

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Channels, height and width of a piece."""
        along = {axis: min(chunk, n) for axis, chunk, n in zip(self.axes, self.chunks, self.array.shape, strict=True)}
        samples = self._length("S")
        depth = along.get("C", 1) * samples if samples > 1 else along.get("C", 1)
        return min(depth, self.channels), along["Y"], along["X"]

    def load(self, channels: slice, rows: slice, columns: slice) -> NDArray[Any]:
        """A new array CYX."""
        samples = self._length("S")
        first = channels.start // samples
        wanted = {"C": slice(first, -(-channels.stop // samples)), "S": slice(0, samples), "Y": rows, "X": columns}
        index = tuple(wanted.get(axis, slice(0, 1)) for axis in self.axes)
        if self.missing is not None:
            touched = tuple(slice(s.start // n, -(-s.stop // n)) for s, n in zip(index, self.chunks, strict=True))
            if self.missing[touched].any():
                raise EOFError("the file ends before")
        block = np.asarray(self.array[index])
        block = block.reshape([n for axis, n in zip(self.axes, block.shape, strict=True) if axis != "-"])
        kept = self.axes.replace("-", "")
        block = block.transpose([kept.index(axis) for axis in "CSYX" if axis in kept])
        return _cropped(block.reshape(-1, *block.shape[-2:]), channels, first * samples, self.dtype)

    def _length(self, axis: str) -> int:
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1


@dataclass(frozen=True)
class MappedRows:
    """Rectangles of pixels that lie in a file as they are, one row after the other: nothing but them is read.

    Parameters
    ----------
    pages : arrays Y X S of equal width and samples; one whose file was cut has fewer rows than there should be.
    height : how many rows there should be.
    channels : how many of the channels (pages × S) are read, from the first.
    """

    pages: tuple[NDArray[Any], ...]
    height: int
    channels: int

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pages[0].shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in the order of bytes of this machine."""
        return self.pages[0].dtype.newbyteorder("=")

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Samples, as many rows as make a mebibyte, and all columns."""
        _, width, samples = self.pages[0].shape
        fitting = 2**20 // (width * samples * self.dtype.itemsize)
        return min(samples, self.channels), min(max(1, fitting), self.height), width

    def load(self, channels: slice, rows: slice, columns: slice) -> NDArray[Any]:
        """A new array CYX."""
        samples, step = self.pages[0].shape[2], self.chunk[1]
        first = channels.start // samples
        pages = self.pages[first : -(-channels.stop // samples)]
        end = min(-(-rows.stop // step) * step, self.height)  # a piece that was cut counts as lost
        if any(len(page) < end for page in pages):
            raise EOFError("the file ends before")
        block = np.concatenate([page[rows, columns].transpose(2, 0, 1) for page in pages])
        return _cropped(block, channels, first * samples, self.dtype)


def _cropped(block: NDArray[Any], channels: slice, first: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.array(block[channels.start - first : channels.stop - first], dtype, order="C")


def name_flat_axes(shape: tuple[int, ...], axes: str, pages: Pages) -> str:
    """The axes of a 2-D image, see name_axes: C S Y X and "-".

    Raises
    ------
    ImageReadError : it is a stack or a time series, its axes are not known, or it has no pixels.
    """
    named = name_axes(shape, axes, pages)
    if 0 in shape:
        raise ImageReadError(f"The image has no pixels (shape {shape}).", todo="Export it again.")
    for axis, kind in (("Z", "a Z-stack"), ("T", "a time series")):
        if axis in named:
            raise ImageReadError(
                f"The image is {kind} (axes {axes}, shape {shape}), a 2-D image is needed.",
                todo="Save one plane or a projection, or, if the pages of the file are channels, choose that they are.",
            )
    return named


def refuse_huge_chunks(chunks: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise an ImageReadError if what is stored in one piece could not be decoded in bounded memory."""
    nbytes = math.prod(chunks) * dtype.itemsize
    if nbytes > MAX_CHUNK:
        raise ImageReadError(
            f"The image is stored in pieces of {nbytes / 2**30:.1f} GiB, which can only be read as a whole.",
            todo="Save it tiled (512 × 512 pixels, for example), as OME-TIFF or OME-Zarr.",
        )
