"""Images of a view: channels as pictures of 8 bits, labels without loss, objects with their measures."""

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.image import Image
from nodes.running import amount
from nodes.views.measures import measures
from nodes.views.sheet import sheet, thumb

LONGEST = 1024
"""Longest side of an image in a view, pixels; larger images are reduced."""

SMALLEST = 256
"""Images are not reduced below this side for the sake of the budget."""

BUDGET = 24_000_000
"""Bytes of all images of a page together."""

MOST_CHANNELS = 6
"""The first so many channels can be looked at."""

LIGHTS = ((1, 0, 1), (0, 1, 0), (0, 0.6, 1), (1, 0.8, 0), (1, 0.2, 0.2), (0.7, 0.7, 0.7))
"""Red, green, blue of channels laid over each other; the first three as in `core.visual`."""

_PRIMARIES = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@dataclass(frozen=True)
class Layer:
    """The objects that one layer of a slide has.

    Parameters
    ----------
    labels : kind "labels", axes YX.
    probabilities : of objects 1, 2 ...; empty where unknown.
    matches : per comparison, by its title: what every object is matched with, in words, in the order of the labels.
    right : per object, whether it is matched.
    """

    labels: Image
    probabilities: Sequence[float] = ()
    matches: Mapping[str, Sequence[str]] = field(default_factory=dict)
    right: Sequence[bool] = ()


@dataclass(frozen=True)
class Slide:
    """An image of a view.

    Parameters
    ----------
    title, caption : texts; the title is the row's ID.
    data : what the script reads.
    size : bytes of that in the page.
    pixels : how many of them pictures and labels take; the others do not depend on how far it is reduced.
    thumb : a small picture with outlines, axes YX3.
    """

    title: str
    caption: str
    data: dict[str, Any]
    size: int
    pixels: int
    thumb: NDArray[np.uint8]


@dataclass(frozen=True)
class Draft:
    """A slide before it is given a size.

    Parameters
    ----------
    title, caption, thumb : as a `Slide` has them.
    data : what the script reads, without pictures.
    pixel_size : micrometres along Y and X of the whole image, or empty.
    channels : steps from 0 to 255, axes YX.
    layers : per layer of objects, their places in its `ids` from 1, axes YX.
    """

    title: str
    caption: str
    data: dict[str, Any]
    pixel_size: Mapping[str, float]
    channels: Sequence[NDArray[np.uint8]]
    layers: Sequence[NDArray[np.unsignedinteger[Any]]]
    thumb: NDArray[np.uint8]

    def slide(self, factor: float = 1.0) -> Slide:
        """The slide, reduced to one pixel for `factor` x `factor`."""
        import PIL.Image

        from core.visual import png_bytes

        whole = self.layers[0].shape
        height, width = (max(1, round(n / factor)) for n in whole)
        rows, columns = (
            ((np.arange(n) + 0.5) * all_ / n).astype(int) for n, all_ in zip((height, width), whole, strict=True)
        )
        small = [
            np.asarray(PIL.Image.fromarray(one).resize((width, height), PIL.Image.Resampling.BOX))
            for one in self.channels
        ]
        pictures = [_text(png_bytes(one)) for one in small]
        labels = [_text(zlib.compress(one[np.ix_(rows, columns)].tobytes())) for one in self.layers]
        known = {"Y", "X"} <= set(self.pixel_size)
        data = self.data | {
            "height": height,
            "width": width,
            "factor": factor,
            "unit": {"Y": self.pixel_size["Y"] * whole[0] / height, "X": self.pixel_size["X"] * whole[1] / width}
            if known
            else None,
            "channels": [a | {"picture": b} for a, b in zip(self.data["channels"], pictures, strict=True)],
            "layers": [a | {"labels": b} for a, b in zip(self.data["layers"], labels, strict=True)],
        }
        size = len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())
        return Slide(self.title, self.caption, data, size, sum(map(len, pictures + labels)), self.thumb)

    def without_measures(self) -> "Draft":
        """The same, with nothing told of the objects but their numbers; the caption says so."""
        caption = f"{self.caption}; too many objects to show their measures"
        layers = [layer | {"measures": []} for layer in self.data["layers"]]
        return replace(self, caption=caption, data=self.data | {"caption": caption, "layers": layers})


