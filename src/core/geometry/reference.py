"""What the kernels of this package compute, written for the reader: slow, without numba, the tests' measure."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.geometry.polygon_nms import ROUNDING
from core.geometry.rays import directions, outlines
from core.image import Labels


def star_distances(labels: Labels, n_rays: int = 32, grid: int = 1) -> NDArray[np.float32]:
    """As `core.geometry.star_distances.star_distances`."""
    rays = directions(n_rays)
    shape = labels[::grid, ::grid].shape
    result = np.zeros((n_rays, *shape), np.float32)
    for row, column in np.argwhere(labels[::grid, ::grid] > 0):
        y, x = row * grid, column * grid
        for ray, (dy, dx) in enumerate(rays):
            step = 1
            while _label_at(labels, y + round(step * dy), x + round(step * dx)) == labels[y, x]:
                step += 1
            result[ray, row, column] = step - 1 + 0.5 / max(abs(dy), abs(dx))
    return result


def _label_at(labels: Labels, y: int, x: int) -> int:
    """A pixel's label, 0 outside the image."""
    inside = 0 <= y < labels.shape[0] and 0 <= x < labels.shape[1]
    return int(labels[y, x]) if inside else 0


def boundary_distances(labels: Labels) -> NDArray[np.float32]:
    """As `core.geometry.boundary.boundary_distances`."""
    fills_the_image = labels.size > 0 and labels.min() == labels.max() > 0
    padded = np.pad(labels, 1) if fills_the_image else labels
    result = np.zeros(padded.shape, np.float32)
    for label in np.unique(padded[padded > 0]):
        inside = padded == label
        result[inside] = ndimage.distance_transform_edt(inside)[inside]
    return result[1:-1, 1:-1] if fills_the_image else result


def object_probability(labels: Labels, grid: int = 1) -> NDArray[np.float32]:
    """As `core.geometry.star_distances.object_probability`."""
    result = boundary_distances(labels)[::grid, ::grid].copy()
    labels = labels[::grid, ::grid]
    for label in np.unique(labels[labels > 0]):
        result[labels == label] /= result[labels == label].max()
    return result


def suppress(
    distances: NDArray[np.float32], points: NDArray[np.generic], scores: NDArray[np.float32], threshold: float
) -> NDArray[np.int64]:
    """As `core.geometry.polygon_nms.suppress`."""
    corners, points = outlines(distances, points), np.asarray(points, np.float64)
    survivors: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not np.isfinite(distances[index]).all():
            continue
        area = polygon_area(corners[index])
        for other in survivors:
            common = common_area(corners[index], points[index], corners[other], points[other])
            if common > (threshold + ROUNDING) * min(area, polygon_area(corners[other])):
                break
        else:
            survivors.append(int(index))
    return np.array(survivors, np.int64)


def polygon_area(corners: NDArray[np.float64]) -> float:
    """Area of a polygon, N x 2, positive if it turns from x towards y."""
    y, x = corners.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def common_area(
    corners: NDArray[np.float64], point: NDArray[np.float64], others: NDArray[np.float64], other: NDArray[np.float64]
) -> float:
    """Area of the intersection of two star-convex polygons: that of every two of the triangles they are made of."""
    total = 0.0
    for first in _fan(corners, point):
        for second in _fan(others, other):
            clipped = list(first)
            for start, stop in zip(second, np.roll(second, -1, axis=0), strict=True):
                clipped = _clip(clipped, start, stop)
            if len(clipped) > 2:
                total += polygon_area(np.array(clipped))
    return total


def _fan(corners: NDArray[np.float64], point: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The triangles between a polygon's point and its sides."""
    return [np.stack([point, a, b]) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]


def _clip(
    polygon: list[NDArray[np.float64]], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """The part of a convex polygon on the inner side of a line (Sutherland & Hodgman 1974)."""
    (dy, dx), result = stop - start, []
    inner = [dx * (corner[0] - start[0]) - dy * (corner[1] - start[1]) for corner in polygon]
    for number, corner in enumerate(polygon):
        before, side_before, side = polygon[number - 1], inner[number - 1], inner[number]
        if (side_before < 0) != (side < 0):
            result.append(before + side_before / (side_before - side) * (corner - before))
        if side >= 0:
            result.append(corner)
    return result


def render_polygons(
    distances: NDArray[np.float32],
    points: NDArray[np.generic],
    scores: NDArray[np.float32],
    shape: tuple[int, int],
) -> Labels:
    """As `core.geometry.render.render_polygons`."""
    labels = np.zeros(shape, np.int32)
    for index in np.argsort(-scores, kind="stable")[::-1]:
        if np.isfinite(distances[index]).all():
            corners = outlines(distances[[index]], points[[index]])[0]
            labels[_inside(corners, shape)] = index + 1
    return labels


def _inside(corners: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels' centres lie in a polygon: those with an odd number of its sides to their left, or on a side."""
    rows, columns = np.indices(shape)
    odd, on_a_side = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for (y0, x0), (y1, x1) in zip(np.roll(corners, 1, axis=0), corners, strict=True):
        crossed = (min(y0, y1) <= rows) & (rows < max(y0, y1))
        x = x0 + (rows - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else np.inf)
        odd ^= crossed & (x <= columns)
        on_a_side |= crossed & (x == columns)
    return odd | on_a_side
