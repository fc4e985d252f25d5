"""What the tests of the nodes share: a sample image, a small training."""

from typing import Any

import numpy as np

from core.image import Image


def disks(size: int = 64, seed: int = 0, channels: int = 1, radius: int = 7) -> tuple[Image, Image]:
    """A noisy image of bright disks, and its labels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    step = size // 3
    for i in range(3):
        for j in range(3):
            cy, cx = step * (i + 0.5) + rng.uniform(-2, 2), step * (j + 0.5) + rng.uniform(-2, 2)
            labels[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 1 + 3 * i + j
    pixels = rng.normal(100, 5, (channels, size, size)) + 400 * (labels > 0)
    array = pixels.astype(np.uint16)
    image = Image(array, "CYX") if channels > 1 else Image(array[0], "YX")
    return image, Image(labels, "YX", kind="labels")


TINY: dict[str, Any] = {
    "model": {"base": 4, "depth": 1},
    "training": {"epochs": 1, "steps": 2, "batch_size": 2, "patch_size": 32, "device": "CPU"},
}
"""Settings of the Learner for a training of a second."""
