"""One plane out of a stack, one channel out of a colour picture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.errors import UserInputError
from core.image import Image, Labels, check_numbers
from core.normalization import percentiles_of, stride


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


def slices(image: Image, name: str = "") -> list[tuple[str, Image]]:
    """The slices of a Z-stack as 2-D images, all normalised as the stack is; a 2-D image is its only slice.

    Were each scaled by itself, one above or below all objects would be stretched until its noise looks like them.

    Parameters
    ----------
    name : how messages call the image.

    Returns
    -------
    Every slice with its name, "Row 'a', slice 3" (or "slice 3" without a name), numbered from 1; a 2-D image as it is.

    Raises
    ------
    UserInputError : as `as_whole`.
    """
    depth = image.size("Z")
    if depth == 1:
        return [(name, slice_of(image, 0))]
    try:
        whole = as_whole(image)
    except UserInputError as error:
        raise error.at(name) if name else error from None
    return [(f"{name}, slice {z + 1}".removeprefix(", "), slice_of(whole, z)) for z in range(depth)]


def as_whole(image: Image) -> Image:
    """A Z-stack with its percentiles, by which its slices are normalised and shown; a 2-D image as it is.

    Raises
    ------
    UserInputError : a stack has no pixels, or some that are no numbers, in a slice that is named; or is a time series.
    """
    if image.size("Z") == 1 or image.percentiles:
        return image
    pixels = image.czyx()
    for z in range(max(1, image.size("Z"))):
        try:
            check_numbers(pixels[:, z : z + 1])
        except UserInputError as error:
            raise error.at(f"slice {z + 1}") from None
    step = stride(pixels[0].size)
    sample = pixels[:, :, ::step, ::step].reshape(len(pixels), -1)
    return replace(image, percentiles=percentiles_of(sample, pixels.max((1, 2, 3))))


def stacked(planes: Sequence[Image]) -> Image:
    """2-D images of one size as the slices of a stack, axes CZYX, which is normalised by its own percentiles."""
    pixels = np.stack([plane.cyx() for plane in planes], axis=1)
    return replace(planes[0], array=pixels, axes="CZYX", percentiles=())


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
