"""An image in memory, read as a pyramid is built from: in parts, at every resolution."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

from core.pyramid import ReadLabels, ReadPicture

SAMPLES = Path(__file__).parents[1] / "workflows/01_Train_and_count_nuclei/data/test"


def nuclei(name: str = "33618678c167c5e0") -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A real image, stretched, and its labels; 360 x 360 pixels unless another is named."""
    pixels = np.array(PIL.Image.open(SAMPLES / f"images/{name}.png").convert("L"), np.float64)
    labels: NDArray[np.int32] = tifffile.imread(SAMPLES / f"labels/{name}.tif").astype(np.int32)
    return (255 * (pixels / pixels.max()) ** 0.7).astype(np.uint8), labels


def reduced(picture: NDArray[Any], factor: int) -> NDArray[np.uint8]:
    """Means of factor x factor pixels; those at the edge of what there is."""
    extra = [(0, -n % factor) for n in picture.shape[:2]]
    padded = np.pad(picture, [*extra, (0, 0)] if picture.ndim == 3 else extra, mode="edge")
    high, wide = (n // factor for n in padded.shape[:2])
    small: NDArray[np.uint8] = padded.reshape(high, factor, wide, factor, -1).mean((1, 3)).astype(np.uint8)
    return small.reshape(high, wide, *picture.shape[2:])


def sources(picture: NDArray[np.uint8], labels: NDArray[np.int32]) -> tuple[ReadPicture, ReadLabels]:
    """What `build_pyramid` reads."""

    def read_picture(factor: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
        return reduced(picture, factor)[_inside(rows, columns)]

    def read_labels(factor: int, rows: slice, columns: slice) -> NDArray[np.int32]:
        return labels[::factor, ::factor][_inside(rows, columns)]

    return read_picture, read_labels


def _inside(rows: slice, columns: slice) -> tuple[slice, slice]:
    assert rows.start >= 0
    assert columns.start >= 0
    return rows, columns
