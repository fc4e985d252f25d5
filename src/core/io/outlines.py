"""Outlines of objects: exact polygons along the edges of their pixels.

Coordinates are those of ImageJ and QuPath: the pixel in row y and column x covers y..y+1 and x..x+1. Filling an outline
gives back the object, pixel for pixel. Borders are followed edge by edge, the object on the right hand (square tracing;
Pavlidis, "Algorithms for Graphics and Image Processing", 1982), in one pass over the image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.geometry.compiled import compiled
from core.image import Image

Ring = NDArray[np.float64]
"""Vertices of a closed line, [N, 2] as y, x in pixels; the first vertex is not repeated at the end."""


@dataclass(frozen=True, eq=False)
class Part:
    """One connected piece of an object: its outer line, and those of its holes."""

    shell: Ring
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, eq=False)
class Outline:
    """All that is drawn of an object.

    Parameters
    ----------
    id : the number of the object in the label image.
    parts : its pieces, in order of their first pixel; pixels that touch at a corner only are pieces of their own.
    """

    id: int
    parts: tuple[Part, ...]


def outlines(labels: NDArray[np.integer[Any]] | Image) -> list[Outline]:
    """The outlines of all objects, by ascending number.

    Parameters
    ----------
    labels : axes YX, 0 is background.

    Raises
    ------
    UserInputError : the labels are no 2-D image, no integers, or above 2³¹−1.
    """
    array = labels.cyx()[0] if isinstance(labels, Image) else np.asarray(labels)
    if array.ndim != 2:
        raise UserInputError(f"Outlines are drawn of a 2-D label image, this one has the shape {array.shape}.")
    if array.dtype.kind not in "biu" or array.max(initial=0) >= 2**31:
        raise UserInputError("Labels are whole numbers below 2³¹, these are not.", todo="Number the objects from 1 on.")
    lines, vertices = _trace(np.pad(array.astype(np.int32, copy=False), 1))
    shells: dict[int, list[Ring]] = {}
    holes: dict[int, list[Ring]] = {}
    start = 0
    for number, end in lines.tolist():
        for ring in _simple_rings(vertices[start:end]):
            (shells if _signed_area(ring) > 0 else holes).setdefault(number, []).append(ring.astype(np.float64))
        start = end
    return [Outline(number, _assemble(shells[number], holes.get(number, []))) for number in sorted(shells)]


def polygons(labels: NDArray[np.integer[Any]] | Image) -> list[tuple[int, Ring]]:
    """The outer lines of all objects as (number, vertices [N, 2] as y, x), one entry per piece; holes are left out."""
    return [(outline.id, part.shell) for outline in outlines(labels) for part in outline.parts]


@compiled
def _trace(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Borders of labels [Y, X] that have a margin of one background pixel.

    Gives for each closed line the object's number and where its vertices end [L, 2], and the vertices [V, 2] as y, x.

    Every line has an edge with the object below it, where the scan meets it. Directions are 0 east, 1 south, 2 west,
    3 north; (y, x) is the upper left corner of that pixel, the margin counted.
    """
    steps = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
    # the pixels ahead on the left and on the right, relative to the vertex
    left = np.array([[-1, 0], [0, 0], [0, -1], [-1, -1]])
    right = np.array([[0, 0], [0, -1], [-1, -1], [-1, 0]])
    seen = np.zeros(labels.shape, np.bool_)  # the upper edge of this pixel is part of a line already
    lines, n_lines = np.empty((256, 2), np.int64), 0
    vertices, n = np.empty((4096, 2), np.int32), 0
    for top in range(1, labels.shape[0] - 1):
        for first in range(1, labels.shape[1] - 1):
            number = labels[top, first]
            if number <= 0 or labels[top - 1, first] == number or seen[top, first]:
                continue
            y, x, direction = top, first, 0
            while True:
                if direction == 0:
                    if seen[y, x]:
                        break
                    seen[y, x] = True
                y, x = y + steps[direction, 0], x + steps[direction, 1]
                turn = 0
                if labels[y + right[direction, 0], x + right[direction, 1]] != number:
                    turn = 1
                elif labels[y + left[direction, 0], x + left[direction, 1]] == number:
                    turn = 3
                if turn:
                    if n == len(vertices):
                        vertices = np.concatenate((vertices, np.empty_like(vertices)))
                    vertices[n, 0], vertices[n, 1] = y - 1, x - 1
                    n += 1
                    direction = (direction + turn) % 4
            if n_lines == len(lines):
                lines = np.concatenate((lines, np.empty_like(lines)))
            lines[n_lines, 0], lines[n_lines, 1] = number, n
            n_lines += 1
    return lines[:n_lines], vertices[:n]


def _simple_rings(ring: NDArray[np.int32]) -> list[NDArray[np.int32]]:
    """A closed line that touches itself at corners, cut into lines that do not."""
    points = list(map(tuple, ring.tolist()))
    if len(set(points)) == len(points):
        return [ring]
    rings: list[list[tuple[int, ...]]] = []
    path: list[tuple[int, ...]] = []
    position: dict[tuple[int, ...], int] = {}
    for point in points:
        if point in position:
            start = position[point]
            rings.append(path[start:])
            for other in path[start:]:
                del position[other]
            del path[start:]
        position[point] = len(path)
        path.append(point)
    return [np.array(r, np.int32) for r in (*rings, path)]


def _signed_area(ring: NDArray[Any]) -> float:
    """Positive where the inside is on the right hand (y points down): an outer line."""
    y, x = ring.T.astype(np.float64)
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _assemble(shells: list[Ring], holes: list[Ring]) -> tuple[Part, ...]:
    """Each hole with the smallest shell around it."""
    inside: list[list[Ring]] = [[] for _ in shells]
    areas = [_signed_area(shell) for shell in shells]
    low, high = np.array([shell.min(axis=0) for shell in shells]), np.array([shell.max(axis=0) for shell in shells])
    for hole in holes:
        point = _beside(hole)
        near = np.flatnonzero(((low < point) & (point < high)).all(axis=1))
        around = [i for i in near if len(near) == 1 or _contains(shells[i], point)]
        inside[min(around, key=lambda i: areas[i])].append(hole)
    return tuple(Part(shell, tuple(rings)) for shell, rings in zip(shells, inside, strict=True))


def _beside(ring: Ring) -> NDArray[np.float64]:
    """The centre of a pixel on the right hand of the first edge."""
    start, end = ring[0], ring[1]
    ahead = np.sign(end - start)
    centre: NDArray[np.float64] = start + ahead / 2 + np.array([ahead[1], -ahead[0]]) / 2
    return centre


def _contains(ring: Ring, point: NDArray[np.float64]) -> bool:
    """Whether a ray from the point crosses the line an odd number of times; the point is never on a vertex's row."""
    y, x = ring.T
    upright = (y > point[0]) != (np.roll(y, -1) > point[0])  # edges are level or upright
    return bool(np.count_nonzero(upright & (x > point[1])) % 2)
