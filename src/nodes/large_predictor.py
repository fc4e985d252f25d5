"""Large Image Predictor."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import NewRows, rows
from nodes.columns import (
    check_optional_column,
    find_column,
    is_text,
    plain_columns,
    png_type,
    unique_names,
)
from nodes.large_settings import ClusterSettings, damaged_parameter, pages_parameter
from nodes.objects import COUNTS, count_values, object_columns, read_objects, write_objects
from nodes.paths import HOW, check_path, free_name, image_name, output_folder, resolve, safe_name
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, warn
from nodes.settings import CATEGORY, ThresholdSettings, connected, device_parameter, engine_parameter

if TYPE_CHECKING:
    from core.blockwise.config import BlockwiseConfig
    from core.blockwise.segment import Segmented
    from core.progress import Progress

PREVIEW = 1024
"""Longest side of the preview in pixels."""

COLUMNS = (
    ("Image ID", knext.string),
    *COUNTS,
    ("Width", knext.int32),
    ("Height", knext.int32),
    ("Level", knext.int32),
    ("Pixel size (µm)", knext.double),
    ("Labels folder", knext.string),
    ("Objects file", knext.string),
    ("View file", knext.string),
    ("Preview", png_type),
)


class Version(knext.EnumParameterOptions):
    """Of OME-Zarr."""

    V04 = ("0.4", "Opens in older programs, too.")
    V05 = ("0.5", "The current version.")


class Existing(knext.EnumParameterOptions):
    """What to do where there are results already."""

    CONTINUE = (
        "Continue",
        "Results of the same image, model and settings are taken, or completed if the node was stopped. Others are "
        "left as they are, and the node fails.",
    )
    REPLACE = (
        "Replace",
        "Other results of this node are deleted, once it is clear that the image can be segmented. Work that was "
        "stopped is completed.",
    )


@knext.parameter_group("Computing", is_advanced=True)
class ComputeSettings:
    """Where and how to compute; the result stays the same within rounding."""

    device = device_parameter()
    engine = engine_parameter()
    tile = knext.IntParameter(
        "Tile size (pixels)",
        "Side of the tiles that the network sees, 256 to 4096. Larger ones take more memory and a little less time.",
        704,
        min_value=256,
        max_value=4096,
    )


@knext.node(
    "Large Image Predictor",
    knext.NodeType.PREDICTOR,
    "icons/large_predictor.png",
    CATEGORY,
    id="LargeImagePredictor",
    keywords=["whole slide", "WSI", "mosaic", "large", "OME-Zarr", "SVS", "pyramid", "segment", "count", "Dask"],
)
@knext.input_port("Model", "A trained, retrained or pretrained model.", model_port)
@knext.input_table(
    "Files",
    "One row per image: a column of text with the paths of image files or OME-Zarr folders. Other columns that hold "
    "no images are carried. Without this table the one image is taken that is set.",
    optional=True,
)
@knext.output_table(
    "Results",
    "One row per image: *Image ID*, *Count*, *Density (1/mm²)*, *Covered area (%)*, *Mean area (px)*, *Mean area "
    "(µm²)*; *Width*, *Height* (pixels), *Level* and *Pixel size (µm)* of the resolution that was taken; *Labels "
    "folder*, *Objects file* and *View file*, the paths of what was written; *Preview*, a picture with outlines.",
)
@knext.output_table(
    "Objects",
    "One row per object: *Image*, *Object* (its number), *Area (px)*, *Area (µm²)*, *Diameter (px)*, *Centroid X "
    "(px)*, *Centroid Y (px)*, *Solidity*, *Touches edge*, *Probability*, and *Mean intensity* of every channel. "
    "Pixels are those of the resolution that was taken.",
)
@knext.output_view(
    "Large image", "The image with the outlines of its objects, to pan and zoom; of several images the first."
)
class LargeImagePredictor:
    """Finds, counts and measures the objects in images that do not fit in memory.

    Use it for **whole slides and mosaics**: tiled or pyramidal TIFF, BigTIFF, OME-TIFF, SVS, OME-Zarr. For images that
    fit into a table the *Segmentation Predictor* does with less; to work on the parts with nodes of your own take the
    *Large Image Tiler*. Memory depends on the size of the tiles and not on that of the image, and the objects are those
    that the *Segmentation Predictor* would find, were the image small enough: no object is lost, doubled or cut where
    tiles meet. Brightness is judged over the whole image.

    For every image a folder of its name is written into the output folder: `labels.ome.zarr`, the label image with all
    its resolutions (for napari, QuPath, Fiji and others), `objects.parquet`, `preview.png`, and `view.html`, a page to
    look at in any browser. When the node is stopped, or the computer fails, executing it again **goes on** where it
    stopped.

    Of an image with several resolutions that one is taken whose pixels are as large as those of the training images,
    where both are known. Channels come in any order where they have the names of those that the model was trained on;
    where they have other names, or none, they are taken in the order in which they are. Work can be shared by several
    processes, or by a Dask cluster.

    **Example:** a mosaic of 32,768 x 32,768 pixels with 800,000 nuclei. Set *Image file* to it, *Output folder* to
    `results`, and leave the rest: two processor cores take 26 minutes and 1.2 GB of memory. The page then shows the
    whole mosaic, and every outline when you zoom in. To use several computers, choose *Dask cluster* at *Computed by*
    in the advanced settings, and enter the *Address of the scheduler*.

    **Limits:** about 2 seconds of one processor core per million pixels, 1.1 GB of memory with the default *Tile size*,
    and 2 bytes per pixel on the disk until it is done. 2-D images; stacks and time series are refused. A run that was
    stopped goes on with the same image, model and settings only.

    **Literature:**

    - [Moore et al. 2021](https://doi.org/10.1038/s41592-021-01326-w), OME-NGFF: a next-generation file format for
      expanding bioimaging data-access strategies, Nature Methods.
    - [Moore et al. 2023](https://doi.org/10.1007/s00418-023-02209-1), OME-Zarr: a cloud-optimized bioimaging file
      format with international community support, Histochemistry and Cell Biology.
    - [Schmidt et al. 2018](https://doi.org/10.1007/978-3-030-00934-2_30), Cell detection with star-convex polygons,
      MICCAI.
    """

    file = knext.StringParameter("Image file", f"An image file or OME-Zarr folder. {HOW}", "").rule(
        connected(1), knext.Effect.HIDE
    )
    path_column = knext.ColumnParameter(
        "Column of paths", "Paths of image files or OME-Zarr folders.", 1, is_text
    ).rule(connected(1), knext.Effect.SHOW)
    output = knext.StringParameter(
        "Output folder", f"Where the results are written. It is created if only its last part does not exist. {HOW}", ""
    )
    existing = knext.EnumParameter(
        "If there are results",
        "What to do where results are in the output folder already.",
        Existing.CONTINUE.name,
        Existing,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    level = knext.IntParameter(
        "Resolution (0: the full one, -1: automatic)",
        "Of images with several resolutions: 0 is the full one, 1 the next coarser, up to 32; -1 chooses by the "
        "model's pixel size.",
        -1,
        min_value=-1,
        max_value=32,
    )
    objects_table = knext.BoolParameter(
        "Objects as a table", "Give the objects at the second output, too; in the Parquet file they are always.", True
    )
    largest = knext.IntParameter(
        "Longest object (pixels, 0: automatic)",
        "How long objects are at most, 0 to 1024; 0 takes four times what is usual for the model. Larger ones are "
        "found too, but take longer.",
        0,
        min_value=0,
        max_value=1024,
        is_advanced=True,
    )
    skip_background = knext.BoolParameter(
        "Skip empty background",
        "Leave out tiles whose contrast is less than 3 % of that of the whole image. Turn it off where a few things "
        "are very much brighter than the objects.",
        True,
        is_advanced=True,
    )
    damaged = damaged_parameter()
    pages = pages_parameter()
    version = knext.EnumParameter(
        "Version of OME-Zarr",
        "In which the labels are written.",
        Version.V04.name,
        Version,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )
    view_size = knext.IntParameter(
        "Size of the view (MB)",
        "How large the pictures in the view may be together, 1 to 500; more of them show finer details.",
        24,
        min_value=1,
        max_value=500,
        is_advanced=True,
    )
    thresholds = ThresholdSettings()
    cluster = ClusterSettings()
    computing = ComputeSettings()

    def configure(self, ctx: Any, model: SegmentationModelSpec, schema: Any) -> Any:
        """Results and objects; how many intensities these have, the model's number of channels says."""
        model.check_segments()
        if schema is None:
            check_path(self.file, "image")
        else:
            self.path_column = self._path_column(schema)
        check_path(self.output, "output folder")
        self.cluster.check()
        objects = object_columns(model.channels) if model.channels else None
        return knext.Schema.from_columns(_columns(schema)), objects and knext.Schema.from_columns(objects)

    def execute(self, ctx: Any, model: SegmentationModelObject, table: Any) -> Any:
        """Segments one image after the other."""
        with plain_errors():
            progress = progress_of(ctx)
            progress.step(0.0, "Loading the model")
            from nodes.views.large import large_view

            loaded = model.load()
            channels = loaded.config.network.in_channels
            images = self._images(ctx, table)
            folder = output_folder(ctx, self.output, "output folder")
            results, files, warnings = NewRows(_columns(table and table.schema)), [], []
            for done, (name, (path, carried)) in enumerate(images.items()):
                part = progress.part(done / len(images), (done + 1) / len(images), f"{name}: ")
                found = self._segment(loaded, path, folder / name, part)
                warnings += [f"{name}: {warning}" for warning in found.warnings]
                files.append(found.folder / "objects.parquet")
                results.add(name, [*carried, *_row(name, found)])
            warn(ctx, warnings)
            objects = read_objects(files if self.objects_table else [], channels)
            return results.finish(), objects, large_view(files[0].parent if files else None)

    def _path_column(self, schema: Any) -> str:
        check_optional_column(schema, self.path_column, "column of paths", is_text)
        return find_column(schema, self.path_column, "column of paths", is_text, preferred=("Path",))

    def _images(self, ctx: Any, table: Any) -> dict[str, tuple[Path, list[Any]]]:
        """Paths, and cells of the columns that are carried, by the names of their results."""
        from core.errors import UserInputError

        found: list[tuple[Path, list[Any]]] = []
        if table is None:
            found.append((resolve(ctx, self.file, "image"), []))
        else:
            column, carried = self._path_column(table.schema), plain_columns(table.schema)
            for row in rows(table):
                if row.is_missing(column):
                    raise UserInputError("The path is missing.", where=row.at(column), todo="Remove the row.")
                cells = [row.cell(one.name) for one in carried]
                found.append((resolve(ctx, str(row.value(column)), "image"), cells))
        taken: set[str] = set()
        return {free_name(safe_name(image_name(path)), taken): (path, values) for path, values in found}

    def _segment(self, model: Any, path: Path, folder: Path, progress: "Progress") -> "Segmented":
        """The results of an image, all of them written."""
        from core.blockwise.lock import locked

        with locked(folder):
            return self._results(model, path, folder, progress)

    def _results(self, model: Any, path: Path, folder: Path, progress: "Progress") -> "Segmented":
        from core.blockwise.segment import segment_large
        from core.blockwise.store import RESULTS
        from core.errors import OutputError
        from nodes.views.large import write_view

        found = segment_large(
            path,
            model,
            folder,
            self._config(model),
            self.cluster.config(),
            self.computing.device.lower(),
            self.computing.engine.lower(),
            self.existing == Existing.REPLACE.name,
            progress.part(0.0, 0.93),
        )
        missing = [name for name in (*RESULTS, found.labels.name) if not (folder / name).exists()]
        if found.complete and missing:
            raise OutputError(
                f"Of the results that are there {listed(missing)} is missing.",
                where=str(folder),
                todo="Put it back, or let the results be replaced.",
            )
        if not found.complete:
            channels = model.config.network.in_channels
            write_objects(folder / "objects.parquet", folder.name, found.objects(), channels)
            write_view(found, PREVIEW, self.view_size * 1_000_000, progress.part(0.93, 1.0))
            found.finish()
        return found

    def _config(self, model: Any) -> "BlockwiseConfig":
        from core.blockwise.config import BlockwiseConfig

        return BlockwiseConfig(
            level=self.level,
            tile=self.computing.tile,
            reach=self.largest,
            skip_background=self.skip_background,
            damaged=self.damaged.lower(),
            pages=self.pages,
            thresholds=self.thresholds.chosen(model.thresholds),
            version={Version.V04.name: "0.4", Version.V05.name: "0.5"}[self.version],
        )


def _columns(schema: Any) -> list[Any]:
    """The carried columns, then those of the results."""
    carried = plain_columns(schema) if schema is not None else []
    results = [knext.Column(kind(), name) for name, kind in COLUMNS]
    return [*carried, *unique_names([column.name for column in carried], results)]


def _row(name: str, found: "Segmented") -> list[Any]:
    """The values of `COLUMNS`."""
    plan = found.plan
    size_y, size_x = plan.pixel_size or (0.0, 0.0)
    return [
        name,
        *count_values(found.count, found.count, found.area, plan.height * plan.width, size_y * size_x),
        plan.width,
        plan.height,
        plan.level,
        size_x or None,
        str(found.labels),
        str(found.folder / "objects.parquet"),
        str(found.folder / "view.html"),
        (found.folder / "preview.png").read_bytes(),
    ]
