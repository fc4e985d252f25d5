"""Objects out of where a network looks to tell magnifications: a first result, before anything is labelled.

The steps are those of Sahasrabudhe et al. 2020 (see `losses`): a mask without specks and holes, its distance transform,
and a watershed from the places that are farthest from the background (Vincent and Soille 1991,
doi 10.1109/34.87344; Malpica et al. 1997 for touching nuclei).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from core.heads import Instances

SMOOTH = 1.0
"""Standard deviation of the blur of the map, and of the distances, in pixels."""

SMALLEST = 9
"""Objects of fewer pixels are specks."""

APART = 3
"""Two peaks of one object are farther apart than so many pixels, if they are to be two objects."""


def first_objects(probability: NDArray[np.float32], threshold: float) -> Instances:
    """Objects where a map is above a threshold; those that touch are cut apart where they are narrow.

    Parameters
    ----------
    probability : float32, axes YX, 0 to 1.
    threshold : 0 to 1.

    Returns
    -------
    Objects; their scores are their mean probabilities.
    """
    mask = ndimage.gaussian_filter(probability, SMOOTH, mode="nearest") > threshold
    parts, count = ndimage.label(ndimage.binary_fill_holes(mask), np.ones((3, 3)))
    large = np.bincount(parts.ravel(), minlength=count + 1) >= SMALLEST
    large[0] = False
    mask = large[parts]
    within = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    distance = ndimage.gaussian_filter(within, SMOOTH, mode="nearest")
    peaks = peak_local_max(distance, min_distance=APART, labels=parts * mask, exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = np.asarray(watershed(-distance, seeds, mask=mask), np.int32)
    scores = ndimage.mean(probability, labels, np.arange(1, len(peaks) + 1)) if len(peaks) else np.empty(0)
    return Instances.visible(labels, np.asarray(scores, np.float32))
