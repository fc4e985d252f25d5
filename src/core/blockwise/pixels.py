"""Pixels of a large image as the network wants them."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.io.large import LargeImage
from core.normalization import NormalizationConfig, limits_of, normalize, percentiles_of, stride
from core.progress import SILENT, Progress
from core.rescaling import blur_reach, rescale_part

if TYPE_CHECKING:
    from core.blockwise.plan import Plan

BLOCK = 2048
MOST_BLOCKS = 256
"""Of images with more blocks of this side, percentiles are taken from about so many blocks, in rows that are shifted
against each other, so that none of the image's columns is left out."""


def sampled_limits(
    image: LargeImage, level: int, config: NormalizationConfig, progress: Progress = SILENT
) -> NDArray[np.float64]:
    """What `core.normalization.limits` says of a level of an image, up to 32,768 x 32,768 pixels exactly."""
    return limits_of(*_sample(image, level, progress), config)


def sampled_percentiles(image: LargeImage, level: int, progress: Progress = SILENT) -> tuple[tuple[float, ...], ...]:
    """The percentiles of a level that travel with its parts, see `core.normalization`; of the same pixels.

    Raises
    ------
    UserInputError : pixels that are not a number.
    """
    return percentiles_of(*_sample(image, level, progress))


def _sample(image: LargeImage, level: int, progress: Progress) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Pixels that stand for a level, C N, and the brightest of every channel.

    Raises
    ------
    UserInputError : pixels that are not a number.
    """
    height, width = image.levels[level].height, image.levels[level].width
    step = stride(height * width)
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    apart = math.ceil(math.sqrt(rows * columns / MOST_BLOCKS))
    corners = [
        (BLOCK * row, BLOCK * column)
        for number, row in enumerate(range(0, rows, apart))
        for column in range(number % apart, columns, apart)
    ]
    samples, brightest = [], np.full(image.channels, -np.inf)
    for done, (y, x) in enumerate(corners):
        progress.step(done / len(corners), "brightness of the image")
        block = image.read(level, slice(y, min(y + BLOCK, height)), slice(x, min(x + BLOCK, width)))
        samples.append(block[:, -y % step :: step, -x % step :: step].reshape(image.channels, -1))
        brightest = np.maximum(brightest, block.max(axis=(1, 2)))
    sample = np.concatenate(samples, axis=1)
    if sample.dtype.kind == "f" and not np.isfinite(sample).all():
        raise UserInputError(
            "The image has pixels that are not a number.", where=str(image.path), todo="Replace them by 0 and save it."
        )
    return sample, brightest


def read_crop(plan: "Plan", image: LargeImage, crop: tuple[slice, ...]) -> NDArray[np.float32]:
    """A rectangle of the image as the network sees it, C Y X: normalised, its channels in the order of the model's,
    enlarged, mirrored behind its end.

    Parameters
    ----------
    crop : rows and columns in pixels of the enlarged image; these may end behind it.
    """
    ends = plan.enlarged
    inside = tuple(slice(part.start, min(part.stop, end)) for part, end in zip(crop, ends, strict=True))
    reach = blur_reach(plan.scale)
    rows, columns = (
        slice(max(0, math.floor(part.start / plan.scale) - reach), min(n, math.ceil(part.stop / plan.scale) + reach))
        for part, n in zip(inside, (plan.height, plan.width), strict=True)
    )
    pixels = normalize(image.read(plan.level, rows, columns), NormalizationConfig(), plan.between)
    if plan.order:
        pixels = pixels[list(plan.order)]
    pixels = rescale_part(pixels, plan.scale, inside, (rows.start, columns.start))
    missing = [(0, part.stop - within.stop) for part, within in zip(crop, inside, strict=True)]
    return np.pad(pixels, [(0, 0), *missing], mode="symmetric") if any(end for _, end in missing) else pixels
