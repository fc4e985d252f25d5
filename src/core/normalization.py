"""Brightness and contrast made comparable between images."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import Config, require
from core.errors import UserInputError
from core.progress import SILENT, Progress


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

MOST_READ = 2**28
"""Of an image with more pixels not all are read for its percentiles."""

PATCHES, PATCH = 16, 128
"""What is read instead: 16 x 16 patches of 128 x 128 pixels, spread evenly."""


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


def percentiles_of(
    read: Callable[[slice, slice], NDArray[Any]], height: int, width: int, progress: Progress = SILENT
) -> tuple[tuple[float, ...], ...]:
    """The percentiles at `PERCENTAGES` of every channel of an image that is read part by part.

    They are those that `limits` takes of the same image in memory. Of an image of more than `MOST_READ` pixels patches
    are read that are spread evenly over it.

    Parameters
    ----------
    read : gives the pixels of some rows and columns, axes CYX, any real type.
    height, width : of the image, pixels.
    progress : asked for cancellation at every part.

    Raises
    ------
    UserInputError : pixels that are not a number.
    Canceled : the user stopped the work.
    """
    samples: list[NDArray[Any]] = []
    ends: list[NDArray[Any]] = []
    for rows, columns, step in _parts(height, width):
        progress.check()
        part = read(rows, columns)
        part = part.astype(np.float32) if part.dtype in (np.bool_, np.float16) else part
        samples.append(part[:, ::step, ::step].reshape(len(part), -1))
        ends += [part.min((1, 2)), part.max((1, 2))]
    values = np.percentile(np.concatenate(samples, axis=1), PERCENTAGES, axis=1).T
    values[:, 0], values[:, -1] = np.min(ends, axis=0), np.max(ends, axis=0)
    if not np.isfinite(values).all():
        raise UserInputError("The image has pixels that are not a number (NaN or infinite).", todo="Repair the image.")
    return tuple(tuple(float(value) for value in of) for of in values)


def _parts(height: int, width: int) -> Iterator[tuple[slice, slice, int]]:
    """Rows and columns to read, and the distance of the pixels to take of them."""
    if height * width <= MOST_READ:
        step = stride(height * width)
        band = max(1, MOST_PIXELS // (step * width)) * step
        for start in range(0, height, band):
            yield slice(start, min(start + band, height)), slice(0, width), step
    else:
        tops, lefts = (np.linspace(0, max(0, n - PATCH), PATCHES).astype(int) for n in (height, width))
        for top, left in product(tops.tolist(), lefts.tolist()):
            yield slice(top, min(top + PATCH, height)), slice(left, min(left + PATCH, width)), 1


def limits_between(percentiles: tuple[tuple[float, ...], ...], config: NormalizationConfig) -> NDArray[np.float64]:
    """As `limits`, of the percentiles at `PERCENTAGES` of every channel, C x 2."""
    found = np.array([np.interp([config.low, config.high], PERCENTAGES, of) for of in percentiles])
    flat = found[:, 0] == found[:, 1]
    found[flat, 1] = [of[-1] for of, is_flat in zip(percentiles, flat, strict=True) if is_flat]
    return found
