"""Pictures for people: stretched, coloured, outlined. Never for measuring."""

import io
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Image, Labels
from core.normalization import NormalizationConfig, limits_between, normalize

Picture = NDArray[np.uint8]
"""Axes YX (grey) or YX3 (red, green, blue), 0 to 255."""

STRETCH = NormalizationConfig(0.5, 99.8)
"""The percentiles between which contrast is stretched."""

COMPOSITE = np.array([[1, 0, 1], [0, 1, 0], [0, 0.6, 1]], np.float32)
"""What channels that are no colours are shown in: magenta, green, blue; the first two tell the colour-blind apart."""

_PLASTIC = 1.2207440846057596
"""The root of x⁴ = x + 1: its powers spread points evenly in three dimensions (Roberts, "The unreasonable effectiveness
of quasirandom sequences", 2018)."""


def to_display(image: Image) -> Picture:
    """A picture of an image, its contrast stretched per channel from the 0.5th to the 99.8th percentile.

    Of a part of a larger image the percentiles are those of the whole, where it knows them.

    One channel is grey; a colour picture keeps its colours, stretched alike, without alpha; of other channels the first
    three are laid over each other. Probabilities are shown from 0 to 1, labels in colours. Of a time series the
    first point is shown, of a stack the middle slice.
    """
    pixels = shown_plane(image)
    if image.kind == "labels":
        return color_labels(pixels[0])
    pixels = pixels[:3]
    whole = limits_between(image.percentiles[:3], STRETCH) if image.percentiles else None
    if image.is_colour:
        alike = None if whole is None else np.array([[whole[:, 0].min(), whole[:, 1].max()]])
        return laid_over(_stretch(pixels.reshape(1, -1, pixels.shape[-1]), alike).reshape(pixels.shape), colours=True)
    return laid_over(to_bytes(pixels) if image.kind == "probability" else _stretch(pixels, whole), colours=False)


def laid_over(shown: Picture, *, colours: bool) -> Picture:
    """Channels as one picture, YX or YX3.

    Parameters
    ----------
    shown : 0 to 255, axes CYX.
    colours : whether the first three are red, green and blue; others become magenta, green and blue light.
    """
    shown = shown[:3]
    if len(shown) == 1:
        grey: Picture = shown[0]
        return grey
    if colours:
        return np.ascontiguousarray(shown.transpose(1, 2, 0))
    light = np.einsum("cyx,ck->yxk", shown.astype(np.float32), COMPOSITE[: len(shown)])
    composite: Picture = np.minimum(light, 255).astype(np.uint8)
    return composite


def color_labels(labels: Labels) -> Picture:
    """Every object in a colour that its number alone decides, near numbers far apart; background black; axes YX3."""
    largest = int(labels.max(initial=0))
    if largest <= 4 * labels.size:
        coloured: Picture = _colours(np.arange(largest + 1))[np.maximum(labels, 0)]
        return coloured
    ids, places = np.unique(labels, return_inverse=True)
    return _colours(ids)[places.reshape(labels.shape)]


def outlines(labels: Labels) -> NDArray[np.bool_]:
    """The pixels of objects that lie beside another object or the background; axes YX."""
    rim = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    rim[1:] |= down
    rim[:-1] |= down
    rim[:, 1:] |= across
    rim[:, :-1] |= across
    return rim & (labels > 0)


def outline_overlay(image: Image, labels: Labels, color: tuple[int, int, int] = (255, 200, 0)) -> Picture:
    """A picture of an image with the outlines of its objects; axes YX3.

    Raises
    ------
    UserInputError : image and labels differ in size.
    """
    picture = to_display(image)
    if picture.shape[:2] != labels.shape:
        raise UserInputError(f"The image has {picture.shape[:2]} pixels (Y, X), its labels {labels.shape}.")
    return outlined(picture, labels, color)


def outlined(picture: Picture, labels: Labels, color: tuple[int, int, int] = (255, 200, 0)) -> Picture:
    """A picture with the outlines of objects in a colour; axes YX3."""
    overlay = picture.copy() if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    overlay[outlines(labels)] = color
    return overlay


def reduced(planes: Picture, factor: int) -> Picture:
    """Means of `factor` x `factor` pixels, those at the end of what there is; the last two axes are YX."""
    *others, height, width = planes.shape
    rest = [(0, -n % factor) for n in (height, width)]
    cells = np.pad(planes, [(0, 0)] * len(others) + rest, mode="edge")
    height, width = (n // factor for n in cells.shape[-2:])
    means: Picture = cells.reshape(*others, height, factor, width, factor).mean(axis=(-3, -1)).astype(np.uint8)
    return means


def png_bytes(picture: Picture) -> bytes:
    """A picture as a PNG file's content."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


def shown_plane(image: Image) -> NDArray[Any]:
    """What is shown of an image: the first time point, the middle slice; axes CYX."""
    array = image.array[0] if "T" in image.axes else image.array
    if "Z" in image.axes:
        array = np.take(array, image.size("Z") // 2, axis=-3)
    return array.reshape(image.size("C"), image.size("Y"), image.size("X"))


def _stretch(pixels: NDArray[Any], between: NDArray[np.float64] | None = None) -> Picture:
    """Axes CYX; `between` as in `core.normalization.normalize`."""
    if pixels.size == 0:
        return pixels.astype(np.uint8)
    if pixels.dtype.kind == "b":
        return to_bytes(pixels)
    if pixels.dtype.kind == "f":
        finite = np.isfinite(pixels)
        pixels = pixels if finite.all() else np.where(finite, pixels, pixels[finite].min() if finite.any() else 0)
    return to_bytes(normalize(pixels, STRETCH, between))


def to_bytes(fractions: NDArray[Any]) -> Picture:
    """From 0 to 1 to whole numbers from 0 to 255."""
    result: Picture = (np.clip(np.nan_to_num(fractions), 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return result


def _colours(ids: NDArray[np.integer[Any]]) -> Picture:
    """Red, green, blue per number: hue, saturation (0.4 to 1) and value (0.6 to 1) from an even sequence."""
    hue, saturation, value = (ids[:, None] * _PLASTIC ** np.array([-3.0, -1.0, -2.0]) % 1).T[..., None]
    distance = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    colours = (1 - (0.4 + 0.6 * saturation) * (1 - np.clip(distance, 0, 1))) * (0.6 + 0.4 * value)
    colours[ids <= 0] = 0
    result: Picture = np.rint(colours * 255).astype(np.uint8)
    return result
