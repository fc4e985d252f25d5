"""Light that does not shine evenly on the whole field of view."""

import numpy as np
from numpy.typing import NDArray

_SIDE = 485.0
"""Width and height in pixels of the field of view that the profile was measured on."""


def illumination(shape: tuple[int, int], unevenness: float) -> NDArray[np.float32]:
    """The microscope's profile of Wilhelm 2019: a parabola, brightest right below the middle, darkest at the origin.

    Parameters
    ----------
    shape : height and width in pixels.
    unevenness : by how much the darkest place is darker than the brightest, 0 to 1; 0.15 is the measured one.

    Returns
    -------
    float32, axes YX; 1 at the brightest place, 1 - unevenness at the darkest.
    """
    y = (np.arange(shape[0], dtype=np.float64) * (_SIDE / shape[0]))[:, None]
    x = (np.arange(shape[1], dtype=np.float64) * (_SIDE / shape[1]))[None]
    profile = 0.8507717563 + 3.232258e-4 * x + 2.796816e-4 * y - 1.93e-8 * x * y - 3.282e-7 * x * x - 2.623e-7 * y * y
    low, high = profile.min(), profile.max()
    relative: NDArray[np.float32] = (1 - unevenness * (high - profile) / (high - low)).astype(np.float32)
    return relative
