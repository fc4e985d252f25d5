"""The examples that a model learns from, and what can be wrong with them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import UserInputError
from core.image import Image, Labels, amount_of_channels, check_numbers
from core.measurement.mask import mask_doubt
from core.measurement.size import diameters
from core.normalization import NormalizationConfig
from core.rescaling import rescale_labels, rescale_pixels

SMALLEST_DIAMETER, MOST_SMALL = 3, 0.2
"""Objects narrower than so many pixels can hardly be learned; there is a warning where more than this share are so."""


@dataclass(frozen=True, eq=False)
class Example:
    """An image with its objects drawn in.

    Parameters
    ----------
    name : how messages call it, for instance a row ID or a file name.
    image : a 2-D image with any number of channels.
    labels : int32, axes YX, of the image's height and width; 0 background, one positive number per object.
    stack : of a slice how messages call its stack, of whose empty slices there is one warning (`core.training.slices`).
    """

    name: str
    image: Image
    labels: Labels
    stack: str = ""


@dataclass(frozen=True, eq=False)
class Target:
    """An image of the kind that a model is meant for, without labels.

    Parameters
    ----------
    name : how messages call it.
    image : a 2-D image with any number of channels.
    zoom : by how much patches of it are enlarged while they are cut out.
    """

    name: str
    image: Image
    zoom: float = 1.0


def in_one_order(start: Sequence[str], *kinds: Sequence[Example]) -> list[list[Example]]:
    """Examples with their channels in the order of the names of the model to start from, see `Image.in_order`.

    Where that has none, the first example, of which there must be one, gives the order.
    """
    names = start or kinds[0][0].image.channel_names
    return [[replace(one, image=one.image.in_order(names)) for one in examples] for examples in kinds]


def check_examples(examples: Sequence[Example]) -> list[str]:
    """Refuse examples that nothing can be learned from, and warn of those that look wrong.

    Returns
    -------
    Warnings, one sentence or two each.

    Raises
    ------
    UserInputError : no examples, sizes or channels that do not fit, values that are no numbers, negative labels,
        no object at all.
    """
    if not examples:
        raise UserInputError("There is no labelled image.", todo="Give at least one image with labels.")
    first = examples[0]
    warnings = []
    for example in examples:
        check_pixels(example.image, example.name)
        _check_labels(example)
        if example.image.size("C") != first.image.size("C"):
            raise UserInputError(
                f"The image has {channels_of(example.image)}, but {first.name} has {channels_of(first.image)}.",
                where=example.name,
                todo="Train with images of one kind.",
            )
        warnings += _doubts(example)
    if not any(example.labels.any() for example in examples):
        raise UserInputError("No image has a labelled object.", todo="Check the label column: all its pixels are 0.")
    return warnings + _specks(examples)


def _specks(examples: Sequence[Example]) -> list[str]:
    """A warning where many labelled objects are too small to be seen; a few slivers at the edges are usual."""
    every = diameters(example.labels for example in examples)
    small = int((every < SMALLEST_DIAMETER).sum())
    if small <= MOST_SMALL * len(every):
        return []
    return [
        f"{small} of {len(every)} labelled objects are less than {SMALLEST_DIAMETER} pixels wide, so that hardly "
        "anything tells them from noise. Use images with finer pixels, or enlarge images and labels."
    ]


def _check_labels(example: Example) -> None:
    """Raise a UserInputError if labels have another size than their image, or are no labels."""
    labels, size = example.labels, (example.image.size("Y"), example.image.size("X"))
    if labels.shape != size:
        raise UserInputError(
            f"The labels are {' x '.join(map(str, labels.shape[::-1]))} pixels, the image is {size[1]} x {size[0]}.",
            where=example.name,
            todo="Give labels of the image's size.",
        )
    if labels.dtype.kind not in "biu" or labels.min() < 0:
        raise UserInputError(
            "Labels are whole numbers of 0 or more, this image has others.",
            where=example.name,
            todo="Give 0 to the background and a number of its own, from 1, to every object.",
        )


def check_pixels(image: Image, name: str) -> None:
    """Raise a UserInputError if an image is no 2-D image, has no pixels, or values that are no numbers."""
    try:
        check_numbers(image.cyx())
    except UserInputError as error:
        raise error.at(name) from None


def channels_of(image: Image) -> str:
    """The number of an image's channels in words."""
    return amount_of_channels(image.size("C"))


def _doubts(example: Example) -> list[str]:
    """What looks wrong with an example, but may be meant."""
    doubts = []
    if not example.labels.any():
        if not example.stack:
            doubts.append(f"{example.name}: no object is labelled; the image is taken as pure background.")
    elif doubt := mask_doubt(example.labels):
        doubts.append(f"{example.name}: {doubt}")
    if image_is_constant(example.image):
        doubts.append(f"{example.name}: all pixels of the image have the same value.")
    return doubts


def image_is_constant(image: Image) -> bool:
    """Whether all pixels are equal."""
    return bool(image.array.min() == image.array.max())


@dataclass(frozen=True, eq=False)
class Prepared:
    """An example ready for the network: float32 pixels, axes CYX, and int32 labels, axes YX."""

    pixels: NDArray[np.float32]
    labels: Labels
    boxes: list[tuple[slice, slice]]
    """The bounding box of every object."""
    weight: float = 1.0
    """How often it is drawn, in proportion to others with as many objects."""
    zoom: float = 1.0
    """By how much patches of it are enlarged while they are cut out."""


def prepare(examples: Iterable[Example], normalization: NormalizationConfig, scale: float = 1.0) -> list[Prepared]:
    """Normalise the images, enlarge them by `scale`, and number the objects of each from 1.

    A part of a larger image is normalised as the whole is, as it will be when objects are looked for in it.
    """
    prepared = []
    for example in examples:
        drawn = rescale_labels(example.labels, scale)
        ids, numbers = np.unique(drawn, return_inverse=True)
        labels: Labels = (numbers.reshape(drawn.shape) + (ids[0] != 0)).astype(np.int32)
        boxes: list[Any] = ndimage.find_objects(labels)
        pixels = rescale_pixels(example.image.normalized(normalization), scale)
        prepared.append(Prepared(pixels, labels, boxes))
    return prepared


def fingerprint(examples: Iterable[Example]) -> str:
    """A short text that changes with any pixel or label: 16 hexadecimal digits."""
    return digest(array for example in examples for array in (*digested([example.image]), example.labels))


def digested(images: Iterable[Image]) -> Iterator[NDArray[Any]]:
    """What of images a digest is made of: pixels, and of parts the percentiles by which they are normalised."""
    for image in images:
        yield image.array
        if image.percentiles:
            yield np.array(image.percentiles)


def digest(arrays: Iterable[NDArray[Any]]) -> str:
    """A short text that changes with any value, shape or type: 16 hexadecimal digits."""
    known = hashlib.sha256()
    for array in arrays:
        known.update(str((array.shape, array.dtype.str)).encode())
        known.update(np.ascontiguousarray(array).data)
    return known.hexdigest()[:16]
