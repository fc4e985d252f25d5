"""Image files as images: from any supported format to one order of axes, pixel sizes in micrometres."""

from pathlib import Path

import numpy as np

from core.errors import ImageReadError
from core.image import Image
from core.io.axes import Pages
from core.io.drawn import SUFFIXES as DRAWN
from core.io.drawn import read_drawn
from core.io.formats import sniff_file
from core.io.raster import read_raster
from core.io.tiff import read_tiff

SUFFIXES = (".tif", ".tiff", ".lsm", ".svs", ".png", ".jpg", ".jpeg", ".bmp")
"""Names of files that are looked for in folders; what a file is, its content says."""


def read_image(path: Path | str, pages: Pages = "Z") -> Image:
    """The image in a file.

    Axes come in the order TCZYX, those of length 1 are dropped (Y and X stay). A colour picture is CYX with the channel
    names red, green, blue; one whose colours are equal is grey YX. Of several images in a file the largest is read,
    the first among equals. Pixel sizes come from OME-XML, from ImageJ, or from TIFF tags if a microscope can have them.

    Parameters
    ----------
    path : a TIFF (OME, ImageJ, plain, LSM, SVS), PNG, JPEG or BMP file, up to 2 GiB of pixels.
    pages : what the pages of a TIFF mean that does not say it: Z slices, C channels or T time points.

    Raises
    ------
    ImageReadError : the file is missing, unreadable, damaged, or of a format that is not supported.
    """
    path = Path(path)
    return read_tiff(path, pages) if sniff_file(path) == "tiff" else read_raster(path)


def read_labels(path: Path | str, shape: tuple[int, int] | None = None, *, stacks: bool = False) -> Image:
    """The label image in a file: 0 background, one positive number per object.

    Accepted are whole numbers of any type (also stored as float or as a palette), black and white masks, and regions
    that were drawn in ImageJ or QuPath.

    Parameters
    ----------
    path : a TIFF, PNG or BMP file; a .zip or .roi of ImageJ or a .geojson of QuPath.
    shape : Y and X of the image that the labels belong to, px; files of regions do not say it.
    stacks : whether a stack of slices is taken too.

    Returns
    -------
    Image of kind "labels", axes YX, or ZYX of a stack; int32.

    Raises
    ------
    ImageReadError : the file cannot be read, or holds colours, a stack, or numbers that cannot be labels.
    """
    path = Path(path)
    where = str(path)
    if path.suffix.lower() in DRAWN:
        if shape is None:
            raise ImageReadError("Regions do not say how large the image is that they were drawn on.", where=where)
        return Image(read_drawn(path, shape), "YX", {}, (), "labels")
    family = sniff_file(path)
    if family == "jpeg":
        raise ImageReadError(
            "A JPEG changes pixels, it cannot hold labels.", where=where, todo="Save labels as TIFF or PNG."
        )
    image = read_tiff(path, "Z") if family == "tiff" else read_raster(path, palette_as_numbers=True)
    array = image.array
    if image.axes == "CYX" and image.size("C") in (3, 4):
        raise ImageReadError(
            "These labels are colours, and a colour does not say which pixels are one object.",
            where=where,
            todo="Save the label numbers as 16-bit grey TIFF or PNG.",
        )
    if image.axes != "YX" and not (stacks and image.axes == "ZYX"):
        wanted = "YX, or ZYX of a stack" if stacks else "YX"
        raise ImageReadError(
            f"A label image has the axes {wanted}, this one has {image.axes} (shape {array.shape}).",
            where=where,
            todo="Save one label image per file.",
        )
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.rint(array)).all()):
        raise ImageReadError(
            "Labels are whole numbers, this image has others.",
            where=where,
            todo="Check that this is the label image, and not the picture or a probability map.",
        )
    if array.size and array.min() < 0:
        raise ImageReadError(
            f"Labels cannot be negative, the least is {array.min()}.", where=where, todo="Use 0, 1, 2, ..."
        )
    if array.size and array.max() >= 2**31:
        raise ImageReadError(
            f"Labels go up to {np.iinfo(np.int32).max}, this image has {array.max()}.",
            where=where,
            todo="Number the objects anew from 1.",
        )
    return Image(array.astype(np.int32), image.axes, image.pixel_size, (), "labels")
