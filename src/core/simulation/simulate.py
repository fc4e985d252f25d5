"""Simulated images, each determined by a seed and its number."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from core.ahead import computed_ahead
from core.config import require
from core.image import Image
from core.progress import SILENT, Progress
from core.simulation.camera import LIGHTS, expose
from core.simulation.config import SimulationConfig, require_light
from core.simulation.illumination import illumination
from core.simulation.kinds import KINDS
from core.simulation.optics import image_formed
from core.simulation.phantom import make_phantom

BACKGROUND = 0.02
"""Light of the medium around the objects, as a share of that of the brightest objects."""

BRIGHTEST = 99.0
"""The percentile of the objects' pixels that is as bright as a light level says."""

AT_ONCE = 2**24
"""Scenes are made side by side as long as they have no more pixels together."""

_PHANTOM = 0
"""Generators are seeded with (seed, number, this), or the place of a light level, from 1, for the noise."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What lies under the microscope; `photograph` makes images of it.

    Parameters
    ----------
    labels : label image, 1 to the number of objects.
    signal : light that arrives at the camera, float32, axes YX; the brightest objects have 1.
    number : of the scene, from 1.
    wanted : how many objects were to be placed.
    config : what it was made with.
    """

    labels: Image
    signal: NDArray[np.float32]
    number: int
    wanted: int
    config: SimulationConfig

    @property
    def count(self) -> int:
        """Number of objects."""
        return int(self.labels.array.max(initial=0))


def make_scene(config: SimulationConfig, number: int, progress: Progress = SILENT) -> Scene:
    """The scene of a number: objects, and their light behind the microscope's optics.

    Raises
    ------
    UserInputError : the number is below 1.
    Canceled : the user stopped the work.
    """
    require(number >= 1, "number", number, "1 or more")
    kind = KINDS[config.kind]
    phantom = make_phantom(config, _generator(config, number, _PHANTOM), progress)
    progress.check()
    blur = max(config.blur, kind.spread * phantom.diameter)
    formed = image_formed(phantom.signal, blur, config.haze, kind.depth, 0.3 * phantom.diameter)[phantom.image]
    inside = phantom.labels > 0
    if inside.any():
        formed = formed * np.float32(1 / np.percentile(formed[inside], BRIGHTEST))
    signal = (formed + np.float32(BACKGROUND)) * illumination((config.height, config.width), config.unevenness)
    size = {"Y": config.pixel_size, "X": config.pixel_size} if config.pixel_size else {}
    return Scene(Image(phantom.labels, "YX", size, kind="labels"), signal, number, phantom.wanted, config)


def photograph(scene: Scene, light: str) -> Image:
    """An image of a scene, uint16, at a light level of `core.simulation.camera.LIGHTS`.

    Raises
    ------
    UserInputError : there is no such level.
    """
    require_light(light)
    noise = _generator(scene.config, scene.number, 1 + list(LIGHTS).index(light))
    return scene.labels.with_array(expose(scene.signal, LIGHTS[light], noise), "YX", "intensity")


def simulate(config: SimulationConfig, number: int, light: str = "medium") -> tuple[Image, Image]:
    """An image and its labels."""
    scene = make_scene(config, number)
    return photograph(scene, light), scene.labels


def simulate_many(
    config: SimulationConfig, count: int, lights: Sequence[str], progress: Progress = SILENT
) -> Iterator[tuple[Scene, list[Image]]]:
    """The first scenes with an image at every light level, in their order; several are made at once by threads.

    Raises
    ------
    UserInputError : there is no such level.
    Canceled : the user stopped the work.
    """
    progress.step(0.0, f"image 1 of {count}")
    stopped = Event()

    def make(number: int) -> tuple[Scene, list[Image]]:
        scene = make_scene(config, number, Progress(is_canceled=stopped.is_set))
        return scene, [photograph(scene, light) for light in lights]

    workers = max(1, min(os.cpu_count() or 1, 8, AT_ONCE // (config.height * config.width)))
    with computed_ahead(make, range(1, count + 1), workers, progress) as made:
        try:
            for number, one in enumerate(made, 1):
                progress.step(number / count, f"image {number} of {count}")
                yield one
        finally:
            stopped.set()


def _generator(config: SimulationConfig, number: int, stream: int) -> np.random.Generator:
    return np.random.default_rng((config.seed, number, stream))
