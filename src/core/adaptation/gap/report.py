"""Two sets of measured images compared: measure by measure, and the images that are odd in their set."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.adaptation.gap import magnification
from core.adaptation.gap.magnification import Magnification, Sizes
from core.adaptation.gap.measures import NORMAL, SHARES, ChannelMeasures, ImageMeasures
from core.errors import UserInputError
from core.image import amount_of_channels
from core.progress import SILENT, Progress

HISTOGRAM_GAP = 0.06
"""A distance of histograms, as a share of the contrast, from which on they count as different."""

RATIO_GAP = {"Noise": 1.5, "Edge width": 1.3}
"""Ratios of the means from which on a measure counts as different."""

FAINT_NOISE = 0.015
"""Where both sets have less noise, as a share of the contrast, its ratio does not matter."""

ODD = 6.0
"""An image is odd that is so many robust standard deviations from the median of its set."""

_FEWEST_FOR_ODD = 6
_HALVES = 1.5
_ERRORS = 2.0

Images = Sequence[ImageMeasures]
OF: dict[str, tuple[Callable[[ChannelMeasures], float], str]] = {
    "Mean": (lambda one: one.mean, "grey values"),
    "Standard deviation": (lambda one: one.deviation, "grey values"),
    "Percentile 1": (lambda one: float(np.interp(0.01, SHARES, one.quantiles)), "grey values"),
    "Median": (lambda one: float(np.interp(0.5, SHARES, one.quantiles)), "grey values"),
    "Percentile 99.8": (lambda one: float(np.interp(0.998, SHARES, one.quantiles)), "grey values"),
    "Saturated pixels": (lambda one: 100 * one.saturated, "%"),
    "Noise": (lambda one: 100 * one.noise, "% of the contrast"),
    "Edge width": (lambda one: one.edge_width, "pixels"),
    "Skewness": (lambda one: one.skewness, ""),
}
"""Measures that every image has, and their units."""


@dataclass(frozen=True)
class Line:
    """A measure of both sets.

    Parameters
    ----------
    measure, unit, remark : in words.
    channel : its name, empty where the measure is of all or there is one channel only.
    source, target, difference : NaN where there is none. The difference is target less source; of a magnification
        target over source.
    gap : whether the sets count as different.
    """

    measure: str
    channel: str
    source: float
    target: float
    difference: float
    unit: str
    remark: str = ""
    gap: bool = False


@dataclass(frozen=True)
class Report:
    """A comparison.

    Parameters
    ----------
    lines : measure by measure.
    scale : of the pixel sizes, target over source; NaN where one is not known.
    estimated : the magnification, estimated from the first channel where it can be told.
    odd : per set (source, target) what is odd about images, by name.
    """

    lines: tuple[Line, ...]
    scale: float
    estimated: Magnification
    odd: tuple[dict[str, str], dict[str, str]]

    def line(self, measure: str) -> list[Line]:
        """The lines of a measure, one per channel."""
        return [line for line in self.lines if line.measure == measure]


def compare(source: Images, target: Images, progress: Progress = SILENT) -> Report:
    """Compare two sets of images.

    Images without channels (the same everywhere, or too small) are left out, and named in `Report.odd`.

    Raises
    ------
    UserInputError : no image is left in a set, or numbers of channels differ.
    """
    used = [_used(images, name) for images, name in ((source, "Source images"), (target, "Target images"))]
    counts = [
        _channel_count(images, name) for images, name in zip(used, ("Source images", "Target images"), strict=True)
    ]
    if counts[0] != counts[1]:
        raise UserInputError(
            f"The source images have {amount_of_channels(counts[0])} and the target images {counts[1]}.",
            todo="Choose the same channels when reading both.",
        )
    sizes = [_pixel_size(images) for images in used]
    scale = sizes[0] / sizes[1]
    estimates = [
        magnification.estimate(*_sizes_of(used, number), progress.part(number / counts[0], (number + 1) / counts[0]))
        for number in range(counts[0])
    ]
    estimated = next((one for one in estimates if not one.problem), estimates[0])
    lines = [
        Line("Images", "", *_values([len(images) for images in used]), "images", _few(used)),
        Line("Bits in use", "", *_values([max(one.bits for one in images) for images in used]), "bits", _types(used)),
        Line("Pixel size", "", *_values(sizes), "µm", _sizes_known(sizes)),
    ]
    for number in range(counts[0]):
        lines += _channel_lines(used, number, _name(used, number, counts[0]))
    nan = math.nan
    lines += [
        Line("Magnification (pixel sizes)", "", nan, nan, scale, "times", "", abs(math.log2(scale)) > LOG_SCALE_GAP)
        if math.isfinite(scale)
        else Line("Magnification (pixel sizes)", "", nan, nan, nan, "times", "Unknown: a pixel size is missing."),
        _estimated_line(estimated, scale),
    ]
    return Report(tuple(lines), scale, estimated, (_odd(source), _odd(target)))


LOG_SCALE_GAP = math.log2(1.25)
"""Octaves from which on sizes count as different."""


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The Wasserstein distance of order 1 of two distributions, each given by its values at even shares."""
    return float(np.abs(np.quantile(a, SHARES) - np.quantile(b, SHARES)).mean())


