"""The two kinds of images that a style is learned from: what can be wrong with them, and patches of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from core.adaptation.style.model import limits_of_image, normalized_planes
from core.errors import UserInputError, listed
from core.image import Image, amount_of_channels
from core.normalization import NormalizationConfig
from core.training.data import image_is_constant

ALIKE = 1.1
"""Pixel sizes that differ by a larger factor are warned of."""

DRAWS = 8
"""So often another patch is drawn where one has the same value everywhere."""

Planes = list[NDArray[np.float32]]
"""Normalised 2-D images, axes CYX."""


@dataclass(frozen=True, eq=False)
class Domain:
    """Images of one kind.

    Parameters
    ----------
    what : how messages call them.
    names : how messages call every image, for instance by its row.
    images : 2-D images and Z-stacks, whose slices count as images; all with the same channels.
    """

    what: str
    names: Sequence[str]
    images: Sequence[Image]


def check(images: Domain, style: Domain, patch_size: int) -> tuple[Domain, Domain, list[str]]:
    """The images that something can be learned from.

    Returns
    -------
    Both kinds without images that are constant, and warnings, one sentence or two each.

    Raises
    ------
    UserInputError : no images, labels, time series, values that are no numbers, or channels that differ.
    """
    warnings: list[str] = []
    first = ""
    channels = 0
    for domain in (images, style):
        if not domain.images:
            raise UserInputError("There is no image.", where=domain.what, todo="Give at least one, better ten or more.")
        for name, image in zip(domain.names, domain.images, strict=True):
            where = f"{domain.what}, {name}"
            if image.kind == "labels":
                raise UserInputError("This is a label image.", where=where, todo="Choose the column of the images.")
            first, channels = (first, channels) if first else (where, image.size("C"))
            if image.size("C") != channels:
                raise UserInputError(
                    f"The image has {amount_of_channels(image.size('C'))}, but the first one ({first}) has "
                    f"{amount_of_channels(channels)}.",
                    where=where,
                    todo="Choose the same channels for all images when reading them.",
                )
    kept = [_without_constant(domain, warnings) for domain in (images, style)]
    for domain in kept:
        warnings += _doubts(domain, patch_size)
    warnings += _differences(*kept)
    return kept[0], kept[1], warnings


def planes(domain: Domain, normalization: NormalizationConfig) -> Planes:
    """All slices of all images as the network takes them; slices with the same value everywhere are left out.

    Raises
    ------
    UserInputError : an image is a time series, or has values that are no numbers.
    """
    found: Planes = []
    for name, image in zip(domain.names, domain.images, strict=True):
        try:
            found += [plane for plane in normalized_planes(image, normalization) if np.ptp(plane) > 0]
        except UserInputError as error:
            raise error.at(f"{domain.what}, {name}") from None
    return found


def grey_values(style: Domain, normalization: NormalizationConfig) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
    """The type of the numbers of most images, and the median of the grey values of their percentiles, per channel."""
    dtype = _usual_type(style)
    limits = [limits_of_image(i, normalization) for i in style.images if i.array.dtype == dtype]
    low, high = np.median(limits, axis=0).T.tolist()
    return ("uint8" if dtype.kind == "b" else dtype.name), tuple(low), tuple(high)


def pixel_size(domain: Domain) -> float:
    """The median pixel size in micrometres, 0 where none is known."""
    sizes = [image.pixel_size["X"] for image in domain.images if "X" in image.pixel_size]
    return median(sizes) if sizes else 0.0


def random_patches(known: Planes, size: int, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Patches N C Y X of random images at random places, half of them flipped along either axis.

    Images that are too small are mirrored beyond their edges.
    """
    return np.stack([_flipped(_with_content(known, size, rng), rng) for _ in range(count)])


def _with_content(known: Planes, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A patch that is not the same everywhere, as the padding of images is, where one is found."""
    patch = _patch(known, size, rng)
    for _ in range(DRAWS):
        if np.ptp(patch) > 0:
            break
        patch = _patch(known, size, rng)
    return patch


def _patch(known: Planes, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    plane = known[rng.integers(len(known))]
    lacking = [(0, 0), *((0, max(0, size - n)) for n in plane.shape[1:])]
    y, x = (rng.integers(max(1, n - size + 1)) for n in plane.shape[1:])
    return np.pad(plane[:, y : y + size, x : x + size], lacking, mode="symmetric")


def _flipped(patch: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = 1 - 2 * rng.integers(2, size=2)
    return patch[:, ::y, ::x]


def _without_constant(domain: Domain, warnings: list[str]) -> Domain:
    """The images that are not the same everywhere; a warning names the others."""
    known = [not image.array.size or not image_is_constant(image) for image in domain.images]
    flat = [name for name, varies in zip(domain.names, known, strict=True) if not varies]
    if len(flat) == len(known):
        raise UserInputError(
            "Every image has the same value everywhere.", where=domain.what, todo="Give images with something on them."
        )
    if flat:
        warnings.append(f"{domain.what}: left out, because all their pixels have the same value: {listed(flat)}.")
    images = [image for image, varies in zip(domain.images, known, strict=True) if varies]
    return Domain(domain.what, [name for name in domain.names if name not in flat], images)


def _doubts(domain: Domain, patch_size: int) -> list[str]:
    """What looks wrong with images of one kind, but may be meant."""
    doubts = []
    if len(domain.images) == 1 and domain.images[0].size("Z") == 1:
        doubts.append(f"{domain.what}: there is one image only. What is special to it may be taken for the style.")
    pairs = zip(domain.names, domain.images, strict=True)
    small = [name for name, image in pairs if min(image.size("Y"), image.size("X")) < patch_size]
    if small:
        doubts.append(
            f"{domain.what}: smaller than a patch of {patch_size} pixels, and mirrored beyond their edges: "
            f"{listed(small)}."
        )
    types = Counter(image.array.dtype.name for image in domain.images)
    if len(types) > 1:
        doubts.append(
            f"{domain.what}: the images have numbers of different types ({', '.join(types)}); "
            f"the grey values are those of the {_usual_type(domain).name} images."
        )
    return doubts


def _differences(images: Domain, style: Domain) -> list[str]:
    """What differs between the two kinds, and is not changed or does change by giving a style."""
    found = []
    given, wanted = _usual_type(images).name, _usual_type(style).name
    if given != wanted:
        found.append(f"{images.what} are {given}, {style.what.lower()} are {wanted}: results will be {wanted}.")
    sizes = pixel_size(images), pixel_size(style)
    if min(sizes) > 0 and not 1 / ALIKE <= sizes[0] / sizes[1] <= ALIKE:
        found.append(
            f"Pixel sizes differ: {sizes[0]:g} µm and {sizes[1]:g} µm in the target images. A style does not change "
            "the size of objects; rescale the images first."
        )
    return found


def _usual_type(domain: Domain) -> np.dtype[np.generic]:
    """The type of the numbers of most images."""
    return Counter(image.array.dtype for image in domain.images).most_common(1)[0][0]
