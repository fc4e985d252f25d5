"""Instance Counter."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.cells import Row, rows, small_table
from nodes.columns import (
    LABELS,
    PREDICTED,
    check_optional_column,
    find_column,
    is_image,
    plain_columns,
    unique_names,
)
from nodes.running import named, plain_errors, progress_of, warn
from nodes.settings import CATEGORY
from nodes.views.counts import counts_view

if TYPE_CHECKING:
    from core.image import Image
    from core.measurement.objects import ObjectTable


class EdgeRule(knext.EnumParameterOptions):
    """What to do with objects that the image cuts off."""

    ALL = ("Count all", "Every object counts as one.")
    EXCLUDE = ("Leave out", "Objects that touch the edge of the image are not counted, and left out of the objects.")
    HALF = ("Count half", "Objects that touch the edge count as a half: on average, that is their share of the image.")


class Unit(knext.EnumParameterOptions):
    """In which unit limits are."""

    PIXELS = ("Pixels", "Areas in pixels.")
    MICROMETRES = ("µm²", "Areas in square micrometres; every image must have a pixel size.")


@knext.parameter_group("Objects to count")
class LimitSettings:
    """Which objects count."""

    edge = knext.EnumParameter(
        "Objects at the edge", "What to do with objects that the image cuts off.", EdgeRule.ALL.name, EdgeRule
    )
    smallest = knext.DoubleParameter("Smallest area", "Smaller objects are left out.", 0.0, min_value=0.0)
    largest = knext.DoubleParameter("Largest area", "Larger objects are left out; 0 is no limit.", 0.0, min_value=0.0)
    unit = knext.EnumParameter(
        "Unit of the areas",
        "In which unit the two limits are.",
        Unit.PIXELS.name,
        Unit,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )


MEASURES = ("id", "area_px", "area_um2", "diameter_px", "centroid_x", "centroid_y", "solidity", "touches_edge")
"""What the library calls the columns of `OBJECTS` behind the first."""

COUNTS = (
    ("Count", knext.double),
    ("Density (1/mm²)", knext.double),
    ("Covered area (%)", knext.double),
    ("Mean area (px)", knext.double),
    ("Mean area (µm²)", knext.double),
)

OBJECTS = (
    ("Image", knext.string),
    ("Object", knext.int32),
    ("Area (px)", knext.double),
    ("Area (µm²)", knext.double),
    ("Diameter (px)", knext.double),
    ("Centroid X (px)", knext.double),
    ("Centroid Y (px)", knext.double),
    ("Solidity", knext.double),
    ("Touches edge", knext.bool_),
)


@knext.node(
    "Instance Counter",
    knext.NodeType.MANIPULATOR,
    "icons/counter.png",
    CATEGORY,
    id="InstanceCounter",
    keywords=["count", "measure", "objects", "cells", "nuclei", "area", "intensity", "density"],
)
@knext.input_table("Label images", "Label images in which every object has its own number.")
@knext.output_table("Counts", "One row per image: how many objects, how dense, how large.")
@knext.output_table("Objects", "One row per object: where it is, how large, how bright.")
@knext.output_view("Counts", "The number of objects in every image.")
class InstanceCounter:
    """Counts and measures the objects in label images.

    Use it behind the *Segmentation Predictor*, or on labels that were drawn by hand. All columns that hold no images,
    such as names, groups and conditions, travel with the counts and the objects: summarise them by group with KNIME's
    *GroupBy* node.

    Areas in µm² and densities need a pixel size, which the *Microscopy Image Reader* takes from the file or is told.
    """

    label_column = knext.ColumnParameter("Label column", "Objects to count.", 0, is_image)
    image_column = knext.ColumnParameter(
        "Image column for intensities",
        "The mean intensity of every object is measured in this image; none measures no intensity.",
        0,
        is_image,
        include_none_column=True,
    )
    channels = knext.IntParameter(
        "Channels to measure",
        "For images with several channels: the first so many get a column of mean intensities each.",
        1,
        min_value=1,
        max_value=64,
        is_advanced=True,
    )
    limits = LimitSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """The carried columns and those of counts and objects."""
        self.label_column, _ = self._input_columns(schema)
        if 0 < self.limits.largest < self.limits.smallest:
            raise knext.InvalidParametersError("The largest area is below the smallest. Exchange them.")
        return tuple(knext.Schema.from_columns(columns) for columns in self._columns(schema))

    def execute(self, ctx: Any, table: Any) -> Any:
        """Counts and measures image after image."""
        with plain_errors():
            import numpy as np
            import pyarrow as pa

            labels_in, image_in = self._input_columns(table.schema)
            count_columns, object_columns = self._columns(table.schema)
            progress, total = progress_of(ctx), max(1, table.num_rows)
            records, ids, counts, objects, missing = [], [], [], [], []
            for done, row in enumerate(rows(table)):
                progress.step(done / total, f"{row.id} ({done + 1} of {total})")
                labels = row.labels(labels_in)
                found = None if labels is None else self._measure(row, labels, image_in)
                if labels is None:
                    missing.append(row.id)
                ids.append(row.id)
                records.append(row.record)
                counts.append([None] * len(COUNTS) if found is None else self._count(found, labels))
                objects.append(self._object_values(row.id, found))
            if missing:
                warn(ctx, [f"{len(missing)} rows have no labels, their counts are missing: {named(missing)}."])
            carried = [c.name for c in plain_columns(table.schema)]
            whole = pa.Table.from_batches(records).select(carried) if records else table.to_pyarrow().select(carried)
            whole = whole.combine_chunks()
            per_object = np.repeat(np.arange(len(ids)), [len(values[0]) for values in objects])
            joined = [np.concatenate(parts) if parts else [] for parts in zip(*objects, strict=True)]
            joined = joined or [[] for _ in self._measured()]
            object_ids = [f"{image}_{number}" for image, number in zip(joined[0], joined[1], strict=True)]
            counts_table = small_table(
                count_columns, ids, [*whole.columns, *(zip(*counts, strict=True) if counts else [[]] * len(COUNTS))]
            )
            objects_table = small_table(
                object_columns, object_ids, [*joined, *whole.take(pa.array(per_object)).columns]
            )
            return counts_table, objects_table, counts_view(ids, [row[0] for row in counts], [row[1] for row in counts])

    def _input_columns(self, schema: Any) -> tuple[str, str | None]:
        image = check_optional_column(schema, self.image_column, "image column")
        return find_column(
            schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=[image]
        ), image

    def _measured(self) -> list[Any]:
        """The columns of an object."""
        intensities = []
        if self.image_column and self.image_column != "<none>":
            names = [f" {i + 1}" for i in range(self.channels)] if self.channels > 1 else [""]
            intensities = [knext.Column(knext.double(), f"Mean intensity{name}") for name in names]
        return [*(knext.Column(kind(), name) for name, kind in OBJECTS), *intensities]

    def _columns(self, schema: Any) -> tuple[list[Any], list[Any]]:
        """Columns of the counts and of the objects; carried ones first, and last."""
        carried = plain_columns(schema)
        new = unique_names([c.name for c in carried], [knext.Column(kind(), name) for name, kind in COUNTS])
        measured = self._measured()
        return [*carried, *new], [*measured, *unique_names([c.name for c in measured], carried)]

    def _measure(self, row: Row, labels: "Image", image_column: str | None) -> "ObjectTable":
        """The objects of an image within the limits."""
        from core.errors import UserInputError
        from core.measurement.objects import measure

        image = row.image(image_column) if image_column else None
        try:
            found = measure(labels, image)
            micrometres = self.limits.unit == Unit.MICROMETRES.name
            limited = self.limits.smallest > 0 or self.limits.largest > 0
            if micrometres and limited and not {"X", "Y"} <= set(labels.pixel_size):
                raise UserInputError(
                    "The image has no pixel size, so areas in µm² are not known.",
                    todo="Set it when reading the images, or give the limits in pixels.",
                )
        except UserInputError as error:
            raise error.at(str(row)) from None
        area = found["area_um2"] if micrometres else found["area_px"]
        keep = area >= self.limits.smallest if limited else area == area
        if self.limits.largest:
            keep &= area <= self.limits.largest
        if self.limits.edge == EdgeRule.EXCLUDE.name:
            keep &= ~found["touches_edge"]
        return {name: values[keep] for name, values in found.items()}

    def _count(self, objects: "ObjectTable", labels: "Image") -> list[float | None]:
        """The values of `COUNTS`."""
        from core.measurement.counts import count

        number = count(objects, self.limits.edge.lower())
        pixels = labels.size("Y") * labels.size("X")
        square = labels.pixel_size.get("Y", 0.0) * labels.pixel_size.get("X", 0.0)
        area = objects["area_px"]
        mean = float(area.mean()) if len(area) else None
        return [
            number,
            number / (pixels * square) * 1e6 if square and pixels else None,
            100 * float(area.sum()) / pixels if pixels else None,
            mean,
            mean * square if mean is not None and square else None,
        ]

    def _object_values(self, row_id: str, objects: "ObjectTable | None") -> list[Any]:
        """The values of `_measured`, one array each."""
        import numpy as np

        size = 0 if objects is None else len(objects["id"])
        values: list[Any] = [np.full(size, row_id, object)]
        for key in MEASURES:
            values.append(np.empty(0) if objects is None else objects[key])
        means = [] if objects is None else [v for name, v in objects.items() if name.startswith("mean_intensity")]
        for i in range(len(self._measured()) - len(OBJECTS)):
            values.append(means[i] if i < len(means) else np.full(size, np.nan))
        return values
