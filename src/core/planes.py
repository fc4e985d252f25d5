"""One grey plane out of a stack or a colour picture."""

from dataclasses import replace

import numpy as np

from core.image import Image


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


def to_grey(image: Image) -> Image:
    """A 2-D colour picture as one channel of the same type of numbers, as bright as the eye sees it (ITU-R BT.601).

    An image without the channels red, green and blue stays as it is.
    """
    if not image.is_colour:
        return image
    red, green, blue = image.cyx()[:3].astype(np.float32)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    if image.array.dtype.kind in "iu":
        grey = np.rint(grey)
    return image.with_array(grey.astype(image.array.dtype), "YX", "intensity")
