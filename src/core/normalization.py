"""Brightness and contrast made comparable between images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import Config, require


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


def normalize(cyx: NDArray[Any], config: NormalizationConfig) -> NDArray[np.float32]:
    """Scale every channel so that its low percentile is 0 and its high one is 1; nothing is clipped.

    Parameters
    ----------
    cyx : pixels, axes CYX, any real type.

    Returns
    -------
    float32, axes CYX. A constant channel becomes 0.
    """
    if cyx.dtype in (np.bool_, np.float16):  # differences do not fit into them
        cyx = cyx.astype(np.float32)
    out = np.empty(cyx.shape, np.float32)
    for channel, target in zip(cyx, out, strict=True):
        stride = max(1, int(np.ceil(np.sqrt(channel.size / MOST_PIXELS))))
        low, high = np.percentile(channel[::stride, ::stride], [config.low, config.high])
        width = high - low if high > low else float(channel.max()) - low
        if width > 0:
            np.subtract(channel, float(low), out=target, casting="unsafe")
            target /= np.float32(width)
        else:
            target[:] = 0
    return out
