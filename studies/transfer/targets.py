"""The kinds of images that models are retrained on: a pool to draw labelled images from, and images to test on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studies.nuclei.dsb2018 import COLOUR, load

from core.io.read import read_image, read_labels
from core.simulation.config import SimulationConfig
from core.simulation.simulate import simulate
from core.training.data import Example

SIMULATED_POOL, SIMULATED_TESTS = 200, 20
FIRST_TEST = 1001
"""Number of the first simulated image to test on."""


@dataclass(frozen=True)
class Target:
    """A kind of images.

    Parameters
    ----------
    pool : labelled images in a fixed order; the first draw of N images takes the first N.
    tests : images that are never learned from.
    """

    pool: list[Example]
    tests: list[Example]


def dsb2018(data: Path) -> Target:
    """All modalities of DSB2018, grey; the pool is in the order of Wilhelm 2019, who took its first N images."""
    return Target(load(data, "train"), load(data, "val"))


def histology(data: Path) -> Target:
    """The stained tissue of DSB2018 alone, grey."""
    return Target(load(data, "train", [COLOUR]), load(data, "val", [COLOUR]))


def phase_contrast(data: Path) -> Target:
    """T98G cells in phase contrast (Usiigaci: Tsai et al. 2019, MIT), 10 images to draw from and 10 to test on."""
    folder = data / "usiigaci_t98g_phase"
    labels = {path.stem: path for path in (folder / "labels").rglob("*.*")}
    paths = sorted(path for path in (folder / "images8").rglob("*.*") if path.stem in labels)
    every = [Example(p.stem, read_image(p), read_labels(labels[p.stem]).array) for p in paths]
    return Target(every[:10], every[10:])


def _simulated(kind: str, light: str) -> Target:
    config = SimulationConfig(kind=kind, seed=7)

    def images(first: int, count: int) -> list[Example]:
        pairs = [(number, *simulate(config, number, light)) for number in range(first, first + count)]
        return [Example(f"{kind}_{light}_{number}", image, labels.array) for number, image, labels in pairs]

    return Target(images(1, SIMULATED_POOL), images(FIRST_TEST, SIMULATED_TESTS))


TARGETS: dict[str, Callable[[Path], Target]] = {
    "dsb2018": dsb2018,
    "histology": histology,
    "phase": phase_contrast,
    "hl60_low_noise": lambda data: _simulated("hl60", "high"),
    "hl60_high_noise": lambda data: _simulated("hl60", "low"),
    "granulocyte": lambda data: _simulated("granulocyte", "high"),
}
"""By name, each made from the folder of the data."""
