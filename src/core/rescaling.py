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
    if scale == 1:
        return cyx
    sigma = max(0.0, (1 / scale - 1) / 2)
    shape = tuple(math.ceil(n * scale) for n in cyx.shape[1:])
    offset = 0.5 / scale - 0.5
    out = np.empty((len(cyx), *shape), np.float32)
    for channel, target in zip(cyx, out, strict=True):
        smooth = ndimage.gaussian_filter(channel, sigma, mode="nearest") if sigma else channel
        ndimage.affine_transform(smooth, [1 / scale] * 2, offset, shape, target, order=1, mode="nearest")
    return out


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
