"""How large objects typically are."""

from collections.abc import Iterable

import numpy as np

from core.image import Labels
from core.measurement.runs import runs


def typical_diameter(images: Iterable[Labels]) -> float:
    """Median diameter, in pixels, of discs of the objects' areas; 0 without any object.

    Parameters
    ----------
    images : label images, int32, axes YX.
    """
    areas = [found.total(found.length) for found in map(runs, images)]
    every = np.concatenate(areas) if areas else np.empty(0)
    return float(np.median(2 * np.sqrt(every / np.pi))) if len(every) else 0.0
