"""What a pretraining is told."""

from dataclasses import dataclass, field

from core.config import Config, require
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig
from core.pretraining import PRETEXTS
from core.pretraining.magnification.config import MagnificationConfig, side
from core.training.augmentation import AugmentationConfig
from core.training.config import ScheduleConfig

FULL_RESOLUTION = NetworkConfig(grid=1)
"""A network that heads of every kind can predict on."""

LARGEST_FIELD = 2048
"""Patches of more pixels a side are not cut out of images."""


@dataclass(frozen=True)
class PretrainingConfig(Config):
    """A training by images without labels.

    Parameters
    ----------
    task : a name of `core.pretraining.PRETEXTS`.
    network, normalization : the model; the number of input channels is taken from the images.
    augmentation, schedule : how it learns; a task may leave out what does not go with it.
    validation_fraction : share of the images of every domain that is held back, 0 to 0.5; with fewer than ten images
        none is.
    encoder_weights : as in `core.training.config.TrainingConfig`.
    magnification : of the task of this name, which needs a network at full resolution.
    """

    task: str = "restoration"
    network: NetworkConfig = FULL_RESOLUTION
    normalization: NormalizationConfig = field(default_factory=NormalizationConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    validation_fraction: float = 0.15
    encoder_weights: str = ""
    magnification: MagnificationConfig = field(default_factory=MagnificationConfig)

    def __post_init__(self) -> None:
        require(self.task in PRETEXTS, "task", self.task, f"one of {', '.join(PRETEXTS)}")
        require(0 <= self.validation_fraction <= 0.5, "validation_fraction", self.validation_fraction, "0 to 0.5")
        if self.task == "magnification":
            require(self.network.grid == 1, "grid", self.network.grid, "1 for the task magnification")
            size = side(self.schedule.patch_size, self.network.depth)
            most = LARGEST_FIELD / self.magnification.largest
            require(
                self.magnification.field(size) <= LARGEST_FIELD,
                "patch_size",
                size,
                f"{most:.0f} or less for magnifications down to 1/{self.magnification.largest:g}",
            )
