"""A style that was learned by a network, given to images under the rules of all styles."""

from dataclasses import replace
from typing import Protocol

import numpy as np

from core.adaptation.style.method import NO_CONTRAST, Planes, as_planes, check_image, depths
from core.image import Image
from core.progress import SILENT, Progress


class Translator(Protocol):
    """What gives an image another look; `core.adaptation.style.model.StyleModel` is one."""

    def apply(self, image: Image, progress: Progress = SILENT) -> Image:
        """The image in the style: same size and axes."""


def translate(
    translator: Translator, image: Image, *, padding: bool = True, progress: Progress = SILENT
) -> tuple[Image, list[str]]:
    """An image in a learned style, and what is doubtful about it, as of `Style.transfer`.

    Parameters
    ----------
    image : of the axes and channels that the translator takes.
    padding : zeros that fill the image up, see `padding`, stay zero.

    Raises
    ------
    UserInputError : the image is one of labels, or none that the translator takes.
    """
    check_image(image)
    planes = Planes.of(image, padding, progress)
    if not planes.varies.any():
        return image, [f"{NO_CONTRAST}; it stays as it is."]
    found = translator.apply(image, progress)
    array = found.array
    if any(data is not None for data in planes.data):
        array = np.array(array)
        for plane, data in zip(as_planes(array, image), planes.data, strict=True):
            if data is not None:
                plane[:, ~data] = 0
    return replace(found, array=array), depths(image.array.dtype, array.dtype)
