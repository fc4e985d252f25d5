"""The course of a pretraining without labels as a page."""

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nodes.network_settings import network_title
from nodes.running import amount
from nodes.views.html import page, paragraph, side_by_side
from nodes.views.node_view import node_view
from nodes.views.training import curves

if TYPE_CHECKING:
    from core.pretraining.pretext import Shown
    from core.pretraining.pretrain import PretrainingResult

GAP = 8
"""White pixels between pictures."""

TASKS = {
    "restoration": "to restore degraded images",
    "hide_and_fill": "to fill hidden squares",
    "blind_spot": "to guess hidden pixels",
    "magnification": "to tell magnifications apart",
}
"""What the network has learned, in words."""

GUESSES = "It can guess where objects are, in the Segmentation Predictor, but was shown none"

_STYLE = """
.row{margin:12px 0}
.row img{image-rendering:pixelated;width:720px;max-width:100%;border:1px solid #8885}
figcaption{font-variant-numeric:tabular-nums}
"""


def pretraining_view(result: "PretrainingResult") -> Any:
    """The losses over the epochs, and patches before, during and after the task."""
    from core.model_summary import has_first_objects
    from core.visual import png_bytes

    config, history = result.model.config, result.history
    chart, rates, epochs = curves(history)
    seconds = sum(float(row.get("seconds", 0.0)) for row in history)
    images, domains = config.provenance["images"], config.provenance["domains"]
    able = GUESSES if has_first_objects({"pretext": config.pretext}) else "It cannot segment yet"
    text = [
        f"The network ({network_title(config.network.name)}) has learned "
        f"{TASKS.get(config.pretext, config.pretext)}, from {amount(images, 'image')} in "
        f"{amount(len(domains), 'table')} ({' + '.join(map(str, domains))}), without labels. {able}: connect the "
        "model to the Segmentation Learner or Retrainer.",
        f"Trained for {amount(len(history), 'epoch')} in {seconds:.0f} s on {result.device}.",
        *([result.report] if result.report else []),
    ]
    pictures = [png_bytes(row_of(shown)) for shown in result.examples]
    figures = "".join(
        f'<figure class="row"><img alt="{escape(", ".join(shown.pictures), quote=True)}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        f"<figcaption>{escape(caption(shown))}</figcaption></figure>"
        for shown, png in zip(result.examples, pictures, strict=True)
    )
    html = page(
        "Pretraining", *map(paragraph, text), side_by_side(chart, rates), f"<div>{figures}</div>", epochs, style=_STYLE
    )
    return node_view(html, chart, *pictures)


def caption(shown: "Shown") -> str:
    """What stands below the pictures of an image."""
    text = f"{shown.name}: {' | '.join(shown.pictures)}"
    return f"{text}. {shown.note}." if shown.note else f"{text}."


def row_of(shown: "Shown") -> NDArray[np.uint8]:
    """The pictures of a patch side by side, black and white where those of a normalised image are; YX or YX3."""
    from core.visual import laid_over, to_bytes

    planes = [laid_over(to_bytes(pixels), colours=len(pixels) == 3) for pixels in shown.pictures.values()]
    white = np.full((planes[0].shape[0], GAP, *planes[0].shape[2:]), 255, np.uint8)
    parts = [part for plane in planes for part in (white, plane)][1:]
    return np.concatenate(parts, axis=1)
