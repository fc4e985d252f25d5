"""What every head offers: the part of a model that says what an object is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import Config, require
from core.image import Labels

PRIOR = 0.1
"""Probability that a head answers before it has learned anything: about the share of objects in a usual image."""


@dataclass(frozen=True)
class HeadConfig(Config):
    """Which head, and its size.

    Parameters
    ----------
    name : a name of `core.heads.HEADS`.
    n_rays : rays of a star-convex polygon, 8 to 128; of the StarDist head.
    features : channels of the convolution before the outputs, 8 to 512; of the StarDist head.
    """

    name: str = "stardist"
    n_rays: int = 32
    features: int = 128

    def __post_init__(self) -> None:
        require(8 <= self.n_rays <= 128, "n_rays", self.n_rays, "8 to 128")
        require(8 <= self.features <= 512, "features", self.features, "8 to 512")


@dataclass(frozen=True, eq=False)
class Instances:
    """The objects found in an image.

    Parameters
    ----------
    labels : int32, axes YX: 0 is background, the objects are numbered 1 to n, every one has a pixel.
    scores : float32, n: the objects' probabilities, 0 to 1; the first belongs to object 1.
    """

    labels: Labels
    scores: NDArray[np.float32]

    @classmethod
    def visible(cls, labels: Labels, scores: NDArray[np.float32]) -> "Instances":
        """Objects of which some may have no pixel; those are left out and the others numbered anew."""
        seen = np.bincount(labels.ravel(), minlength=len(scores) + 1)[1:] > 0
        if seen.all():
            return cls(labels, scores)
        numbers = np.concatenate([[0], np.cumsum(seen) * seen]).astype(np.int32)
        return cls(numbers[labels], scores[seen])


class Head(nn.Module, ABC):
    """Turns features into maps, labels into what the maps should be, and maps into objects.

    `forward` takes features N F Y X and returns raw outputs N K Y X: what the loss is computed of.
    """

    grids: ClassVar[tuple[int, ...]]
    """Strides of the output, in pixels of the image, that the head can work at."""

    config: HeadConfig

    @abstractmethod
    def activate(self, raw: Tensor) -> Tensor:
        """Raw outputs N K Y X as what they mean: float32 probabilities (0 to 1), distances (pixels)."""

    @abstractmethod
    def targets(self, labels: Labels, grid: int) -> NDArray[np.float32]:
        """What the maps should be for an image's labels.

        Parameters
        ----------
        labels : int32, axes YX.
        grid : stride of the output in pixels.

        Returns
        -------
        T ceil(Y/grid) ceil(X/grid); the first channels are the activated maps of a perfect prediction.
        """

    @abstractmethod
    def loss(self, raw: Tensor, targets: Tensor) -> Tensor:
        """How wrong raw outputs N K Y X are, given targets N T Y X: a scalar, 0 or more."""

    @abstractmethod
    def decode(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Mapping[str, float],
        scale: float = 1.0,
    ) -> Instances:
        """The objects that maps describe.

        Parameters
        ----------
        prediction : activated maps, K ceil(Y/grid) ceil(X/grid).
        shape : height and width of the image in pixels.
        grid : stride of the maps in pixels.
        thresholds : a value for every name of `default_thresholds`.
        scale : by how much the image was enlarged for the maps; the objects are those of the image before.
        """

    def decode_many(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Sequence[Mapping[str, float]],
        scale: float = 1.0,
    ) -> list[tuple[Instances, int]]:
        """The objects for each of many thresholds, at less cost than `decode` for each where the head knows how.

        Returns
        -------
        For each of the thresholds objects and a number: what `decode` gives are the first so many of these objects.
        """
        every = [self.decode(prediction, shape, grid, one, scale) for one in thresholds]
        return [(found, len(found.scores)) for found in every]

    @abstractmethod
    def default_thresholds(self) -> dict[str, float]:
        """The thresholds of a model for which none were fitted."""

    @abstractmethod
    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """The values of every threshold that are worth trying when they are fitted."""
