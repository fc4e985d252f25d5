"""Fragments and the objects that they became, as a page and as pictures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from nodes.views.html import page, paragraph
from nodes.views.node_view import node_view
from nodes.views.overlay import COLORS, FILLED, SCRIPTS, STYLE, viewer
from nodes.views.slides import Album, Layer
from nodes.views.stage import read
from nodes.views.styled import LONGEST, beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.image import Image, Labels

BRIGHT = ("Above the threshold", COLORS["second"])
FRAGMENTS, OBJECTS = ("Fragments", COLORS["first"]), ("Objects", COLORS["found"])


def layers_of(*, connected: bool) -> list[tuple[str, str]]:
    """Names and colours of the layers, the topmost last; bright pixels where they connect fragments."""
    return [*([BRIGHT] if connected else []), FRAGMENTS, OBJECTS]


def album_of(most: int, rows: int, *, connected: bool) -> Album:
    """An album of so many slides at most, of so many rows."""
    return Album(most, rows, [color for _, color in layers_of(connected=connected)])


def add(
    album: Album,
    title: str,
    caption: str,
    image: "Image | None",
    fragments: "Image",
    objects: "Image",
    bright: "NDArray[np.bool_] | None",
) -> None:
    """Take an image, of a stack the slice with most fragments; bright pixels as pieces that hang together."""
    from scipy import ndimage

    from core.planes import fullest, slice_of

    z, depth = fullest(fragments.array), fragments.size("Z")
    caption += f"; slice {z + 1} of {depth}" if depth > 1 else ""
    shown = [slice_of(fragments, z), slice_of(objects, z)]
    if bright is not None:
        pieces = ndimage.label(bright.reshape(-1, *bright.shape[-2:])[z], np.ones((3, 3)))[0]
        shown.insert(0, shown[0].with_array(pieces.astype(np.int32), "YX", "labels"))
    album.add(title, caption, image and slice_of(image, z), [Layer(one) for one in shown])


def preview(image: "Image | None", fragments: "Image", objects: "Image") -> bytes:
    """Fragments and objects side by side, outlined in one colour per number, as a PNG file's content.

    Of a stack it is the slice with most fragments; without image the ground is black.
    """
    import PIL.Image

    from core.planes import fullest, slice_of
    from core.visual import png_bytes, to_display

    z = fullest(fragments.array)
    planes = [slice_of(one, z).array for one in (fragments, objects)]
    step = -(-max(planes[0].shape) // LONGEST)
    small = [plane[::step, ::step] for plane in planes]
    ground = np.zeros(planes[0].shape, np.uint8) if image is None else to_display(slice_of(image, z))
    size = small[0].shape[::-1]
    picture = np.array(PIL.Image.fromarray(ground).convert("RGB").resize(size, PIL.Image.Resampling.BOX))
    return png_bytes(beside([_coloured(picture, plane) for plane in small]))


def _coloured(picture: "NDArray[np.uint8]", labels: "Labels") -> "NDArray[np.uint8]":
    from core.visual import color_labels, outlines

    return np.where(outlines(labels)[..., None], color_labels(labels), picture)


def grouped_view(album: Album, rule: str, *, connected: bool) -> Any:
    """Images with the outlines of objects; those of fragments, and of what connects them, can be switched on.

    Parameters
    ----------
    rule : what makes fragments one object, a sentence.
    """
    layers = layers_of(connected=connected)
    hidden = [name for name, _ in layers if name != OBJECTS[0]]
    images = viewer(album, layers, album.note("first"), hidden=hidden, each=True)
    script = read(*SCRIPTS) if album.slides else ""
    html = page("Grouped objects", paragraph(rule, "note"), images, style=read(*STYLE) + FILLED, script=script)
    return node_view(html, album.sheet())
