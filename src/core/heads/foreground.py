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
from core.heads.base import PRIOR, Frame, Head, HeadConfig, Mean, Piece, SparseMaps, Window, alone
from core.heads.regions import piece_of
from core.image import Labels

BORDER_WEIGHT = 6.0
SEPARATION_WEIGHT = 20.0
WEIGHT_SIGMA = 1.0


class ForegroundHead(Head):
    """Predicts for every pixel whether it lies inside an object, its rim of one pixel excepted.

    The rims keep touching objects apart; decoding gives them back to the objects. Made for objects of any shape,
    at full resolution only: with a stride the gap between touching objects would be lost.
    """

    grids: ClassVar[tuple[int, ...]] = (1,)
    stacking: ClassVar[float] = 0.0

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

    def loss(self, raw: Tensor, targets: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy, the mean over all pixels by their weights."""
        weight = targets[:, 1]
        entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], targets[:, 0], weight, reduction="sum")
        return entropy / mean(weight.sum())

    def imitation(self, raw: Tensor, activated: Tensor, sure: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy, the mean over the pixels that are sure."""
        entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], activated[:, 0], sure, reduction="sum")
        return entropy / mean(sure.sum()).clamp(min=1)

    def pick(
        self,
        maps: SparseMaps,
        core: Window,
        window: Window,
        frame: Frame,
        thresholds: Mapping[str, float],
        reach: float,
    ) -> Piece:
        """Connected pixels above the threshold `prob`, grown by the rim; the score is their mean probability.

        An object's point is its first pixel, row by row. One that is longer than `LARGEST`, or goes on where the window
        ends, is unsure, and what is in the core is taken as an object.
        """
        seeds = np.zeros((window.bottom - window.top, window.right - window.left), np.int32)
        y, x = (maps.points - np.array([window.top, window.left])).T
        seeds[y, x] = 1
        count = ndimage.label(seeds, structure=np.ones((3, 3)), output=seeds)
        number = seeds[y, x]
        sizes = np.bincount(number, minlength=count + 1)[1:]
        sums = np.bincount(number, weights=maps.values[:, 0], minlength=count + 1)[1:]
        first = np.full(count, len(number), np.int64)
        np.minimum.at(first, number - 1, np.arange(len(number)))
        points = maps.points[first]
        # An object that comes so near to where the image goes on may go on, or have to share its rim.
        unsure = np.zeros(count, bool)
        for strip, inner in zip((seeds[:2], seeds[:, :2], seeds[-2:], seeds[:, -2:]), window.inner, strict=True):
            if inner:
                unsure[strip[strip > 0] - 1] = True
        return piece_of(grown(seeds), maps.points, number, points, sums / sizes, unsure, core, window, frame)

    def default_thresholds(self) -> dict[str, float]:
        """`prob`, probability that a pixel must exceed."""
        return {"prob": 0.5}

    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """Probabilities most densely around one half."""
        return {"prob": (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9)}
