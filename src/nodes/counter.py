"""Instance Counter."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import ROW_ID, Row, no_rows, rows, small_table
from nodes.columns import (
    IMAGE,
    LABELS,
    NONE,
    PREDICTED,
    check_optional_column,
    find_column,
    is_chosen,
    is_group,
    is_image,
    plain_columns,
    unique_names,
)
from nodes.counter_settings import EdgeRule, LimitSettings, Stacks, Unit
from nodes.objects import (
    COUNTS,
    COUNTS_3D,
    MEASURES,
    MEASURES_3D,
    OBJECTS,
    OBJECTS_3D,
    count_values,
    intensity_names,
)
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY
from nodes.views.counts import counts_view

if TYPE_CHECKING:
    from core.image import Image
    from core.measurement.groups import Group


@knext.node(
    "Instance Counter",
    knext.NodeType.MANIPULATOR,
    "icons/counter.png",
    CATEGORY,
    id="InstanceCounter",
    keywords=["count", "measure", "quantify", "objects", "cells", "nuclei", "area", "intensity", "density", "size"],
)
@knext.input_table(
    "Label images",
    "A column of label images in which 0 is background and every object has its own number, and perhaps one of the "
    "images that they are of, to measure intensities in.",
)
@knext.output_table(
    "Counts",
    "One row per image, with the columns of the input that hold no images: *Count*, *Density (1/mm²)*, *Covered "
    "area (%)*, *Mean area (px)*, *Mean area (µm²)*. In 3-D: *Count*, *Density (1/mm³)*, *Covered volume (%)*, *Mean "
    "volume (voxels)*, *Mean volume (µm³)*.",
)
@knext.output_table(
    "Objects",
    "One row per object: *Image* (its row), *Object* (its number), *Area (px)*, *Area (µm²)*, *Diameter (px)*, "
    "*Centroid X (px)*, *Centroid Y (px)*, *Solidity* (0 to 1), *Touches edge*, *Mean intensity* if an image column "
    "is chosen, and the columns of the input that hold no images. In 3-D, *Volume (voxels)*, *Volume (µm³)*, "
    "*Centroid Z (slices)* and *Slices* (from its first to its last) in place of areas, diameter and solidity.",
)
@knext.output_view("Counts", "The number of objects in every image as bars, with their sum.")
class InstanceCounter:
    """Counts and measures the objects in label images.

    Use it behind the *Segmentation Predictor* or the *Tile Merger*, or on labels that were drawn by hand. The *Large
    Image Predictor* counts and measures by itself. All columns that hold no images, such as names, groups and
    conditions, travel with the counts and the objects: the view shows the counts by group (*Group by*), and KNIME's
    *GroupBy* node makes a table of them. To learn how far the counts can be trusted, compare them with drawn labels in
    the *Segmentation Scorer*.

    Areas in µm² and densities need a pixel size, which the *Microscopy Image Reader* takes from the file or is told.
    Without it these cells are missing.

    **Example:** an image of 1000 x 1000 pixels of 0.5 µm, that is 0.25 mm², has 40 objects; 6 of them touch its edge.
    With *Objects at the edge* set to *Count all* they are 40, with *Leave out* 34, and with *Count half* 37, which
    makes 148 per mm². Count half when fields of a larger whole are to be compared: on average, half of what an edge
    cuts lies inside. To leave out debris below 20 µm², set *Smallest area* to 20 and *Unit of the areas* to *µm²*.

    **Stacks:** with *Z-stacks* set to *Count in 3-D*, an object is what has one number in all slices of a stack, as the
    *Segmentation Predictor* gives it. Objects in the first or the last slice touch the edge as well, since the stack
    may cut them off. Volumes in µm³ and densities per mm³ need the distance of the slices, which the *Microscopy Image
    Reader* takes from the file or is told.

    **Limits:** Time and memory hardly matter: 2,000 objects are measured in a fraction of a second,
    one image after the other. The diameter is that of a disc of the same area; the solidity is the area divided by that
    of the convex hull, 1 for an object without dents. Intensities are means of the image as it was read, without
    subtracting a background.
    """

    label_column = knext.ColumnParameter("Label column", "Objects to count.", 0, is_image)
    image_column = knext.ColumnParameter(
        "Image column for intensities",
        "The mean intensity of every object is measured in this image; *None* measures no intensity.",
        0,
        is_image,
        include_none_column=True,
    )
    group_column = knext.ColumnParameter(
        "Group by",
        "A column that says which group an image belongs to, such as the condition, the well or the animal: text or "
        "whole numbers. The view then shows the counts of each group, with their mean and its 95 % confidence "
        "interval; none shows no groups. The tables do not change.",
        0,
        is_group,
        include_none_column=True,
        since_version="0.2.0",
    )
    channels = knext.IntParameter(
        "Channels to measure",
        "For images with several channels: the first so many, 1 to 64, get a column of mean intensities each.",
        1,
        min_value=1,
        max_value=64,
        is_advanced=True,
    ).rule(knext.OneOf(image_column, ["", NONE]), knext.Effect.HIDE)
    stacks = knext.EnumParameter(
        "Z-stacks",
        "What to do with label images that are stacks of slices.",
        Stacks.REFUSE.name,
        Stacks,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
        since_version="0.2.0",
    )
    limits = LimitSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """The carried columns and those of counts and objects."""
        self.label_column, image = self._input_columns(schema)
        self.image_column = image or NONE
        self.group_column = check_optional_column(schema, self.group_column, "column of groups", is_group) or NONE
        self.limits.check()
        return tuple(knext.Schema.from_columns(columns) for columns in self._columns(schema))

    def execute(self, ctx: Any, table: Any) -> Any:
        """Counts and measures image after image."""
        with plain_errors():
            import pyarrow as pa

            labels_in, image_in = self._input_columns(table.schema)
            count_columns, object_columns = self._columns(table.schema)
            progress, total = progress_of(ctx), max(1, table.num_rows)
            carried = [ROW_ID, *(column.name for column in plain_columns(table.schema))]
            records = [no_rows(table).select(carried)]
            counts: list[list[float | None]] = []
            found: dict[int, dict[str, Any]] = {}
            missing, dark, warnings = [], [], []
            for i, row in enumerate(rows(table)):
                progress.step(i / total, f"{row.id} ({i + 1} of {total})")
                records.append(pa.Table.from_batches([row.record]).select(carried))
                labels = self._labels(row, labels_in)
                if labels is None:
                    missing.append(row.id)
                    counts.append([None] * len(COUNTS))
                else:
                    warnings += row.mask_warning(labels_in, labels)
                    if image_in and row.is_missing(image_in):
                        dark.append(row.id)
                    found[i] = self._measure(row, labels, image_in)
                    counts.append(self._count(found[i], labels))
            if missing:
                warnings.append(f"No counts for {amount(len(missing), 'row')} without labels: {listed(missing)}.")
            if dark:
                warnings.append(f"No intensities for {amount(len(dark), 'row')} without image: {listed(dark)}.")
            whole = pa.concat_tables(records).combine_chunks()
            ids = whole.column(0).to_pylist()
            per_image = [[values[i] for values in counts] for i in range(len(COUNTS))]
            grouped, column, note = self._groups(table.schema, whole, per_image)
            warn(ctx, [*warnings, note] if note else warnings)
            return (
                small_table(count_columns, ids, [*whole.columns[1:], *per_image]),
                self._objects_table(object_columns, whole, ids, found),
                counts_view(ids, per_image[0], per_image[1], grouped, column, note, "mm³" if self._in_3d() else "mm²"),
            )

    def _in_3d(self) -> bool:
        """Whether stacks are counted, and volumes measured."""
        return bool(self.stacks == Stacks.IN_3D.name)

    def _labels(self, row: Row, column: str) -> "Image | None":
        """The labels of a row, None where missing.

        Raises
        ------
        UserInputError : no labels, or a stack where stacks are refused.
        """
        from core.errors import UserInputError

        labels = row.labels(column, stacks=True)
        if labels is not None and labels.size("Z") > 1 and not self._in_3d():
            raise UserInputError(
                f"The labels are a stack of {labels.size('Z')} slices.",
                where=row.at(column),
                todo="Set Z-stacks to Count in 3-D in the node's dialog.",
            )
        return labels

    def _groups(self, schema: Any, carried: Any, per_image: list[list[float | None]]) -> "tuple[list[Group], str, str]":
        """The counts summed up by group, the column that says which, and a sentence on images without a group.

        Those are left out, as are images without a count; an empty text is no group.
        """
        from core.measurement.groups import groups

        column = check_optional_column(schema, self.group_column, "column of groups", is_group)
        if column is None:
            return [], "", ""
        every = zip(carried.column(column).to_pylist(), per_image[0], per_image[1], strict=True)
        counted = [("" if group is None else str(group), n, dense) for group, n, dense in every if n is not None]
        known = [one for one in counted if one[0].strip()]
        without, note = len(counted) - len(known), ""
        if without:
            images = f"{amount(without, 'image')} without a group {'is' if without == 1 else 'are'}"
            note = f"{images} left out of the summary by group."
        if without and not known:
            note = f"No image has a group in the column {column!r}: there is no summary by group."
        return groups(known), column, note

    def _objects_table(self, columns: list[Any], carried: Any, ids: list[str], found: dict[int, dict[str, Any]]) -> Any:
        """One row per object: its measures, then what its image carries."""
        import numpy as np

        owners = np.repeat(list(found), [len(objects["id"]) for objects in found.values()]).astype(np.int64)
        images = [ids[owner] for owner in owners]
        measures: list[Any] = [
            np.concatenate([self._measure_of(objects, key) for objects in found.values()]) if found else []
            for key in (*(MEASURES_3D if self._in_3d() else MEASURES), *range(self._intensities()))
        ]
        object_ids = [f"{image}_{number}" for image, number in zip(images, measures[0], strict=True)]
        behind = carried.take(owners).columns[1:]
        return small_table(columns, object_ids, [images, *measures, *behind])

    def _input_columns(self, schema: Any) -> tuple[str, str | None]:
        image = check_optional_column(schema, self.image_column, "image column")
        return find_column(
            schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=[image, IMAGE]
        ), image

    def _measured(self) -> list[Any]:
        """The columns of an object."""
        names = [(name, knext.double) for name in intensity_names(self._intensities())]
        return [knext.Column(kind(), name) for name, kind in (*(OBJECTS_3D if self._in_3d() else OBJECTS), *names)]

    def _counted(self) -> Any:
        """The columns of an image: their names and types."""
        return COUNTS_3D if self._in_3d() else COUNTS

    def _intensities(self) -> int:
        """How many channels are measured."""
        return self.channels if is_chosen(self.image_column) else 0

    def _columns(self, schema: Any) -> tuple[list[Any], list[Any]]:
        """Columns of the counts and of the objects; carried ones first, and last."""
        carried = plain_columns(schema)
        new = unique_names([c.name for c in carried], [knext.Column(kind(), name) for name, kind in self._counted()])
        measured = self._measured()
        return [*carried, *new], [*measured, *unique_names([c.name for c in measured], carried)]

    def _measure(self, row: Row, labels: "Image", image_column: str | None) -> dict[str, Any]:
        """The objects of an image within the limits."""
        from core.errors import UserInputError
        from core.measurement.objects import measure
        from core.measurement.volumes import measure_volumes

        volume = self._in_3d()
        image = row.image(image_column) if image_column else None
        try:
            found: dict[str, Any] = dict(measure_volumes(labels, image) if volume else measure(labels, image))
            micrometres = self.limits.unit == Unit.MICROMETRES.name
            limited = self.limits.smallest > 0 or self.limits.largest > 0
            if micrometres and limited and not set("XYZ" if volume else "XY") <= set(labels.pixel_size):
                unknown = (
                    "pixel size or distance of slices, so volumes in µm³" if volume else "pixel size, so areas in µm²"
                )
                raise UserInputError(
                    f"The image has no {unknown} are not known.",
                    todo="Set it when reading the images, or give the limits in pixels.",
                )
        except UserInputError as error:
            raise error.at(str(row)) from None
        in_pixels, in_micrometres = ("volume_px", "volume_um3") if volume else ("area_px", "area_um2")
        size = found[in_micrometres if micrometres else in_pixels]
        keep = size >= self.limits.smallest if limited else size == size
        if self.limits.largest:
            keep &= size <= self.limits.largest
        if self.limits.edge == EdgeRule.EXCLUDE.name:
            keep &= ~found["touches_edge"]
        return {name: values[keep] for name, values in found.items()}

    def _count(self, objects: dict[str, Any], labels: "Image") -> list[float | None]:
        """The values of `COUNTS` or `COUNTS_3D`."""
        import math

        from core.measurement.counts import count

        axes, size, per = ("ZYX", "volume_px", 1e9) if self._in_3d() else ("YX", "area_px", 1e6)
        number = count(objects, self.limits.edge.lower())
        pixels = math.prod(labels.size(axis) for axis in axes)
        unit = math.prod(labels.pixel_size.get(axis, 0.0) for axis in axes)
        return count_values(number, len(objects[size]), float(objects[size].sum()), pixels, unit, per)

    def _measure_of(self, objects: dict[str, Any], key: str | int) -> Any:
        """A measure by its name, or the mean intensities of a channel by its number; NaN where there is none."""
        import numpy as np

        if isinstance(key, str):
            return objects[key]
        means = [values for name, values in objects.items() if name.startswith("mean_intensity")]
        return means[key] if key < len(means) else np.full(len(objects["id"]), np.nan)
