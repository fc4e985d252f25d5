"""How large objects typically are."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from core.image import Labels
from core.measurement.runs import runs


def diameters(images: Iterable[Labels]) -> NDArray[np.float64]:
    """Diameters, in pixels, of discs of the objects' areas, one per object.

    Parameters
    ----------
    images : label images, int32, axes YX.
    """
    areas = [found.total(found.length) for found in map(runs, images)]
    every = np.concatenate(areas) if areas else np.empty(0)
    return np.asarray(2 * np.sqrt(every / np.pi), float)


def typical_diameter(images: Iterable[Labels]) -> float:
    """Median of `diameters`; 0 without any object."""
    every = diameters(images)
    return float(np.median(every)) if len(every) else 0.0
