"""Patches out of labelled images, varied at random: as the same object might have been photographed differently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.config import Config, require
from core.image import Labels
from core.training.data import Prepared


@dataclass(frozen=True)
class AugmentationConfig(Config):
    """How strongly patches are varied; intensities are in units of the normalised image (background 0, bright 1).

    Parameters
    ----------
    flip : flips and quarter turns, each equally likely.
    rotate : turns by any angle, for half of the patches.
    scale : largest factor of shrinking or growing, 1 to 4; 1 is none.
    brightness : largest shift, 0 to 1.
    contrast : largest factor of stretching or squeezing, 1 to 4.
    gamma : largest exponent, and the inverse of the smallest, 1 to 4.
    noise : largest standard deviation of Gaussian noise, 0 to 1.
    blur : largest standard deviation of a Gaussian blur in pixels, 0 to 5.
    invert : share of the patches in which bright and dark are exchanged, 0 to 1.
    """

    flip: bool = True
    rotate: bool = True
    scale: float = 1.4
    brightness: float = 0.15
    contrast: float = 1.5
    gamma: float = 1.5
    noise: float = 0.08
    blur: float = 1.2
    invert: float = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "contrast", "gamma"):
            require(1 <= getattr(self, name) <= 4, name, getattr(self, name), "1 to 4")
        for name in ("brightness", "noise", "invert"):
            require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "0 to 1")
        require(0 <= self.blur <= 5, "blur", self.blur, "0 to 5")


STRONG_AUGMENTATION = AugmentationConfig(scale=1.5, brightness=0.3, contrast=2.0, gamma=2.0, noise=0.25, blur=2.0)
"""For images of a microscope that is not among those learned from: more of what differs between microscopes."""

NO_AUGMENTATION = AugmentationConfig(False, False, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0)

ON_OBJECT = 0.9
"""Share of the patches that are centred on an object, wherever the image has one."""


def random_patch(
    examples: Sequence[Prepared], size: int, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Labels]:
    """A square patch of a random image around a random object.

    An image with four times as many objects, or with twice the weight, is drawn twice as often. Beyond the image's edge
    the image is mirrored. A patch of an image with a zoom shows as much less of it.

    Returns
    -------
    Pixels, float32, axes CYX, and labels, int32, axes YX, both `size` pixels high and wide.
    """
    share = np.sqrt([max(1, len(example.boxes)) for example in examples]) * [example.weight for example in examples]
    example = examples[rng.choice(len(examples), p=share / share.sum())]
    matrix = _turn(config, rng) / example.zoom
    centre = _centre(example, size / example.zoom, rng)
    offset = centre - matrix @ np.full(2, (size - 1) / 2)
    exact = np.array_equal(matrix, np.round(matrix))
    if exact:
        offset = np.round(offset)
    order = 0 if exact else 1
    shape = (size, size)
    channels = [ndimage.affine_transform(c, matrix, offset, shape, order=order, mode="mirror") for c in example.pixels]
    labels = ndimage.affine_transform(example.labels, matrix, offset, shape, order=0, mode="mirror")
    return vary_intensity(np.stack(channels), config, rng), labels


def _turn(config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random matrix of flips, turns and scaling that leads from the patch to the image."""
    matrix = np.eye(2)
    if config.flip:
        turns = rng.integers(4)
        matrix = np.array([[0.0, -1.0], [1.0, 0.0]]) if turns % 2 else matrix
        matrix = matrix * (-1.0 if turns > 1 else 1.0)
        matrix = matrix[::-1] if rng.random() < 0.5 else matrix
    if config.rotate and rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ matrix
    if config.scale > 1 and rng.random() < 0.5:
        matrix = matrix * _factor(config.scale, rng)
    return matrix


def _factor(largest: float, rng: np.random.Generator) -> float:
    """A random factor between 1/largest and largest, as likely to shrink as to grow."""
    return float(np.exp(rng.uniform(-1, 1) * np.log(largest)))


def _centre(example: Prepared, size: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where in the image the patch's centre lies, rows and columns."""
    shape = np.array(example.labels.shape, float)
    if example.boxes and rng.random() < ON_OBJECT:
        box = example.boxes[rng.integers(len(example.boxes))]
        centre = np.array([(s.start + s.stop - 1) / 2 for s in box]) + rng.uniform(-size / 4, size / 4, 2)
    else:
        centre = rng.uniform(0, 1, 2) * (shape - 1)
    half = np.minimum((size - 1) / 2, (shape - 1) / 2)
    return np.clip(centre, half, shape - 1 - half)


def vary_intensity(
    pixels: NDArray[np.float32], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Another exposure, focus and noise of the same pixels, axes CYX."""
    if config.invert > 0 and rng.random() < config.invert:
        pixels = 1 - pixels
    if config.blur > 0 and rng.random() < 0.3:
        sigma = rng.uniform(0, config.blur)
        pixels = np.stack([ndimage.gaussian_filter(c, sigma) for c in pixels])
    if config.gamma > 1 and rng.random() < 0.5:
        low = pixels.min()
        width = max(float(pixels.max() - low), 1e-6)
        pixels = ((pixels - low) / width) ** _factor(config.gamma, rng) * width + low
    if config.contrast > 1:
        pixels = pixels * _factor(config.contrast, rng)
    if config.brightness > 0:
        pixels = pixels + rng.uniform(-config.brightness, config.brightness)
    if config.noise > 0 and rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(0, config.noise), pixels.shape)
        pixels = pixels + noise.astype(np.float32)
    return np.ascontiguousarray(pixels, np.float32)
