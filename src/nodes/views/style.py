"""How a style was learned, and what it does, as a page."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nodes.running import amount
from nodes.views.charts import line_chart
from nodes.views.html import page, paragraph, side_by_side
from nodes.views.node_view import node_view
from nodes.views.sheet import THUMB, sheet

if TYPE_CHECKING:
    from core.adaptation.style.cut.train import StyleTrainingResult
    from core.adaptation.style.model import StyleModel
    from core.image import Image
    from core.progress import Progress

ADVERSARIAL = {"Discriminator loss": "discriminator_loss", "Generator loss": "generator_loss"}
CONTRASTIVE = {"Contrastive loss": "contrastive_loss", "Identity loss": "identity_loss"}
"""Columns of the table of steps, and what the library calls them."""

SHOWN = 3
"""So many images are shown before and after."""


def before_and_after(
    model: "StyleModel",
    images: "Sequence[Image]",
    style: "Sequence[Image]",
    names: Sequence[str],
    style_names: Sequence[str],
    device: str,
    progress: "Progress",
) -> bytes:
    """Parts of the first images, what the model makes of them, and parts of images of the style: one PNG picture."""
    from core.visual import to_display

    pictures = []
    for number, (name, image) in enumerate(zip(names[:SHOWN], images[:SHOWN], strict=True)):
        part, other = _middle(image), number % len(style)
        styled = model.apply(part, progress.part(number / SHOWN, (number + 1) / SHOWN), device)
        pictures += [
            (name, to_display(part)),
            (f"{name}, in the style", to_display(styled)),
            (f"Wanted: {style_names[other]}", to_display(_middle(style[other]))),
        ]
    return sheet(pictures, columns=3)


def style_view(result: "StyleTrainingResult", pictures: bytes) -> Any:
    """The losses over the steps; `pictures` of `before_and_after`; the duration and the device in words."""
    history, size = result.history, result.model.config.generator

    def chart(names: dict[str, str]) -> str:
        series = {
            name: [(row["step"], row[key]) for row in history if key in row]
            for name, key in names.items()
            if key in history[-1]
        }
        return line_chart(series, "Step", "Loss")

    charts = [chart(ADVERSARIAL), chart(CONTRASTIVE)]
    steps = amount(int(history[-1]["step"]), "step")
    text = (
        f"Trained for {steps} in {result.seconds:.0f} s on {result.device}. Network of {amount(size.width, 'channel')} "
        f"and {amount(size.blocks, 'block')}."
    )
    words = "Parts of the first images before and after, and of target images; contrast is stretched."
    picture = f'<img alt="{words}" style="max-width:100%" src="data:image/png;base64,{_text(pictures)}">'
    html = page("Style training", paragraph(text), side_by_side(*charts), paragraph(words), picture)
    return node_view(html, pictures, *charts)


def _middle(image: "Image") -> "Image":
    """The middle of an image as large as it is shown; of a stack the middle slice."""
    from core.planes import project

    plane = project(image, middle=True)
    height, width = plane.size("Y"), plane.size("X")
    y, x = max(0, (height - THUMB) // 2), max(0, (width - THUMB) // 2)
    return replace(plane, array=plane.array[..., y : y + THUMB, x : x + THUMB])


def _text(png: bytes) -> str:
    return base64.b64encode(png).decode()
