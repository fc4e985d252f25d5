"""What each pretrained model learns from, and what it is tested on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studies.nuclei.dsb2018 import BRIGHT_FIELD, COLOUR, FLUORESCENCE, load

from core.simulation.kinds import KINDS
from core.training.augmentation import AugmentationConfig
from core.training.data import Example
from weights.simulated import simulated_images

Share = tuple[list[Example], int]
"""Images, and how many times each is put among the training images."""

LICENCE = "BSD-3-Clause"
BBBC038 = "BBBC038, stage 1 of the 2018 Data Science Bowl (Caicedo et al. 2019, Nature Methods 16), CC0 1.0"
TRAINING_SEED, TEST_SEED = 1, 2
PER_KIND, TESTED_PER_KIND = 120, 24
"""Simulated images."""


@dataclass(frozen=True)
class Recipe:
    """How a pretrained model comes about.

    Parameters
    ----------
    purpose, trained_on, source : as in `core.pretrained.card.ModelCard`.
    training : the images to learn from, out of the folder of the data.
    tests : images never used in training, by what the card calls them, the most telling first.
    augmentation : how patches are varied.
    remark : what has to be said of the scores.
    """

    purpose: str
    trained_on: str
    source: str
    training: Callable[[Path], list[Share]]
    tests: Callable[[Path], Mapping[str, list[Example]]]
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    remark: str = ""


def bright_field(data: Path) -> tuple[list[Example], list[Example]]:
    """Bright-field images to learn from and to test on: the split tests on none, so every fourth is held back."""
    images = load(data, "train", [BRIGHT_FIELD])
    return [e for i, e in enumerate(images) if i % 4], images[::4]


def fluorescence_training(data: Path) -> list[Share]:
    """All training images in fluorescence."""
    return [(load(data, "train", [FLUORESCENCE]), 1)]


def fluorescence_tests(data: Path) -> dict[str, list[Example]]:
    """All test images in fluorescence."""
    return {"DSB2018, fluorescence": load(data, "val", [FLUORESCENCE])}


def all_training(data: Path) -> list[Share]:
    """Images of all kinds; those of which there are few are shown more often."""
    return [*fluorescence_training(data), (load(data, "train", [COLOUR]), 2), (bright_field(data)[0], 4)]


def all_tests(data: Path) -> dict[str, list[Example]]:
    """All test images together, then by kind."""
    fluorescence, colour = fluorescence_tests(data), load(data, "val", [COLOUR])
    return {
        "DSB2018, fluorescence and colour": [*(e for images in fluorescence.values() for e in images), *colour],
        **fluorescence,
        "DSB2018, stained tissue in colour": colour,
        "DSB2018, bright field": bright_field(data)[1],
    }


def simulated_training(data: Path) -> list[Share]:
    """Simulated images of all kinds."""
    return [(simulated_images(kind, PER_KIND, TRAINING_SEED), 1) for kind in KINDS]


def simulated_tests(data: Path) -> dict[str, list[Example]]:
    """The real test images, then simulated ones of another seed by kind."""
    fresh = {f"Simulated, {k.name}": simulated_images(name, TESTED_PER_KIND, TEST_SEED) for name, k in KINDS.items()}
    return {**all_tests(data), **fresh}


RECIPES = {
    "nuclei-fluorescence": Recipe(
        purpose="Bright nuclei on a dark ground, as in fluorescence of DAPI or Hoechst.",
        trained_on="DSB2018, nuclei in fluorescence",
        source=BBBC038,
        training=fluorescence_training,
        tests=fluorescence_tests,
    ),
    "nuclei-all": Recipe(
        purpose="Nuclei in fluorescence, in bright field and in stained tissue; colour pictures are to be made grey.",
        trained_on="DSB2018, nuclei in fluorescence, bright field and stained tissue",
        source=BBBC038,
        training=all_training,
        tests=all_tests,
        augmentation=AugmentationConfig(invert=0.25),
    ),
    "simulated-mixed": Recipe(
        purpose="Round objects of almost any size, bright on dark or dark on bright: a start for retraining on images "
        "of which few are labelled.",
        trained_on="Simulated nuclei, bacteria and spots at four levels of light",
        source="Simulated by this program, no real image among them",
        training=simulated_training,
        tests=simulated_tests,
        augmentation=AugmentationConfig(invert=0.25),
        remark="A first training, without inverted images, found nothing dark on bright (AP@.5 .68 on the 67 real "
        "images). Images were inverted after this had been seen: the scores on real images are a little optimistic.",
    ),
}
"""By the model's name."""
