"""Rectangles of OME-Zarr images, versions 0.4 (Zarr 2) and 0.5 (Zarr 3), and of what bioformats2raw writes.

Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format with international community support", Histochemistry
and Cell Biology 2023. A chunk that is not there has the fill value, as the standard says; that is no damage.
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import AXES
from core.io.formats import EXPORT, ZARR_MARKS
from core.io.large import DAMAGE, Damaged, LargeImage, refuse_unreachable
from core.io.regions import ArrayPixels, name_flat_axes, refuse_huge_chunks
from core.io.units import micrometres

_SAMPLED = 16  # chunks that a fingerprint looks at

_WHICH = {
    "plate": ("This is a plate of many images", "Choose one of them: a row, a column and a field, such as A/1/0."),
    "well": ("This is a well of several images", "Choose one of them, such as the folder 0 in it."),
    "labels": ("This is a folder of label images", "Choose the image that they belong to."),
}


class ZarrImage(LargeImage):
    """An OME-Zarr image with its levels.

    Parameters
    ----------
    path : folder of the image, or one written by bioformats2raw, whose largest image is opened.
    damaged : see open_large.

    Raises
    ------
    ImageReadError : see open_large.
    """

    def __init__(self, path: Path, damaged: Damaged) -> None:
        try:
            self._open(path, damaged)
        except ImageReadError as error:
            raise error if error.where else error.at(str(path)) from error
        except DAMAGE as error:
            reason = f"{error}" or type(error).__name__
            raise ImageReadError(
                f"The OME-Zarr folder is damaged, or stored in a way that is not supported ({reason}).",
                where=str(path),
                todo="Copy or export it again.",
            ) from error

    def _open(self, path: Path, damaged: Damaged) -> None:
        folder, metadata = _image(path)
        scales = metadata["multiscales"][0]
        axes, units = _axes(scales)
        arrays, pixels, sizes = [], [], []
        for dataset in scales["datasets"]:
            array = _array(folder, dataset)
            if array.dtype.kind not in "buif":
                raise ImageReadError(f"Its pixels are of the type {array.dtype}.", todo="Save real numbers.")
            if array.ndim != len(axes):
                raise ImageReadError(f"Its pixels {array.shape} have not the axes {axes} of its metadata.", todo=EXPORT)
            refuse_huge_chunks(array.chunks, array.dtype)
            named = name_flat_axes(array.shape, axes, "Z")
            channels = array.shape[axes.index("C")] if "C" in axes else 1
            arrays.append(array)
            pixels.append(ArrayPixels(array, named, array.chunks, channels))
            sizes.append(_pixel_size(axes, units, scales, dataset))
        super().__init__(path, pixels, sizes, _channel_names(metadata, pixels[0].channels), damaged)
        self._folder, self._attributes, self._arrays = folder, metadata, arrays

    def read(self, level: int, rows: slice, columns: slice) -> NDArray[Any]:
        """See LargeImage.read."""
        region = super().read(level, rows, columns)
        if _generation(self._folder) is None:  # all chunks of a folder that is gone would read as empty ones
            todo = "Check the path, the drive and the connection."
            raise ImageReadError("The folder is gone.", where=str(self.path), todo=todo)
        return region

    def fingerprint(self) -> str:
        """Digest of the metadata, and of the pixels of chunks."""
        metadata = json.dumps([self._attributes, *(array.metadata.to_dict() for array in self._arrays)], default=str)
        return self._digest(itertools.chain([metadata.encode()], self._sampled()))

    def _sampled(self) -> Iterator[bytes]:
        """The pixels of pieces of the full resolution, decoded, spread evenly."""
        pixels = self._pixels[0]
        sizes = (self.channels, pixels.height, pixels.width)
        grid = tuple(-(-n // step) for n, step in zip(sizes, pixels.chunk, strict=True))
        count = math.prod(grid)
        for number in sorted({int(i) for i in np.linspace(0, count - 1, min(_SAMPLED, count))}):
            starts = [int(i) * step for i, step in zip(np.unravel_index(number, grid), pixels.chunk, strict=True)]
            c, y, x = (slice(a, min(a + step, n)) for a, step, n in zip(starts, pixels.chunk, sizes, strict=True))
            try:
                yield pixels.load(c, y, x).tobytes()
            except DAMAGE as error:
                refuse_unreachable(error, self.path)
                yield b"damaged"

    def __reduce__(self) -> tuple[Any, ...]:
        return ZarrImage, (self.path, "zero" if self._zero else "fail")


def _image(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and the metadata of the image, the largest where bioformats2raw wrote several."""
    metadata = _metadata(path)
    if metadata.get("multiscales"):
        return path, metadata
    for key, (what, todo) in _WHICH.items():
        if key in metadata:
            raise ImageReadError(f"{what}, not an image.", todo=todo)
    numbered = [(folder, _metadata(folder)) for folder in _numbered(path)]
    images = [(folder, held) for folder, held in numbered if held.get("multiscales")]
    if not images:
        raise ImageReadError(
            "The folder has no metadata of an OME-Zarr image (multiscales).",
            todo="Choose the folder of the image, the one that has its levels 0, 1, ... in it, or export it again.",
        )
    return max(images, key=lambda image: math.prod(_full(*image).shape))


