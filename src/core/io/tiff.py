"""TIFF and its dialects: OME-TIFF, ImageJ, plain, Zeiss LSM, Aperio SVS, pyramids.

What the file says decides, in this order: OME-XML, ImageJ's description, the TIFF tags. Of several images (scenes,
thumbnails, levels of a pyramid) the largest is read, the first among equals. Colour maps and "white is zero" are how a
picture is shown, not its numbers: they are not applied. Damaged data never come as zeros: a file that is too short
for the pixels it announces is refused.
"""

import lzma
import math
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import tifffile
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import Image
from core.io import ome
from core.io.axes import Pages, canonical, simplify_colour
from core.io.units import PRINTING, micrometres, plausible
from core.tensor_cell import MAX_BYTES

FAULTS = (
    tifffile.TiffFileError,
    tifffile.OmeXmlError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    ParseError,
)
"""What tifffile and the codecs raise for damaged files and for compressions that they do not know."""

_COLOUR = (2, 6)  # photometric interpretations RGB and YCbCr
AGAIN = "Copy or export it again; OME-TIFF without compression, or with deflate or LZW, always works."


def read_tiff(path: Path, pages: Pages) -> Image:
    """The largest image of a TIFF file.

    Parameters
    ----------
    pages : what pages mean where the file does not say it.

    Raises
    ------
    ImageReadError : damaged, incomplete, of an unsupported compression, part of an incomplete set, or too large.
    """
    with explained(path), open_tiff(path) as tif:
        return _read(tif, path, pages)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what tifffile and the codecs raise into an ImageReadError that names the file."""
    try:
        yield
    except ImageReadError as error:
        raise error if error.where else error.at(str(path)) from error
    except FAULTS as error:
        reason = f"{error}" or type(error).__name__
        raise ImageReadError(
            f"The TIFF file is damaged, or stored in a way that is not supported ({reason}).",
            where=str(path),
            todo=AGAIN,
        ) from error


def open_tiff(path: Path) -> tifffile.TiffFile:
    """A TIFF file with its OME-XML, if there is any, from wherever that stands. Raises what `explained` explains."""
    return tifffile.TiffFile(path, omexml=_companion_xml(path))


def _companion_xml(path: Path) -> str | None:
    """The OME-XML that stands in a file beside this one, if this one says so."""
    with tifffile.TiffFile(path) as tif:
        root = ome.parse(tif.ome_metadata) if tif.ome_metadata else None
    name = ome.companion(root) if root is not None else ""
    if not name:
        return None
    if not (path.parent / name).is_file():
        raise ImageReadError(
            f"Its metadata are in another file, {name}, which is missing.",
            where=str(path),
            todo="Copy all files of the set into one folder, under their original names.",
        )
    return (path.parent / name).read_text("utf-8")


def _read(tif: tifffile.TiffFile, path: Path, pages: Pages) -> Image:
    scene = largest(tif, path)
    series = scene.series
    _check(tif, series)
    array: NDArray[Any] = series.asarray(level=0)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    names: tuple[str, ...] = ()
    if scene.is_colour:
        array, names = simplify_colour(array, series.axes.index("S"))
    array, axes = canonical(array, series.axes, pages)
    channels = array.shape[axes.index("C")] if "C" in axes else 1
    sizes, declared = scene.describe(channels)
    names = declared or names
    sizes = {axis: size for axis, size in sizes.items() if axis in axes}
    return Image(array, axes, sizes, names if "C" in axes and len(names) == channels else ())


@dataclass(frozen=True)
class Scene:
    """One image of a TIFF file, and what the file says of it.

    Parameters
    ----------
    tif, series : the file and the image, number `index` in it.
    xml : root of the OME-XML, None if there is none.
    """

    tif: tifffile.TiffFile
    series: tifffile.TiffPageSeries
    index: int
    xml: Element | None

    @property
    def is_colour(self) -> bool:
        """Whether samples are a picture's colours; ImageJ stores three channels of 16 bit in the same way."""
        series, metadata = self.series, self.tif.imagej_metadata or {}
        composite = metadata.get("channels", 1) > 1
        samples = dict(zip(series.axes, series.shape, strict=True)).get("S", 0)
        coloured = samples in (2, 3, 4) and series.keyframe.photometric in _COLOUR
        return coloured and "C" not in series.axes and not composite

    def describe(self, channels: int) -> tuple[dict[str, float], tuple[str, ...]]:
        """Pixel size (µm, axes Z, Y, X) and names of the channels; both empty where the file does not say them."""
        if self.xml is not None:
            return ome.describe(self.xml, self.index, len(self.tif.series), channels)
        if self.tif.imagej_metadata:
            metadata = self.tif.imagej_metadata
            return _imagej_size(self.tif, metadata), _imagej_channels(metadata, channels)
        return _tag_size(self.tif, self.series.keyframe), ()


