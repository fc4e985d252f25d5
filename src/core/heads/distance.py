"""Objects as the basins of a landscape that is highest in their middles, for small, clustered and irregular ones.

Distances to the border as what a network learns: Bai and Urtasun, Deep watershed transform for instance segmentation,
CVPR 2017; Naylor et al., Segmentation of nuclei in histopathology images by deep regression of the distance map, IEEE
Transactions on Medical Imaging 38:448, 2019.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.geometry.basins import basins
from core.geometry.depth import object_depth
from core.heads.base import PRIOR, Frame, Head, HeadConfig, Mean, Piece, SparseMaps, Window, alone
from core.heads.regions import piece_of
from core.image import Labels

OBJECT_WEIGHT = 1.0
"""Weight of what is wrong on objects, which all together count as much as the whole image: else few pixels are lost."""


class DistanceHead(Head):
    """Predicts for every pixel whether it belongs to an object, and how deep inside it lies.

    Maps: the probability of an object, and the depth, both 0 to 1 (`object_depth`): 1 in an object's middle, low at its
    border, 0 where objects touch. Objects are the foreground, shared out among the peaks of the depth. At full
    resolution only: with a stride the valleys between small objects would be lost.
    """

    grids: ClassVar[tuple[int, ...]] = (1,)
    probabilities: ClassVar[tuple[float, ...]] = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)

    def __init__(self, config: HeadConfig, in_channels: int) -> None:
        super().__init__()
        self.config = config
        self.maps = nn.Conv2d(in_channels, 2, 1)
        nn.init.constant_(self.maps.bias, math.log(PRIOR / (1 - PRIOR)))  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Logits N 2 Y X of features N F Y X."""
        logits: Tensor = self.maps(features)
        return logits

    def activate(self, raw: Tensor) -> Tensor:
        """Probability of an object and depth, 0 to 1, float32, N 2 Y X."""
        return torch.sigmoid(raw.float())

    def targets(self, labels: Labels, grid: int) -> NDArray[np.float32]:
        """The objects, 0 or 1, and their depth: 2 Y X."""
        labels = np.ascontiguousarray(labels[::grid, ::grid])
        return np.stack([(labels > 0).astype(np.float32), object_depth(labels)])

    def loss(self, raw: Tensor, targets: Tensor, mean: Mean = alone) -> Tensor:
        """Divergence of both maps from their targets (Kullback and Leibler 1951).

        That is their cross-entropy less its lowest value, which is not 0 for a depth between 0 and 1. It is the mean
        over all pixels, and once more over those of objects.
        """
        divergence = (_entropy(raw, targets) - _lowest(targets)).sum(dim=1)
        mask = targets[:, 0]
        objects = (divergence * mask).sum() / mean(mask.sum()).clamp(min=1)
        return divergence.mean() + OBJECT_WEIGHT * objects

    def imitation(self, raw: Tensor, activated: Tensor, sure: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy of both maps, the mean over the pixels that are sure."""
        return (_entropy(raw, activated).sum(dim=1) * sure).sum() / mean(sure.sum()).clamp(min=1)

    def pick(
        self,
        maps: SparseMaps,
        core: Window,
        window: Window,
        frame: Frame,
        thresholds: Mapping[str, float],
        reach: float,
    ) -> Piece:
        """The basins of pixels above the threshold `prob`; the score of one is their mean probability.

        A peak must rise by `separation` above the valley to a higher one, or else it is a part of that one's object;
        and as much above 0, or else it is none. An object's point is its peak. One is unsure whose basin comes to where
        the image goes on, and what of it is in the core is taken as an object.
        """
        local = maps.points - np.array([window.top, window.left])
        shape = window.bottom - window.top, window.right - window.left
        ends = (local[:, 0] == 0, local[:, 1] == 0, local[:, 0] == shape[0] - 1, local[:, 1] == shape[1] - 1)
        edge = np.any([end & inner for end, inner in zip(ends, window.inner, strict=True)], axis=0)
        depth, least = maps.values[:, 1], max(thresholds["separation"], LEAST)
        peak, doubtful = basins(local, depth, least, edge)
        kept = doubtful | (depth[peak] >= least)
        local, pixels, probability = local[kept], maps.points[kept], maps.values[kept, 0]
        peaks, first, number = np.unique(peak[kept], return_index=True, return_inverse=True)
        number = number.ravel() + 1
        regions = np.zeros(shape, np.int32)
        regions[local[:, 0], local[:, 1]] = number
        sums = np.bincount(number, probability, len(peaks) + 1)[1:]
        sizes = np.bincount(number, minlength=len(peaks) + 1)[1:]
        points = maps.points[peaks]
        return piece_of(regions, pixels, number, points, sums / sizes, doubtful[kept][first], core, window, frame)

    def chance(self, probability: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """The probability without the weight of objects, which makes the odds 1 + weight / share times as high."""
        chance: NDArray[np.float32] = probability / (1 + (1 - probability) * (OBJECT_WEIGHT / share))
        return chance

    def default_thresholds(self) -> dict[str, float]:
        """`prob`, probability that a pixel must exceed; `separation`, by how much a peak must rise, 0 to 1."""
        return {"prob": 0.5, "separation": 0.3}

    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """Probabilities up to almost 1, and separations from what noise does to that of objects of three pixels.

        Objects weigh as much as the whole image, so that where they cover a hundredth of it a pixel of even chances is
        given a probability of .99 (`chance`).
        """
        return {
            "prob": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99),
            "separation": (0.1, 0.2, 0.3, 0.45, 0.6),
        }


LEAST = 1e-6
"""A peak rises by more than nothing: pixels of one depth are one peak."""


def _entropy(raw: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of every logit with its probability."""
    return functional.binary_cross_entropy_with_logits(raw, truth, reduction="none")


def _lowest(truth: Tensor) -> Tensor:
    """The lowest cross-entropy that a logit can have with its probability."""
    return -torch.xlogy(truth, truth) - torch.xlogy(1 - truth, 1 - truth)
