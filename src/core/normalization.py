"""Brightness and contrast made comparable between images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import Config, require


@dataclass(frozen=True)
class NormalizationConfig(Config):
    """Percentiles of every channel of an image that become 0 and 1.

    Parameters
    ----------
    low, high : percentiles, 0 <= low < high <= 100.
    """

    low: float = 1.0
    high: float = 99.8

    def __post_init__(self) -> None:
        require(0 <= self.low < self.high <= 100, "low, high", (self.low, self.high), "0 <= low < high <= 100")


MOST_PIXELS = 2**22
"""Percentiles of a larger channel are taken from an even grid of about this many pixels: the same to three digits."""


def limits(cyx: NDArray[Any], config: NormalizationConfig) -> NDArray[np.float64]:
    """What becomes 0 and what becomes 1 of every channel of an image, C x 2: its two percentiles.

    Where these are equal, its brightest pixel takes the place of the high one.

    Parameters
    ----------
    cyx : pixels, axes CYX, any real type.
    """
    step = stride(cyx.shape[-2] * cyx.shape[-1])
    return limits_of(cyx[:, ::step, ::step].reshape(len(cyx), -1), cyx.max(axis=(1, 2)), config)


def limits_of(sample: NDArray[Any], brightest: NDArray[Any], config: NormalizationConfig) -> NDArray[np.float64]:
    """`limits` by a sample of the pixels, C N, and the brightest pixel of every channel, C."""
    found = np.empty((len(sample), 2))
    for pixels, most, pair in zip(sample, brightest, found, strict=True):
        exact = pixels.astype(np.float32) if pixels.dtype in (np.bool_, np.float16) else pixels
        pair[:] = np.percentile(exact, [config.low, config.high])
        if pair[0] == pair[1]:
            pair[1] = most
    return found


def stride(pixels: int) -> int:
    """Distance of the grid points, along both axes, of which the percentiles of so many pixels are taken."""
    return max(1, math.ceil(math.sqrt(pixels / MOST_PIXELS)))


def normalize(
    cyx: NDArray[Any], config: NormalizationConfig, between: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Scale every channel so that its low percentile is 0 and its high one is 1; nothing is clipped.

    Parameters
    ----------
    cyx : pixels, axes CYX, any real type.
    between : `limits` of the image of which these pixels are a part; without them those of the pixels.

    Returns
    -------
    float32, axes CYX. A constant channel becomes 0.
    """
    if cyx.dtype in (np.bool_, np.float16):  # differences do not fit into them
        cyx = cyx.astype(np.float32)
    out = np.empty(cyx.shape, np.float32)
    for channel, (low, high), target in zip(cyx, limits(cyx, config) if between is None else between, out, strict=True):
        if high > low:
            np.subtract(channel, low, out=target, casting="unsafe")
            target /= np.float32(high - low)
        else:
            target[:] = 0
    return out