def _metadata(folder: Path) -> dict[str, Any]:
    """The OME metadata of a group, of both generations; empty if there are none."""
    generation = _generation(folder)
    if generation is None or (folder / ".zarray").exists():
        return {}
    if generation == 3 and json.loads((folder / "zarr.json").read_text("utf-8")).get("node_type") != "group":
        return {}
    attributes = zarr.open_group(folder, mode="r", zarr_format=generation, use_consolidated=False).attrs.asdict()
    held = attributes.get("ome", attributes)
    return dict(held) if isinstance(held, Mapping) else {}


def _generation(folder: Path) -> Literal[2, 3] | None:
    if (folder / "zarr.json").is_file():
        return 3
    return 2 if any((folder / mark).is_file() for mark in ZARR_MARKS) else None


def _numbered(path: Path) -> list[Path]:
    return sorted((folder for folder in path.iterdir() if folder.name.isdecimal()), key=lambda folder: int(folder.name))


def _full(folder: Path, metadata: Mapping[str, Any]) -> "zarr.Array[Any]":
    return _array(folder, metadata["multiscales"][0]["datasets"][0])


def _array(folder: Path, dataset: Mapping[str, Any]) -> "zarr.Array[Any]":
    return zarr.open_array(folder / str(dataset["path"]), mode="r", zarr_format=_generation(folder))


def _axes(scales: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Letters of TCZYX, and units where they are told. Until version 0.2 the axes were always these five."""
    declared = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in scales.get("axes", AXES)]
    names = [str(axis["name"]).upper() for axis in declared]
    if not set(names) <= set(AXES):
        raise ImageReadError(f"Its axes {', '.join(names)} are more than time, channel, Z, Y and X.", todo=EXPORT)
    return "".join(names), {name: str(axis.get("unit", "")) for name, axis in zip(names, declared, strict=True)}


def _pixel_size(
    axes: str, units: Mapping[str, str], scales: Mapping[str, Any], dataset: Mapping[str, Any]
) -> dict[str, float]:
    """Along Y and X, µm: the scale of the level times that of all levels."""
    steps = [*dataset.get("coordinateTransformations", ()), *scales.get("coordinateTransformations", ())]
    factors = [step["scale"] for step in steps if step.get("type") == "scale" and "scale" in step]
    if not factors:
        return {}
    sizes = {
        axis: micrometres(math.prod(float(factor[axes.index(axis)]) for factor in factors), units[axis])
        for axis in "YX"
    }
    known = {axis: size for axis, size in sizes.items() if size is not None}
    return known if len(known) == 2 else {}


def _channel_names(metadata: Mapping[str, Any], channels: int) -> tuple[str, ...]:
    told = [str(channel.get("label", "")) for channel in (metadata.get("omero") or {}).get("channels", ())]
    if len(told) != channels or channels == 1 or not any(told):
        return ()
    return tuple(name or f"channel {i}" for i, name in enumerate(told, 1))