@dataclass
class Album:
    """The slides of a view, as many as are wanted and fit into a page.

    Parameters
    ----------
    most : so many slides at most.
    rows : how many images there may be; the fewer, the finer they can be shown.
    colors : of the layers' outlines, for small pictures.
    budget : bytes of all slides together.
    passed : how many images were passed over.
    """

    most: int
    rows: int
    colors: Sequence[str]
    budget: int = BUDGET
    slides: list[Slide] = field(default_factory=list)
    passed: int = 0

    @property
    def is_full(self) -> bool:
        """Whether no further slide is taken."""
        return self.passed > 0 or len(self.slides) >= self.most

    def slide(self, title: str, caption: str, image: Image | None, layers: Sequence[Layer]) -> Slide:
        """A slide of an image and layers of objects; without image the ground is black.

        It is reduced until it keeps its share of the budget. Where texts on its objects would take more than half of
        that, they are left out.
        """
        one = draft(title, caption, image, layers, self.colors)
        longest = max(layers[0].labels.array.shape)
        factor = max(1.0, longest / LONGEST)
        coarsest = max(factor, longest / SMALLEST)
        share = self.budget / max(1, min(self.most, self.rows))
        shown = one.slide(factor)
        if shown.size > share and shown.size - shown.pixels > share / 2:
            one = one.without_measures()
            shown = one.slide(factor)
        left = share - min(shown.size - shown.pixels, share / 2)
        while shown.pixels > left and factor < coarsest:
            factor = min(coarsest, factor * max(1.05, math.sqrt(shown.pixels / left)))
            shown = one.slide(factor)
        return shown

    def add(self, title: str, caption: str, image: Image | None, layers: Sequence[Layer]) -> None:
        """Take a slide of these, which is not even made when the album is full."""
        if self.is_full:
            self.passed += 1
        else:
            self.take(self.slide(title, caption, image, layers))

    def take(self, slide: Slide) -> None:
        """Take a slide if it fits. Once one does not, no further one is taken: what is shown has no gaps."""
        if self.is_full or sum(one.size for one in self.slides) + slide.size > self.budget:
            self.passed += 1
        else:
            self.slides.append(slide)

    def sheet(self) -> bytes:
        """The first slides as one PNG picture."""
        return sheet([(one.title, one.thumb) for one in self.slides])

    def note(self, which: str, elsewhere: str = "") -> str:
        """Which images are shown, such as "first", and a sentence on where the others can be seen."""
        shown = len(self.slides)
        if not self.passed:
            return f"{amount(shown, 'image')}."
        told = [f"The {which} {shown} of {shown + self.passed} images.", elsewhere]
        return " ".join(filter(None, [*told, "How many are shown here is set in the node's dialog."]))


def draft(title: str, caption: str, image: Image | None, layers: Sequence[Layer], colors: Sequence[str]) -> Draft:
    """A slide of an image and layers of objects, not yet reduced; without image it has no channels."""
    channels, steps = _channels(image) if image else ([], [])
    told, places = zip(*(_layer(layer, image) for layer in layers), strict=True)
    data = {
        "title": title,
        "caption": caption,
        "colours": bool(image and image.is_colour),
        "channels": channels,
        "layers": list(told),
    }
    pixel_size = layers[0].labels.pixel_size or (image.pixel_size if image else {})
    return Draft(title, caption, data, pixel_size, steps, places, thumb(image, [one.labels for one in layers], colors))


def _channels(image: Image) -> tuple[list[dict[str, Any]], list[NDArray[np.uint8]]]:
    """Every channel in steps from 0 to 255, and what they mean.

    Values are spread over the steps by their square root, but for images of 8 bits: dark parts keep fine steps under a
    bright spot, and the noise of photons is as many steps everywhere (Bartlett 1936).
    """
    from core.normalization import limits, limits_between
    from core.visual import STRETCH, shown_plane

    planes = shown_plane(image)[: 3 if image.is_colour else MOST_CHANNELS]
    if planes.size == 0:
        return [], []
    planes = np.nan_to_num(planes, posinf=0, neginf=0) if planes.dtype.kind == "f" else planes
    whole = image.percentiles[: len(planes)]
    between = limits_between(whole, STRETCH) if whole else limits(planes, STRETCH)
    if image.kind == "probability" or planes.dtype.kind == "b":
        between = np.array([[0.0, 1.0]] * len(planes))
    elif image.is_colour:
        between = np.array([[between[:, 0].min(), between[:, 1].max()]] * len(planes))
    power = 1 if planes.dtype.kind == "b" or planes.dtype.itemsize == 1 else 2
    found, steps = [], []
    for index, (plane, (darkest, brightest)) in enumerate(zip(planes, between.tolist(), strict=True)):
        low, high = (0.0, 255.0) if plane.dtype == np.uint8 else (float(plane.min()), float(plane.max()))
        span = (high - low) or 1.0
        part = np.clip((plane.astype(np.float32) - np.float32(low)) / np.float32(span), 0, 1)
        steps.append(np.rint(255 * (part if power == 1 else np.sqrt(part))).astype(np.uint8))
        found.append(
            {
                "name": (image.channel_names[index] if image.channel_names else "") or f"Channel {index + 1}",
                "light": (_PRIMARIES if image.is_colour else LIGHTS)[index],
                "low": low,
                "high": low + span,
                "power": power,
                "auto": [darkest, brightest if brightest > darkest else darkest + span],
            }
        )
    return found, steps


def _layer(layer: Layer, image: Image | None) -> tuple[dict[str, Any], NDArray[np.unsignedinteger[Any]]]:
    """What is known of every object, and the objects numbered from 1 in the order of `ids`."""
    from core.measurement.objects import measure

    table = measure(layer.labels, image if image is not None and _is_flat(image) else None)
    ids = np.asarray(table["id"], np.int64)
    labels = layer.labels.array
    places = np.where(labels > 0, np.searchsorted(ids, labels) + 1, 0)
    told = {
        "ids": ids.tolist(),
        "measures": measures(table, layer.probabilities, layer.matches),
        "right": [int(one) for one in layer.right],
    }
    return told, places.astype("<u1" if len(ids) < 256 else "<u2" if len(ids) < 65536 else "<u4")


def _is_flat(image: Image) -> bool:
    return image.size("T") == image.size("Z") == 1


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