def largest(tif: tifffile.TiffFile, path: Path) -> Scene:
    """The largest image of a file, the first among equals.

    Raises
    ------
    ImageReadError : files of its set are missing, or its pixels are no real numbers.
    """
    root = ome.parse(tif.ome_metadata) if tif.ome_metadata else None
    if root is not None:
        ome.refuse_missing_files(root, path)
    index = max(range(len(tif.series)), key=lambda i: tif.series[i].size)
    scene = Scene(tif, tif.series[index], index, root)
    if scene.series.dtype.kind not in "buif":
        raise ImageReadError(f"Its pixels are of the type {scene.series.dtype}.", todo="Save real numbers.")
    return scene


def _check(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Raise an ImageReadError if the file cannot hold what it announces, before memory is taken for it."""
    if series.nbytes > MAX_BYTES:
        raise ImageReadError(
            f"The image has {series.nbytes / 2**30:.1f} GiB, more than the 2 GiB that fit into a cell of a table.",
            todo="Crop it, bin it, or export a part or a lower level of the pyramid.",
        )
    held = list(series.pages)
    stored = [page for page in held if page is not None]
    if series.kind == "ome" and len(stored) < len(held):
        missing = len(held) - len(stored)
        raise ImageReadError(f"{missing} of its {len(held)} planes are missing.", todo=AGAIN)
    short = any(
        offset + count > page.parent.filehandle.size
        for page in stored
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    )
    if series.dataoffset is not None and not series.is_multifile:
        short |= series.dataoffset + series.nbytes > tif.filehandle.size
    if short or (series.kind != "ome" and not last_page_is_last(tif)):
        raise ImageReadError("The TIFF file ends before its pixels do: it is incomplete.", todo="Copy it again.")


def last_page_is_last(tif: tifffile.TiffFile) -> bool:
    """Whether the chain of pages ends where the file says so, not where the file was cut."""
    position, size = tif.pages.next_page_offset, tif.tiff.offsetsize
    if position is None:
        return False
    tif.filehandle.seek(position)
    data = tif.filehandle.read(size)
    return len(data) == size and int.from_bytes(data, "little" if tif.byteorder == "<" else "big") == 0


def _imagej_size(tif: tifffile.TiffFile, metadata: dict[str, Any]) -> dict[str, float]:
    unit = str(metadata.get("unit", ""))
    sizes = dict(zip("YX", _per_pixel(tif.pages.first), strict=True)) | {"Z": metadata.get("spacing", "")}
    known = {axis: micrometres(size, unit) for axis, size in sizes.items()}
    if unit.lower() in PRINTING and not plausible(known["X"]):
        return {}
    return {axis: size for axis, size in known.items() if size is not None}


def _imagej_channels(metadata: dict[str, Any], channels: int) -> tuple[str, ...]:
    """The labels of the slices, where each channel has one of its own in all slices."""
    labels = metadata.get("Labels", ())
    if isinstance(labels, str) or not labels or len(labels) % channels:
        return ()
    names = tuple(str(label).strip() for label in labels[:channels])
    repeated = all(str(label).strip() == names[i % channels] for i, label in enumerate(labels))
    return names if repeated and all(names) and len(set(names)) == channels else ()


def _tag_size(tif: tifffile.TiffFile, page: Any) -> dict[str, float]:
    if tif.is_svs:
        found = re.search(r"MPP\s*=\s*([\d.]+)", page.description)
        size = micrometres(found.group(1), "µm") if found else None
        return {"Y": size, "X": size} if size is not None else {}
    if tif.is_lsm and tif.lsm_metadata:
        lengths = {axis: micrometres(tif.lsm_metadata.get(f"VoxelSize{axis}", ""), "m") for axis in "ZYX"}
        return {axis: size for axis, size in lengths.items() if size is not None}
    unit = {2: "inch", 3: "cm"}.get(int(page.tags.valueof(296, 2)), "")
    y, x = (micrometres(length, unit) for length in _per_pixel(page))
    if y is None or x is None or not (plausible(y) and plausible(x)):
        return {}
    return {"Y": y, "X": x}


def _per_pixel(page: Any) -> tuple[float, float]:
    """Length of a pixel along Y and X in the unit of the tags; NaN where the file does not say it."""

    def length(tag: int) -> float:
        value: Sequence[float] | None = page.tags.valueof(tag)
        return value[1] / value[0] if isinstance(value, tuple) and len(value) == 2 and value[0] else math.nan

    return length(283), length(282)
