"""What the microscope does to the light of objects: a point spread function, haze, a layer out of focus."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

HAZE_SIZE = 10.0
"""Standard deviation of the haze in pixels (Wilhelm 2019)."""


def image_formed(
    signal: NDArray[np.float32], blur: float, haze: float, depth: float = 0.0, depth_blur: float = 0.0
) -> NDArray[np.float32]:
    """A signal as it arrives at the camera; nothing is lost, light only spreads.

    The point spread function is a Gaussian, to which a wide one is mixed. The layer out of focus shows the same
    signal, elsewhere and blurred: its objects have no labels, because nobody could draw their outlines.

    Parameters
    ----------
    signal : light of every pixel, axes YX; it repeats beyond its edges.
    blur : standard deviation of the point spread function, pixels.
    haze : share of the light that spreads widely, 0 to 1.
    depth : brightness of the layer out of focus.
    depth_blur : standard deviation of its blur, pixels.

    Returns
    -------
    float32, axes YX, of the signal's shape.
    """
    height, width = signal.shape
    down, across = fft.fftfreq(height).astype(np.float32), fft.rfftfreq(width).astype(np.float32)
    spread = (1 - haze) * _gaussian(down, across, blur) + haze * _gaussian(down, across, HAZE_SIZE)
    if depth > 0:
        elsewhere = (
            np.exp(-2j * np.pi * np.rint(height * 0.382) * down),
            np.exp(-2j * np.pi * np.rint(width * 0.618) * across),
        )
        shift = np.multiply.outer(*elsewhere).astype(np.complex64)
        spread = spread + np.float32(depth) * _gaussian(down, across, depth_blur) * shift
    formed: NDArray[np.float32] = fft.irfft2(fft.rfft2(signal) * spread, signal.shape, overwrite_x=True)
    np.maximum(formed, 0, out=formed)
    return formed


def padded_size(size: int) -> int:
    """The next size, in pixels, that is fast to compute with, and with which what lies at one edge does not show at
    the other."""
    return int(fft.next_fast_len(size + round(2 * HAZE_SIZE), real=True))


def _gaussian(down: NDArray[np.float32], across: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The Fourier transform of a Gaussian of volume 1."""
    fall = np.float32(-2 * np.pi**2 * sigma**2)
    result: NDArray[np.float32] = np.multiply.outer(np.exp(fall * down**2), np.exp(fall * across**2))
    return result
