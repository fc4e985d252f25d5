"""Cut the sample images of the fifth template out of an electron micrograph, and simulate a second microscope.

    python workflows/em_sample_data.py IMAGES LABELS

IMAGES and LABELS are the stacks of the Drosophila ventral nerve cord of Gerhard et al. 2013
(doi 10.6084/m9.figshare.856713.v1, CC BY-NC-SA 3.0): 20 slices of 1024 x 1024 pixels of 4.6 nm, and its mitochondria
as 255.

The source are patches of the left half of 12 slices, their pixels averaged 2 x 2, to 9.2 nm. The target are patches of
the right half of 8 slices at 4.6 nm, changed as if another microscope had taken them (`as_elsewhere`): they are
simulated, there was no such microscope.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from sample_tiff import write
from scipy import ndimage

DATA = Path(__file__).parent / "05_Adapt_EM_mitochondria_to_a_new_microscope" / "data"
PIXEL = {"source": 0.0092, "target": 0.0046}
"""Micrometres of a pixel."""

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
    y, x = np.ogrid[-1 : 1 : plane.shape[0] * 1j, -1 : 1 : plane.shape[1] * 1j]
    direction = rng.uniform(0, 2 * np.pi)
    lit = soft * (1 + 0.12 * (x * np.cos(direction) + y * np.sin(direction)) - 0.1 * (x**2 + y**2))
    grey: Plane = 50 + 0.55 * lit + rng.normal(0, 8, plane.shape)
    return np.rint(grey).clip(0, 255)


def main(images: Path, labels: Path) -> None:
    """Write the patches; every other one is of the upper half of its slice."""
    stack, mitochondria = tifffile.imread(images), tifffile.imread(labels)
    rng = np.random.default_rng(SEED)
    for part, slices in SLICES.items():
        for number, z in enumerate(slices):
            upper, source = number % 2 == 0, part == "source"
            half = slice(0, stack.shape[1] // 2), slice(stack.shape[1] // 2, None)
            at = (half[0] if upper else half[1], half[0] if source else half[1])
            patch, mask = stack[z][at], mitochondria[z][at]
            shown, inside = (halved(patch), halved(mask)) if source else (as_elsewhere(patch, rng), mask)
            numbered, _ = ndimage.label(inside >= 128, np.ones((3, 3)))
            name = f"slice_{z:02}_{'upper' if upper else 'lower'}.tif"
            write(DATA / part / "images" / name, np.rint(shown).astype(np.uint8), PIXEL[part], predictor=True)
            write(DATA / part / "labels" / name, numbered.astype(np.uint8), PIXEL[part], predictor=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
