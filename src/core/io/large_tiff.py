"""Rectangles of TIFF files in all their dialects, see `core.io.tiff`: tiles, strips, pyramids, sets of files.

Pixels that lie in the file as they are get mapped into memory; all others are decoded by tifffile, strip by strip or
tile by tile.
"""

import math
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import RGB
from core.io.axes import Pages
from core.io.large import Damaged, LargeImage
from core.io.regions import ArrayPixels, MappedRows, Pixels, name_flat_axes, refuse_huge_chunks
from core.io.tiff import AGAIN, explained, largest, last_page_is_last, open_tiff

_PLACES = 16
_SAMPLE = 2**18  # bytes that a fingerprint reads at a place


class TiffImage(LargeImage):
    """The largest image of a TIFF file, with the levels of its pyramid.

    Parameters
    ----------
    path, pages, damaged : see open_large.

    Raises
    ------
    ImageReadError : see open_large.
    """

    def __init__(self, path: Path, pages: Pages, damaged: Damaged) -> None:
        with explained(path):
            self._tif = open_tiff(path)
        try:
            with explained(path):
                self._open(path, pages, damaged)
        except BaseException:
            self._tif.close()
            raise

    def _open(self, path: Path, pages: Pages, damaged: Damaged) -> None:
        scene = largest(self._tif, path)
        series = scene.series
        named = name_flat_axes(series.shape, series.axes, pages)
        channels = math.prod(n for axis, n in zip(named, series.shape, strict=True) if axis in "CS")
        if scene.is_colour and channels in (2, 4):  # the last is alpha
            channels -= 1
        self._segments = [_Segments(level) for level in series.levels]
        lost = bool(self._segments[0].missing.any())
        if series.kind != "ome" and not last_page_is_last(self._tif):
            if not scene.is_colour:  # further pages of a colour picture are smaller levels or thumbnails
                raise ImageReadError("The TIFF file is cut, some of its pages are not known.", todo="Copy it again.")
            lost = True
        if lost and damaged == "fail":
            raise ImageReadError(
                "The TIFF file is incomplete: not all of its pixels are there.",
                todo="Copy it again, or let damaged parts be left out, where the node offers it.",
            )
        self._stores: list[Any] = []
        pixels = [self._pixels_of(segments, named, channels) for segments in self._segments]
        sizes, names = scene.describe(channels)
        names = names or (RGB if scene.is_colour and channels == 3 else ())
        full = pixels[0]
        pixel_sizes = [
            {axis: sizes[axis] * ratio for axis, ratio in _ratios(full, level).items() if axis in sizes}
            for level in pixels
        ]
        super().__init__(path, pixels, pixel_sizes, names if len(names) == channels > 1 else (), damaged)
        self._arguments = (path, pages, damaged)

    def _pixels_of(self, segments: "_Segments", named: str, channels: int) -> Pixels:
        series = segments.series
        rows = segments.mapped()
        if rows:
            return MappedRows(tuple(rows), series.shape[series.axes.index("Y")], channels)
        refuse_huge_chunks(series.keyframe.chunks, series.dtype)
        compressed = series.keyframe.compression != 1
        # more than one worker: tiles are decoded beside each other, not in the one thread that Zarr reads in
        store = series.aszarr(level=0, maxworkers=os.cpu_count() if compressed else 1)
        self._stores.append(store)
        array = zarr.open_array(store, mode="r", zarr_format=2)
        if array.shape != series.shape:
            raise ImageReadError(f"Its pixels {array.shape} are not the announced {series.shape}.", todo=AGAIN)
        grid = tuple(-(-n // step) for n, step in zip(array.shape, array.chunks, strict=True))
        missing = segments.missing.reshape(grid) if segments.missing.any() else None
        return ArrayPixels(array, named, array.chunks, channels, missing)

    def fingerprint(self) -> str:
        """Digest of the sizes of the file or files, and of stored bytes."""
        with explained(self.path):
            return self._digest(self._segments[0].sampled())

    def close(self) -> None:
        """Close the file or files. Reading afterwards is an error."""
        self._pixels = ()
        for store in self._stores:
            store.close()
        self._tif.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return TiffImage, self._arguments


class _File(NamedTuple):
    path: str
    size: int
    order: Literal["<", ">"]


class _Segments:
    """Where the tiles or strips of one level are stored, in the order of the array: page, sample, row, column.

    A segment of no bytes is one that was never written: its pixels are 0 (sparse files).
    """

    def __init__(self, series: tifffile.TiffPageSeries) -> None:
        self.series = series
        pages = list(series.pages)
        first = series.keyframe
        self._page_bytes = first.size * series.dtype.itemsize
        chunks = (1,) * (len(first.shape) - len(first.chunks)) + tuple(first.chunks)
        per_page = math.prod(-(-n // step) for n, step in zip(first.shape, chunks, strict=True))
        shape = (len(pages), per_page)
        self.offsets, self.counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.missing = np.zeros(shape, np.bool_)
        self.files: list[_File] = []
        for i, page in enumerate(pages):
            held = first if series.dataoffset is not None else page
            if held is None:
                self.files.append(_File("", 0, "<"))
                self.missing[i] = True
                continue
            handle = held.parent.filehandle
            self.files.append(_File(handle.path, handle.size, held.parent.byteorder))
            n = min(len(held.dataoffsets), len(held.databytecounts), per_page)
            self.offsets[i, :n], self.counts[i, :n] = held.dataoffsets[:n], held.databytecounts[:n]
            self.missing[i, n:] = True
            if series.dataoffset is not None:  # one page after the other, whatever their own offsets
                self.offsets[i, :n] += i * self._page_bytes
            self.missing[i] |= self.offsets[i] + self.counts[i] > handle.size

    def mapped(self) -> list[NDArray[Any]]:
        """The rows of each page and plane, axes Y X S, if they lie in the file as in memory; empty if they do not."""
        series, page = self.series, self.series.keyframe
        if series.transform is not None or (series.dataoffset is None and not (page.is_final and self._in_order())):
            return []
        samples = series.shape[-1] if series.axes[-1] == "S" else 1
        height, width = (series.shape[series.axes.index(axis)] for axis in "YX")
        planes = page.size // (height * width * samples)
        row = width * samples * series.dtype.itemsize
        rows: list[NDArray[Any]] = []
        for file, start in zip(self.files, self.offsets[:, 0], strict=True):
            dtype: np.dtype[Any] = np.dtype(file.order + series.dtype.char)
            for first in (int(start) + plane * height * row for plane in range(planes)):
                there = max(0, min((file.size - first) // row, height))
                shape = (there, width, samples)
                rows.append(np.memmap(file.path, dtype, "r", first, shape) if there else np.zeros(shape, dtype))
        return rows

    def _in_order(self) -> bool:
        """Whether the segments of each page follow each other and make up the whole page."""
        gapless = self.offsets[:, 1:] == self.offsets[:, :-1] + self.counts[:, :-1]
        return bool(gapless.all() and (self.counts.sum(axis=1) == self._page_bytes).all())

    def sampled(self) -> list[bytes]:
        """The sizes of the files, and bytes from places spread evenly over all that is stored."""
        ends = np.cumsum(self.counts)
        total = int(ends[-1])
        sizes = [file.size for file in dict.fromkeys(self.files)]
        result = [repr(sizes).encode()]
        for place in range(_PLACES if total else 0):
            position = total * place // _PLACES
            segment = int(np.searchsorted(ends, position, "right"))
            count = int(self.counts.flat[segment])
            skipped = (position - (int(ends[segment]) - count)) // _SAMPLE * _SAMPLE
            with open(self.files[segment // self.counts.shape[1]].path, "rb") as file:
                file.seek(int(self.offsets.flat[segment]) + skipped)
                result.append(file.read(min(count - skipped, _SAMPLE)))
        return result


def _ratios(full: Pixels, level: Pixels) -> dict[str, float]:
    return {"Y": full.height / level.height, "X": full.width / level.width}
