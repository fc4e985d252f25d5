"""The images of a view as one picture, for reports."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.image import Image

THUMB = 240
"""Longest side of a picture on the sheet, pixels."""


def thumb(image: Image | None, layers: Sequence[Image], colors: Sequence[str]) -> NDArray[np.uint8]:
    """A small picture with the outlines of all layers, axes YX3."""
    import PIL.Image

    from core.visual import outlined, to_display

    shape = layers[0].array.shape
    display = np.zeros(shape, np.uint8) if image is None else to_display(image)
    scale = min(1.0, THUMB / max(shape))
    height, width = (max(1, round(n * scale)) for n in shape)
    small = np.array(PIL.Image.fromarray(display).convert("RGB").resize((width, height), PIL.Image.Resampling.BOX))
    rows, columns = (np.arange(n) * whole // n for n, whole in zip((height, width), shape, strict=True))
    for labels, color in zip(layers, colors, strict=False):
        red, green, blue = bytes.fromhex(color[1:])
        small = outlined(small, labels.array[np.ix_(rows, columns)], (red, green, blue))
    return small


def sheet(pictures: Sequence[tuple[str, NDArray[np.uint8]]], most: int = 12, columns: int = 4) -> bytes:
    """Titles and pictures of `thumb`, the first ones, as one PNG picture: a content for reports."""
    import PIL.Image
    import PIL.ImageDraw

    shown, gap, line = pictures[:most], 12, 18
    columns = max(1, min(columns, len(shown)))
    rows = [shown[i : i + columns] for i in range(0, len(shown), columns)]
    heights = [max(picture.shape[0] for _, picture in row) + line + gap for row in rows]
    page = PIL.Image.new("RGB", (gap + columns * (THUMB + gap), gap + sum(heights) if rows else 2 * gap), "white")
    draw, top = PIL.ImageDraw.Draw(page), gap
    for row, height in zip(rows, heights, strict=True):
        for column, (title, picture) in enumerate(row):
            left = gap + column * (THUMB + gap)
            page.paste(PIL.Image.fromarray(picture), (left, top))
            text = title if len(title) <= 36 else title[:35] + "..."
            text = text.encode("latin-1", "replace").decode("latin-1")
            draw.text((left, top + picture.shape[0] + 3), text, fill="black")
        top += height
    buffer = io.BytesIO()
    page.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
