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
    spread = (1 - haze) * _gaussian(height, width, blur) + haze * _gaussian(height, width, HAZE_SIZE)
    if depth > 0:
        down = np.exp(-2j * np.pi * round(height * 0.382) * fft.fftfreq(height))
        across = np.exp(-2j * np.pi * round(width * 0.618) * fft.rfftfreq(width))
        elsewhere = np.multiply.outer(down, across).astype(np.complex64)
        spread = spread + np.float32(depth) * _gaussian(height, width, depth_blur) * elsewhere
    formed: NDArray[np.float32] = fft.irfft2(fft.rfft2(signal) * spread, signal.shape, overwrite_x=True)
    np.maximum(formed, 0, out=formed)
    return formed


def padded_size(size: int) -> int:
    """The next size, in pixels, that is fast to compute with, and with which what lies at one edge does not show at
    the other."""
    return int(fft.next_fast_len(size + round(2 * HAZE_SIZE), real=True))


def _gaussian(height: int, width: int, sigma: float) -> NDArray[np.float32]:
    """The Fourier transform (half of it, as of real data) of a Gaussian of sum 1 on the pixels of an image."""
    down, across = fft.fft(_bell(height, sigma)).real, fft.rfft(_bell(width, sigma)).real
    result: NDArray[np.float32] = np.multiply.outer(down, across).astype(np.float32)
    return result


def _bell(size: int, sigma: float) -> NDArray[np.float64]:
    """A Gaussian of sum 1 around place 0 on a ring of pixels; a width of 0 leaves the light in its pixel."""
    away = fft.fftfreq(size) * size
    bell: NDArray[np.float64] = np.exp(-(away**2) / (2 * max(sigma, 1e-3) ** 2))
    bell /= bell.sum()
    return bell
