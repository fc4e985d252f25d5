"""How two kinds of images differ, as a page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nodes.views.charts import Points, line_chart
from nodes.views.html import page, paragraph, side_by_side, table
from nodes.views.node_view import node_view

if TYPE_CHECKING:
    from core.adaptation.gap.measures import ImageMeasures
    from core.adaptation.gap.report import Report
    from core.image import Image

SIDE = 192
"""Pixels of the side of an example."""

_LARGEST = 4 * SIDE
_BINS = 64
_STYLE = """
ol{margin:4px 0 12px;padding-left:22px;max-width:80ch}li{margin:2px 0}
h2{font-size:14px;margin:14px 0 4px}
.patch img{display:block;width:192px;height:192px;image-rendering:pixelated;object-fit:contain;background:#8883}
figcaption{max-width:192px;overflow-wrap:anywhere}
"""


@dataclass(frozen=True, eq=False)
class Patch:
    """The middle of an image, stretched for people.

    Parameters
    ----------
    name : of the image.
    picture : grey or colour, 0 to 255, axes YX or YX3.
    pixel_size : micrometres, None where it is not known.
    """

    name: str
    picture: NDArray[np.uint8]
    pixel_size: float | None


def patch_of(image: "Image", name: str) -> Patch:
    """The middle of an image for the view."""
    from core.visual import to_display

    return Patch(name, _middle(to_display(image), _LARGEST), image.pixel_size.get("X"))


def gap_view(
    report: "Report",
    advice: Sequence[str],
    measured: "Sequence[Sequence[ImageMeasures]]",
    patches: Sequence[Sequence[Patch]],
) -> Any:
    """The view of the Domain Gap Report.

    Parameters
    ----------
    report, advice : of `core.adaptation.gap`.
    measured : the images of the source and of the target.
    patches : a few of either.
    """
    used = [[one for one in images if one.channels] for images in measured]
    first = [[one.channels[0] for one in images] for images in used]
    of = f" of the channel {used[0][0].channel_names[0]}" if used[0][0].channel_names else ""
    raw = _histograms([np.concatenate([one.quantiles for one in images]) for images in first])
    normal = _histograms([np.clip(np.concatenate([one.normalized for one in images]), -0.25, 1.25) for images in first])
    charts = [
        line_chart(raw, "Grey value", "Pixels (%)"),
        line_chart(normal, "After normalisation: 0 and 1 are the percentiles 1 and 99.8", "Pixels (%)"),
        line_chart(_spectra([[one.spectrum for one in images] for images in first]), _OCTAVES, "Power (powers of ten)"),
    ]
    header = ["Measure", "Channel", "Source", "Target", "Difference", "Unit", "Gap", "Remark"]
    lines = [
        [
            line.measure,
            line.channel or "–",
            *(("–" if math.isnan(value) else _rounded(value)) for value in (line.source, line.target, line.difference)),
            line.unit or "–",
            "yes" if line.gap else "no",
            line.remark or "–",
        ]
        for line in report.lines
    ]
    steps = "".join(f"<li>{escape(step)}</li>" for step in advice)
    measures = table(header, lines)
    odd = [
        [name, image, words]
        for name, images in zip(("source", "target"), report.odd, strict=True)
        for image, words in images.items()
    ]
    html = page(
        "Domain gap",
        f"<ol>{steps}</ol>",
        *_examples(patches),
        f"<h2>Histograms and power spectra{escape(of)}</h2>",
        side_by_side(*charts),
        "<h2>Measures</h2>",
        measures,
        *(["<h2>Odd images</h2>", table(["Set", "Image", "Remark"], odd)] if odd else []),
        style=_STYLE,
    )
    return node_view(html, charts[1], f"<ol>{steps}</ol>", measures)


_OCTAVES = "Size of detail (1: pixels 2 wide, 2: 4 wide, 3: 8 wide, ...)"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _histograms(values: Sequence[NDArray[np.float64]]) -> dict[str, Points]:
    """Shares of the pixels over grey values, of quantiles of images."""
    low, high = min(float(of.min()) for of in values), max(float(of.max()) for of in values)
    limits = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    middles = (limits[1:] + limits[:-1]) / 2
    shares = [100 * np.histogram(of, limits)[0] / len(of) for of in values]
    return _both([list(zip(middles.tolist(), share.tolist(), strict=True)) for share in shares])


def _spectra(spectra: Sequence[Sequence[NDArray[np.float64]]]) -> dict[str, Points]:
    """Mean logarithms of power over octaves of size, moved so that the least is 0."""
    from core.adaptation.gap.sharpness import BANDS

    octaves = -np.log2(np.sqrt(BANDS[1:] * BANDS[:-1]))
    curves = [np.log10(np.maximum(np.ma.masked_invalid(of).mean(0).filled(np.nan), 1e-12)) for of in spectra]
    least = min((float(value) for curve in curves for value in curve if np.isfinite(value)), default=0.0)
    points = [list(zip(octaves.tolist(), (curve - least).tolist(), strict=True))[::-1] for curve in curves]
    return _both(points)


def _both(points: Sequence[Points]) -> dict[str, Points]:
    return dict(zip(("Source", "Target"), points, strict=True))


def _examples(patches: Sequence[Sequence[Patch]]) -> list[str]:
    """Examples of both kinds at one scale: in micrometres where all pixel sizes are known, else in pixels."""
    every = [patch for of in patches for patch in of]
    known = [patch.pixel_size for patch in every if patch.pixel_size]
    coarsest = max(known) if len(known) == len(every) else None
    note = "All at the same scale, by their pixel sizes." if coarsest else "A pixel of an image is a pixel here."
    parts = ["<h2>Examples</h2>", paragraph(f"{note} The contrast of each is stretched.")]
    for name, of in zip(("Source", "Target"), patches, strict=True):
        figures = "".join(_figure(f"{name}: {patch.name}", patch, coarsest) for patch in of)
        parts.append(f'<div class="side">{figures}</div>')
    return parts


def _figure(title: str, patch: Patch, coarsest: float | None) -> str:
    import base64

    import PIL.Image

    from core.visual import png_bytes

    picture = PIL.Image.fromarray(patch.picture)
    if coarsest and patch.pixel_size:
        factor = patch.pixel_size / coarsest
        size = [max(1, round(n * factor)) for n in picture.size]
        picture = picture.resize((size[0], size[1]), PIL.Image.Resampling.BOX)
    content = base64.b64encode(png_bytes(_middle(np.array(picture), SIDE))).decode()
    words = escape(title, quote=True)
    return (
        f'<figure class="patch"><img alt="{words}" src="data:image/png;base64,{content}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _middle(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    top, left = (max(0, (n - side) // 2) for n in picture.shape[:2])
    return picture[top : top + side, left : left + side]