def _used(images: Images, name: str) -> list[ImageMeasures]:
    used = [one for one in images if one.channels]
    if not used:
        what = "There is no image." if not images else "Every image is the same everywhere or smaller than 16 pixels."
        raise UserInputError(what, where=name, todo="Give at least one image with content.")
    return used


def _channel_count(images: Images, name: str) -> int:
    first = images[0]
    for one in images:
        if len(one.channels) != len(first.channels):
            raise UserInputError(
                f"The numbers of channels differ: {first.name} has {len(first.channels)}, {one.name} has "
                f"{len(one.channels)}.",
                where=name,
                todo="Choose the same channels when reading all images.",
            )
    return len(first.channels)


def _pixel_size(images: Images) -> float:
    """The median; NaN where an image does not tell."""
    known = [one.pixel_size for one in images if one.pixel_size]
    return float(np.median(known)) if len(known) == len(images) else math.nan


def _values(pair: Sequence[float]) -> tuple[float, float, float]:
    """Source, target, and target less source."""
    source, target = pair
    return float(source), float(target), float(target - source)


def _sizes_of(used: Sequence[Images], number: int) -> tuple[list[Sizes], list[Sizes]]:
    source, target = ([one.channels[number].sizes for one in images] for images in used)
    return source, target


def _few(used: Sequence[Images]) -> str:
    alone = [name for name, images in zip(("source", "target"), used, strict=True) if len(images) == 1]
    return f"One {' and one '.join(alone)} image only: how much images vary is not known." if alone else ""


def _types(used: Sequence[Images]) -> str:
    kinds = [" and ".join(sorted({one.dtype for one in images})) for images in used]
    return "" if kinds[0] == kinds[1] else f"Numbers of the type {kinds[0]} in the source, {kinds[1]} in the target."


def _sizes_known(sizes: Sequence[float]) -> str:
    unknown = [name for name, size in zip(("source", "target"), sizes, strict=True) if not math.isfinite(size)]
    return f"Unknown in the {' and the '.join(unknown)} images." if unknown else ""


def _name(used: Sequence[Images], number: int, channels: int) -> str:
    if channels == 1:
        return ""
    names = used[0][0].channel_names
    return names[number] if names else f"Channel {number + 1}"


