"""The system of Wilhelm 2019, as far as it differs from ours in what decides its scores: the baseline of the study.

Its U-Net with the decoder's widths in rising order, its targets without the correction of half a pixel, its loss, its
fixed thresholds, flips as the only variation, the weights of the last step. What is not repeated: the learning rate
falls by a cosine as in ours instead of on plateaus, because that needs the validation images it had outside the budget
of labels; and images are scaled by minimum and maximum.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.heads import HEADS, HeadConfig, Instances
from core.heads.base import Mean, alone
from core.heads.stardist import StarDistHead
from core.image import Labels
from core.networks import NETWORKS, NetworkConfig
from core.networks.unet import UNet
from core.normalization import NormalizationConfig
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig
from core.training.config import ScheduleConfig, TrainingConfig

THRESHOLDS = {"prob": 0.4, "nms": 0.5}
OVERSHOOT = 0.5
"""How far its distances reach beyond the boundary, in pixels."""

EDGE = 2
"""Pixels along the edge of an image that no polygon is taken from."""


class ThesisUNet(UNet):
    """The U-Net whose decoder begins with the narrowest level."""

    def up(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """Widths (b, b/2), (2b, b), (4b, 2b) from the deepest level to the image's."""
        width = self.config.base * 2 ** (self.config.depth - 1 - level)
        return self._convolutions(inputs, width, width // 2), width // 2


class ThesisHead(StarDistHead):
    """StarDist 0.2.0: distances in pixels that overshoot, and a loss that is not normalised by the mask."""

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the probability and distances."""
        features = functional.relu(self.features(features))
        return torch.cat([self.probability(features), self.distances(features)], dim=1)

    def targets(self, labels: Labels, grid: int) -> NDArray[np.float32]:
        """Object probability and distances, these too long by half a pixel."""
        targets = super().targets(labels, grid)
        targets[1:] += OVERSHOOT * (targets[1:] > 0)
        return targets

    def loss(self, raw: Tensor, targets: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy of the probability, and the distances' error weighted with it, over all pixels."""
        probability, mask = raw[:, 0], targets[:, 0]
        error = (raw[:, 1:] - targets[:, 1:]).abs().mean(dim=1)
        return functional.binary_cross_entropy_with_logits(probability, mask) + (mask * error).mean()

    def decode(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Mapping[str, float],
        scale: float = 1.0,
    ) -> Instances:
        """As StarDist, but with its fixed thresholds and nothing from the edge."""
        inside = np.zeros_like(prediction)
        middle = (slice(None), slice(EDGE, -EDGE), slice(EDGE, -EDGE))
        inside[middle] = prediction[middle]
        return super().decode(inside, shape, grid, THRESHOLDS, scale)

    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """Nothing to choose."""
        return {name: (value,) for name, value in THRESHOLDS.items()}


def register() -> None:
    """Let configurations name the network and the head."""
    NETWORKS["thesis_unet"] = ThesisUNet
    HEADS["thesis"] = ThesisHead


def thesis_config(schedule: ScheduleConfig) -> TrainingConfig:
    """A training as in the thesis, of the length of ours."""
    return TrainingConfig(
        network=NetworkConfig(name="thesis_unet", grid=1, norm="none"),
        head=HeadConfig(name="thesis"),
        normalization=NormalizationConfig(0, 100),
        augmentation=AugmentationConfig(**{**NO_AUGMENTATION.to_dict(), "flip": True}),
        schedule=ScheduleConfig(**{**schedule.to_dict(), "average": 0.0, "learning_rate": 1e-3}),
        validation_fraction=0.0,
    )
