"""Segmentation Label Writer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import knime.extension as knext

from nodes.cells import Row, rows, small_table
from nodes.columns import IMAGE, LABELS, NONE, PREDICTED, check_optional_column, find_column, is_image, is_text
from nodes.paths import HOW, check_path, free_name, output_folder, safe_name
from nodes.running import amount, named, plain_errors, progress_of, warn
from nodes.settings import CATEGORY

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
    "A column of label images in which 0 is background and every object has its own number, and perhaps one of text "
    "for the names of the files.",
)
@knext.output_table(
    "Files",
    "One row per image, with the paths of its files: one column per format that was chosen, named after it, for "
    "instance `OME-TIFF file`.",
)
class SegmentationLabelWriter:
    """Writes label images as files for other programs.

    Use it to go on in **Fiji** or **QuPath**: label images as OME-TIFF, outlines as ImageJ ROIs or as GeoJSON. A file
    appears when it is whole: where the disk is full, what stood there before stays. Counts and measures are tables:
    write these with KNIME's *CSV Writer*. The *Large Image Predictor* writes its labels itself, as OME-Zarr.

    - **OME-TIFF** holds the numbers of the objects and the pixel size; every program that opens TIFF shows it.
    - **ImageJ ROIs** are a zip file: drag it onto Fiji, and the ROI Manager lists one region per object.
    - **GeoJSON** are detections: drag the file onto the open image in QuPath.

    **Example:** eight rows, the folder `results`, *OME-TIFF* and *GeoJSON* turned on: 16 files are written, of a row
    `A01` the files `A01.ome.tif` and `A01.geojson`, and the output table has their paths. Executed again, the node
    stops before anything is written, unless *If files exist* is *Overwrite*.

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
    formats = FormatSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """One column per format."""
        self.label_column = self._label_column(schema)
        self.name_column = check_optional_column(schema, self.name_column, "column of file names", is_text) or NONE
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
            folder = output_folder(ctx, self.folder, "folder for the labels")
            plan: dict[str, list[Path]] = {}
            taken: set[str] = set()
            missing = []
            for row in rows(table):
                progress.step(0.0, "Checking the names")
                if row.is_missing(column):
                    missing.append(row.id)
                    continue
                self._check(row, column)
                name = safe_name(str(row.value(names) or row.id) if names else row.id)
                name = free_name(name, taken)
                plan[row.id] = [folder / f"{name}{ending}" for _, ending in self._chosen()]
            self._refuse_existing([path for paths in plan.values() for path in paths])
            for done, row in enumerate(row for row in rows(table) if row.id in plan):
                progress.step(done / len(plan), f"{plan[row.id][0].name} ({done + 1} of {len(plan)})")
                labels = row.labels(column, stacks=True)
                for (name, _), path in zip(self._chosen(), plan[row.id], strict=True):
                    _writer(name)(path, labels)
            if missing:
                warn(ctx, [f"Nothing written for {amount(len(missing), 'row')} without labels: {named(missing)}."])
            written = [[str(paths[i]) for paths in plan.values()] for i in range(len(self._chosen()))]
            return small_table(self._columns(), list(plan), written)

    def _label_column(self, schema: Any) -> str:
        return find_column(schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=[IMAGE])

    def _chosen(self) -> list[tuple[str, str]]:
        """Name and ending of the formats to write."""
        return [(name, ending) for key, name, ending in FORMATS if getattr(self.formats, key)]

    def _columns(self) -> list[Any]:
        return [knext.Column(knext.string(), f"{name} file") for name, _ in self._chosen()]

    def _check(self, row: Row, column: str) -> None:
        """Refuse a stack where a format is chosen that holds 2-D outlines only."""
        from core.errors import UserInputError

        flat = [name for name, _ in self._chosen() if name != "OME-TIFF"]
        header = row.header(column) if flat else None
        if header and dict(zip(header.axes, header.shape, strict=True)).get("Z", 1) > 1:
            raise UserInputError(
                f"The labels are a Z-stack (shape {header.shape}), which {' and '.join(flat)} cannot hold.",
                where=row.at(column),
                todo="Choose OME-TIFF alone.",
            )

    def _refuse_existing(self, paths: list[Path]) -> None:
        from core.errors import OutputError

        there = [path.name for path in paths if path.exists()]
        if there and self.existing == Existing.FAIL.name:
            raise OutputError(
                f"{len(there)} of the files exist already: {named(there)}.",
                where=str(paths[0].parent),
                todo="Choose another folder, or let them be overwritten.",
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
