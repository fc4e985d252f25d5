"""The directions of the rays: ray k points to the angle 2 pi k / n_rays, from the x axis towards the y axis."""

import numpy as np
from numpy.typing import NDArray


def directions(n_rays: int) -> NDArray[np.float64]:
    """Unit vectors (dy, dx) = (sin, cos) of the rays, n_rays x 2."""
    angles = 2 * np.pi / n_rays * np.arange(n_rays)
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)


def outlines(distances: NDArray[np.float32], points: NDArray[np.generic]) -> NDArray[np.float64]:
    """Corners of star-convex polygons in pixels, N x n_rays x 2 (y, x).

    Parameters
    ----------
    distances : from a polygon's point to its boundary along every ray in pixels, N x n_rays.
    points : the polygons' points in pixels, N x 2 (y, x).
    """
    rays = directions(distances.shape[1])
    return np.asarray(points, np.float64)[:, None] + distances[:, :, None].astype(np.float64) * rays
