"""Chromatin: a random field with grains of all sizes."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

FINENESS = 0.35
"""Hurst exponent of the field: with 0 grains of all sizes are alike in strength, towards 1 large ones prevail."""


def fractal_field(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Fractal (fractional Brownian) noise: mean 0, standard deviation 1, the same at all places.

    Perlin 1985 ("An image synthesizer", SIGGRAPH) sums noise of halving size for it; here all sizes are drawn at once,
    as a spectrum of power (f² + 1/grain²)^-(H + 1).

    Parameters
    ----------
    shape : height and width in pixels; the field repeats beyond its edges.
    grain : size of the coarsest grains, pixels.

    Returns
    -------
    float32, axes YX.
    """
    height, width = shape
    down, across = fft.fftfreq(height), fft.rfftfreq(width)
    power = (down[:, None] ** 2 + across[None] ** 2 + 1 / (2 * np.pi * grain) ** 2).astype(np.float32)
    amplitude = power ** np.float32(-(FINENESS + 1) / 2)
    amplitude[0, 0] = 0
    spectrum = rng.standard_normal((*amplitude.shape, 2), np.float32).view(np.complex64)[..., 0] * amplitude
    field: NDArray[np.float32] = fft.irfft2(spectrum, shape, overwrite_x=True)
    field /= field.std()
    return field


def granulate(signal: NDArray[np.float32], contrast: float, grain: float, rng: np.random.Generator) -> None:
    """Multiply a signal (axes YX) by e to the power of a fractal field of standard deviation `contrast`, in place."""
    field = fractal_field((signal.shape[0], signal.shape[1]), grain, rng)
    signal *= np.exp(np.float32(contrast) * field)
