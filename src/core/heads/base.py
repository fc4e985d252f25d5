"""What every head offers: the part of a model that says what an object is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import Config, require
from core.image import Labels

Mean = Callable[[Tensor], Tensor]


def alone(number: Tensor) -> Tensor:
    """The mean over a single process."""
    return number


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


LARGEST = 2048
"""Objects longer than so many pixels of the maps need not be seen whole: they are cut where tiles meet."""


@dataclass(frozen=True, eq=False)
class SparseMaps:
    """A head's activated maps where an object may be; elsewhere they say nothing.

    Parameters
    ----------
    points : int32, N x 2: pixels (y, x) of the maps of the whole image, row by row.
    values : float32, N x K: the maps there; the first is the probability of an object.
    """

    points: NDArray[np.int32]
    values: NDArray[np.float32]

    def within(self, window: "Window") -> "SparseMaps":
        """Those of a window."""
        inside = window.contains(self.points)
        return SparseMaps(self.points[inside], self.values[inside])

    @classmethod
    def joined(cls, parts: "Sequence[SparseMaps]") -> "SparseMaps":
        """Those of several parts of an image, row by row."""
        points = np.concatenate([part.points for part in parts])
        order = np.lexsort((points[:, 1], points[:, 0]))
        return cls(points[order], np.concatenate([part.values for part in parts])[order])


@dataclass(frozen=True)
class Window:
    """A rectangle of the maps of an image.

    Parameters
    ----------
    top, left, bottom, right : first row and column and the ones behind the last, in pixels of the maps.
    inner : for the same sides whether the image goes on there.
    """

    top: int
    left: int
    bottom: int
    right: int
    inner: tuple[bool, bool, bool, bool] = (False, False, False, False)

    def contains(self, points: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which points (y, x), N x 2, lie in it."""
        y, x = points.T
        inside: NDArray[np.bool_] = (y >= self.top) & (y < self.bottom) & (x >= self.left) & (x < self.right)
        return inside

    def grown(self, by: int, height: int, width: int) -> "Window":
        """With so many pixels more on every side, as far as the maps go."""
        top, left = max(self.top - by, 0), max(self.left - by, 0)
        bottom, right = min(self.bottom + by, height), min(self.right + by, width)
        return Window(top, left, bottom, right, (top > 0, left > 0, bottom < height, right < width))


@dataclass(frozen=True)
class Frame:
    """How the maps of an image lie on it.

    Parameters
    ----------
    shape : height and width of the image in pixels.
    grid : stride of the maps, in pixels of the image as it was enlarged.
    scale : by how much it was enlarged.
    """

    shape: tuple[int, int]
    grid: int = 1
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Piece:
    """The objects of a part of an image.

    An object belongs to the part in whose core its `point` lies, so every object belongs to one.

    Parameters
    ----------
    instances : the objects, within a rectangle of the image that holds them whole.
    origin : the rectangle's first row and column in the image.
    unsure : points (y, x) in the maps of objects that may look different, or not be there, if more of the image were
        known, and of those longer than `LARGEST`; M x 2.
    radius : how far an object goes from its point at most, in pixels of the image; 0 where `reach` means nothing.
    farthest : the point of that object.
    """

    instances: Instances
    origin: tuple[int, int]
    unsure: NDArray[np.int32]
    radius: float = 0.0
    farthest: tuple[int, int] = (0, 0)


class Head(nn.Module, ABC):
    """Turns features into maps, labels into what the maps should be, and maps into objects.

    `forward` takes features N F Y X and returns raw outputs N K Y X: what the loss is computed of.
    """

    grids: ClassVar[tuple[int, ...]]
    """Strides of the output, in pixels of the image, that the head can work at."""

    probabilities: ClassVar[tuple[float, ...]] = (0.3, 0.4, 0.5, 0.6, 0.7)
    """Thresholds `prob` that are tried where no label tells which is best."""

    stacking: ClassVar[float] = 0.5
    """Share of the smaller of two objects in neighbouring slices of a stack that must lie on the other one for both to
    be one object in three dimensions."""

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
    def loss(self, raw: Tensor, targets: Tensor, mean: Mean = alone) -> Tensor:
        """How wrong raw outputs N K Y X are, given targets N T Y X: a scalar, 0 or more.

        Where a batch is shared by several processes, the mean of their losses is the loss of the batch. `mean` takes
        the mean of a scalar over them; what a sum over the batch is divided by must go through it.
        """

    @abstractmethod
    def imitation(self, raw: Tensor, activated: Tensor, sure: Tensor, mean: Mean = alone) -> Tensor:
        """How far raw outputs N K Y X are from what another model says of the same images, activated maps N K Y X.

        Only pixels count where `sure`, N Y X, is 1 and not 0. A scalar, 0 or more; `mean` as in `loss`.
        """

    @abstractmethod
    def pick(
        self,
        maps: SparseMaps,
        core: Window,
        window: Window,
        frame: Frame,
        thresholds: Mapping[str, float],
        reach: float,
    ) -> Piece:
        """The objects whose points lie in the core of a window.

        Parameters
        ----------
        maps : `sparse` maps of the window, as `thin` left them or all.
        core, window : the core, and what is known around it.
        frame : how the maps lie on the image.
        thresholds : a value for every name of `default_thresholds`.
        reach : how far at most an object goes from its point, in pixels of the image.
        """

    def sparse(
        self, prediction: NDArray[np.float32], thresholds: Mapping[str, float], origin: tuple[int, int] = (0, 0)
    ) -> SparseMaps:
        """Activated maps K Y X where the probability exceeds its threshold; `origin` is their place in the whole."""
        above = prediction[0] > thresholds["prob"]
        points = np.argwhere(above) + np.array(origin)
        return SparseMaps(points.astype(np.int32), np.ascontiguousarray(prediction[:, above].T))

    def thin(
        self, maps: SparseMaps, window: Window, frame: Frame, thresholds: Mapping[str, float], reach: float
    ) -> SparseMaps:
        """As few of a window's maps as `pick` needs, whatever lies around the window; see there."""
        return maps

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
        whole, frame = Window(0, 0, *prediction.shape[1:]), Frame(shape, grid, scale)
        return self.pick(self.sparse(prediction, thresholds), whole, whole, frame, thresholds, 0.0).instances

    def decode_many(
        self,
        prediction: NDArray[np.float32],
        shape: tuple[int, int],
        grid: int,
        thresholds: Sequence[Mapping[str, float]],
        scale: float = 1.0,
    ) -> Iterator[tuple[Instances, int]]:
        """The objects for each of many thresholds, at less cost than `decode` for each where the head knows how.

        Yields
        ------
        For each of the thresholds objects and a number: what `decode` gives are the first so many of these objects.
        """
        for one in thresholds:
            found = self.decode(prediction, shape, grid, one, scale)
            yield found, len(found.scores)

    def chance(self, probability: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """How likely pixels belong to an object where objects cover about this share of an image, both 0 to 1.

        That is the predicted probability, unless the loss weighs objects and background differently.
        """
        return probability

    @abstractmethod
    def default_thresholds(self) -> dict[str, float]:
        """The thresholds of a model for which none were fitted."""

    @abstractmethod
    def threshold_grid(self) -> dict[str, tuple[float, ...]]:
        """The values of every threshold that are worth trying when they are fitted."""
