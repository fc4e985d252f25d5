"""PNG, JPEG and BMP: 8 or 16 bit, grey or colour, without pixel size.

The resolution that such files carry is that of a printer or screen (72 dpi), never a microscope's: it is not read.
The EXIF orientation of a JPEG is not applied: pixels come as they are stored, as Fiji and QuPath show them, and as
they lie in label images that were drawn on them.
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.image import Image
from core.io.axes import canonical, simplify_colour

FAULTS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Pillow and libpng raise for damaged files."""

_DIRECT = ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "I", "F")


def read_raster(path: Path, *, palette_as_numbers: bool = False) -> Image:
    """A PNG, JPEG or BMP file.

    Parameters
    ----------
    palette_as_numbers : give the numbers that a picture with a palette stores (label images) rather than its colours.

    Raises
    ------
    ImageReadError : the file is damaged, a printer's CMYK picture, or too large.
    """
    try:
        array = _read(path, palette_as_numbers)
    except ImageReadError:
        raise
    except PIL.Image.DecompressionBombError as error:
        raise ImageReadError(
            "The picture has more than 179 million pixels.", where=str(path), todo="Save it as TIFF, or crop it."
        ) from error
    except FAULTS as error:
        raise ImageReadError(
            f"The file is damaged or incomplete ({error}).", where=str(path), todo="Copy or export it again."
        ) from error
    names: tuple[str, ...] = ()
    if array.ndim == 3:
        array, names = simplify_colour(array, 2)
    array, axes = canonical(array, "YXC"[: array.ndim], "Z")
    return Image(array, axes, {}, names if "C" in axes else ())


def _read(path: Path, palette_as_numbers: bool) -> NDArray[Any]:
    """Axes YX or YXC."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # half of what is refused is still welcome
        picture = PIL.Image.open(path)
    with picture:
        if _has_16_bit_colour(path):  # Pillow would reduce it to 8 bit without a word
            array: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
            return array
        if picture.mode in ("P", "PA") and not palette_as_numbers:
            return np.array(picture.convert("RGBA"))
        if picture.mode not in (*_DIRECT, "P"):
            raise ImageReadError(
                f"Its colours are of the kind {picture.mode}, which is made for printing.",
                where=str(path),
                todo="Save it as grey or RGB.",
            )
        return np.array(picture)


def _has_16_bit_colour(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(26)
    return start[:4] == b"\x89PNG" and len(start) == 26 and start[24] == 16 and start[25] != 0
