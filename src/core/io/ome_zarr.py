"""Label images of any size as OME-Zarr, versions 0.4 (Zarr 2) and 0.5 (Zarr 3), with a pyramid of resolutions.

Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format with international community support", Histochemistry
and Cell Biology 2023; specification at ngff.openmicroscopy.org. Chunks are written independently, by any number of
threads and processes. A chunk is written beside its place and moved there when it is whole: a process that is killed
leaves either all of it or nothing, and at most a file that `remove_leftovers` clears away.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from core.errors import OutputError, UserInputError
from core.image import Labels
from core.io.write import make_folder, output_error

Version = Literal["0.4", "0.5"]

SMALLEST = 512
"""Levels are halved until their longest side is not above this, px."""

_CHUNK_LIMIT = 2**31 - 1  # what Blosc compresses at once, bytes
_LEVEL = 1  # of Zstandard, bytes shuffled: as fast as a disk, and labels take a fiftieth of the space


def create_labels(
    path: Path | str,
    height: int,
    width: int,
    pixel_size: Mapping[str, float],
    chunk: int = 1024,
    version: Version = "0.4",
    name: str = "",
    source: str = "",
) -> None:
    """An empty label image (all background) with all its levels; its metadata come last.

    Each level is half as high and wide as the one before, rounded up, and holds every second pixel of it. These pixels
    lie where they lay: the levels differ by a scale, there is no translation.

    Parameters
    ----------
    path : the folder to make; those above it are made, too.
    height, width : of the full resolution, px.
    pixel_size : µm along Y and X; empty if unknown.
    chunk : height and width of a chunk, px; those of a level that is smaller are as large as the level.
    version : of OME-Zarr. Older programs open 0.4 only.
    name : of the image; the folder's if empty.
    source : path, seen from this folder, of the OME-Zarr image that the labels belong to; empty if there is none.

    Raises
    ------
    OutputError : something is there, the disk is full, or the folder may not be written.
    UserInputError : a size that is no size.
    """
    folder = Path(path)
    if min(height, width, chunk) < 1 or 4 * chunk**2 > _CHUNK_LIMIT or version not in get_args(Version):
        raise UserInputError(
            f"No label image has {height} × {width} pixels in chunks of {chunk}, version {version}.", where=str(path)
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        todo = "Choose another name, or delete what is there."
        raise OutputError("There is something of this name already.", where=str(path), todo=todo)
    make_folder(folder)
    shapes = _halved(height, width)
    try:
        for i, shape in enumerate(shapes):
            _create_level(folder / str(i), shape, chunk, version)
        attributes = _attributes(len(shapes), pixel_size, version, name or folder.name.split(".")[0], source)
        zarr.create_group(folder, zarr_format=2 if version == "0.4" else 3, overwrite=False, attributes=attributes)
    except OSError as error:
        raise output_error(path, error) from error


def open_levels(path: Path | str) -> list["zarr.Array[Any]"]:
    """The levels of a label image that create_labels made, the full resolution first, to be read and written.

    They pickle as their path; other processes open them for themselves.

    Raises
    ------
    UserInputError : there is no such image, or its making was interrupted.
    """
    folder = Path(path)
    generation: Literal[2, 3] = 3 if (folder / "zarr.json").exists() else 2
    try:
        group = zarr.open_group(folder, mode="r+", zarr_format=generation, use_consolidated=False)
        attributes: dict[str, Any] = dict(group.attrs.asdict())
        (scales,) = attributes.get("ome", attributes)["multiscales"]
        return [
            zarr.open_array(folder / dataset["path"], mode="r+", zarr_format=generation)
            for dataset in scales["datasets"]
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserInputError(
            "This is no OME-Zarr label image, or its making was interrupted.", where=str(path), todo="Make it anew."
        ) from error


def write_labels(level: "zarr.Array[Any]", row: int, column: int, labels: Labels) -> None:
    """Write whole chunks; those of background alone are not stored.

    Parameters
    ----------
    level : one of open_levels.
    row, column : where the labels begin, at the edge of a chunk.
    labels : axes YX; they end at the edge of a chunk or of the image.

    Raises
    ------
    OutputError : the disk is full, or the folder may not be written. Chunks may have been written; none is cut.
    ValueError : part of a chunk only. Two writers of one chunk would undo each other's work.
    """
    for start, length, step, size in zip((row, column), labels.shape, level.chunks, level.shape, strict=True):
        stop = start + length
        if start < 0 or stop > size or length < 1 or start % step or (stop % step and stop != size):
            raise ValueError(f"{start} to {stop} are no whole chunks of {step} in {size} pixels.")
    try:
        level[row : row + labels.shape[0], column : column + labels.shape[1]] = labels
    except OSError as error:
        raise output_error(str(level.store_path).removeprefix("file://"), error) from error


def downsample(labels: Labels) -> Labels:
    """The next level: every second pixel of every second row, from the first; axes YX. Labels have no mean."""
    return np.ascontiguousarray(labels[::2, ::2])


def remove_leftovers(path: Path | str) -> None:
    """Remove what killed processes left half written in an image. Nobody may be writing to it.

    Raises
    ------
    OutputError : they could not be removed.
    """
    try:
        for file in Path(path).rglob("*.partial"):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _halved(height: int, width: int) -> list[tuple[int, int]]:
    shapes = [(height, width)]
    while max(shapes[-1]) > SMALLEST:
        shapes.append((-(-shapes[-1][0] // 2), -(-shapes[-1][1] // 2)))
    return shapes


def _create_level(folder: Path, shape: tuple[int, int], chunk: int, version: Version) -> None:
    chunks = (min(chunk, shape[0]), min(chunk, shape[1]))
    common: dict[str, Any] = {"shape": shape, "chunks": chunks, "dtype": "int32", "fill_value": 0}
    if version == "0.4":
        codec: dict[str, Any] = {"id": "blosc", "cname": "zstd", "clevel": _LEVEL, "shuffle": 1, "blocksize": 0}
        keys: Any = {"name": "v2", "separator": "/"}
        zarr.create_array(folder, **common, zarr_format=2, compressors=codec, chunk_key_encoding=keys)
    else:
        blosc = BloscCodec(cname="zstd", clevel=_LEVEL, shuffle="shuffle", typesize=4)
        zarr.create_array(folder, **common, zarr_format=3, compressors=blosc, dimension_names=("y", "x"))


def _attributes(
    levels: int, pixel_size: Mapping[str, float], version: Version, name: str, source: str
) -> dict[str, Any]:
    unit = {"unit": "micrometer"} if {"Y", "X"} <= pixel_size.keys() else {}
    full = [pixel_size["Y"], pixel_size["X"]] if unit else [1.0, 1.0]
    scales = {
        "name": name,
        "axes": [{"name": axis, "type": "space", **unit} for axis in "yx"],
        "datasets": [
            {
                "path": str(i),
                "coordinateTransformations": [{"type": "scale", "scale": [float(step * 2**i) for step in full]}],
            }
            for i in range(levels)
        ],
        "type": "nearest",
        "metadata": {"description": "every second pixel of every second row of the level before"},
    }
    # no colours: they are optional, and viewers give the labels that have none in the list no colour at all
    label = {"version": version} | ({"source": {"image": source}} if source else {})
    if version == "0.4":
        return {"multiscales": [{"version": version, **scales}], "image-label": label}
    return {"ome": {"version": version, "multiscales": [scales], "image-label": label}}
