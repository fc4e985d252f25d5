"""Of many star-convex polygons that describe the same objects, keep the best of every object."""

import math

import numpy as np
from numpy.typing import NDArray

from core.geometry.compiled import compiled
from core.geometry.rays import directions

ROUNDING = 1e-9
"""Overlap that is forgiven, so that polygons that only touch do not overlap and none overlaps by more than all."""

_SMALLEST = 1e-3
"""Shorter distances are taken as this many pixels, so that every polygon has an area."""


def suppress(
    distances: NDArray[np.float32], points: NDArray[np.generic], scores: NDArray[np.float32], threshold: float
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: a polygon goes if it overlaps a better one that stayed.

    The overlap of two polygons is the area of their intersection divided by the area of the smaller one, as in
    StarDist (Schmidt et al. 2018). Of equal scores the first polygon is the better one. Polygons of infinite or
    undefined size go.

    Parameters
    ----------
    distances : from a polygon's point to its boundary along every ray in pixels, N x n_rays.
    points : the polygons' points in pixels, N x 2 (y, x).
    scores : N.
    threshold : largest overlap that two polygons may have, 0 to 1.

    Returns
    -------
    Indices of the polygons that stay, best first.
    """
    return suppress_surely(distances, points, scores, threshold, np.zeros(len(scores), bool))[0]


def suppress_surely(
    distances: NDArray[np.float32],
    points: NDArray[np.generic],
    scores: NDArray[np.float32],
    threshold: float,
    doubtful: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What `suppress` would say if some polygons were known that are not.

    A doubtful polygon may overlap an unknown one. Only what surely stays suppresses others, and what it overlaps surely
    goes; of the rest nothing is sure, nor of what overlaps any of it.

    Parameters
    ----------
    doubtful : N.

    Returns
    -------
    Indices of the polygons of which it is not sure that they go, best first; and for each whether it surely stays.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    distances = np.ascontiguousarray(distances, np.float32)
    order = order[np.isfinite(distances[order]).all(axis=1)]
    if not len(order):
        return order, np.empty(0, bool)
    centres: NDArray[np.float64] = np.ascontiguousarray(points, np.float64)
    low, high = centres.min(axis=0), centres.max(axis=0)
    # Cells as wide as a usual polygon, but never more of them than some per polygon.
    usual = 2 * float(distances[order].mean(dtype=np.float64))
    cell = max(usual, float(np.sqrt(np.prod(high - low + 1) / (4 * len(order)))), 1.0)
    rays = directions(distances.shape[1])
    return _suppress(distances, centres, order, rays, threshold, np.ascontiguousarray(doubtful), low, high, cell)


@compiled
def _suppress(
    distances: NDArray[np.float32],
    points: NDArray[np.float64],
    order: NDArray[np.int64],
    rays: NDArray[np.float64],
    threshold: float,
    doubtful: NDArray[np.bool_],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    cell: float,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Compare every polygon with those that stay so far and lie in the same cells of a coarse grid.

    A polygon that stays enters the list of every cell that its bounding box touches.
    """
    n_rays = len(rays)
    rows, columns = int((high[0] - low[0]) / cell) + 1, int((high[1] - low[1]) / cell) + 1
    first = np.full((rows, columns), -1, np.int64)
    following, entry = np.empty(1024, np.int64), np.empty(1024, np.int64)
    entries = kept = 0
    survivors, sure = np.empty(len(order), np.int64), np.empty(len(order), np.bool_)
    boxes, areas = np.empty((len(order), 4)), np.empty(len(order))
    seen = np.full(len(order), -1, np.int64)
    corners, moved, box = np.empty((n_rays, 2)), np.empty((n_rays, 2)), np.empty(4)
    for rank in range(len(order)):
        index = order[rank]
        area = _place(distances[index], points[index], rays, corners, box)
        top, bottom = _cell(box[0], low[0], cell, rows), _cell(box[1], low[0], cell, rows)
        left, right = _cell(box[2], low[1], cell, columns), _cell(box[3], low[1], cell, columns)
        stays, surely = True, not doubtful[index]
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                node = first[row, column]
                while node >= 0 and stays:
                    other = entry[node]
                    node = following[node]
                    if seen[other] == rank:
                        continue
                    seen[other] = rank
                    height = min(box[1], boxes[other, 1]) - max(box[0], boxes[other, 0])
                    width = min(box[3], boxes[other, 3]) - max(box[2], boxes[other, 2])
                    allowed = (threshold + ROUNDING) * min(area, areas[other])
                    if height <= 0 or width <= 0 or height * width <= allowed:
                        continue
                    centre = points[survivors[other]]
                    for ray in range(n_rays):
                        moved[ray, 0] = corners[ray, 0] - centre[0]
                        moved[ray, 1] = corners[ray, 1] - centre[1]
                    if common_area(distances[survivors[other]], moved, rays) > allowed:
                        stays = not sure[other]
                        surely = False
        if not stays:
            continue
        survivors[kept], sure[kept], areas[kept], boxes[kept] = index, surely, area, box
        needed = entries + (bottom - top + 1) * (right - left + 1)
        if needed > len(entry):
            entry, following = _longer(entry, needed), _longer(following, needed)
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                entry[entries], following[entries] = kept, first[row, column]
                first[row, column] = entries
                entries += 1
        kept += 1
    return survivors[:kept].copy(), sure[:kept].copy()


@compiled
def _cell(position: float, low: float, cell: float, count: int) -> int:
    """Number of the cell of a position; what lies outside belongs to the outermost cell."""
    return int(min(max((position - low) / cell, 0.0), count - 1.0))


@compiled
def _longer(array: NDArray[np.int64], needed: int) -> NDArray[np.int64]:
    """The same numbers with room for at least `needed`."""
    result = np.empty(2 * needed, np.int64)
    result[: len(array)] = array
    return result


@compiled
def _place(
    distances: NDArray[np.float32],
    point: NDArray[np.float64],
    rays: NDArray[np.float64],
    corners: NDArray[np.float64],
    box: NDArray[np.float64],
) -> float:
    """Write a polygon's corners and its bounding box (top, bottom, left, right), and return its area."""
    n_rays = len(rays)
    box[0] = box[2] = np.inf
    box[1] = box[3] = -np.inf
    area, last = 0.0, max(distances[n_rays - 1], _SMALLEST)
    for ray in range(n_rays):
        distance = max(distances[ray], _SMALLEST)
        y, x = point[0] + distance * rays[ray, 0], point[1] + distance * rays[ray, 1]
        corners[ray, 0], corners[ray, 1] = y, x
        box[0], box[1] = min(box[0], y), max(box[1], y)
        box[2], box[3] = min(box[2], x), max(box[3], x)
        area += last * distance
        last = distance
    return 0.5 * area * math.sin(2 * math.pi / n_rays)


@compiled
def common_area(distances: NDArray[np.float32], corners: NDArray[np.float64], rays: NDArray[np.float64]) -> float:
    """Area of the intersection of two star-convex polygons.

    Parameters
    ----------
    distances : of the first polygon, which lies around the origin.
    corners : of the second one, n_rays x 2 (y, x).
    rays : unit vectors (dy, dx).

    The second polygon is the sum of the triangles between the origin and each of its sides, those that are passed
    clockwise counted negative. Each side is cut at the rays; within the wedge between two rays the first polygon is
    a triangle, and the part of the side's triangle within it follows from where the side's ends lie.
    """
    n_rays = len(rays)
    turn = n_rays / (2 * np.pi)
    doubled = 0.0
    ay, ax = corners[n_rays - 1]
    wedge = int(np.floor(np.arctan2(ay, ax) * turn)) % n_rays
    for corner in range(n_rays):
        by, bx = corners[corner]
        side = ax * by - ay * bx
        if abs(side) <= 1e-9 * (abs(ax) + abs(ay)) * (abs(bx) + abs(by)):
            # The side points to the origin: it has no area, but may lead to any wedge.
            wedge = int(np.floor(np.arctan2(by, bx) * turn)) % n_rays
            ay, ax = by, bx
            continue
        following = wedge + 1 if wedge + 1 < n_rays else 0
        for _ in range(n_rays):
            # Leave the wedge through the ray ahead, as long as the side's end lies beyond it.
            ray = following if side > 0 else wedge
            dy, dx = rays[ray]
            beyond = dx * by - dy * bx
            if beyond * side <= 0:
                break
            before = dx * ay - dy * ax
            share = min(max(before / (before - beyond), 0.0), 1.0)
            cy, cx = ay + share * (by - ay), ax + share * (bx - ax)
            doubled += _within(distances, rays, wedge, following, ay, ax, cy, cx)
            ay, ax = cy, cx
            if side > 0:
                wedge, following = following, (following + 1 if following + 1 < n_rays else 0)
            else:
                wedge, following = (wedge - 1 if wedge > 0 else n_rays - 1), wedge
        doubled += _within(distances, rays, wedge, following, ay, ax, by, bx)
        ay, ax = by, bx
    return 0.5 * doubled


@compiled
def _within(
    distances: NDArray[np.float32],
    rays: NDArray[np.float64],
    wedge: int,
    following: int,
    ay: float,
    ax: float,
    by: float,
    bx: float,
) -> float:
    """Twice the signed area of the triangle (origin, a, b), as far as it lies in the polygon's triangle of a wedge."""
    near, far = max(distances[wedge], _SMALLEST), max(distances[following], _SMALLEST)
    py, px = near * rays[wedge, 0], near * rays[wedge, 1]
    qy, qx = far * rays[following, 0], far * rays[following, 1]
    ey, ex = qy - py, qx - px
    scale = 1 / (px * qy - py * qx)
    # How far out the two ends lie: 1 is on the polygon's side.
    a: float = (ax * ey - ay * ex) * scale
    b: float = (bx * ey - by * ex) * scale
    area = ax * by - ay * bx
    if a <= 1:
        if b <= 1:
            return area
        inside = (1 - a) / (b - a)
        return area * (inside + (1 - inside) / b)
    if b <= 1:
        inside = (1 - b) / (a - b)
        return area * (inside + (1 - inside) / a)
    return area / (a * b)