def _channel_lines(used: Sequence[Images], number: int, channel: str) -> list[Line]:
    sets = [[one.channels[number] for one in images] for images in used]
    lines = []
    for measure, (value, unit) in OF.items():
        values = [np.array([value(one) for one in of]) for of in sets]
        gap = _differs(measure, *values)
        lines.append(
            Line(measure, channel, *_values([float(v.mean()) for v in values]), unit, _WORDS.get(measure, ""), gap)
        )
    for measure, normal in (("Histogram distance", False), ("Histogram distance after normalisation", True)):
        pooled = [[one.normalized if normal else one.quantiles for one in of] for of in sets]
        whole = 1.0 if normal else max(float(np.mean([one.contrast for of in sets for one in of])), 1e-12)
        apart = distance(*(np.concatenate(of) for of in pooled)) / whole
        within = max(_between_halves(of) for of in pooled) / whole
        remark = "What normalisation of every image does not remove." if normal else "Of the grey values as they are."
        gap = apart > max(HISTOGRAM_GAP, _HALVES * within)
        lines.append(Line(measure, channel, math.nan, math.nan, 100 * apart, "% of the contrast", remark, gap))
    return lines


_WORDS = {
    "Noise": f"Grain; the contrast is between the percentiles {NORMAL.low:g} and {NORMAL.high:g}.",
    "Edge width": "How soft the clearest edges are; less is sharper.",
    "Skewness": "Above 0: what is bright is rare; below 0: what is dark is rare.",
}


def _between_halves(of: Sequence[NDArray[np.float64]]) -> float:
    """The distance of every other image from the rest: what images of one kind differ by."""
    return distance(np.concatenate(of[::2]), np.concatenate(of[1::2])) if len(of) > 1 else 0.0


def _differs(measure: str, source: NDArray[np.float64], target: NDArray[np.float64]) -> bool:
    """Whether a difference is large enough to matter, and larger than chance would make it."""
    a, b = float(source.mean()), float(target.mean())
    if min(len(source), len(target)) > 1:
        error = math.sqrt(source.var(ddof=1) / len(source) + target.var(ddof=1) / len(target))
        if abs(a - b) <= _ERRORS * error:
            return False
    if measure == "Skewness":
        return a * b < 0 and min(abs(a), abs(b)) > 0.3
    if measure not in RATIO_GAP or (measure == "Noise" and max(a, b) < 100 * FAINT_NOISE):
        return False
    low, high = sorted((a, b))
    return high > RATIO_GAP[measure] * low


def _estimated_line(one: Magnification, scale: float) -> Line:
    nan, name = math.nan, "Magnification (estimated)"
    if one.problem:
        return Line(name, "", nan, nan, nan, "times", f"It cannot be told. {one.problem}")
    remark = f"Between {one.low:.2g} and {one.high:.2g}. A suggestion from the sizes of structures."
    if math.isfinite(scale):
        remark += " The pixel sizes have precedence."
    return Line(name, "", nan, nan, one.factor, "times", remark, one.low > 1 or one.high < 1)


def _odd(images: Images) -> dict[str, str]:
    """What is odd about images, by name."""
    found = {}
    for one in images:
        if not one.channels:
            found[one.name] = "Left out: it is the same everywhere, or smaller than 16 pixels."
        elif one.empty_slices:
            numbers = ", ".join(map(str, one.empty_slices[:5])) + (" ..." if len(one.empty_slices) > 5 else "")
            found[one.name] = f"Slices that are the same everywhere: {numbers}."
    used = [one for one in images if one.channels]
    if len(used) < _FEWEST_FOR_ODD:
        return found
    for measure, shown in (("Mean", "brightness"), ("Noise", "noise"), ("Edge width", "sharpness")):
        values = np.array([OF[measure][0](one.channels[0]) for one in used])
        spread = max(
            1.4826 * float(np.median(np.abs(values - np.median(values)))), 0.02 * abs(float(np.median(values)))
        )
        for one, value in zip(used, values, strict=True):
            if abs(value - np.median(values)) > ODD * max(spread, 1e-12):
                found[one.name] = " ".join([found.get(one.name, ""), f"Odd in {shown}."]).strip()
    return found
