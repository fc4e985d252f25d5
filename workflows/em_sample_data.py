"""Cut the sample images of the fifth template out of an electron micrograph, and simulate a second microscope.

    python workflows/em_sample_data.py IMAGES LABELS

IMAGES and LABELS are the stacks of the Drosophila ventral nerve cord of Gerhard et al. 2013
(doi 10.6084/m9.figshare.856713.v1, CC BY-NC-SA 3.0): 20 slices of 1024 x 1024 pixels of 4.6 nm, and its mitochondria
as 255. Pixels are averaged 2 x 2, to 9.2 nm.

The source are patches of the left half of 12 slices, as they are. The target are patches of the right half of 8 slices,
changed as if another microscope had taken them (`as_elsewhere`): they are simulated, there was no such microscope.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

DATA = Path(__file__).parent / "05_Adapt_EM_mitochondria_to_a_new_microscope" / "data"
SIDE, PIXEL = 256, 0.0092
"""Pixels of the side of a patch, and micrometres of a pixel."""

SLICES = {"source": (0, 2, 3, 5, 7, 8, 10, 12, 13, 15, 17, 18), "target": (1, 3, 6, 9, 11, 14, 16, 19)}
SEED = 5

Plane = NDArray[np.float64]


def halved(plane: NDArray[np.uint8]) -> Plane:
    """Means of 2 x 2 pixels."""
    height, width = plane.shape
    means: Plane = plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    return means


def as_elsewhere(plane: Plane, rng: np.random.Generator) -> Plane:
    """The same as another microscope might show it: another contrast curve, softer, uneven light, grainier, greyer."""
    curved = 255 * (plane / 255) ** 0.6
    soft = ndimage.gaussian_filter(curved, 1.2)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    direction = rng.uniform(0, 2 * np.pi)
    lit = soft * (1 + 0.12 * (x * np.cos(direction) + y * np.sin(direction)) - 0.1 * (x**2 + y**2))
    grey: Plane = 50 + 0.55 * lit + rng.normal(0, 8, plane.shape)
    return np.rint(grey).clip(0, 255)


def write(path: Path, plane: NDArray[np.uint8]) -> None:
    """A TIFF file that knows its pixel size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        plane,
        imagej=True,
        resolution=(1 / PIXEL, 1 / PIXEL),
        metadata={"unit": "um", "axes": "YX"},
        compression="zlib",
        compressionargs={"level": 9},
        predictor=True,
    )


def main(images: Path, labels: Path) -> None:
    """Write the patches; every other one is of the upper half of its slice."""
    stack, mitochondria = tifffile.imread(images), tifffile.imread(labels)
    rng = np.random.default_rng(SEED)
    for part, slices in SLICES.items():
        left = 0 if part == "source" else SIDE
        for number, z in enumerate(slices):
            top = SIDE * (number % 2)
            at = (slice(top, top + SIDE), slice(left, left + SIDE))
            patch = halved(stack[z])[at]
            shown = patch if part == "source" else as_elsewhere(patch, rng)
            numbered, _ = ndimage.label(halved(mitochondria[z])[at] >= 128, np.ones((3, 3)))
            name = f"slice_{z:02}_{'lower' if top else 'upper'}.tif"
            write(DATA / part / "images" / name, np.rint(shown).astype(np.uint8))
            write(DATA / part / "labels" / name, numbered.astype(np.uint8))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
