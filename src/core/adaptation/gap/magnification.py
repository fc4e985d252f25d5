"""By how much structures are larger in one set of images than in another, estimated without labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.adaptation.gap.content import Plane
from core.progress import SILENT, Progress
from core.rescaling import rescale_pixels

SIDES = np.array(sorted({2 * round((2**e - 1) / 2) + 1 for e in np.arange(1.6, 7.2, 1 / 3)}))
"""Sides of the squares of the granulometry, odd, in pixels: 3 to about 130, about three per octave."""

MOST_OCTAVES = 2.0
"""Factors from a quarter to four are looked for."""

Curve = NDArray[np.float64]
"""A granulometry: what is removed per octave of size, axes 2 S: of bright structures, of dark ones; NaN beyond."""

FEWEST = 3
"""From fewer images of a kind nothing is told."""

FEIGNED = 0.2
"""Octaves by which the interval is made wider at either end, beside the error of the trial."""

TRIAL_ERROR = 0.25
"""Octaves by which the trial, see `estimate`, may be wrong."""

WIDEST = 2.0
"""A wider interval, in octaves, is no answer."""

_SMOOTH = 1.0
_TRIAL_SCALE, _TRIAL_BLUR = 0.6, 0.5
_STEP = 0.05
_FEWEST_SIZES = 7
_ROUNDS = 60
_LOG_SIDES = np.log2(SIDES.astype(float))
_OCTAVES = np.diff(_LOG_SIDES, prepend=np.log2(1.5))
_GRID = np.arange(-MOST_OCTAVES, MOST_OCTAVES + _STEP / 2, _STEP).round(6)


@dataclass(frozen=True)
class Magnification:
    """How much larger structures appear in the target than in the source.

    Parameters
    ----------
    factor : more than 1: larger in the target; NaN where it cannot be told.
    low, high : an interval that holds 90 % of the estimates of sets drawn anew from the images, made wider by
        `FEIGNED`, for what blur, noise and contrast can feign, and by the error of the trial.
    problem : why it cannot be told, a sentence; empty where it can.
    """

    factor: float = math.nan
    low: float = math.nan
    high: float = math.nan
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Sizes:
    """The sizes in an image.

    Parameters
    ----------
    curve : its granulometry.
    shrunk : that of the image shrunk and a little blurred, for the trial of `estimate`.
    """

    curve: Curve
    shrunk: Curve


def sizes(planes: Sequence[Plane]) -> Sizes:
    """The mean sizes in windows of an image."""
    shrunk = [_shrunk(plane) for plane in planes]
    return Sizes(*(_mean(np.stack([granulometry(one) for one in of])) for of in (planes, shrunk)))


def granulometry(plane: Plane) -> Curve:
    """How much brightness disappears when structures narrower than a square are taken away, per octave of its side.

    Greyscale openings of the image, and of its negative, by squares that grow (Matheron 1975; Maragos 1989,
    doi 10.1109/34.192465), after a slight blur against noise and a stretch of the percentiles 1 and 99.8 to 0 and 1.
    Sizes, not frequencies: blur and noise move a spectrum more than they move this.
    """
    smooth = ndimage.gaussian_filter(plane, _SMOOTH, mode="nearest")
    low, high = np.percentile(smooth, [1, 99.8])
    stretched = np.clip((smooth - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    curve = np.full((2, len(SIDES)), np.nan)
    for row, image in zip(curve, (stretched, 1 - stretched), strict=True):
        before = float(image.mean())
        for i, side in enumerate(SIDES[min(plane.shape) > 2 * SIDES]):
            left = float(ndimage.grey_opening(image, (side, side), mode="nearest").mean())
            row[i] = (before - left) / _OCTAVES[i]
            before = left
    return curve


def estimate(source: Sequence[Sizes], target: Sequence[Sizes], progress: Progress = SILENT) -> Magnification:
    """By how much the sizes of one set must be multiplied to get those of the other.

    The mean granulometries are moved over each other along the logarithm of size; a change of magnification is a shift.
    Much that is seen in a microscope, electron microscopes above all, has structures of all sizes and looks alike at
    any magnification. Therefore a trial comes first: each set is compared with itself at 0.6 of its size. Where the
    method does not find this factor, it is not asked.

    Parameters
    ----------
    source, target : `sizes` of every image.
    """
    fewest = min(len(source), len(target))
    if fewest < FEWEST:
        return Magnification(problem=f"It takes {FEWEST} images or more of each kind.")
    error = max(_trial_error(images) for images in (source, target))
    if not error <= TRIAL_ERROR:
        return Magnification(problem="The structures have no typical size: a trial with known magnification failed.")
    sets = [np.stack([image.curve for image in images]) for images in (source, target)]
    found, drawn = _shift(*map(_mean, sets)), list[float]()
    for i in range(_ROUNDS):
        progress.step(i / _ROUNDS, "Comparing sizes")
        seeds = (i, i + 1) if i % 2 == 0 else (i, i - 1)  # the same draws whichever set is the source
        drawn.append(_shift(*(_redrawn(curves, seed) for curves, seed in zip(sets, seeds, strict=True))))
    if not abs(found) < MOST_OCTAVES - _STEP or not np.isfinite(drawn).all():
        return Magnification(problem="The images have too few sizes of structures in common.")
    low, high = np.percentile([*drawn, found], [5, 95])
    low, high = min(low, found) - FEIGNED - error, max(high, found) + FEIGNED + error
    if high - low > WIDEST:
        return Magnification(problem=f"The images leave open all between {2**low:.2g} and {2**high:.2g}.")
    return Magnification(float(2**found), float(2**low), float(2**high))


def _trial_error(images: Sequence[Sizes]) -> float:
    """By how many octaves the shift to the shrunk images is missed; NaN where the images are too small to tell."""
    whole, shrunk = (
        _mean(np.stack(curves)) for curves in zip(*((one.curve, one.shrunk) for one in images), strict=True)
    )
    return abs(_shift(whole, shrunk) - math.log2(_TRIAL_SCALE))


def _redrawn(curves: Curve, seed: int) -> Curve:
    """The mean of as many curves, drawn anew with replacement."""
    return _mean(curves[np.random.default_rng(seed).integers(0, len(curves), len(curves))])


def _shrunk(plane: Plane) -> Plane:
    small: Plane = rescale_pixels(plane[None], _TRIAL_SCALE)[0]
    return np.asarray(ndimage.gaussian_filter(small, _TRIAL_BLUR, mode="nearest"), np.float32)


def _mean(curves: Curve) -> Curve:
    """Axes 2 S, of curves N 2 S; NaN where no image is large enough."""
    known = np.isfinite(curves)
    total, count = np.where(known, curves, 0).sum(0), known.sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _shift(source: Curve, target: Curve) -> float:
    """The shift in octaves of least distance; NaN where the curves have too few sizes in common."""
    costs = np.array([_distance(source, target, by) + _distance(target, source, -by) for by in _GRID])
    return float(_GRID[np.argmin(costs)]) if np.isfinite(costs).any() else math.nan


def _distance(source: Curve, target: Curve, octaves: float) -> float:
    """1 less the cosine of the source's curve, moved to larger sizes, and the target's, over the sizes of both."""
    distances = []
    for a, b in zip(source, target, strict=True):
        known = np.isfinite(a)
        if not known.any():
            return math.inf
        moved = np.interp(_LOG_SIDES - octaves, _LOG_SIDES[known], a[known], left=np.nan, right=np.nan)
        both = np.isfinite(moved) & np.isfinite(b)
        if both.sum() < _FEWEST_SIZES:
            return math.inf
        p, q = moved[both], b[both]
        distances.append(1 - float(p @ q) / max(float(np.linalg.norm(p) * np.linalg.norm(q)), 1e-12))
    return float(np.mean(distances))
