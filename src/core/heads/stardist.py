"""Objects as star-convex polygons (StarDist: Schmidt, Weigert, Broaddus & Myers, MICCAI 2018)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.geometry.polygon_nms import suppress_surely
from core.geometry.render import render_polygons
from core.geometry.star_distances import star_targets
from core.heads.base import PRIOR, Frame, Head, HeadConfig, Instances, Mean, Piece, SparseMaps, Window, alone
from core.image import Labels

SHORTEST = 1e-3
"""Shortest distance in pixels that the head predicts."""

DISTANCE_UNIT = 10.0
"""What the last convolution gives as 1, in pixels.

So its outputs are of the size that the optimiser's steps are made for. With one pixel as the unit, a training of some
hundred steps ends with circles: it has only learned how large objects are on average.
"""

DISTANCE_WEIGHT = 0.2
BACKGROUND_WEIGHT = 1e-4


class StarDistHead(Head):
    """Predicts for every pixel how probably it lies in an object's middle, and how far the boundary is along rays.

    Maps: the object probability (1 in the middle of an object, 0 outside), then one distance per ray in pixels.
    Distances are linear outputs, as in StarDist, so that their gradient is the same at every size; they are cut off
    below only when objects are decoded.
    """

    grids: ClassVar[tuple[int, ...]] = (1, 2, 4)

    def __init__(self, config: HeadConfig, in_channels: int) -> None:
        super().__init__()
        self.config = config
        self.features = nn.Conv2d(in_channels, config.features, 3, padding=1)
        self.probability = nn.Conv2d(config.features, 1, 1)
        self.distances = nn.Conv2d(config.features, config.n_rays, 1)
        nn.init.constant_(self.probability.bias, math.log(PRIOR / (1 - PRIOR)))  # type: ignore[arg-type]
        nn.init.constant_(self.distances.bias, 0.5)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the probability and distances, N (1 + n_rays) Y X, of features N F Y X."""
        features = functional.relu(self.features(features))
        return torch.cat([self.probability(features), DISTANCE_UNIT * self.distances(features)], dim=1)

    def activate(self, raw: Tensor) -> Tensor:
        """Probabilities, 0 to 1, and distances in pixels, above 0: float32, N (1 + n_rays) Y X."""
        raw = raw.float()
        return torch.cat([torch.sigmoid(raw[:, :1]), raw[:, 1:].clamp(min=SHORTEST)], dim=1)

    def targets(self, labels: Labels, grid: int) -> NDArray[np.float32]:
        """Object probability and distances, (1 + n_rays) ceil(Y/grid) ceil(X/grid)."""
        return star_targets(labels, self.config.n_rays, grid)

    def loss(self, raw: Tensor, targets: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy of the probability, and the distances' absolute error weighted with the true probability.

        A small weight pulls the distances of the background to 0. All as in StarDist since 0.3.
        """
        probability, mask = raw[:, 0], targets[:, 0]
        error = (raw[:, 1:] - targets[:, 1:]).abs().mean(dim=1)
        distance = (mask * error).sum() / mean(mask.sum()).clamp(min=1e-6)
        background = ((1 - mask) * raw[:, 1:].abs().mean(dim=1)).mean()
        entropy = functional.binary_cross_entropy_with_logits(probability, mask)
        return entropy + DISTANCE_WEIGHT * (distance + BACKGROUND_WEIGHT * background)

    def imitation(self, raw: Tensor, activated: Tensor, sure: Tensor, mean: Mean = alone) -> Tensor:
        """Cross-entropy of the probability, and the distances' absolute error weighted with it, where it is sure."""
        probability = activated[:, 0]
        entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], probability, sure, reduction="sum")
        mask = probability * sure
        error = (mask * (raw[:, 1:] - activated[:, 1:]).abs().mean(dim=1)).sum() / mean(mask.sum()).clamp(min=1e-6)
        return entropy / mean(sure.sum()).clamp(min=1) + DISTANCE_WEIGHT * error

    def pick(
        self,
        maps: SparseMaps,
        core: Window,
        window: Window,
        frame: Frame,
        thresholds: Mapping[str, float],
        reach: float,
    ) -> Piece:
        """Polygons of all pixels above the threshold `prob`, of which those stay that overlap none better by `nms`."""
        polygons = _Polygons.of(maps, frame)
        kept, sure, boxes = polygons.suppress(window, frame, thresholds["nms"], reach)
        owned = core.contains(maps.points[kept])
        unsure = owned & ~sure
        if not sure.all():  # an unsure polygon of higher score may cover one that stays
            unsure |= owned & _meets_better(boxes, ~sure)
        origin, shape = (0, 0), frame.shape
        if core != window:
            around = boxes[owned] if owned.any() else np.zeros((1, 4))
            low = np.clip(np.floor(around[:, ::2].min(axis=0)), 0, frame.shape).astype(int)
            high = np.clip(np.ceil(around[:, 1::2].max(axis=0)) + 1, low, frame.shape).astype(int)
            origin, shape = (int(low[0]), int(low[1])), (int(high[0] - low[0]), int(high[1] - low[1]))
        scores = polygons.scores[kept]
        labels = render_polygons(polygons.distances[kept], polygons.points[kept] - np.array(origin), scores, shape)
        if not owned.all():
            numbers = np.concatenate([[0], np.cumsum(owned) * owned]).astype(np.int32)
            labels = numbers[labels]
        radii = polygons.distances[kept[owned]].max(axis=1, initial=0.0)
        y, x = maps.points[kept[owned]][np.argmax(radii)] if len(radii) else (0, 0)
        found = Instances.visible(labels, scores[owned])
        return Piece(found, origin, maps.points[kept[unsure]], float(radii.max(initial=0.0)), (int(y), int(x)))

    def thin(
        self, maps: SparseMaps, window: Window, frame: Frame, thresholds: Mapping[str, float], reach: float
    ) -> SparseMaps:
        """Without the polygons that surely go: those at the window's edges stay, and one of every other object."""
        kept = np.sort(_Polygons.of(maps, frame).suppress(window, frame, thresholds["nms"], reach)[0])
        return SparseMaps(maps.points[kept], maps.values[kept])

    def decode_many(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Sequence[Mapping[str, float]],
        scale: float = 1.0,
    ) -> Iterator[tuple[Instances, int]]:
        """The objects for each of many thresholds, at the cost of one `decode` per value of `nms`.

        Suppression asks only polygons of better score, and so does painting. Thus what stays above a higher `prob`
        are the first ones, of the best scores, of what stays above the lowest.
        """
        lowest: dict[float, Instances] = {}
        for nms in {one["nms"] for one in thresholds}:
            prob = min(one["prob"] for one in thresholds if one["nms"] == nms)
            lowest[nms] = self.decode(prediction, shape, grid, {"prob": prob, "nms": nms}, scale)
        for one in thresholds:
            found = lowest[one["nms"]]
            yield found, int(np.count_nonzero(found.scores > one["prob"]))

    def default_thresholds(self) -> dict[str, float]:
        """`prob`, probability that a pixel must exceed; `nms`, largest overlap of two objects, of the smaller one."""
        return {"prob": 0.5, "nms": 0.4}

    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """Probabilities most densely around one half, and StarDist's three overlaps."""
        return {
            "prob": (0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9),
            "nms": (0.3, 0.4, 0.5),
        }


