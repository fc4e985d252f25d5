"""What is measured of an image for a comparison of two sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.adaptation.gap.content import Plane, windows
from core.adaptation.gap.magnification import Sizes, sizes
from core.adaptation.gap.sharpness import edge_width, noise_level, power_spectrum
from core.errors import UserInputError
from core.image import Image
from core.normalization import NormalizationConfig, stride
from core.padding import Mask, data_mask
from core.progress import SILENT, Progress

SHARES = np.linspace(0, 1, 256)
"""The shares of the pixels whose grey values stand for the histogram of an image."""

NORMAL = NormalizationConfig()
"""The percentiles that become 0 and 1 before a network sees an image."""

MOST_SLICES = 4
"""Of a Z-stack so many slices are measured, evenly spread."""

_SMALLEST = 16
_SIZED = 2


@dataclass(frozen=True, eq=False)
class ChannelMeasures:
    """One channel of an image; means over its slices and windows. Padding is left out.

    Parameters
    ----------
    mean, deviation : of the grey values.
    quantiles : grey values at `SHARES`.
    normalized : the same after the percentiles `NORMAL` of these slices together have become 0 and 1.
    saturated : share of pixels that have the highest value which the file's numbers or the image take, 0 to 1.
    noise : standard deviation of the noise as a share of the contrast, which is between the percentiles `NORMAL`.
    edge_width : blur of the clearest edges, pixels.
    skewness : of the normalised grey values: positive where what is bright is rare.
    spectrum : see `power_spectrum`.
    sizes : see `magnification.sizes`.
    """

    mean: float
    deviation: float
    quantiles: NDArray[np.float64]
    normalized: NDArray[np.float64]
    saturated: float
    noise: float
    edge_width: float
    skewness: float
    spectrum: NDArray[np.float64]
    sizes: Sizes

    @property
    def contrast(self) -> float:
        """Grey values between the percentiles `NORMAL`."""
        low, high = np.interp([NORMAL.low / 100, NORMAL.high / 100], SHARES, self.quantiles)
        return float(high - low)


@dataclass(frozen=True, eq=False)
class ImageMeasures:
    """What is measured of an image.

    Parameters
    ----------
    name : what people call the image.
    shape : pixels along Z, Y, X.
    dtype : type of its numbers, as numpy calls it.
    bits : so many bits hold the brightest value of whole numbers; 0 for other numbers.
    pixel_size : as `Image` has it, micrometres.
    channel_names : as `Image` has them.
    channels : empty where there is nothing to measure.
    empty_slices : numbers of slices, from 1, that are the same everywhere; of those that were looked at.
    padded : share of the pixels that are padding, 0 to 1.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: str
    bits: int
    pixel_size: float | None
    channel_names: tuple[str, ...]
    channels: tuple[ChannelMeasures, ...]
    empty_slices: tuple[int, ...]
    padded: float


def measure(image: Image, name: str, progress: Progress = SILENT) -> ImageMeasures:
    """Measure a 2-D image or a Z-stack, in a second or less.

    Raises
    ------
    UserInputError : a time series, or pixels that are not a number.
    """
    stack = _czyx(image, name)
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        raise UserInputError(
            "Some pixels are not a number or infinite.", where=name, todo="Replace them before using the image."
        )
    channels, depth = stack.shape[:2]
    empty = [z for z in range(depth) if all(channel[z].min() == channel[z].max() for channel in stack)]
    full = [z for z in range(depth) if z not in empty]
    chosen = [full[i] for i in np.linspace(0, len(full) - 1, MOST_SLICES).round().astype(int)] if full else []
    chosen = list(dict.fromkeys(chosen))
    highest = float(stack.max(initial=0))
    data = {z: data_mask(stack[:, z]) for z in chosen}
    measured = []
    for number, channel in enumerate(stack):
        progress.step(number / channels, f"Measuring {name}")
        slices = [(channel[z].astype(np.float32), data[z]) for z in chosen]
        usable = [(plane, known) for plane, known in slices if _is_usable(plane, known)]
        if usable:
            measured.append(_channel(usable, _limit(stack.dtype, highest)))
        progress.check()
    whole = stack.dtype.kind in "iu"
    sides = [image.pixel_size[axis] for axis in "YX" if axis in image.pixel_size]
    return ImageMeasures(
        name,
        (depth, image.size("Y"), image.size("X")),
        str(stack.dtype),
        int(highest).bit_length() if whole else 0,
        float(np.mean(sides)) if sides else None,
        image.channel_names,
        tuple(measured) if len(measured) == channels else (),
        tuple(z + 1 for z in empty),
        float(np.mean([0 if known is None else 1 - known.mean() for known in data.values()])) if data else 0.0,
    )


def _czyx(image: Image, name: str) -> NDArray[np.generic]:
    try:
        stack = image.czyx()
    except UserInputError as error:
        raise error.at(name) from None
    return stack.astype(np.uint8) if stack.dtype == bool else stack


def _is_usable(plane: Plane, data: Mask | None) -> bool:
    values = plane.ravel() if data is None else plane[data]
    return bool(min(plane.shape) >= _SMALLEST and values.size and values.min() < values.max())


def _limit(dtype: np.dtype[np.generic], highest: float) -> float:
    """The value of a saturated pixel: the highest of the type, or of a camera with fewer bits, or of the image."""
    if dtype.kind not in "iu":
        return highest
    return float(2 ** max(8, int(highest).bit_length()) - 1)


def _sample(plane: Plane, data: Mask | None) -> NDArray[np.float32]:
    """Grey values that stand for those of a plane, without padding."""
    step = stride(plane.size)
    coarse = plane[::step, ::step]
    return coarse.ravel() if data is None else coarse[data[::step, ::step]]


def _channel(slices: Sequence[tuple[Plane, Mask | None]], limit: float) -> ChannelMeasures:
    values, scaled, found, parts = [], [], [], []
    samples = [_sample(plane, data) for plane, data in slices]
    every = np.concatenate(samples)
    low, high = np.percentile(every, [NORMAL.low, NORMAL.high])
    contrast = float(high - low) or float(every.max() - every.min()) or 1.0
    for (plane, data), sample in zip(slices, samples, strict=True):
        values.append(np.quantile(sample, SHARES))
        scaled.append((values[-1] - low) / contrast)
        clipped = np.clip((sample - low) / contrast, -0.5, 1.5).astype(np.float64)
        deviation = float(clipped.std()) or 1.0
        skewness = float((((clipped - clipped.mean()) / deviation) ** 3).mean())
        spread = windows(plane, data)
        spread = [(part, known) for part, known in spread if part.min() < part.max()] or spread
        noise = float(np.mean([noise_level(*one) for one in spread])) / contrast
        found.append(
            (
                float(sample.mean()),
                float(sample.std()),
                float((sample >= limit).mean()),
                noise,
                float(np.median([edge_width(*one) for one in spread])),
                skewness,
            )
        )
        parts += [part for part, _ in spread]
    mean, deviation, saturated, noise, edges, skewness = np.mean(found, axis=0).tolist()
    with np.errstate(invalid="ignore"):
        spectra = np.ma.masked_invalid([power_spectrum(part) for part in parts]).mean(0).filled(np.nan)
    few = parts[:: max(1, len(parts) // _SIZED)][:_SIZED]
    return ChannelMeasures(
        mean,
        deviation,
        np.mean(values, axis=0),
        np.mean(scaled, axis=0),
        saturated,
        noise,
        edges,
        skewness,
        spectra,
        sizes(few),
    )
