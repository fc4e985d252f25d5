"""Brightness and contrast made comparable between images."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import Config, require
from core.errors import UserInputError


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


PERCENTAGES = (0, 0.1, 0.2, 0.5, 1, 2, 5, 25, 50, 75, 95, 98, 99, 99.5, 99.8, 99.9, 100)
"""The percentiles of a whole image that travel with its parts; those between them are interpolated."""


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


def percentiles_of(sample: NDArray[Any], brightest: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    """The percentiles at `PERCENTAGES` by a sample of the pixels, C N; the last is the brightest pixel of all, C.

    Raises
    ------
    UserInputError : pixels that are not a number.
    """
    exact = sample.astype(np.float32) if sample.dtype in (np.bool_, np.float16) else sample
    values = np.stack([np.percentile(pixels, PERCENTAGES) for pixels in exact]).astype(float)
    values[:, -1] = brightest
    if not np.isfinite(values).all():
        raise UserInputError("Some pixels are not a number or infinite.", todo="Replace them before using the image.")
    return tuple(tuple(of) for of in values.tolist())


def limits_between(percentiles: tuple[tuple[float, ...], ...], config: NormalizationConfig) -> NDArray[np.float64]:
    """As `limits`, of the percentiles at `PERCENTAGES` of every channel, C x 2."""
    found = np.array([np.interp([config.low, config.high], PERCENTAGES, of) for of in percentiles])
    flat = found[:, 0] == found[:, 1]
    found[flat, 1] = [of[-1] for of, is_flat in zip(percentiles, flat, strict=True) if is_flat]
    return found
