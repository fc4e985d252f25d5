"""Noise and sharpness of an image without a reference."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from core.adaptation.gap.content import Plane
from core.padding import Mask

BANDS = 2.0 ** np.arange(-8, -0.99, 0.25)
"""Limits of the bands of `power_spectrum`, cycles per pixel."""

SHARPEST, SOFTEST = 0.5, 6.0
"""Limits of `edge_width`, pixels."""

_MASK = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32)
_SCALES = (1.5, 3.0)
_EDGES = 98
_CLIPPED = 0.01
_REACH = 5


def noise_level(plane: Plane, data: Mask) -> float:
    """Standard deviation of white noise where an image has data, in grey values.

    The mask of Immerkaer 1996 (doi 10.1006/cviu.1996.0060) is blind to planes and straight edges. Its mean response is
    taken over the smoother half of the image, and without pixels that are as dark or as bright as can be where those
    are many: clipped pixels show no noise. Noise that is correlated between neighbours (of an enlarged or compressed
    image) is underestimated.
    """
    response = np.abs(ndimage.convolve(plane, _MASK, mode="nearest"))[1:-1, 1:-1]
    slope = ndimage.gaussian_gradient_magnitude(plane, 2.5, mode="nearest")[1:-1, 1:-1]
    usable = _inside(data).copy()
    for end in (plane.min(), plane.max()):
        clipped = plane == end
        if clipped.mean() > _CLIPPED:
            usable &= ~ndimage.binary_dilation(clipped, np.ones((3, 3)))
    chosen = usable[1:-1, 1:-1]
    if not chosen.any():
        return 0.0
    chosen = chosen & (slope <= np.median(slope[chosen]))
    return float(np.sqrt(np.pi / 2) / 6 * response[chosen].mean())


def edge_width(plane: Plane, data: Mask) -> float:
    """Blur of the clearest edges: the standard deviation, in pixels, of a Gaussian that makes a step as soft.

    A step blurred by s has a slope of 1 / sqrt(s² + a²) after a further blur by a; the slopes after two blurs give s
    (the re-blurring of Zhuo and Sim 2011, doi 10.1016/j.patcog.2011.03.009, with both blurs wide enough to leave noise
    behind). The median over the crests among the steepest 2 % of the pixels; `SHARPEST` where edges are as sharp as
    pixels can show.
    """
    fine, coarse = (ndimage.gaussian_gradient_magnitude(plane, a, mode="nearest") for a in _SCALES)
    usable = _inside(data)
    if not usable.any():
        return SHARPEST
    steep = usable & (coarse >= np.percentile(coarse[usable], _EDGES))
    crest = steep & (coarse >= (1 - 1e-4) * ndimage.maximum_filter(np.where(usable, coarse, 0), 3))
    ratio = np.median((fine[crest] / np.maximum(coarse[crest], 1e-12)) ** 2)
    a, b = (scale**2 for scale in _SCALES)
    if ratio <= 1:
        return SOFTEST
    return float(np.clip(np.sqrt(max(0.0, (b - ratio * a) / (ratio - 1))), SHARPEST, SOFTEST))


def _inside(data: Mask) -> Mask:
    """The pixels whose neighbours have data."""
    return data if data.all() else ndimage.binary_erosion(data, np.ones((3, 3)), _REACH, border_value=1)


def power_spectrum(plane: Plane) -> NDArray[np.float64]:
    """Power over `BANDS`, averaged over all directions; the variance is taken as 1. NaN in empty bands."""
    height, width = plane.shape
    fade = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[None, 1:-1]
    centred = (plane - np.average(plane, weights=fade)) * fade
    power = np.abs(fft.rfft2(centred)) ** 2 / max(float((centred**2).sum()), 1e-12)
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None])
    band = np.digitize(frequency.ravel(), BANDS) - 1
    within = (band >= 0) & (band < len(BANDS) - 1)
    count = np.bincount(band[within], minlength=len(BANDS) - 1)
    total = np.bincount(band[within], power.ravel()[within], minlength=len(BANDS) - 1)
    return np.where(count >= 4, total / np.maximum(count, 1), np.nan)
