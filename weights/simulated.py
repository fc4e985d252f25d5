"""Simulated images of all kinds, sizes and light levels, to learn from and to test on."""

from collections.abc import Mapping

import numpy as np

from core.simulation.camera import LIGHTS
from core.simulation.config import SimulationConfig
from core.simulation.kinds import KINDS
from core.simulation.simulate import simulate
from core.training.data import Example

DIAMETERS: Mapping[str, tuple[float, float]] = {
    "hl60": (8, 100),
    "granulocyte": (24, 100),
    "tissue": (8, 60),
    "rods": (8, 40),
    "spots": (4, 12),
}
"""Smallest and largest typical diameter of an image, pixels: wider than usual for a kind."""

WITHIN_IMAGE = 0.2
"""How far diameters are from the typical one of their image."""


def simulated_images(kind: str, count: int, seed: int) -> list[Example]:
    """Images of a kind, each with a size of its objects, blur, haze and illumination of its own.

    The levels of light take turns. An image is eight diameters wide, within 128 to 512 pixels. Image 1, 2, ... of a
    seed are always the same.
    """
    return [_example(kind, number, seed) for number in range(1, count + 1)]


def _example(kind: str, number: int, seed: int) -> Example:
    rng = np.random.default_rng((seed, list(KINDS).index(kind), number))
    low, high = DIAMETERS[kind]
    diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    side = int(np.clip(8 * diameter, 128, 512))
    config = SimulationConfig(
        kind=kind,
        height=side,
        width=side,
        diameter=((1 - WITHIN_IMAGE) * diameter, (1 + WITHIN_IMAGE) * diameter),
        pixel_size=0.0,
        blur=float(rng.uniform(0.4, 1.2) + rng.uniform(0, 0.03) * diameter),
        haze=float(rng.uniform(0, 0.3)),
        unevenness=float(rng.uniform(0, 0.4)),
        seed=seed,
    )
    image, labels = simulate(config, number, list(LIGHTS)[number % len(LIGHTS)])
    return Example(f"{kind}_{number:04d}", image, labels.array)
