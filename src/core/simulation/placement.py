"""Objects find their places: none on another, some at another."""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from core.image import Labels
from core.simulation.shapes import Mask, Shape

TRIES = 25
"""An object that has found no place after so many is left out."""

LEAST_VISIBLE = 0.2
"""The share of an object's pixels, at least, that lies in the image."""

GAP = 2
"""Pixels, at least, between objects that are not placed at each other."""


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
    places: list[tuple[int, int, Shape]] = field(default_factory=list, init=False)
    """Row, column and shape of object 1, 2, ..."""

    def __post_init__(self) -> None:
        self.labels = np.zeros(self.shape, np.int32)
        self._near: Mask = np.zeros(self.shape, bool)

    def window(self, shape: Shape, y: int, x: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """A shape's pixels on the ground and in its own window, cut off at the ground's edge."""
        on_ground, in_shape = [], []
        for place, size in ((y, self.shape[0]), (x, self.shape[1])):
            first, stop = place - shape.half, place + shape.half + 1
            low, high = min(max(first, 0), size), max(min(stop, size), 0)
            on_ground.append(slice(low, high))
            in_shape.append(slice(low - first, high - first))
        return (on_ground[0], on_ground[1]), (in_shape[0], in_shape[1])

    def is_free(self, shape: Shape, y: int, x: int, *, apart: bool) -> bool:
        """Whether a shape covers no other object, nor comes near one if it is to be apart."""
        there, part = self.window(shape, y, x)
        taken = self._near if apart else self.labels
        return not taken[there][shape.mask[part]].any()

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
        self.places.append((y, x, shape))
        there, part = self.window(shape, y, x)
        mask = shape.mask[part]
        self.labels[there][mask] = len(self.places)
        rows, columns = np.nonzero(mask)
        height, width = self.shape
        for dy, dx in _AROUND:
            near_y = np.clip(rows + there[0].start + dy, 0, height - 1)
            near_x = np.clip(columns + there[1].start + dx, 0, width - 1)
            self._near[near_y, near_x] = True


_AROUND = ((-GAP, 0), (GAP, 0), (0, -GAP), (0, GAP), (0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


def place_at(ground: Ground, shape: Shape, direction: float, neighbour: int, rng: np.random.Generator) -> bool:
    """Place a shape beside an object, touching it or nearly so.

    Parameters
    ----------
    direction : from the object to the shape, radians.
    neighbour : index of the object in `ground.places`.

    Returns
    -------
    Whether there was room.
    """
    y0, x0, other = ground.places[neighbour]
    step = np.array([np.sin(direction), np.cos(direction)])

    def spot(distance: float) -> tuple[int, int]:
        dy, dx = np.rint(distance * step).astype(int)
        return y0 + int(dy), x0 + int(dx)

    typical = (shape.diameter + other.diameter) / 2
    distance, stride = 0.5 * typical, max(1.0, typical / 12)
    while not ground.is_free(shape, *spot(distance), apart=False):
        distance += stride
        if distance > shape.half + other.half + 2:
            return False
    for nearer in np.arange(distance - stride + 1, distance):
        if ground.is_free(shape, *spot(nearer), apart=False):
            distance = nearer
            break
    apart = distance + rng.choice([0.0, 0.0, 1.0, 0.05 * typical])
    if ground.is_free(shape, *spot(apart), apart=False):
        distance = apart
    y, x = spot(distance)
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
        y, x = np.rint(rng.uniform(low, high)).astype(int).tolist()
        if ground.is_free(shape, y, x, apart=True) and ground.is_seen(shape, y, x):
            ground.put(shape, y, x)
            return True
    return False


def neighbour_angle(angle: float, chains: bool, rng: np.random.Generator) -> tuple[float, float]:
    """A new object's own angle, and in which direction from its neighbour of a given angle it lies; radians.

    In chains it lies nearly parallel to its neighbour, at one of its ends twice as often as at one of its sides.
    """
    if not chains:
        own, direction = rng.uniform(0, 2 * np.pi, 2)
        return float(own), float(direction)
    own = angle + rng.normal(0, 0.2)
    at_end = rng.random() < 2 / 3
    direction = angle + rng.normal(0, 0.1) + (0 if at_end else np.pi / 2) + np.pi * rng.integers(2)
    return float(own), float(direction)
