"""Shapes of single objects, each in a small window of its own.

Diameters are those of a disc of the same area, in pixels. Every object lies at a random place between pixels.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Light = NDArray[np.float32]

ANGLES = 512
"""Directions in which an outline is given."""

_ORDERS = np.arange(2, 7)
_TURNS = np.multiply.outer(_ORDERS, np.arange(ANGLES) * (2 * np.pi / ANGLES))
_WAVES = np.concatenate([np.cos(_TURNS), np.sin(_TURNS)])
"""Waves of an outline: cosines of each order, then sines; 2 x orders, angles."""


@dataclass(frozen=True, eq=False)
class Shape:
    """An object in a square window whose middle pixel is its place.

    Parameters
    ----------
    mask : its pixels, axes YX, an odd number of rows and columns.
    brightness : how brightly each pixel shines, above 0 to 1 within the mask.
    diameter : of a disc of the same area, pixels.
    angle : direction of its longer axis, radians, 0 along X.
    """

    mask: Mask
    brightness: Light
    diameter: float
    angle: float

    @property
    def half(self) -> int:
        """Rows above the middle one."""
        return len(self.mask) // 2


@dataclass(frozen=True)
class Lobe:
    """A part of a nucleus: an ellipse at y, x, `longer` times as long along its heading (radians) as across."""

    y: float
    x: float
    radius: float
    longer: float
    heading: float


def disc(diameter: float, rng: np.random.Generator, angle: float) -> Shape:
    """A spot: evenly bright, the optics make its light fall off."""
    y, x = _window(diameter / 2, rng)
    mask = x * x + y * y <= diameter**2 / 4
    return Shape(mask, np.ones(mask.shape, np.float32), diameter, angle)


def capsule(diameter: float, rng: np.random.Generator, angle: float) -> Shape:
    """A rod with round ends, slightly bent, some pinched, about to divide.

    It is 2 to 4.5 times as long as wide; less where it would be thinner than two pixels, and break.
    """
    longest = np.pi / 16 * diameter**2 + 1 - np.pi / 4
    aspect = min(rng.uniform(2, 4.5), longest)
    pinch = 0.22 * float(rng.random() < 0.3)
    width = diameter * np.sqrt(np.pi / 4 / (np.pi / 4 + aspect - 1 - pinch * np.sqrt(np.pi) / 3))
    length = aspect * width
    y, x = _window(length / 2 + 1, rng)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    bend = np.clip(rng.normal(0, 0.1), -0.15, 0.15) / length
    across = across - bend * (along**2 - length**2 / 12)
    waist = pinch * np.exp(-((3 * along / width) ** 2))
    half = np.float32(width / 2) * (1 - waist)
    beyond = np.maximum(np.abs(along) - (length - width) / 2, 0)
    distance = np.hypot(beyond, across) / half
    return Shape(distance <= 1, _dome(distance, 0.6), diameter, angle)


def round_nucleus(diameter: float, rng: np.random.Generator, angle: float) -> Shape:
    """Nearly a disc with a smooth outline, with two to four dark nucleoli: a nucleus of a cultured HL60 cell."""
    return _nucleus(diameter, rng, angle, elongation=rng.uniform(1.0, 1.4), roughness=0.06, nucleoli=(2, 4))


def tissue_nucleus(diameter: float, rng: np.random.Generator, angle: float) -> Shape:
    """Longer and more irregular, with few nucleoli."""
    return _nucleus(diameter, rng, angle, elongation=rng.uniform(1.1, 1.9), roughness=0.1, nucleoli=(0, 2))


def lobed_nucleus(diameter: float, rng: np.random.Generator, angle: float) -> Shape:
    """A chain of two to five overlapping lobes, bent to one side: the nucleus of a granulocyte.

    The outline is a level of a sum of the lobes' Gaussians, which rounds the necks between them (Blinn 1982, "A
    generalization of algebraic surface drawing").
    """
    while True:
        lobes = _lobes(rng, angle)
        far = max(np.hypot(lobe.y, lobe.x) + 1.3 * lobe.radius * lobe.longer for lobe in lobes)
        steps = np.linspace(-far, far, 100)
        inside = np.count_nonzero(_lobe_field(lobes, steps[:, None], steps[None])[0] >= 1)
        area = inside * (steps[1] - steps[0]) ** 2
        scale = diameter / 2 / np.sqrt(area / np.pi)
        reach = scale * far
        y, x = _window(reach, rng)
        field, distance = _lobe_field(lobes, y / scale, x / scale)
        mask = field >= 1
        if ndimage.label(mask)[1] == 1:
            return Shape(mask, _dome(distance, 0.5), diameter, angle)


def _nucleus(
    diameter: float,
    rng: np.random.Generator,
    angle: float,
    *,
    elongation: float,
    roughness: float,
    nucleoli: tuple[int, int],
) -> Shape:
    """A star-convex nucleus, a little thinner towards its rim."""
    radii = _outline(diameter, elongation, roughness, angle, rng)
    y, x = _window(float(radii.max()), rng)
    direction = np.arctan2(y, x) * np.float32(ANGLES / (2 * np.pi))
    radius = radii[np.rint(direction).astype(np.int32) % ANGLES]
    distance = np.hypot(y, x) / radius
    brightness = _dome(distance, 0.5)
    for _ in range(rng.integers(nucleoli[0], nucleoli[1] + 1)):
        brightness *= _nucleolus(y, x, radii, diameter, rng)
    return Shape(distance <= 1, brightness, diameter, angle)


def _outline(
    diameter: float, elongation: float, roughness: float, angle: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """An ellipse, varied by waves of low order, as radii in pixels towards `ANGLES` directions.

    The phantom of a HL60 nucleus in Svoboda et al. 2009 ("Generation of digital phantoms of cell nuclei and simulation
    of image formation in 3D image cytometry", Cytometry A 75) is a deformed ellipsoid in the same way.
    """
    # in polar form, 1 / radius² of an ellipse is a constant and a cosine of twice the angle
    squeeze = (elongation**2 - 1) / (elongation**2 + 1)
    squared = 1 / (1 - squeeze * (np.cos(2 * angle) * _WAVES[0] + np.sin(2 * angle) * _WAVES[len(_ORDERS)]))
    strengths = np.clip(rng.normal(0, 1, len(_WAVES)), -2, 2) * (roughness / np.tile((_ORDERS - 1) ** 1.5, 2))
    radii = np.sqrt(squared) * np.maximum(1 + strengths @ _WAVES, 0.4)
    result: NDArray[np.float32] = (radii * (diameter / 2 / np.sqrt(radii @ radii / ANGLES))).astype(np.float32)
    return result


def _nucleolus(y: Light, x: Light, radii: Light, diameter: float, rng: np.random.Generator) -> Light:
    """By what a dark, soft-edged nucleolus multiplies the brightness; it lies well within the nucleus."""
    towards = rng.uniform(0, 2 * np.pi)
    away = np.sqrt(rng.random()) * 0.6 * radii[int(towards / (2 * np.pi) * ANGLES) % ANGLES]
    size, depth = rng.uniform(0.06, 0.11) * diameter, rng.uniform(0.35, 0.65)
    squared = (y - away * np.sin(towards)) ** 2 + (x - away * np.cos(towards)) ** 2
    dark: Light = (1 - depth * np.exp(-((squared / size**2) ** 2))).astype(np.float32)
    return dark


def _lobes(rng: np.random.Generator, angle: float) -> list[Lobe]:
    """Places around their mean, radii and directions of lobes, in units of a typical lobe's radius."""
    count = rng.choice([2, 3, 4, 5], p=[0.2, 0.4, 0.3, 0.1])
    radii = rng.uniform(0.7, 1.2, count)
    place, heading, bend = np.zeros(2), angle, rng.choice([-1, 1])
    places, headings = [place], [heading]
    for before, after in pairwise(radii):
        turn = bend * rng.uniform(0.2, 0.9)
        place = place + rng.uniform(0.8, 1.1) * (before + after) * np.array(
            [np.sin(heading + turn), np.cos(heading + turn)]
        )
        heading += 2 * turn
        places.append(place)
        headings.append(heading)
    centred = np.array(places) - np.mean(places, axis=0)
    longer = rng.uniform(1.0, 1.5, count)
    return [
        Lobe(float(y), float(x), float(r), float(a), float(turned))
        for (y, x), r, a, turned in zip(centred, radii, longer, headings, strict=True)
    ]


def _lobe_field(
    lobes: list[Lobe], y: NDArray[np.floating], x: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The sum of the lobes, 1 at the outline and more within; the distance to the nearest lobe in its radii."""
    squares = []
    for lobe in lobes:
        dy, dx = y - lobe.y, x - lobe.x
        along = (np.cos(lobe.heading) * dx + np.sin(lobe.heading) * dy) / lobe.longer
        across = np.cos(lobe.heading) * dy - np.sin(lobe.heading) * dx
        squares.append((along**2 + across**2) / lobe.radius**2)
    field = np.sum([np.exp(3 * (1 - square)) for square in squares], axis=0)
    return field, np.sqrt(np.min(squares, axis=0))


def _window(reach: float, rng: np.random.Generator) -> tuple[Light, Light]:
    """Distances of pixels to an object's centre along Y and X, in a window that holds what reaches so far."""
    half = int(np.ceil(reach + 0.5))
    steps = np.arange(-half, half + 1, dtype=np.float32)
    dy, dx = rng.uniform(-0.5, 0.5, 2).astype(np.float32)
    y, x = np.broadcast_arrays(steps[:, None] - dy, steps[None] - dx)
    return y, x


def _dome(distance: NDArray[np.floating], rim: float) -> Light:
    """Brightness of something thinner towards its rim: 1 in the middle (distance 0), `rim` at distance 1."""
    height = np.sqrt(np.maximum(1 - distance**2, 0))
    brightness: Light = (rim + (1 - rim) * height).astype(np.float32)
    return brightness
