"""Objects find their places: none on another, some at another."""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from core.image import Labels
from core.simulation.shapes import Light, Mask, Shape

TRIES = 50
"""Places that are tried for an object, at others and then anywhere, before it is left out."""

LEAST_VISIBLE = 0.2
"""The share of an object's pixels, at least, that lies in the image."""

GAP = 2
"""Pixels, at least, between objects that are not placed at each other."""


@dataclass(frozen=True)
class Place:
    """Where an object lies: row and column of its window's middle, pixels; for `half`, `diameter`, `angle` see `Shape`.

    Shapes themselves are not kept: those of a large image would take more memory than the image.
    """

    y: int
    x: int
    half: int
    diameter: float
    angle: float


@dataclass
class Ground:
    """Where objects lie: an image with a margin around it, which holds what reaches beyond its edge.

    Parameters
    ----------
    shape : height and width with margins, pixels.
    image : the rows and columns of the image in it.
    """

    shape: tuple[int, int]
    image: tuple[slice, slice]
    labels: Labels = field(init=False)
    light: Light = field(init=False)
    """Brightness of the objects' pixels, 0 between them."""
    places: list[Place] = field(default_factory=list, init=False)
    """Of object 1, 2, ..."""

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.shape, np.int32)
        self.light = np.zeros(self.shape, np.float32)
        self._taken: Mask = np.zeros(self.shape, bool)
        self._near: Mask = np.zeros((self.shape[0] + 2 * GAP, self.shape[1] + 2 * GAP), bool)

    def window(self, shape: Shape, y: int, x: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """A shape's pixels on the ground and in its own window, cut off at the ground's edge."""
        half = shape.half
        if half <= y < self.shape[0] - half and half <= x < self.shape[1] - half:
            return (slice(y - half, y + half + 1), slice(x - half, x + half + 1)), _WHOLE
        rows, mask_rows = _overlap(y - half, 2 * half + 1, self.shape[0])
        columns, mask_columns = _overlap(x - half, 2 * half + 1, self.shape[1])
        return (rows, columns), (mask_rows, mask_columns)

    def is_free(self, shape: Shape, y: int, x: int, *, apart: bool) -> bool:
        """Whether a shape covers no other object, nor comes near one if it is to be apart."""
        there, part = self.window(shape, y, x)
        taken = self._near[GAP:-GAP, GAP:-GAP] if apart else self._taken
        return not (taken[there] & shape.mask[part]).any()

    def is_seen(self, shape: Shape, y: int, x: int) -> bool:
        """Whether enough of a shape lies in the image, in one piece."""
        rows, columns = (
            slice(max(edge.start - place + shape.half, 0), max(edge.stop - place + shape.half, 0))
            for edge, place in zip(self.image, (y, x), strict=True)
        )
        seen = shape.mask[rows, columns]
        if seen.shape == shape.mask.shape:
            return True
        if np.count_nonzero(seen) < LEAST_VISIBLE * np.count_nonzero(shape.mask):
            return False
        return int(ndimage.label(seen)[1]) == 1

    def put(self, shape: Shape, y: int, x: int) -> None:
        """Place a shape."""
        self.places.append(Place(y, x, shape.half, shape.diameter, shape.angle))
        there, part = self.window(shape, y, x)
        mask = shape.mask[part]
        self.labels[there][mask] = len(self.places)
        self.light[there][mask] = shape.brightness[part][mask]
        self._taken[there] |= mask
        height, width = mask.shape
        top, left = there[0].start + GAP, there[1].start + GAP
        for dy, dx in _AROUND:
            self._near[top + dy : top + dy + height, left + dx : left + dx + width] |= mask


_WHOLE = (slice(None), slice(None))

_AROUND = ((-GAP, 0), (GAP, 0), (0, -GAP), (0, GAP), (0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


def _overlap(first: int, length: int, size: int) -> tuple[slice, slice]:
    """Where a window of a length that begins at `first` lies within 0 to `size`, and that part of the window."""
    low, high = min(max(first, 0), size), max(min(first + length, size), 0)
    return slice(low, max(low, high)), slice(low - first, max(low, high) - first)


def place_at(ground: Ground, shape: Shape, direction: float, neighbour: int, apart: float) -> bool:
    """Place a shape beside an object.

    Parameters
    ----------
    direction : from the object to the shape, radians.
    neighbour : index of the object in `ground.places`.
    apart : pixels that the shape is moved away again from where it touches an object; 0 leaves it there.

    Returns
    -------
    Whether there was room.
    """
    other = ground.places[neighbour]
    down, across = math.sin(direction), math.cos(direction)

    def is_free(distance: float) -> bool:
        return ground.is_free(shape, other.y + round(distance * down), other.x + round(distance * across), apart=False)

    typical = (shape.diameter + other.diameter) / 2
    distance, stride = 0.45 * typical, max(1.0, typical / 6)
    while not is_free(distance):
        distance += stride
        if distance > 1.4 * (shape.half + other.half):
            return False
    while stride > 0.5:
        stride /= 2
        distance -= stride if is_free(distance - stride) else 0
    if apart and is_free(distance + apart):
        distance += apart
    y, x = other.y + round(distance * down), other.x + round(distance * across)
    if not ground.is_seen(shape, y, x):
        return False
    ground.put(shape, y, x)
    return True


def place_anywhere(ground: Ground, shape: Shape, rng: np.random.Generator) -> bool:
    """Place a shape at random, away from all others; whether there was room."""
    beyond = 0.3 * shape.diameter
    for _ in range(TRIES):
        low = [edge.start - beyond for edge in ground.image]
        high = [edge.stop - 1 + beyond for edge in ground.image]
        y, x = (round(place) for place in rng.uniform(low, high).tolist())
        if ground.is_free(shape, y, x, apart=True) and ground.is_seen(shape, y, x):
            ground.put(shape, y, x)
            return True
    return False


def in_chain(angle: float, rng: np.random.Generator) -> tuple[float, float]:
    """A new object's own angle, nearly that of its neighbour, and in which direction from it it lies; radians.

    It lies at an end of its neighbour twice as often as at a side.
    """
    own = angle + rng.normal(0, 0.2)
    sideways = 0 if rng.random() < 2 / 3 else np.pi / 2
    return float(own), float(angle + rng.normal(0, 0.1) + sideways + np.pi * rng.integers(2))
