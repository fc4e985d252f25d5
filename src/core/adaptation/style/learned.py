"""A style that was learned by a network, given to images under the rules of all styles."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.adaptation.style.method import NO_CONTRAST, Planes, as_planes, check_image, depths
from core.image import Image
from core.progress import SILENT, Progress


def translate(
    apply: Callable[[Image, Progress], Image], image: Image, *, padding: bool = True, progress: Progress = SILENT
) -> tuple[Image, list[str]]:
    """An image in a learned style, and what is doubtful about it, as of `Style.transfer`.

    Parameters
    ----------
    apply : gives an image the style, and leaves its size and axes, as `core.adaptation.style.model.StyleModel.apply`.
    padding : zeros that fill the image up, see `padding`, stay zero.

    Raises
    ------
    UserInputError : the image is one of labels, or none that `apply` takes.
    """
    check_image(image)
    planes = Planes.of(image, padding, progress)
    if not planes.varies.any():
        return image, [f"{NO_CONTRAST}; it stays as it is."]
    found = apply(image, progress)
    array = found.array
    if any(data is not None for data in planes.data):
        array = np.array(array)
        for plane, data in zip(as_planes(array, image), planes.data, strict=True):
            if data is not None:
                plane[:, ~data] = 0
    return replace(found, array=array), [*planes.padding_doubt(), *depths(image.array.dtype, array.dtype)]
