"""Objects as islands of foreground, held apart by leaving out their rims (Wilhelm 2019, fgbg-weighted)."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from core.geometry.rims import contacts, grown, rims
from core.heads.base import PRIOR, Head, HeadConfig, Instances
from core.image import Labels
from core.rescaling import rescale_labels

BORDER_WEIGHT = 6.0
SEPARATION_WEIGHT = 20.0
WEIGHT_SIGMA = 1.0


class ForegroundHead(Head):
    """Predicts for every pixel whether it lies inside an object, its rim of one pixel excepted.

    The rims keep touching objects apart; decoding gives them back to the objects. Made for objects of any shape,
    at full resolution only: with a stride the gap between touching objects would be lost.
    """

    grids: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, config: HeadConfig, in_channels: int) -> None:
        super().__init__()
        self.config = config
        self.foreground = nn.Conv2d(in_channels, 1, 1)
        nn.init.constant_(self.foreground.bias, math.log(PRIOR / (1 - PRIOR)))  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Logits N 1 Y X of features N F Y X."""
        logits: Tensor = self.foreground(features)
        return logits

    def activate(self, raw: Tensor) -> Tensor:
        """Probability of the foreground, 0 to 1, float32, N 1 Y X."""
        return torch.sigmoid(raw.float())

    def targets(self, labels: Labels, grid: int) -> NDArray[np.float32]:
        """The objects without their rims, 0 or 1, and every pixel's weight, 1 or more: 2 Y X.

        An object that is nothing but rim stays whole, so that it is not lost.
        """
        labels = labels[::grid, ::grid]
        rim = rims(labels)
        interior = (labels > 0) & ~rim
        lost = np.setdiff1d(labels[rim], labels[interior])
        if lost.size:
            interior |= np.isin(labels, lost)
        weight = 1 + BORDER_WEIGHT * rim + SEPARATION_WEIGHT * (rim & contacts(labels))
        weight = ndimage.gaussian_filter(weight.astype(np.float32), WEIGHT_SIGMA)
        return np.stack([interior.astype(np.float32), weight])

    def loss(self, raw: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy, the mean over all pixels by their weights."""
        weight = targets[:, 1]
        entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], targets[:, 0], weight, reduction="sum")
        return entropy / weight.sum()

    def decode(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Mapping[str, float],
        scale: float = 1.0,
    ) -> Instances:
        """Connected pixels above the threshold `prob`, grown by the rim; the score is their mean probability."""
        probability = prediction[0]
        seeds = np.empty(probability.shape, np.int32)
        count = ndimage.label(probability > thresholds["prob"], structure=np.ones((3, 3)), output=seeds)
        sizes = np.bincount(seeds.ravel(), minlength=count + 1)[1:]
        sums = np.bincount(seeds.ravel(), weights=probability.ravel(), minlength=count + 1)[1:]
        return Instances.visible(rescale_labels(grown(seeds), 1 / scale, shape), (sums / sizes).astype(np.float32))

    def default_thresholds(self) -> dict[str, float]:
        """`prob`, probability that a pixel must exceed."""
        return {"prob": 0.5}

    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """Probabilities most densely around one half."""
        return {"prob": (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9)}
