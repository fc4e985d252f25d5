"""Objects in stacks measured: where they are, how large, how bright."""

import numpy as np

from core.errors import UserInputError
from core.image import Image
from core.measurement.objects import ObjectTable, intensities
from core.measurement.runs import runs


def measure_volumes(labels: Image, image: Image | None = None) -> ObjectTable:
    """Measure every object of a stack of labels; a 2-D image is a stack of one slice.

    Parameters
    ----------
    labels : kind "labels", axes ZYX or YX; numbers are arbitrary.
    image : for intensities, of the same depth, height and width.

    Returns
    -------
    Equally long columns, one entry per object in the order of the labels:

        id                                   its number
        volume_px, volume_um3                its volume in voxels and µm³; the latter NaN where a size is unknown
        centroid_z, centroid_y, centroid_x   its centre of mass in pixels, counted from the centre of the first one
        slices                               from the first to the last slice in which it lies
        touches_edge                         whether it has a pixel at an edge of the slices, or lies in the first or
                                             last of several slices
        mean_intensity...                    as `core.measurement.objects.measure` has it

    Raises
    ------
    UserInputError : images with several time points, or of different sizes; labels that are negative or no integers.
    """
    depth, height, width = (labels.size(axis) for axis in "ZYX")
    if labels.array.size != depth * height * width:
        raise UserInputError("Labels have one channel and one time point.", todo="Give a stack of label images.")
    # slice below slice the stack is one high image, of which there are runs
    found = runs(labels.array.reshape(depth * height, width))
    z, y = np.divmod(found.row, max(1, height))
    volume = found.total(found.length)
    count = len(found.ids) + 1
    first, behind, at_side = np.full(count, depth), np.zeros(count, np.int64), np.zeros(count, bool)
    np.minimum.at(first, found.number, z)
    np.maximum.at(behind, found.number, z + 1)
    at_side[found.number[(y == 0) | (y == height - 1) | (found.first == 0) | (found.stop == width)]] = True
    at_end = ((first == 0) | (behind == depth)) & (depth > 1)
    table: ObjectTable = {
        "id": found.ids.astype(np.int64),
        "volume_px": volume,
        "volume_um3": volume * float(np.prod([labels.pixel_size.get(axis, np.nan) for axis in "ZYX"])),
        "centroid_z": found.total(found.length * z) / volume,
        "centroid_y": found.total(found.length * y) / volume,
        "centroid_x": found.total(found.length * (found.first + found.stop - 1) / 2) / volume,
        "slices": (behind - first)[1:],
        "touches_edge": (at_side | at_end)[1:],
    }
    return table | intensities(image, (depth, height, width), found, volume)
