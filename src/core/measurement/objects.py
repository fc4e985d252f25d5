"""Objects measured: where they are, how large, of what shape, how bright."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Image
from core.measurement.hull import hull_areas
from core.measurement.runs import Runs, runs

BLOCK = 1 << 20
"""Pixels that are added up in one go."""

ObjectTable = dict[str, NDArray[np.generic]]
"""Equally long columns, one entry per object in the order of the labels. What is in micrometres is NaN where the pixel
size is unknown.

    id                             its number
    area_px, area_um2              its area
    diameter_px, diameter_um       diameter of the disc of its area
    centroid_y, centroid_x         its centre of mass in pixels, counted from the centre of the first pixel
    centroid_y_um, centroid_x_um   the same in micrometres
    top, left, bottom, right       its bounding box: first row and column, and the ones behind the last
    eccentricity                   of the ellipse with its second moments: 0 a circle, 1 a line; as scikit-image has it
    solidity                       its area divided by that of its convex hull, pixels taken as squares; 0 to 1
    touches_edge                   whether it has a pixel at the image's edge
    mean_intensity                 of the image's pixels; with several channels mean_intensity_<name of the channel>,
                                   or mean_intensity_1, mean_intensity_2 ... where the names are unknown
"""


@dataclass(frozen=True)
class Place:
    """Where labels lie that are a part of a larger image.

    Parameters
    ----------
    origin : the row and column of their first pixel.
    shape : height and width of the larger image in pixels.
    """

    origin: tuple[int, int]
    shape: tuple[int, int]


def measure(labels: Image, image: Image | None = None, place: Place | None = None) -> ObjectTable:
    """Measure every object of a label image.

    Parameters
    ----------
    labels : kind "labels", axes YX; numbers are arbitrary.
    image : for intensities, of the same height and width.
    place : where these are a part of a larger image; places of objects are given in that, and its edge counts.

    Raises
    ------
    UserInputError : no 2-D images, or of different sizes; labels that are negative or no integers.
    """
    numbers = labels.cyx()[0]
    found = runs(numbers)
    unit_y, unit_x = (labels.pixel_size.get(axis, np.nan) for axis in "YX")
    middle = (found.first + found.stop - 1) / 2
    area = found.total(found.length)
    y, x = found.total(found.length * found.row) / area, found.total(found.length * middle) / area
    eccentricity = _eccentricity(found, area, y, x)
    first_row, first_column = place.origin if place else (0, 0)
    height, width = place.shape if place else numbers.shape
    y, x = y + first_row, x + first_column
    top, left, bottom, right = (
        side + first for side, first in zip(_boxes(found), (first_row, first_column) * 2, strict=True)
    )
    table: ObjectTable = {
        "id": found.ids.astype(np.int64),
        "area_px": area,
        "area_um2": area * unit_y * unit_x,
        "diameter_px": 2 * np.sqrt(area / np.pi),
        "diameter_um": 2 * np.sqrt(area * unit_y * unit_x / np.pi),
        "centroid_y": y,
        "centroid_x": x,
        "centroid_y_um": y * unit_y,
        "centroid_x_um": x * unit_x,
        "top": top,
        "left": left,
        "bottom": bottom,
        "right": right,
        "eccentricity": eccentricity,
        "solidity": area / hull_areas(found),
        "touches_edge": (top == 0) | (left == 0) | (bottom == height) | (right == width),
    }
    return table | intensities(image, numbers.shape, found, area)


def intensities(image: Image | None, shape: tuple[int, ...], found: Runs, size: NDArray[np.float64]) -> ObjectTable:
    """The mean of every object's pixels in the channels of an image, under the names that `ObjectTable` lists.

    Parameters
    ----------
    image : None gives no columns.
    shape : of the labels, axes YX or ZYX.
    found : the runs of the labels.
    size : pixels of every object.

    Raises
    ------
    UserInputError : the image is of another size.
    """
    return {name: found.total(_sums(channel.ravel(), found.start)) / size for name, channel in _channels(image, shape)}


def _sums(pixels: NDArray[np.generic], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sums of pixels from every start to the next; part by part, since numpy makes float64 of all it is given."""
    parts = np.unique(np.append(np.searchsorted(start, range(0, len(pixels), BLOCK)), len(start)))
    stops = np.append(start, len(pixels))
    sums = [
        np.add.reduceat(pixels[start[i] : stops[j]], start[i:j] - start[i], dtype=np.float64)
        for i, j in pairwise(parts)
    ]
    return np.concatenate(sums) if sums else np.empty(0)


def _boxes(found: Runs) -> tuple[NDArray[np.int64], ...]:
    """First row, first column, row behind the last and column behind the last of every object."""
    count = len(found.ids) + 1
    low, high = np.full((2, count), np.iinfo(np.int64).max), np.zeros((2, count), np.int64)
    for axis, (first, stop) in enumerate([(found.row, found.row + 1), (found.first, found.stop)]):
        np.minimum.at(low[axis], found.number, first)
        np.maximum.at(high[axis], found.number, stop)
    return low[0, 1:], low[1, 1:], high[0, 1:], high[1, 1:]


def _eccentricity(
    found: Runs, area: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """From the second central moments; pixels are points."""
    centre_y, centre_x = np.append(0, y)[found.number], np.append(0, x)[found.number]
    dy, dx, length = found.row - centre_y, (found.first + found.stop - 1) / 2 - centre_x, found.length
    yy = found.total(length * dy**2) / area
    xx = found.total(length * dx**2 + length * (length**2 - 1) / 12) / area
    xy = found.total(length * dy * dx) / area
    spread = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    longest = (xx + yy) / 2 + spread
    share = np.divide(2 * spread, longest, out=np.zeros(len(area)), where=longest > 0)
    eccentricity: NDArray[np.float64] = np.sqrt(share.clip(0, 1))
    return eccentricity


def _channels(image: Image | None, shape: tuple[int, ...]) -> list[tuple[str, NDArray[np.generic]]]:
    """The image's channels, with the names of their columns."""
    if image is None:
        return []
    flat = len(shape) == 2 or image.size("Z") == 1 or image.size("T") > 1
    channels = image.cyx() if flat else image.array.reshape(image.size("C"), *image.array.shape[-3:])
    if channels[0].size != np.prod(shape) or channels.shape[-2:] != shape[-2:]:
        sizes = [" x ".join(map(str, one[::-1])) for one in (channels.shape[1:], shape)]
        raise UserInputError(
            f"The image is {sizes[0]} pixels, its labels {sizes[1]}.",
            todo="Measure in the image that the labels belong to.",
        )
    if len(channels) == 1:
        return [("mean_intensity", channels[0])]
    names: list[object] = list(dict.fromkeys(filter(None, image.channel_names)))
    if len(names) < len(channels):
        names = list(range(1, len(channels) + 1))
    return [(f"mean_intensity_{name}", channel) for name, channel in zip(names, channels, strict=True)]
