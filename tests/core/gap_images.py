"""Real images of two kinds, for the tests of how images differ."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from core.adaptation.gap.measures import ImageMeasures, measure
from core.image import Image

Plane = NDArray[np.float32]

_WORKFLOWS = Path(__file__).parents[2] / "workflows"
NUCLEI, CELLS = (
    _WORKFLOWS / folder / "data" for folder in ("01_Train_and_count_nuclei", "02_Retrain_with_four_images")
)


def read(folder: Path) -> list[Plane]:
    """The images of a folder, grey."""
    files = sorted((folder / "images").glob("*.png"))
    return [np.array(PIL.Image.open(path).convert("L")).astype(np.float32) for path in files]


def measured(planes: Sequence[Any], **known: Any) -> list[ImageMeasures]:
    """Measures of images, which are called "image 0", "image 1", ..."""
    return [measure(Image(np.asarray(plane), "YX", **known), f"image {i}") for i, plane in enumerate(planes)]


def noisy(plane: Plane, sigma: float) -> Plane:
    """With white noise of this standard deviation."""
    return plane + np.random.default_rng(0).normal(0, sigma, plane.shape).astype(np.float32)
