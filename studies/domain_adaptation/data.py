"""The two data sets: halved in size, in a part to learn from and a part to test on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from core.image import Image
from core.training.data import Example

PIXEL_SIZE = {"vnc": 0.0092, "lucchi": 0.01}
"""In micrometres, after halving."""


@dataclass(frozen=True)
class Domain:
    """Labelled slices of one microscope.

    Parameters
    ----------
    name : "vnc" or "lucchi".
    train, test : of different places.
    """

    name: str
    train: list[Example]
    test: list[Example]


def load(data: Path, name: str) -> Domain:
    """A data set below DATA/vnc or DATA/lucchi.

    vnc: Drosophila ventral nerve cord, ssTEM (Gerhard et al. 2013, CC BY-NC-SA 3.0), `stack1_im.tif` and
    `stack1_mito.tif`; the left halves of the 20 slices to learn from, the right halves of every second one to test.
    lucchi: mouse hippocampus, FIB-SEM (EPFL), `train_*.tif` and `test_*.tif`, every second slice of the latter.
    """
    if name == "vnc":
        images, masks = _stack(data / "vnc/stack1_im.tif"), _stack(data / "vnc/stack1_mito.tif")
        half = images.shape[2] // 2
        return Domain(
            name,
            _examples(name, images[:, :, :half], masks[:, :, :half]),
            _examples(name, images[:, :, half:], masks[:, :, half:])[::2],
        )
    folder = data / "lucchi"
    parts = [
        _examples(name, *(_stack(folder / f"{p}_{kind}.tif") for kind in ("im", "mito"))) for p in ("train", "test")
    ]
    return Domain(name, parts[0], parts[1][::2])


def _stack(path: Path) -> NDArray[np.float32]:
    """A stack Z Y X with half the height and width, every pixel the mean of four."""
    whole = tifffile.imread(path).astype(np.float32)
    z, y, x = whole.shape
    halved: NDArray[np.float32] = whole.reshape(z, y // 2, 2, x // 2, 2).mean(axis=(2, 4))
    return halved


def _examples(name: str, images: NDArray[np.float32], masks: NDArray[np.float32]) -> list[Example]:
    """Slices with their objects, connected pixels that are mitochondrion by at least a half."""
    size = dict.fromkeys("YX", PIXEL_SIZE[name])
    return [
        Example(
            f"{name} {number}",
            Image(np.rint(image).astype(np.uint8), "YX", size),
            ndimage.label(mask >= 127.5)[0].astype(np.int32),
        )
        for number, (image, mask) in enumerate(zip(images, masks, strict=True))
    ]
