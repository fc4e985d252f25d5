"""A reduced picture of a large image, kept beside its labels for looking at."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from core.io.write import output_error

FACTOR = 8
"""By how much the picture is reduced."""

SIDE = 128
"""Of a chunk of the picture, in its own pixels."""

Picture = NDArray[np.uint8]
"""Axes CYX, 0 to 255."""


def displayed(pixels: NDArray[Any], between: NDArray[np.float64]) -> Picture:
    """Pixels CYX as they are shown: `between`, C x 2, becomes black and white of every channel."""
    low, high = (limit[:, None, None] for limit in between.T.astype(np.float32))
    shares = (pixels - low) / np.maximum(high - low, np.float32(1e-9))
    shown: Picture = (np.clip(shares, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return shown


def reduced(picture: Picture, factor: int = FACTOR) -> Picture:
    """A picture CYX of means of `factor` x `factor` pixels; at the end of what there is."""
    channels, height, width = picture.shape
    rest = [(0, -n % factor) for n in (height, width)]
    cells = np.pad(picture, [(0, 0), *rest], mode="edge")
    cells = cells.reshape(channels, cells.shape[1] // factor, factor, cells.shape[2] // factor, factor)
    means: Picture = cells.mean(axis=(2, 4)).astype(np.uint8)
    return means


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
    """The picture, CYX, to be read."""
    return zarr.open_array(path, mode="r", zarr_format=2)


def write_picture(path: Path, row: int, column: int, picture: Picture) -> None:
    """Write a chunk; `row` and `column` are those of the image."""
    array = zarr.open_array(path, mode="r+", zarr_format=2)
    y, x = (SIDE * (place // (SIDE * FACTOR)) for place in (row, column))
    try:
        array[:, y : y + picture.shape[1], x : x + picture.shape[2]] = picture
    except OSError as error:
        raise output_error(path, error) from error
