"""How sample images are written."""

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray


def write(path: Path, plane: NDArray[np.generic], pixel: float, *, predictor: bool = False) -> None:
    """A small TIFF file that knows the length of its pixels in micrometres; a predictor makes smooth images smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        plane,
        imagej=True,
        resolution=(1 / pixel, 1 / pixel),
        metadata={"unit": "um", "axes": "YX"},
        compression="zlib",
        compressionargs={"level": 9},
        predictor=predictor,
    )
