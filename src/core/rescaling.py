"""Images made larger or smaller, so that their objects are as large as those that a model knows.

Pixel i of an image rescaled by s has its centre at (i + 1/2) / s - 1/2 pixels of the image.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.image import Labels


def rescale_pixels(cyx: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Interpolate linearly, after a blur that leaves out what the smaller image could not show.

    Parameters
    ----------
    cyx : pixels, float32, axes CYX.
    scale : more than 1 enlarges.

    Returns
    -------
    float32, axes CYX, ceil(Y scale) by ceil(X scale) pixels.
    """
    rows, columns = (slice(0, math.ceil(n * scale)) for n in cyx.shape[1:])
    return rescale_part(cyx, scale, (rows, columns), (0, 0))


def rescale_part(
    cyx: NDArray[np.float32], scale: float, window: tuple[slice, ...], origin: tuple[int, int]
) -> NDArray[np.float32]:
    """A part of an image that was rescaled, from a part of the image.

    Parameters
    ----------
    cyx : the part of the image, which begins at `origin` (row, column), and goes `blur_reach` beyond the window or ends
        where the image ends.
    window : rows and columns of the rescaled image.
    """
    sigma = _sigma(scale)
    shape = tuple(part.stop - part.start for part in window)
    if scale == 1:
        return cyx[(slice(None), *(slice(w.start - o, w.stop - o) for w, o in zip(window, origin, strict=True)))]
    offset = [(part.start + 0.5) / scale - 0.5 - first for part, first in zip(window, origin, strict=True)]
    out = np.empty((len(cyx), *shape), np.float32)
    for channel, target in zip(cyx, out, strict=True):
        smooth = ndimage.gaussian_filter(channel, sigma, mode="nearest") if sigma else channel
        ndimage.affine_transform(smooth, [1 / scale] * 2, offset, shape, target, order=1, mode="nearest")
    return out


def blur_reach(scale: float) -> int:
    """How many pixels beside its own a pixel of a rescaled image depends on."""
    return 0 if scale == 1 else math.ceil(4 * _sigma(scale)) + 2


def _sigma(scale: float) -> float:
    return max(0.0, (1 / scale - 1) / 2)


def rescale_labels(labels: Labels, scale: float, shape: tuple[int, int] | None = None) -> Labels:
    """Take every pixel's label from the nearest one; objects that are left without a pixel are gone.

    Parameters
    ----------
    labels : int32, axes YX.
    scale : more than 1 enlarges.
    shape : height and width of the result in pixels, without it ceil(Y scale) by ceil(X scale).
    """
    if scale == 1 and shape in (None, labels.shape):
        return labels
    height, width = shape or tuple(math.ceil(n * scale) for n in labels.shape)
    rows, columns = (
        np.minimum((np.arange(n) + 0.5) / scale, limit - 1).astype(int)
        for n, limit in zip((height, width), labels.shape, strict=True)
    )
    return np.ascontiguousarray(labels[np.ix_(rows, columns)])
