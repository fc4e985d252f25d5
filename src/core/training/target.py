"""Images without labels of the kind that a model is meant for: checked, with pixels as large as the labelled ones."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.config import require
from core.errors import UserInputError, listed
from core.image import Image
from core.padding import data_box, data_mask
from core.rescaling import rescale_pixels
from core.training.data import Example, Target, channels_of, check_pixels, image_is_constant

PIXEL_SIZES = ("rescale", "refuse", "ignore")
"""What to do with images whose pixels are of another size than those of the labelled images."""

SAME_SIZE = 0.05
"""Pixel sizes that differ by less than this share are the same."""


def check_target(
    target: Sequence[Target], examples: Sequence[Example], pixel_size: float, pixel_sizes: str = "rescale"
) -> tuple[list[Target], float, list[str]]:
    """The images that can be used, without padding, and with pixels as large as those of the labelled images.

    Parameters
    ----------
    target : images without labels; empty or constant ones are left out.
    examples : the labelled images, checked.
    pixel_size : of the labelled images in micrometres, 0 where unknown.
    pixel_sizes : one of `PIXEL_SIZES`.

    Returns
    -------
    The images, by how much the original ones must be enlarged for a model of the labelled images, and warnings.

    Raises
    ------
    UserInputError : no image is left, another number of channels, values that are no numbers, or pixel sizes that
        differ where that is to be refused, or from image to image.
    """
    require(pixel_sizes in PIXEL_SIZES, "pixel_sizes", pixel_sizes, f"one of {', '.join(PIXEL_SIZES)}")
    first = examples[0].image
    usable: list[Target] = []
    empty: list[Target] = []
    padded: list[str] = []
    for one in target:
        check_pixels(one.image, one.name)
        if one.image.size("C") != first.size("C"):
            raise UserInputError(
                f"This target image has {channels_of(one.image)}, the labelled ones have {channels_of(first)}.",
                where=one.name,
                todo="Choose the same channels when reading both.",
            )
        image = one.image.in_order(first.channel_names)
        inner = Target(one.name, without_padding(image))
        (empty if image_is_constant(inner.image) else usable).append(inner)
        if inner.image is not image:
            padded.append(one.name)
    warnings = [_cut(padded)] if padded else []
    warnings += [f"{one.name}: all pixels have the same value; the image is left out." for one in empty]
    if not usable:
        raise UserInputError(
            "There is no target image that shows anything: there is none whose pixels differ.",
            todo="Give images of the kind that the model is meant for.",
        )
    if len(usable) == 1:
        warnings.append("There is a single target image: what is learned and chosen by it may fit it alone.")
    warnings += types_differ([*(one.image for one in usable), *(one.image for one in examples)])
    scale, said = _scale(usable, pixel_size, pixel_sizes)
    if scale != 1:
        usable = [Target(one.name, _rescaled(one.image, scale)) for one in usable]
    return usable, scale, [*warnings, *said]


def types_differ(images: Iterable[Image]) -> list[str]:
    """A warning where grey values are of several types."""
    types = sorted({str(image.array.dtype) for image in images})
    if len(types) == 1:
        return []
    return [f"The images are of different types ({', '.join(types)}): every image is scaled by its own percentiles."]


def _cut(padded: Sequence[str]) -> str:
    """A warning that padding was cut off."""
    several = f"{len(padded)} target images have" if len(padded) > 1 else "A target image has"
    return f"{several} zeros around what the microscope saw, which are cut off: {listed(padded)}."


def _scale(target: Sequence[Target], pixel_size: float, pixel_sizes: str) -> tuple[float, list[str]]:
    """By how much the images must be enlarged, and what there is to say about it."""
    sizes = [(one.name, one.image.pixel_size.get("X", 0.0)) for one in target]
    known = [size for _, size in sizes if size]
    if not known or not pixel_size or pixel_sizes == "ignore":
        return 1.0, []
    middle = float(np.median(known))
    for name, size in sizes:
        if abs(size / middle - 1) > SAME_SIZE:
            here = f"{size:.4g} µm" if size else "unknown"
            raise UserInputError(
                f"The pixel size is {here}, that of other target images {middle:.4g} µm.",
                where=name,
                todo="Adapt to images of one pixel size at a time.",
            )
    ratio = middle / pixel_size
    if abs(ratio - 1) <= SAME_SIZE:
        return 1.0, []
    differ = f"The labelled images have pixels of {pixel_size:.4g} µm, the target images of {middle:.4g} µm"
    if pixel_sizes == "refuse":
        raise UserInputError(f"{differ}.", todo="Rescale one of them, or have the model rescale images.")
    if not 1 / 8 <= ratio <= 8:
        raise UserInputError(f"{differ}: that is too different.", todo="Check the pixel sizes of both.")
    how = f"enlarged to {ratio:.3g} times their size" if ratio > 1 else f"shrunk to {ratio:.0%} of their size"
    return ratio, [f"{differ}: the latter are {how} for the model, now and whenever it is applied."]


def _rescaled(image: Image, scale: float) -> Image:
    """An image with pixels of another size, float32; whole numbers of up to 16 bits keep their type, for styles."""
    pixels: NDArray[np.generic] = rescale_pixels(image.cyx().astype(np.float32), scale)
    dtype = image.array.dtype
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        pixels = np.rint(pixels).astype(dtype)
    sizes = {axis: size / scale for axis, size in image.pixel_size.items()}
    return replace(image, array=pixels, axes="CYX", pixel_size=sizes)


def without_padding(image: Image) -> Image:
    """The rows and columns of a 2-D image that have data (`core.padding`); one of zeros alone stays as it is."""
    pixels = image.cyx()
    data = data_mask(pixels)
    if data is None or not data.any():
        return image
    inner = pixels[(slice(None), *data_box(data))]
    return image if inner.shape == pixels.shape else replace(image, array=inner, axes="CYX")
