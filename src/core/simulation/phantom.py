"""The phantom: objects with their labels and their light, before any microscope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Labels
from core.progress import SILENT, Progress
from core.simulation.config import SimulationConfig
from core.simulation.kinds import KINDS
from core.simulation.optics import padded_size
from core.simulation.placement import TRIES, Ground, in_chain, place_anywhere, place_at
from core.simulation.texture import granulate

MARGIN = 16
"""Pixels around the image in which light is computed too, because it shines into the image."""

FULL = 10
"""After so many objects in a row that found no place the image is taken as full."""

CHECKED = 20
"""After so many objects the user may have stopped the work."""

WITHIN_IMAGE = 0.15
"""How far diameters are from the typical one of their image, where every image has one."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """Objects of known outline.

    Parameters
    ----------
    labels : int32, axes YX; 1 to the number of objects, each seen in the image, none on another.
    signal : light that each pixel sends, float32, axes YX, with margins: larger than the image. Above 0 exactly where
        objects are.
    image : the rows and columns of the image in the signal.
    diameter : mean of the objects' diameters, pixels.
    wanted : how many objects were to be placed; more than there are labels where there was no room.
    """

    labels: Labels
    signal: NDArray[np.float32]
    image: tuple[slice, slice]
    diameter: float
    wanted: int


def make_phantom(config: SimulationConfig, rng: np.random.Generator, progress: Progress = SILENT) -> Phantom:
    """Draw shapes, place them, and give them light and texture.

    Raises
    ------
    Canceled : the user stopped the work.
    """
    kind = KINDS[config.kind]
    shape = (padded_size(config.height + MARGIN), padded_size(config.width + MARGIN))
    image = (slice(MARGIN, MARGIN + config.height), slice(MARGIN, MARGIN + config.width))
    ground = Ground(shape, image)
    low, high = _diameters(config, rng)
    typical = (low + high) / 2
    wanted = _count(config, typical, rng)
    left_out = 0
    for done in range(wanted):
        if done % CHECKED == 0:
            progress.check()
        left_out = 0 if _place_one(ground, config, rng.uniform(low, high), rng) else left_out + 1
        if left_out == FULL:
            break
    brightness = np.exp(rng.normal(0, kind.brightness, len(ground.places) + 1)).astype(np.float32)
    signal = ground.light * brightness[ground.labels]
    if kind.chromatin > 0:
        granulate(signal, kind.chromatin, kind.grain * typical, rng)
    return Phantom(np.ascontiguousarray(ground.labels[image]), signal, image, typical, wanted)


def _diameters(config: SimulationConfig, rng: np.random.Generator) -> tuple[float, float]:
    """Smallest and largest diameter in this image, pixels."""
    low, high = config.diameters
    if not config.one_size_per_image:
        return low, high
    typical = np.exp(rng.uniform(np.log(low), np.log(high)))
    return max(low, typical * (1 - WITHIN_IMAGE)), min(high, typical * (1 + WITHIN_IMAGE))


def _count(config: SimulationConfig, diameter: float, rng: np.random.Generator) -> int:
    """How many objects this image is to have: as set, or so many that they cover the usual share of it."""
    if config.count:
        return int(rng.integers(config.count[0], config.count[1], endpoint=True))
    cover = rng.uniform(*KINDS[config.kind].cover)
    return max(1, round(cover * config.height * config.width / (np.pi / 4 * diameter**2)))


def _place_one(ground: Ground, config: SimulationConfig, diameter: float, rng: np.random.Generator) -> bool:
    """Draw one object and place it, at another one or anywhere; whether there was room.

    One that finds no room at the others begins a new cluster.
    """
    kind = KINDS[config.kind]
    shape = kind.shape(diameter, rng, rng.uniform(0, 2 * np.pi))
    if ground.places and rng.random() < config.clustered:
        for _ in range(TRIES):
            neighbour = int(rng.integers(len(ground.places)))
            direction = rng.uniform(0, 2 * np.pi)
            if kind.chains:
                angle, direction = in_chain(ground.places[neighbour].angle, rng)
                shape = kind.shape(diameter, rng, angle)
            apart = max(0.0, rng.uniform(-1, 1)) * kind.apart * diameter
            if place_at(ground, shape, direction, neighbour, apart):
                return True
    return place_anywhere(ground, shape, rng)
