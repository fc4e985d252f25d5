"""One plane out of a stack, one channel out of a colour picture."""

from dataclasses import replace

import numpy as np

from core.image import Image, Labels


def project(image: Image, *, middle: bool = False) -> Image:
    """A Z-stack as one plane: the brightest value of all slices, or the middle slice. Other images stay as they are."""
    if image.size("Z") == 1:
        return image
    z = image.axes.index("Z")
    array = image.array.take(image.size("Z") // 2, z) if middle else image.array.max(z)
    sizes = {axis: size for axis, size in image.pixel_size.items() if axis != "Z"}
    return replace(image, array=array, axes=image.axes.replace("Z", ""), pixel_size=sizes, percentiles=())


def slice_of(image: Image, z: int) -> Image:
    """A slice of a Z-stack, counted from 0, as a 2-D image on the same pixels; a 2-D image is its only slice."""
    if "Z" not in image.axes:
        return image
    array = image.array[(slice(None),) * image.axes.index("Z") + (z,)]
    sizes = {axis: size for axis, size in image.pixel_size.items() if axis != "Z"}
    return replace(image, array=array, axes=image.axes.replace("Z", ""), pixel_size=sizes)


def fullest(labels: Labels) -> int:
    """The slice with the most objects, of several the one nearest to the middle; counted from 0.

    Parameters
    ----------
    labels : integers, axes ZYX or YX, 0 is background.
    """
    planes = labels.reshape(-1, *labels.shape[-2:])
    middle = len(planes) // 2
    counts = [len(np.unique(plane[plane > 0])) for plane in planes]
    return max(range(len(planes)), key=lambda z: (counts[z], -abs(z - middle)))


def to_grey(image: Image) -> Image:
    """A colour picture as one channel of the same type of numbers, as bright as the eye sees it (ITU-R BT.601).

    An image without the channels red, green and blue stays as it is.
    """
    if not image.is_colour:
        return image
    red, green, blue = np.moveaxis(image.array, image.axes.index("C"), 0)[:3].astype(np.float32)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    if image.array.dtype.kind in "iu":
        grey = np.rint(grey)
    return image.with_array(grey.astype(image.array.dtype), image.axes.replace("C", ""), "intensity")
