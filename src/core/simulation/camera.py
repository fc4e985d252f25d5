"""A camera that counts photons, with the noise of one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Light:
    """How much light an image is made with.

    Parameters
    ----------
    name : in words.
    peak : electrons that the brightest objects free in a pixel.
    exposure : seconds.
    """

    name: str
    peak: float
    exposure: float


LIGHTS = {
    "high": Light("high light", 2700, 0.5),
    "medium": Light("medium light", 900, 0.1),
    "low": Light("low light", 360, 0.02),
    "very_low": Light("very low light", 100, 0.005),
}
"""By the name that settings have, the most light first. The first three are those of Wilhelm 2019, who calls them low,
medium and high noise."""


@dataclass(frozen=True)
class Camera:
    """A cooled CCD camera, a MicroMax 1300-YHS as in Wilhelm 2019.

    Parameters
    ----------
    baseline : value of a pixel without light.
    gain : electrons for one step of the value: the full well of 18 000 over 4095 steps.
    read_noise : standard deviation in electrons.
    dark_current : electrons per pixel and second.
    highest : the highest value, of 12 bits.
    """

    baseline: float = 140.0
    gain: float = 18_000 / 4095
    read_noise: float = 19.0
    dark_current: float = 0.1
    highest: int = 4095


MICROMAX = Camera()


def expose(
    signal: NDArray[np.float32], light: Light, rng: np.random.Generator, camera: Camera = MICROMAX
) -> NDArray[np.uint16]:
    """Photograph a signal: photons arrive at random (Poisson), reading adds Gaussian noise, the value is cut off.

    Parameters
    ----------
    signal : brightness, 0 or more, axes YX; 1 is as bright as `light.peak` electrons.

    Returns
    -------
    uint16, axes YX, 0 to `camera.highest`.
    """
    expected = signal * np.float32(light.peak) + np.float32(camera.dark_current * light.exposure)
    electrons = rng.poisson(expected).astype(np.float32)
    electrons += np.float32(camera.read_noise) * rng.standard_normal(signal.shape, np.float32)
    values = np.rint(electrons / np.float32(camera.gain) + np.float32(camera.baseline))
    image: NDArray[np.uint16] = np.clip(values, 0, camera.highest).astype(np.uint16)
    return image
