"""Images before and after they got another look, as a page and as pictures."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.image import Image
from nodes.running import amount
from nodes.views.charts import line_chart
from nodes.views.html import page, paragraph, side_by_side
from nodes.views.node_view import node_view
from nodes.views.sheet import THUMB, sheet

if TYPE_CHECKING:
    from core.adaptation.style.distribution import Distribution

LONGEST = 512
"""Longest side of a picture in the view and of a half of a preview, pixels."""

BUDGET = 24_000_000
"""Bytes of all pictures of a page together."""

MOST_CHANNELS = 3
"""The histograms of the first so many channels are shown."""

BINS = 64
"""Classes of grey values of a histogram."""

_STYLE = """
section{margin:14px 0}
h2{font-size:15px;margin:0}
figure img{display:block;max-width:100%;height:auto}
"""


@dataclass
class Gallery:
    """What a view shows: the first images that were changed.

    Parameters
    ----------
    most : so many images at most.
    target : the grey values of the target images, one distribution per channel; empty where there are none.
    parts : HTML per image.
    thumbs : titles and small pictures.
    passed : how many images were passed over.
    """

    most: int
    target: "tuple[Distribution, ...]" = ()
    parts: list[str] = field(default_factory=list)
    thumbs: list[tuple[str, NDArray[np.uint8]]] = field(default_factory=list)
    passed: int = 0

    def add(self, title: str, before: Image, after: Image, padding: bool) -> None:
        """Show an image if there is room; `padding` as in `core.adaptation.style.method.StyleConfig`."""
        if len(self.parts) >= self.most or sum(map(len, self.parts)) > BUDGET:
            self.passed += 1
            return
        from core.adaptation.style.method import Planes

        pictures = [small(one, LONGEST) for one in alike([before, after])]
        figures = [_figure(name, one) for name, one in zip(("Before", "After"), pictures, strict=True)]
        found = [Planes.of(one, padding).grey_values() for one in (before, after)]
        charts = histograms(before, after, found[0], found[1], self.target)
        self.parts.append(f"<section><h2>{escape(title)}</h2>{side_by_side(*figures, *charts)}</section>")
        self.thumbs.append((title, small(beside(pictures), THUMB)))

    def note(self) -> str:
        """Which images are shown."""
        if not self.passed:
            return f"{amount(len(self.parts), 'image')}."
        of = len(self.parts) + self.passed
        return f"The first {len(self.parts)} of {of} images. How many are shown is set in the node's dialog."


def styled_view(gallery: Gallery, method: str) -> Any:
    """The images before and after, side by side in one contrast, and their histograms."""
    text = [
        f"{method} Before and after are shown in one contrast, so that they can be compared.",
        gallery.note(),
    ]
    html = page("Style transfer", *map(paragraph, text), *gallery.parts, style=_STYLE)
    return node_view(html, sheet(gallery.thumbs))


def preview(before: Image, after: Image) -> bytes:
    """Before and after side by side, in one contrast, as a PNG file's content."""
    from core.visual import png_bytes

    return png_bytes(beside([small(one, LONGEST) for one in alike([before, after])]))


def alike(images: Sequence[Image]) -> list[NDArray[np.uint8]]:
    """Pictures of images of equal size in one contrast, YX or YX3.

    Whole numbers of different bit depth are compared by their share of full scale. Other types of numbers have no scale
    in common: then every image has its own contrast.
    """
    from core.adaptation.style.method import full_scales
    from core.normalization import limits, normalize
    from core.visual import STRETCH, laid_over, shown_plane, to_bytes

    planes = [shown_plane(image)[:3] for image in images]
    between = [limits(one, STRETCH) for one in planes]
    if images[0].is_colour:
        between = [np.array([[one[:, 0].min(), one[:, 1].max()]] * len(one)) for one in between]
    if comparable(images[0], images[1]):
        scale = np.array([full_scales(one.dtype, planes[-1].dtype) for one in planes])[:, None]
        lows, highs = (np.stack([one[:, i] for one in between]) * scale for i in (0, 1))
        between = [np.stack([lows.min(0), highs.max(0)], axis=1) / one for one in scale]
    return [
        laid_over(to_bytes(normalize(one, STRETCH, limit)), colours=images[0].is_colour)
        for one, limit in zip(planes, between, strict=True)
    ]


def comparable(one: Image, another: Image) -> bool:
    """Whether grey values of two images have a scale in common."""
    types = (one.array.dtype, another.array.dtype)
    return types[0] == types[1] or "f" not in {kind.kind for kind in types}


def histograms(
    before: Image,
    after: Image,
    first: "tuple[Distribution, ...]",
    second: "tuple[Distribution, ...]",
    target: "tuple[Distribution, ...]",
) -> list[str]:
    """A chart per channel: how often grey values occur before, after, and in the target images."""
    from core.adaptation.style.method import full_scales

    known = comparable(before, after)
    scale = full_scales(before.array.dtype, after.array.dtype) if known else 1.0
    charts = []
    for channel in range(min(after.size("C"), MOST_CHANNELS)):
        curves: dict[str, tuple[Distribution, float]] = {"After": (second[channel], 1.0)}
        if known:
            curves = {"Before": (first[channel], scale)} | curves
        if target:
            curves["Target images"] = (target[channel], 1.0)
        curves = {name: one for name, one in curves.items() if len(one[0].values)}
        ends = [value * by for grey, by in curves.values() for value in grey.at([0.001, 0.999])]
        if not ends:
            continue
        edges = _edges(min(ends), max(ends), max(scale, 1.0) if after.array.dtype.kind in "iu" else 0.0)
        centres = ((edges[1:] + edges[:-1]) / 2).tolist()
        lines = {}
        for name, (grey, by) in curves.items():
            counts, _ = np.histogram(grey.values * by, edges, weights=grey.weights)
            lines[name] = list(zip(centres, (100 * counts / grey.pixels).tolist(), strict=True))
        names = after.channel_names
        label = "Grey value" + (f", {names[channel] if names else f'channel {channel + 1}'}" * (after.size("C") > 1))
        charts.append(line_chart(lines, label, "Pixels (%)"))
    return charts


def _edges(low: float, high: float, step: float) -> NDArray[np.float64]:
    """The borders of about `BINS` classes, each of as many steps between grey values; step 0: any number is one."""
    if not step:
        return np.linspace(low, high if high > low else low + 1, BINS + 1)
    width = step * math.ceil((high - low + step) / step / BINS)
    return np.arange(low - step / 2, high + width, width)


def small(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """A picture reduced to this side at most, YX or YX3."""
    import PIL.Image

    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(PIL.Image.fromarray(picture).resize(size, PIL.Image.Resampling.BOX))


def beside(pictures: Sequence[NDArray[np.uint8]], gap: int = 4) -> NDArray[np.uint8]:
    """Pictures of equal size from left to right with a white gap, YX3."""
    coloured = [one if one.ndim == 3 else np.repeat(one[..., None], 3, axis=2) for one in pictures]
    white = np.full((coloured[0].shape[0], gap, 3), 255, np.uint8)
    return np.concatenate([part for one in coloured for part in (white, one)][1:], axis=1)


def _figure(name: str, picture: NDArray[np.uint8]) -> str:
    from core.visual import png_bytes

    data = base64.b64encode(png_bytes(picture)).decode()
    height, width = picture.shape[:2]
    return (
        f'<img alt="{name}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'
        f"<figcaption>{name}</figcaption>"
    )
