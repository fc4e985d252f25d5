"""A reduced picture of a large image, kept beside its labels for looking at."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from core.io.write import output_error
from core.normalization import NormalizationConfig, normalize
from core.visual import Picture, to_bytes

FACTOR = 8
"""By how much the picture is reduced."""

SIDE = 128
"""Of a chunk of the picture, in its own pixels."""


def displayed(pixels: NDArray[Any], between: NDArray[np.float64]) -> Picture:
    """Pixels CYX as they are shown, 0 to 255: `between`, C x 2, becomes black and white of every channel."""
    return to_bytes(normalize(pixels, NormalizationConfig(), between))


def create_picture(path: Path, channels: int, height: int, width: int) -> None:
    """An empty picture of an image of so many pixels."""
    try:
        zarr.create_array(
            path,
            shape=(channels, -(-height // FACTOR), -(-width // FACTOR)),
            chunks=(channels, SIDE, SIDE),
            dtype="uint8",
            zarr_format=2,
            overwrite=True,
        )
    except OSError as error:
        raise output_error(path, error) from error


def open_picture(path: Path) -> "zarr.Array[Any]":
    """The picture, CYX, to be read and written."""
    return zarr.open_array(path, mode="r+", zarr_format=2)


def write_picture(array: "zarr.Array[Any]", row: int, column: int, picture: Picture) -> None:
    """Write a chunk, CYX; `row` and `column` are those of the image."""
    y, x = (SIDE * (place // (SIDE * FACTOR)) for place in (row, column))
    try:
        array[:, y : y + picture.shape[1], x : x + picture.shape[2]] = picture
    except OSError as error:
        raise output_error(str(array.store_path).removeprefix("file://"), error) from error
