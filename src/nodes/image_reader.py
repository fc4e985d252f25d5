"""Microscopy Image Reader."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import NewRows
from nodes.columns import IMAGE, LABELS, png_type, tensor_type
from nodes.paths import HOW, check_path, resolve
from nodes.running import plain_errors, progress_of, warn
from nodes.settings import CATEGORY

if TYPE_CHECKING:
    from core.image import Image
    from core.io.pairs import Pair


class MissingLabels(knext.EnumParameterOptions):
    """What to do where an image has no labels."""

    MISSING = (
        "Missing cell",
        "The image comes without labels; there is a warning where others have some, or where it is set where they are.",
    )
    FAIL = ("Fail", "Stop and name the images: every image must have labels.")


class Colours(knext.EnumParameterOptions):
    """What becomes of colour pictures."""

    KEEP = ("Three channels", "Red, green and blue become three channels.")
    GREY = ("Grey", "One channel, as bright as the eye sees the colour.")


class Stacks(knext.EnumParameterOptions):
    """What becomes of Z-stacks."""

    REFUSE = ("Refuse", "Stop and name the file.")
    MAXIMUM = ("Maximum projection", "The brightest value of all slices, pixel by pixel.")
    MIDDLE = ("Middle slice", "The slice in the middle of the stack.")
    KEEP = ("Keep as stack", "All slices; labels are stacks of as many slices.")


class Pages(knext.EnumParameterOptions):
    """What the pages of a TIFF are that does not say it."""

    Z = ("Slices", "Pages are slices of a Z-stack.")
    C = ("Channels", "Pages are channels.")


@knext.parameter_group("Labels")
class LabelSettings:
    """Labels are images in which 0 is background and every object has a number of its own."""

    pattern = knext.StringParameter(
        "Where the labels are (empty: found by themselves)",
        "Labels are found by themselves in a folder `labels` or `masks` beside the folder `images` or below the "
        "images, or in files with `_labels`, `_mask` or `_rois` behind the name. Otherwise a folder, or a pattern in "
        "which `{name}` is the name of the image, for instance `../truth/{name}.tif` or `{name}_nuclei`.",
        "",
    )
    missing = knext.EnumParameter(
        "Images without labels",
        "What to do with an image that no labels are found for.",
        MissingLabels.MISSING.name,
        MissingLabels,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )


@knext.parameter_group("Pixels", is_advanced=True)
class PixelSettings:
    """How files become images."""

    colours = knext.EnumParameter(
        "Colour pictures",
        "A picture whose colours are equal is grey in any case.",
        Colours.KEEP.name,
        Colours,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    stacks = knext.EnumParameter(
        "Z-stacks",
        "What to do with a stack of slices.",
        Stacks.REFUSE.name,
        Stacks,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    pages = knext.EnumParameter(
        "Pages of plain TIFF files",
        "What the pages of a TIFF are that does not say it itself.",
        Pages.Z.name,
        Pages,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    pixel_size = knext.DoubleParameter(
        "Pixel size (µm, 0: as the file says)", "Width and height of a pixel in micrometres.", 0.0, min_value=0.0
    )
    pixel_size_z = knext.DoubleParameter(
        "Distance of slices (µm, 0: as the file says)",
        "From one slice of a stack to the next, in micrometres.",
        0.0,
        min_value=0.0,
        since_version="0.2.0",
    ).rule(knext.OneOf(stacks, [Stacks.KEEP.name]), knext.Effect.SHOW)


COLUMNS = (
    (IMAGE, tensor_type),
    (LABELS, tensor_type),
    ("Name", knext.string),
    ("Path", knext.string),
    ("Group", knext.string),
    ("Width", knext.int32),
    ("Height", knext.int32),
    ("Channels", knext.int32),
    ("Pixel size (µm)", knext.double),
)

STACK_COLUMNS = (("Slices", knext.int32), ("Distance of slices (µm)", knext.double))
"""Behind those where stacks are kept."""


@knext.node(
    "Microscopy Image Reader",
    knext.NodeType.SOURCE,
    "icons/image_reader.png",
    CATEGORY,
    id="MicroscopyImageReader",
    keywords=["image", "microscopy", "read", "import", "TIFF", "OME-TIFF", "ImageJ", "QuPath", "PNG", "labels", "mask"],
)
@knext.output_table(
    "Images",
    "One row per image: *Image* with its pixels, *Labels* (missing where there are none), *Name*, *Path* and "
    "*Group* (the sub-folder) of its file, *Width* and *Height* in pixels, *Channels*, *Pixel size (µm)* as the "
    "file states it, and *Image preview*, a picture to look at. Where stacks are kept, also *Slices* and *Distance of "
    "slices (µm)*.",
)
class MicroscopyImageReader:
    """Reads the images of a folder, and the labels that belong to them.

    Use it to begin a workflow: **give the folder**, everything else is found. Labels are images in which the background
    is 0 and every object has its own number, or regions that were drawn in Fiji (ROI Manager) or QuPath (GeoJSON). They
    are needed for training and scoring only; without them the column *Labels* stays empty. For whole slides and mosaics
    take the *Large Image Predictor* or the *Large Image Tiler*, which read a file part by part; where you have no
    images yet, the *Nuclei Simulator*.

    Read are TIFF (OME-TIFF, ImageJ, LSM, SVS, plain), PNG, JPEG and BMP, 8 and 16 bit or floating point, grey, colour
    or with any number of channels. Pixel sizes are taken from the file. Regions (`.zip`, `.roi`, `.geojson`) become
    label images of the image's size. The images keep all their bits; the preview is a picture with stretched contrast,
    made only to be looked at.

    **Example:** the folder `plate1` holds `images/A01.tif` to `images/A24.tif` and `labels/A01.tif` to
    `labels/A24.tif`. Give its path as the folder: the table has 24 rows, each with its labels. If image and labels lie
    side by side, as `A01.tif` and `A01_nuclei.tif`, set *Where the labels are* to `{name}_nuclei`; regions in `A01.zip`
    beside `A01.tif` are found by themselves.

    **Stacks:** *Z-stacks* (advanced) says what becomes of them: a projection, the middle slice, or all of it with *Keep
    as stack*. Then labels must be stacks of as many slices; what is one object through several slices has one number in
    all of them. The *Segmentation Learner* takes the slices as images to learn from, the *Segmentation Predictor* finds
    objects in three dimensions.

    **Limits:** one image is taken of a file, of at most 2 GiB; time series are refused. All images are copied into
    the table, so it takes as much space on the disk: 1,000 images of 1024 x 1024 pixels in 16 bit take up to 2 GB,
    and their labels 4 GB. Black-and-white masks in place of labels count as one object, of which later nodes warn.

    **Literature:** [Goldberg et al. 2005](https://doi.org/10.1186/gb-2005-6-5-r47), The Open Microscopy Environment
    (OME) data model and XML file, Genome Biology (what an OME-TIFF says about itself).
    """

    folder = knext.StringParameter(
        "Folder of the images", "The folder of the images, or one that holds them in a sub-folder `images`. " + HOW, ""
    )
    pattern = knext.StringParameter(
        "Names of the files",
        "Which files are images: `*` stands for any text, `?` for one character, for instance `*.tif` or `*_dapi*`. "
        "`{name}` stands for any text too, and is the name that the labels share: `{name}_dapi`.",
        "*",
    )
    recursive = knext.BoolParameter(
        "Include sub-folders",
        "Read the images of sub-folders too; the column *Group* then names the sub-folder.",
        False,
    )
    previews = knext.BoolParameter("Append previews", "Append a picture of each image that KNIME's table shows.", True)
    labels = LabelSettings()
    pixels = PixelSettings()

    def configure(self, ctx: Any) -> Any:
        """The columns, which no setting but the previews changes."""
        check_path(self.folder, "folder of images")
        return knext.Schema.from_columns(self._columns())

    def execute(self, ctx: Any) -> Any:
        """One row per image."""
        with plain_errors():
            from core.io.pairs import find_pairs

            folder = resolve(ctx, self.folder, "folder of images")
            progress = progress_of(ctx)
            progress.step(0.0, "Looking for images")
            pairs = find_pairs(folder, self.pattern.strip() or "*", self.labels.pattern.strip(), self.recursive)
            warn(ctx, self._missing(pairs))
            table = NewRows(self._columns())
            for done, pair in enumerate(pairs):
                progress.step(done / len(pairs), f"{pair.name} ({done + 1} of {len(pairs)})")
                table.add(pair.name, self._row(pair, folder))
            return table.finish()

    def _columns(self) -> list[Any]:
        preview = [knext.Column(png_type(), "Image preview")] if self.previews else []
        columns = (*COLUMNS, *STACK_COLUMNS) if self._keeps() else COLUMNS
        return [knext.Column(kind(), name) for name, kind in columns] + preview

    def _keeps(self) -> bool:
        """Whether stacks stay stacks."""
        return bool(self.pixels.stacks == Stacks.KEEP.name)

    def _missing(self, pairs: "Sequence[Pair]") -> list[str]:
        """Warnings about images without labels."""
        from core.errors import UserInputError

        without = [pair.name for pair in pairs if pair.labels is None]
        if without and self.labels.missing == MissingLabels.FAIL.name:
            raise UserInputError(
                f"{len(without)} of {len(pairs)} images have no labels: {listed(without)}.",
                todo="Add label files of the same name, or say where the labels are.",
            )
        told = self.labels.pattern.strip()
        if 0 < len(without) < len(pairs) or (without and told):
            todo = f" Check where the labels are: {told!r}." if told else ""
            return [f"{len(without)} of {len(pairs)} images have no labels: {listed(without)}.{todo}"]
        return []

    def _row(self, pair: "Pair", folder: Path) -> list[Any]:
        from core.io.read import read_image, read_labels
        from core.visual import png_bytes, to_display

        image = self._prepared(read_image(pair.image, "C" if self.pixels.pages == Pages.C.name else "Z"), pair.image)
        size = (image.size("Y"), image.size("X"))
        labels = read_labels(pair.labels, size, stacks=self._keeps()) if pair.labels else None
        if labels is not None:
            _refuse_other_size(pair, image, labels)
            labels = image.with_array(labels.array, labels.axes, "labels")
        group = _below(pair.image.parent, folder)
        return [
            image,
            labels,
            pair.name,
            str(pair.image),
            group,
            image.size("X"),
            image.size("Y"),
            image.size("C"),
            image.pixel_size.get("X"),
            *([image.size("Z"), image.pixel_size.get("Z")] if self._keeps() else []),
            *([png_bytes(to_display(image))] if self.previews else []),
        ]

    def _prepared(self, image: "Image", path: Path) -> "Image":
        """The image as a 2-D image, or a stack where these are kept, with the pixel size that was set."""
        from dataclasses import replace

        from core.errors import UserInputError
        from core.planes import project, to_grey

        if image.size("T") > 1:
            raise UserInputError(
                f"The file is a time series of {image.size('T')} images.",
                where=str(path),
                todo="Export its time points as files of their own.",
            )
        if image.size("Z") > 1 and self.pixels.stacks == Stacks.REFUSE.name:
            raise UserInputError(
                f"The file is a Z-stack of {image.size('Z')} slices, a 2-D image is needed.",
                where=str(path),
                todo="Set in the node's dialog, under Pixels, what to do with Z-stacks; or that the pages of plain "
                "TIFF files are channels, if these are.",
            )
        if not self._keeps():
            image = project(image, middle=self.pixels.stacks == Stacks.MIDDLE.name)
        if self.pixels.colours == Colours.GREY.name:
            image = to_grey(image)
        if self.pixels.pixel_size > 0:
            z = {axis: size for axis, size in image.pixel_size.items() if axis == "Z"}
            image = replace(image, pixel_size=z | {"Y": self.pixels.pixel_size, "X": self.pixels.pixel_size})
        if self.pixels.pixel_size_z > 0 and image.size("Z") > 1:
            image = replace(image, pixel_size={**image.pixel_size, "Z": self.pixels.pixel_size_z})
        return image


def _refuse_other_size(pair: "Pair", image: "Image", labels: "Image") -> None:
    from core.errors import UserInputError

    sizes = [
        " x ".join(str(one.size(axis)) for axis in "XYZ" if axis != "Z" or one.size("Z") > 1) for one in (labels, image)
    ]
    if sizes[0] != sizes[1]:
        raise UserInputError(
            f"The labels are {sizes[0]} pixels, the image {pair.image} is {sizes[1]}.",
            where=str(pair.labels),
            todo="Give labels of the image's size, or move this file away.",
        )


def _below(folder: Path, root: Path) -> str | None:
    """The path of a folder below another, without the sub-folder `images`; None for the folder itself."""
    from core.io.pairs import IMAGE_FOLDERS

    parts = [part for part in folder.relative_to(os.path.normpath(root)).parts if part.lower() not in IMAGE_FOLDERS]
    return "/".join(parts) or None
