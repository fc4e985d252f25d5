"""Segmentation Label Writer."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import Row, rows, small_table
from nodes.columns import (
    IMAGE,
    LABELS,
    NONE,
    PREDICTED,
    check_optional_column,
    find_column,
    is_chosen,
    is_image,
    is_text,
)
from nodes.paths import HOW, check_path, free_name, output_folder, safe_name
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY
from nodes.writer_settings import SelectionSettings

if TYPE_CHECKING:
    from core.tensor_cell import Header

BESIDE = ("Image", ".ome.tif")
"""Name and ending of the image itself; labels of the same ending then have another name."""

FORMATS = (
    ("ome_tiff", "OME-TIFF", ".ome.tif"),
    ("roi_zip", "ImageJ ROI", "_rois.zip"),
    ("geojson", "GeoJSON", ".geojson"),
)
"""The parameter, the name and the ending of every format."""


class Existing(knext.EnumParameterOptions):
    """What to do with files of these names."""

    FAIL = ("Fail", "Stop before anything is written.")
    OVERWRITE = ("Overwrite", "Replace each file, once the new one is whole.")


@knext.parameter_group("Formats")
class FormatSettings:
    """What to write for every image."""

    ome_tiff = knext.BoolParameter(
        "OME-TIFF", "The label image with its pixel size, for Fiji, QuPath, napari and other programs.", True
    )
    roi_zip = knext.BoolParameter("ImageJ ROIs (zip)", "The outlines for the ROI Manager of ImageJ and Fiji.", False)
    geojson = knext.BoolParameter("GeoJSON", "The outlines as detections for QuPath.", False)


@knext.node(
    "Segmentation Label Writer",
    knext.NodeType.OTHER,
    "icons/label_writer.png",
    CATEGORY,
    id="SegmentationLabelWriter",
    keywords=["write", "save", "export", "labels", "mask", "OME-TIFF", "ImageJ", "Fiji", "ROI", "QuPath", "GeoJSON"],
)
@knext.input_table(
    "Label images",
    "A column of label images in which 0 is background and every object has its own number; perhaps one of text for "
    "the names of the files, one of images, and one of numbers that tell which images are least certain.",
)
@knext.output_table(
    "Files",
    "One row per image that was written, with the paths of its files: one column per format that was chosen, named "
    "after it, for instance `OME-TIFF file`, and `Image file` where images are written.",
)
class SegmentationLabelWriter:
    """Writes label images as files for other programs.

    Use it to go on in **Fiji** or **QuPath**: label images as OME-TIFF, outlines as ImageJ ROIs or as GeoJSON. A file
    appears when it is whole: where the disk is full, what stood there before stays. Counts and measures are tables:
    write these with KNIME's *CSV Writer*. The *Large Image Predictor* writes its labels itself, as OME-Zarr.

    - **OME-TIFF** holds the numbers of the objects and the pixel size; every program that opens TIFF shows it.
    - **ImageJ ROIs** are a zip file: drag it onto Fiji, and the ROI Manager lists one region per object.
    - **GeoJSON** are detections: drag the file onto the open image in QuPath.

    **Correcting labels**, so that a model learns from them, takes five steps. (1) Segment with the *Segmentation
    Predictor*, with *Estimate the uncertainty of the count* on. (2) Write with this node: *The least certain*, the
    *Image column*, and *ImageJ ROIs (zip)* as the only format; so `A01.ome.tif` and `A01_rois.zip` lie beside each
    other. (3) In Fiji, open the image and drag the zip onto it; in the ROI Manager delete what is wrong, draw what is
    missing (Add), correct outlines (Update), and save all under the old name (More, Save). (4) Read the folder
    with the *Microscopy Image Reader*, which finds the pairs. (5) Connect it to the *Segmentation Retrainer*. Begin
    again with its model until the least certain images are good enough. With several formats in one folder, tell the
    *Microscopy Image Reader* which one holds the corrections: *Where the labels are* is `{name}_rois` for ROIs,
    `{name}_labels` for OME-TIFF.

    **Example:** eight rows, the folder `results`, *OME-TIFF* and *GeoJSON* turned on: 16 files are written, of a row
    `A01` the files `A01.ome.tif` and `A01.geojson`, and the output table has their paths. Executed again, the node
    stops before anything is written, unless *If files exist* is *Overwrite*. With *Write* set to *The least certain*
    and *How many* to 2, the files of the two rows with the smallest *Object agreement* are written.

    **Limits:** Z-stacks can be written as OME-TIFF only, which Fiji opens as a stack; outlines are of 2-D images.
    ImageJ's regions end at 32,767 pixels a side; write GeoJSON for larger images. Outlines cover exactly the pixels
    of their objects, as steps along the pixels, and are not smoothed.

    **Literature:**

    - [Schindelin et al. 2012](https://doi.org/10.1038/nmeth.2019), Fiji: an open-source platform for biological-image
      analysis, Nature Methods.
    - [Bankhead et al. 2017](https://doi.org/10.1038/s41598-017-17204-5), QuPath: open source software for digital
      pathology image analysis, Scientific Reports.
    - [Goldberg et al. 2005](https://doi.org/10.1186/gb-2005-6-5-r47), The Open Microscopy Environment (OME) data model
      and XML file, Genome Biology.
    """

    label_column = knext.ColumnParameter("Label column", "Label images to write.", 0, is_image)
    folder = knext.StringParameter(
        "Folder to write to", f"The folder of the files. It is created if only its last part does not exist. {HOW}", ""
    )
    name_column = knext.ColumnParameter(
        "File names from", "A column of text; *None* takes the row IDs.", 0, is_text, include_none_column=True
    )
    existing = knext.EnumParameter(
        "If files exist",
        "What to do where files of these names exist.",
        Existing.FAIL.name,
        Existing,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    image_column = knext.ColumnParameter(
        "Image column (written beside the labels)",
        "Images that are written as OME-TIFF beside their labels, so that both can be opened together and are read "
        "back as pairs; label images then have `_labels` behind their names. *None* writes no images.",
        0,
        is_image,
        include_none_column=True,
        since_version="0.2.0",
    )
    formats = FormatSettings()
    selection = SelectionSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """One column per format."""
        self.label_column = self._label_column(schema)
        self.name_column = check_optional_column(schema, self.name_column, "column of file names", is_text) or NONE
        self.image_column = check_optional_column(schema, self.image_column, "image column") or NONE
        self.selection.column = self.selection.column_in(schema) or self.selection.offered(schema)
        check_path(self.folder, "folder for the labels")
        if not self._chosen():
            raise knext.InvalidParametersError("No format is chosen. Choose at least one.")
        return knext.Schema.from_columns(self._columns())

    def execute(self, ctx: Any, table: Any) -> Any:
        """Writes the files of one image after the other."""
        with plain_errors():
            progress = progress_of(ctx)
            column = self._label_column(table.schema)
            names = check_optional_column(table.schema, self.name_column, "column of file names", is_text)
            beside = check_optional_column(table.schema, self.image_column, "image column")
            folder = output_folder(ctx, self.folder, "folder for the labels")
            plan: dict[str, list[Path]] = {}
            taken: set[str] = set()
            missing = []
            wanted = self.selection.wanted(table, column, progress)
            for row in rows(table):
                progress.step(0.0, "Checking the names")
                if row.is_missing(column) or (beside and row.is_missing(beside)):
                    missing.append(row.id)
                    continue
                if wanted is not None and row.id not in wanted:
                    continue
                self._check(row, column, beside)
                name = safe_name(str(row.value(names) or row.id) if names else row.id)
                name = free_name(name, taken)
                plan[row.id] = [folder / f"{name}{ending}" for _, ending in self._chosen()]
            files = [path for paths in plan.values() for path in paths]
            _refuse_equal(files)
            self._refuse_existing(files)
            for done, row in enumerate(row for row in rows(table) if row.id in plan):
                progress.step(done / len(plan), f"{plan[row.id][0].name} ({done + 1} of {len(plan)})")
                labels = row.labels(column, stacks=True)
                for (name, _), path in zip(self._chosen(), plan[row.id], strict=True):
                    _writer(name)(path, row.image(beside) if beside and name == BESIDE[0] else labels)
            if missing:
                what = f"{amount(len(missing), 'row')} without labels{' or image' if beside else ''}"
                warn(ctx, [f"Nothing written for {what}: {listed(missing)}."])
            written = [[str(paths[i]) for paths in plan.values()] for i in range(len(self._chosen()))]
            return small_table(self._columns(), list(plan), written)

    def _label_column(self, schema: Any) -> str:
        return find_column(schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=[IMAGE])

    def _chosen(self) -> list[tuple[str, str]]:
        """Name and ending of the files to write for every row: the formats, behind the image if there is one."""
        formats = [(name, ending) for key, name, ending in FORMATS if getattr(self.formats, key)]
        if not (formats and is_chosen(self.image_column)):
            return formats
        labels = [(name, f"_labels{ending}" if ending == BESIDE[1] else ending) for name, ending in formats]
        return [BESIDE, *labels]

    def _columns(self) -> list[Any]:
        return [knext.Column(knext.string(), f"{name} file") for name, _ in self._chosen()]

    def _check(self, row: Row, column: str, image_column: str | None) -> None:
        """Refuse a stack where a format is chosen that holds 2-D outlines only, and an image of another size."""
        from core.errors import UserInputError

        flat = [name for name, _ in self._chosen() if name not in ("OME-TIFF", BESIDE[0])]
        header = row.header(column) if flat or image_column else None
        if header is None:
            return
        size = _size(header)
        if flat and size[0] > 1:
            raise UserInputError(
                f"The labels are a Z-stack (shape {header.shape}), which {' and '.join(flat)} cannot hold.",
                where=row.at(column),
                todo="Choose OME-TIFF alone.",
            )
        image = row.header(image_column) if image_column else None
        if image is not None and _size(image) != size:
            raise UserInputError(
                f"The image has the axes {image.axes} and the shape {image.shape}, its labels {header.shape}.",
                where=row.at(str(image_column)),
                todo="Choose the image that the labels belong to.",
            )

    def _refuse_existing(self, paths: list[Path]) -> None:
        from core.errors import OutputError

        there = [path.name for path in paths if path.exists()]
        if there and self.existing == Existing.FAIL.name:
            raise OutputError(
                f"{len(there)} of the files exist already: {listed(there)}.",
                where=str(paths[0].parent),
                todo="Choose another folder, or let them be overwritten.",
            )


def _size(header: "Header") -> tuple[int, ...]:
    """Pixels along Z, Y, X."""
    return tuple(header.size(axis) for axis in "ZYX")


def _refuse_equal(paths: list[Path]) -> None:
    """Refuse names of which the labels of one image are another image."""
    from core.errors import UserInputError

    twice = [path.name for path, count in Counter(paths).items() if count > 1]
    if twice:
        raise UserInputError(
            f"Two files would have the same name: {listed(twice)}.",
            todo="Choose another column for the names of the files.",
        )


def _writer(name: str) -> Callable[[Path, Any], None]:
    """What writes a format."""
    if name == "ImageJ ROI":
        from core.io.imagej_roi import write_roi_zip

        return write_roi_zip
    if name == "GeoJSON":
        from core.io.geojson import write_geojson

        return write_geojson
    from core.io.write import write_ome_tiff

    return write_ome_tiff
