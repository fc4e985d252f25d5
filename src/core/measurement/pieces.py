"""Objects taken apart where they do not hang together."""

from typing import Any

import numpy as np
from scipy import ndimage

from core.image import Labels


def pieces(labels: Labels) -> Labels:
    """Labels in which every piece of an object has a number of its own, from 1 without a gap; int32.

    A slice through an object in three dimensions may show it in several places, and a mask has one number for all that
    it shows. Pixels of a number that touch at a side or a corner are a piece.

    Parameters
    ----------
    labels : integers, axes YX, 0 is background.
    """
    numbers = np.zeros(labels.shape, np.int32)
    drawn = labels > 0
    numbers[drawn] = np.unique(labels[drawn], return_inverse=True)[1] + 1
    boxes: list[Any] = ndimage.find_objects(numbers)
    result: Labels = np.zeros(labels.shape, np.int32)
    count = 0
    for number, box in enumerate(boxes, start=1):
        parts, found = ndimage.label(numbers[box] == number, np.ones((3, 3)))
        np.add(parts, count, out=result[box], where=parts > 0)
        count += found
    return result
