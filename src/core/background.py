"""Parts of an image on which there is nothing."""

import numpy as np
from numpy.typing import NDArray

CELL = 8
NO_CONTRAST = 0.03
"""What means of cells of 8 x 8 pixels differ by at most in background, where 1 is the contrast of the whole image."""


def is_background(pixels: NDArray[np.float32]) -> bool:
    """Whether normalised pixels C Y X have no contrast but noise."""
    channels, height, width = pixels.shape
    if min(height, width) < CELL:
        return bool(np.ptp(pixels, axis=(1, 2)).max() < NO_CONTRAST)
    cells = pixels[:, : height - height % CELL, : width - width % CELL]
    means = cells.reshape(channels, height // CELL, CELL, width // CELL, CELL).mean(axis=(2, 4))
    return bool(np.ptp(means, axis=(1, 2)).max() < NO_CONTRAST)
