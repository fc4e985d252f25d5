"""Files that are there whole or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.errors import MicrosegError, OutputError, UserInputError
from core.image import Image

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, or choose a folder on another disk."),
    errno.EDQUOT: ("your quota of the disk is used up", "Free some space, or choose a folder on another disk."),
    errno.EACCES: ("it may not be written", "Close the program that has it open, or choose a folder that is yours."),
    errno.EPERM: ("it may not be written", "Close the program that has it open, or choose a folder that is yours."),
    errno.EROFS: ("the disk is read-only", "Choose a folder on another disk."),
    errno.ENOENT: ("its folder does not exist", "Create the folder, or choose another."),
    errno.ENOTDIR: ("its folder is a file", "Choose another folder."),
    errno.EISDIR: ("there is a folder of this name", "Choose another file name."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter file name."),
}


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Write a file so that it appears complete or not at all.

    Yields the path of a temporary file beside `path`, of the same suffix; when the block ends well it takes the place
    of `path` in one step. When the block fails, what stood at `path` is untouched and the temporary file is gone.
    Folders are not created, see make_folder.

    Raises
    ------
    OutputError : the file could not be written: disk full, no permission, no such folder.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing where it points
    temporary = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with temporary.open("xb"):
            pass
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, target)
    except MicrosegError:
        raise
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        _remove(temporary)


def make_folder(path: Path | str) -> Path:
    """Create a folder, with those above it, if it is not there.

    Raises
    ------
    OutputError : it could not be created.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(
            "There is a file where the folder should be.", where=str(path), todo="Choose another folder."
        ) from error
    except OSError as error:
        raise output_error(path, error) from error
    return folder


def write_ome_tiff(path: Path | str, image: Image) -> None:
    """An image as OME-TIFF with axes, pixel size and channel names, losslessly compressed (deflate).

    Label images are stored as uint16, which every program opens as it is, or as int32 where there are more than 65,535
    labels (Fiji shows those as float). OME-TIFF has no bool (stored as uint8), 16-bit float (as 32-bit) nor 64-bit
    integer (as 32-bit, if it fits).

    Raises
    ------
    OutputError : the file could not be written.
    UserInputError : numbers that fit no type of OME-TIFF.
    """
    array = _storable(image, str(path))
    metadata: dict[str, Any] = {"axes": image.axes}
    for axis, size in image.pixel_size.items():
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if image.channel_names:
        metadata["Channel"] = {"Name": list(image.channel_names)}
    options: dict[str, Any] = {}
    if "X" in image.pixel_size and "Y" in image.pixel_size:  # for programs that read no OME-XML
        per_cm = tuple(1e4 / image.pixel_size[axis] for axis in "XY")
        if max(per_cm) < 2**32:  # more than a tag of TIFF can hold
            options = {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    with atomic(path) as temporary:
        tifffile.imwrite(
            temporary, array, ome=True, metadata=metadata, photometric="minisblack", compression="zlib", **options
        )


def _storable(image: Image, where: str) -> NDArray[Any]:
    array, kind = image.array, image.array.dtype.kind
    if array.size == 0:
        raise UserInputError(f"The image is empty (shape {array.shape}).", where=where)
    if image.kind == "labels":
        return array.astype(_smallest(array, (np.uint16, np.int32), where), copy=False)
    if kind == "b":
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if kind in "iu" and array.dtype.itemsize == 8:
        return array.astype(_smallest(array, (np.int32, np.uint32), where))
    if kind not in "iuf":
        raise UserInputError(f"Pixels of type {array.dtype} cannot be stored as OME-TIFF.", where=where)
    return array


def _smallest(array: NDArray[Any], types: tuple[type[Any], ...], where: str) -> type[Any]:
    low, high = array.min(), array.max()
    for dtype in types:
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return dtype
    raise UserInputError(f"Numbers from {low} to {high} fit no type of OME-TIFF.", where=where)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the folder went away, or never was: nothing of ours is left in it
        return


def output_error(path: Path | str, error: OSError) -> OutputError:
    """What went wrong in writing a file, in words."""
    reason, todo = _REASONS.get(error.errno or 0, (error.strerror or str(error), "Check the disk and the connection."))
    return OutputError(f"The file could not be written: {reason}.", where=str(path), todo=todo)