@dataclass(frozen=True, eq=False)
class _Polygons:
    """Star-convex polygons in pixels of the image: distances N x n_rays, points N x 2, scores N."""

    distances: NDArray[np.float32]
    points: NDArray[np.float64]
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, maps: SparseMaps, frame: Frame) -> "_Polygons":
        distances = np.ascontiguousarray(maps.values[:, 1:]) / np.float32(frame.scale)
        points = (maps.points.astype(np.float64) * frame.grid + 0.5) / frame.scale - 0.5
        return cls(distances, points, maps.values[:, 0])

    def suppress(
        self, window: Window, frame: Frame, threshold: float, reach: float
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
        """See `suppress_surely`: nothing is missing farther than `reach` from the sides where the image goes on."""
        sides = (window.top, window.left, window.bottom, window.right)
        inward, outward = (reach, reach, -reach, -reach), (-math.inf, -math.inf, math.inf, math.inf)
        top, left, bottom, right = (
            (side * frame.grid - 0.5) / frame.scale + far if inner else end
            for side, far, inner, end in zip(sides, inward, window.inner, outward, strict=True)
        )
        return suppress_surely(self.distances, self.points, self.scores, threshold, (top, bottom, left, right))


def _meets_better(boxes: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which boxes meet one of those before them that `which` marks."""
    met = np.zeros(len(boxes), bool)
    for rank in np.flatnonzero(which):
        top, bottom, left, right = boxes[rank]
        behind = boxes[rank + 1 :]
        met[rank + 1 :] |= (
            (behind[:, 0] < bottom) & (behind[:, 1] > top) & (behind[:, 2] < right) & (behind[:, 3] > left)
        )
    return met
