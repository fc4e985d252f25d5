"""The images that a pretraining learns from, and what can be wrong with them."""

from collections.abc import Iterable, Sequence

import numpy as np

from core.errors import UserInputError, listed
from core.image import Image
from core.normalization import NormalizationConfig
from core.planes import slices
from core.training.data import Prepared, Target, channels_of, check_pixels, image_is_constant
from core.training.target import SAME_SIZE, types_differ

Named = tuple[str, Image]
"""What messages call an image, for instance its row, and the image: 2-D or a Z-stack, with any number of channels."""


def planes_of(domains: Sequence[Sequence[Named]]) -> tuple[list[list[Target]], list[str]]:
    """The images of every domain that something can be learned from, stacks slice by slice; and warnings.

    Images and slices whose pixels are all the same are left out.

    Raises
    ------
    UserInputError : a domain without images or with none left, time series, pixels that are no numbers, numbers of
        channels that differ.
    """
    if not domains or not all(domains):
        number = f"domain {[*map(len, domains)].index(0) + 1}" if domains else ""
        raise UserInputError("There is no image.", where=number, todo="Give at least one image of every kind.")
    found, warnings = [], []
    first_name, first = domains[0][0]
    for domain in domains:
        kept: list[Target] = []
        for name, image in domain:
            if image.size("C") != first.size("C"):
                raise UserInputError(
                    f"The image has {channels_of(image)}, but that of {first_name} has {channels_of(first)}.",
                    where=name,
                    todo="Choose the same channels when reading the images.",
                )
            planes, empty = _planes(name, image.in_order(first.channel_names))
            kept += planes
            warnings += _left_out(name, image, empty)
        if not kept:
            raise UserInputError(
                f"All pixels of {'the image' if len(domain) == 1 else f'each of the {len(domain)} images'} are the "
                "same, so that there is nothing to learn.",
                where=domain[0][0],
                todo="Check how the images were read.",
            )
        found.append(kept)
    if sum(map(len, found)) == 1:
        warnings.append(f"{found[0][0].name} is the only image. The more images there are, the more can be learned.")
    return found, warnings + types_differ(plane.image for planes in found for plane in planes)


def _planes(name: str, image: Image) -> tuple[list[Target], list[int]]:
    """The 2-D images of an image, and the numbers of slices, from 0, that have one value only."""
    planes, empty = [], []
    for z, (where, one) in enumerate(slices(image, name)):
        plane = Target(where, one)
        check_pixels(plane.image, plane.name)
        if image_is_constant(plane.image):
            empty.append(z)
        else:
            planes.append(plane)
    return planes, empty


def _left_out(name: str, image: Image, empty: Sequence[int]) -> list[str]:
    if not empty:
        return []
    if image.size("Z") == 1:
        return [f"{name}: all pixels of the image have the same value; it is left out."]
    numbers = listed([str(z + 1) for z in empty])
    return [f"{name}: in {len(empty)} of {image.size('Z')} slices all pixels have the same value, left out: {numbers}."]


def sizes_differ(domains: Iterable[Sequence[Target]]) -> list[str]:
    """A warning where objects are of another size in pixels because pixels are."""
    known = []
    for planes in domains:
        sizes = [plane.image.pixel_size["X"] for plane in planes if "X" in plane.image.pixel_size]
        if sizes:
            known.append((float(np.median(sizes)), planes[0].name))
    if not known:
        return []
    (low, fine), (high, coarse) = min(known), max(known)
    if high <= low * (1 + SAME_SIZE):
        return []
    return [
        f"Pixel sizes differ: {low:.4g} µm ({fine}) and {high:.4g} µm ({coarse}), so that the same object has another "
        "size in pixels. Bring the images to one pixel size first."
    ]


def prepared(domains: Iterable[Sequence[Target]], normalization: NormalizationConfig) -> list[Prepared]:
    """The images, normalised each by itself or as its stack, without objects; every domain is drawn equally often."""
    return [
        Prepared(pixels, np.broadcast_to(np.int32(0), pixels.shape[1:]), [], 1 / len(planes), plane.zoom)
        for planes in domains
        for plane in planes
        for pixels in (plane.image.normalized(normalization),)
    ]
