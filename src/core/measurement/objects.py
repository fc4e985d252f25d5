"""Objects measured: where they are, how large, of what shape, how bright."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from core.errors import UserInputError
from core.image import Image, Labels

ObjectTable = dict[str, NDArray[np.generic]]
"""Equally long columns, one entry per object in the order of the labels:

    id                       its number
    area_px, area_um2        its area; in µm² NaN where the pixel size is unknown
    centroid_y, centroid_x   its centre of mass in pixels, counted from the centre of the first pixel
    diameter_px              diameter of the disc of its area, in pixels
    solidity                 its area divided by that of its convex hull, pixels taken as squares; 0 to 1
    touches_edge             whether it has a pixel at the image's edge
    mean_intensity           of the image's pixels, with several channels mean_intensity_1, mean_intensity_2 ...
"""


def measure(labels: Image, image: Image | None = None) -> ObjectTable:
    """Measure every object of a label image.

    Parameters
    ----------
    labels : kind "labels", axes YX; numbers are arbitrary.
    image : for intensities, of the same height and width.

    Raises
    ------
    UserInputError : no 2-D images, or of different sizes.
    """
    numbers = labels.cyx()[0]
    ids, flat = np.unique(numbers, return_inverse=True)
    if len(ids) == 0 or ids[0] != 0:
        ids, flat = np.append(0, ids), flat + 1
    flat = flat.ravel()
    count = len(ids)
    area = np.bincount(flat, minlength=count)
    rows, columns = np.divmod(np.arange(numbers.size), numbers.shape[1])
    square = labels.pixel_size.get("Y", np.nan) * labels.pixel_size.get("X", np.nan)
    dense = flat.reshape(numbers.shape).astype(np.int32)
    edge = np.zeros(count, bool)
    for side in (dense[0], dense[-1], dense[:, 0], dense[:, -1]):
        edge[side] = True
    nonzero = np.maximum(area, 1)
    table: ObjectTable = {
        "id": ids[1:].astype(np.int64),
        "area_px": area[1:].astype(np.float64),
        "area_um2": area[1:] * square,
        "centroid_y": (np.bincount(flat, rows, count) / nonzero)[1:],
        "centroid_x": (np.bincount(flat, columns, count) / nonzero)[1:],
        "diameter_px": 2 * np.sqrt(area[1:] / np.pi),
        "solidity": _solidity(dense, area[1:]),
        "touches_edge": edge[1:],
    }
    for name, channel in _channels(image, numbers.shape):
        table[name] = (np.bincount(flat, channel.ravel().astype(np.float64), count) / nonzero)[1:]
    return table


def _channels(image: Image | None, shape: tuple[int, ...]) -> list[tuple[str, NDArray[np.generic]]]:
    if image is None:
        return []
    channels = image.cyx()
    if channels.shape[1:] != shape:
        raise UserInputError(
            f"The image is {channels.shape[2]} x {channels.shape[1]} pixels, its labels {shape[1]} x {shape[0]}.",
            todo="Measure in the image that the labels belong to.",
        )
    if len(channels) == 1:
        return [("mean_intensity", channels[0])]
    return [(f"mean_intensity_{i + 1}", channel) for i, channel in enumerate(channels)]


def _solidity(dense: Labels, area: NDArray[np.int64]) -> NDArray[np.float64]:
    """Area over area of the convex hull, of objects numbered from 1 without a gap."""
    solidity = np.ones(len(area))
    for number, box in enumerate(ndimage.find_objects(dense), start=1):
        rows, first, last = _row_ends(dense[box] == number)
        ends = np.concatenate([first, last + 1])
        corners = np.stack([np.tile(rows, 2), ends], axis=1)
        try:
            hull = ConvexHull(np.concatenate([corners, corners + np.array([1, 0])])).volume
        except QhullError as error:  # a pixel has four corners, so there is always a hull
            warnings.warn(f"No convex hull of object {number}: {error}", stacklevel=2)
            continue
        solidity[number - 1] = area[number - 1] / hull
    return solidity


def _row_ends(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows of a mask that have a pixel, and the first and last one of each."""
    rows = np.flatnonzero(mask.any(axis=1))
    some = mask[rows]
    return rows, some.argmax(axis=1), mask.shape[1] - 1 - some[:, ::-1].argmax(axis=1)
