"""Fragment Grouper."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import Row, RowWriter, rows
from nodes.columns import (
    IMAGE,
    LABELS,
    PREDICTED,
    find_column,
    is_image,
    offered_column,
    png_type,
    tensor_type,
    unique_names,
)
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY, output_column_parameter, shown_parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.image import Image
    from core.progress import Progress
    from nodes.views.slides import Album

GROUPED = "Grouped labels"
"""What the new column is called, if not named otherwise."""


class ThresholdBy(knext.EnumParameterOptions):
    """Where the threshold of the connecting channel comes from."""

    OTSU = ("Otsu's method", "In each image, the value that parts dark from bright best.")
    MANUAL = ("Set here", "The same value for all images.")


class Criterion(knext.EnumParameterOptions):
    """What makes fragments one object."""

    GAP = ("They are near", "The straight gap from edge to edge is at most the largest gap.")
    WAY = (
        "A bright channel connects them",
        "A way through its bright pixels leads from edge to edge and is at most as long as the largest gap.",
    )


@knext.parameter_group("What connects fragments")
class ConnectionSettings:
    """Nearness alone, or a channel that must lead from fragment to fragment, such as that of a nerve."""

    criterion = knext.EnumParameter(
        "Fragments are one object where",
        "What must be the case besides, or instead of, a small gap.",
        Criterion.GAP.name,
        Criterion,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    image_column = knext.ColumnParameter(
        "Image column", "Images with the channel that connects fragments, of the same size as the labels.", 0, is_image
    ).rule(knext.OneOf(criterion, [Criterion.WAY.name]), knext.Effect.SHOW)
    channel = knext.IntParameter(
        "Channel",
        "Which channel of these images connects fragments, 1 to 64; 1 is the first.",
        1,
        min_value=1,
        max_value=64,
    ).rule(knext.OneOf(criterion, [Criterion.WAY.name]), knext.Effect.SHOW)
    source = knext.EnumParameter(
        "Threshold by",
        "Pixels of the channel above the threshold are bright: these connect. The view shows where they are.",
        ThresholdBy.OTSU.name,
        ThresholdBy,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    ).rule(knext.OneOf(criterion, [Criterion.WAY.name]), knext.Effect.SHOW)
    threshold = knext.DoubleParameter(
        "Threshold (grey value)", "In the values of the image, as it was read; pixels above it connect.", 0.0
    ).rule(
        knext.And(knext.OneOf(criterion, [Criterion.WAY.name]), knext.OneOf(source, [ThresholdBy.MANUAL.name])),
        knext.Effect.SHOW,
    )

    @property
    def by_way(self) -> bool:
        """Whether a bright channel must connect fragments."""
        return bool(self.criterion == Criterion.WAY.name)


@knext.node(
    "Fragment Grouper",
    knext.NodeType.MANIPULATOR,
    "icons/fragment_grouper.png",
    CATEGORY,
    id="FragmentGrouper",
    keywords=[
        "fragments",
        "merge",
        "cluster",
        "plaques",
        "neuromuscular junction",
        "NMJ",
        "distance",
        "single linkage",
    ],
)
@knext.input_table(
    "Label images",
    "A column of label images, 2-D or Z-stacks, with a pixel size, in which 0 is background and every fragment has its "
    "own number; perhaps one of images with a channel that connects fragments. Other columns are carried.",
)
@knext.output_table(
    "Grouped objects",
    "The input with new columns: label images in which the fragments of an object have one number (*Grouped labels*, "
    "if not named otherwise), *Fragment count*, *Grouped object count*, and *Grouping preview*, a picture of "
    "fragments and objects, side by side.",
)
@knext.output_view("Objects", "The images with the outlines of fragments and objects, one colour per object.")
class FragmentGrouper:
    """Makes one object of fragments that lie near to each other.

    Use it behind the *Segmentation Predictor*, or on labels that were drawn by hand, where one biological object is
    seen as several pieces: the plaques of a neuromuscular junction, the beads of a stained fibre. Count and measure its
    *Grouped labels* with the *Instance Counter*: *Area* is then that of all fragments of an object together.

    Two fragments become one object if the gap between them, from edge to edge, is at most *Largest gap*. This is handed
    on: if A is near to B and B to C, all three are one object, however far C is from A (single linkage). Fragments that
    touch are always one. Pixels have their physical size along each axis: in stacks, the distance of slices counts.

    **Nerves:** with *A bright channel connects them*, nearness is not enough: a way through bright pixels, side by side
    or corner by corner, must lead from the edge of one fragment to the edge of the other, and **this way** must not be
    longer than *Largest gap*. That two fragments lie on one nerve does not make them one object, since an axon runs
    past many junctions. A dark pixel ends a way: where the nerve is dim, lower the threshold, and look in the view at
    what is *Above the threshold*.

    **Specks:** with *Smallest object*, what is too small to be an object, once its fragments are joined, is left out of
    the new label images, so that whatever follows agrees about it.

    A pixel size is needed, and never guessed: where an image has none, the node stops and names its row. Set it in the
    *Microscopy Image Reader*.

    **Example:** acetylcholine receptors of a muscle, 0.1 µm per pixel, are 14 plaques that belong to three junctions.
    The plaques of a junction lie up to 2 µm apart, the junctions 30 µm. With *Largest gap* set to 2, there are three
    grouped objects of 14 fragments. Where junctions crowd, set *Fragments are one object where* to *A bright channel
    connects them*, choose the *Channel* of the nerve, and a larger gap, say 5.

    **Limits:** neighbouring objects that are nearer to each other than the fragments of one object cannot be told
    apart by their gaps: try several gaps, and look for a range in which the count hardly changes. Two objects of which
    a single fragment lies between become one. The length of a way is that of its steps from pixel to pixel, which for
    lines between the eight directions is up to 8 % too long. 7,000 fragments in 4 million pixels take about 0.1 seconds
    on one processor core, with a connecting channel 4 seconds.

    **Literature:**

    - [Jones et al. 2016](https://doi.org/10.1098/rsob.160240), NMJ-morph reveals principal components of synaptic
      morphology influencing structure-function relationships at the neuromuscular junction, Open Biology (what a
      fragmented endplate is).
    - [Otsu 1979](https://doi.org/10.1109/TSMC.1979.4310076), A threshold selection method from gray-level histograms,
      IEEE Transactions on Systems, Man, and Cybernetics.
    """

    label_column = knext.ColumnParameter("Label column", "Label images of the fragments.", 0, is_image)
    gap = knext.DoubleParameter(
        "Largest gap (µm)",
        "Fragments that are at most this far apart, from edge to edge, become one object; 0 joins what touches. 0 to "
        "100,000 µm.",
        2.0,
        min_value=0.0,
        max_value=100_000.0,
    )
    smallest = knext.DoubleParameter(
        "Smallest object (µm²; 0: no limit)",
        "Objects with a smaller area, all fragments together, are left out; in stacks with a smaller volume in µm³.",
        0.0,
        min_value=0.0,
    )
    output_column = output_column_parameter(GROUPED)
    previews = knext.BoolParameter(
        "Append previews", "Append a picture of each image with its fragments and its objects, side by side.", True
    )
    shown = shown_parameter()
    connection = ConnectionSettings()

    def configure(self, ctx: Any, schema: Any) -> Any:
        """The new columns."""
        self.label_column, image = self._input_columns(schema)
        self.connection.image_column = image or offered_column(
            schema, self.connection.image_column, preferred=(IMAGE,), avoid=[self.label_column, LABELS, PREDICTED]
        )
        if not self.output_column.strip():
            raise knext.InvalidParametersError("The new column has no name. Enter one.")
        return knext.Schema.from_columns(
            [*(knext.Column(c.ktype, c.name) for c in schema), *self._new_columns(schema.column_names)]
        )

    def execute(self, ctx: Any, table: Any) -> Any:
        """Groups the fragments of one image after the other."""
        with plain_errors():
            from nodes.views.grouped import album_of, grouped_view

            columns, count = self._input_columns(table.schema), table.num_rows
            background = columns[1] or (IMAGE if IMAGE in [c.name for c in table.schema if is_image(c)] else None)
            writer = RowWriter(table, self._new_columns(table.column_names))
            album = album_of(self.shown, count, connected=columns[1] is not None)
            missing, warnings = [], list[str]()
            for done, row in enumerate(rows(table)):
                part = progress_of(ctx, f"{row.id} ({done + 1} of {count})").part(done / count, (done + 1) / count)
                part.step(0.0)
                if any(column and row.is_missing(column) for column in columns):
                    missing.append(row.id)
                    writer.add(row, [None] * (3 + self.previews))
                else:
                    writer.add(row, self._group(row, *columns, background, part, album, warnings))
            if missing:
                what = "labels or image" if columns[1] else "labels"
                warnings.append(f"No results for {amount(len(missing), 'row')} without {what}: {listed(missing)}.")
            warn(ctx, warnings)
            return writer.finish(), grouped_view(album, self._rule(), connected=columns[1] is not None)

    def _input_columns(self, schema: Any) -> tuple[str, str | None]:
        """The column of labels, and that of what connects them where it is asked for."""
        chosen, image = self.connection.image_column, None
        labels = find_column(
            schema, self.label_column, "label column", preferred=(PREDICTED, LABELS), avoid=[chosen, IMAGE]
        )
        if self.connection.by_way:
            image = find_column(schema, chosen, "image column", preferred=(IMAGE,), avoid=[labels, LABELS, PREDICTED])
        return labels, image

    def _new_columns(self, taken: Any) -> list[Any]:
        columns = [
            knext.Column(tensor_type(), self.output_column.strip()),
            knext.Column(knext.int32(), "Fragment count"),
            knext.Column(knext.int32(), "Grouped object count"),
        ]
        if self.previews:
            columns.append(knext.Column(png_type(), "Grouping preview"))
        return unique_names(taken, columns)

    def _rule(self) -> str:
        """What makes fragments one object, in words."""
        by_way = self.connection.by_way
        what = (
            f"a way of at most {self.gap:g} µm through bright pixels" if by_way else f"a gap of at most {self.gap:g} µm"
        )
        left_out = f" Objects below {self.smallest:g} µm² (in stacks µm³) are left out." if self.smallest else ""
        return f"One object: fragments with {what}.{left_out}"

    def _group(
        self,
        row: Row,
        label_column: str,
        image_column: str | None,
        background: str | None,
        progress: "Progress",
        album: "Album",
        warnings: list[str],
    ) -> list[Any]:
        """The values of the new columns."""
        from core.errors import UserInputError
        from core.measurement.fragments import group_fragments
        from nodes.views.grouped import add, preview

        labels = row.labels(label_column, stacks=True)
        assert labels is not None
        warnings += row.mask_warning(label_column, labels)
        through, said = self._bright(row, image_column, labels) if image_column else (None, "")
        try:
            found = group_fragments(labels, self.gap, through, progress, self.smallest)
        except UserInputError as error:
            raise error.at(row.at(label_column)) from None
        if through is not None and not through.any():
            warnings.append(f"{row.at(str(image_column))}: no pixel is bright{said}, so nothing connects fragments.")
        image = row.image(background) if background else None
        if image is not None and [image.size(axis) for axis in "TZYX"] != [labels.size(axis) for axis in "TZYX"]:
            image = None
        caption = f"{amount(found.before, 'fragment')}, {amount(found.after, 'object')}{said}"
        add(album, row.id, caption, image, labels, found.labels, through)
        pictures = [preview(image, labels, found.labels)] if self.previews else []
        return [found.labels, found.before, found.after, *pictures]

    def _bright(self, row: Row, column: str, labels: "Image") -> "tuple[NDArray[np.bool_], str]":
        """The pixels that connect, and what they are above, in words."""
        from core.errors import UserInputError
        from core.measurement.ways import bright_pixels

        image = row.image(column)
        assert image is not None
        by_hand = self.connection.source == ThresholdBy.MANUAL.name
        try:
            through, threshold = bright_pixels(
                image, self.connection.channel - 1, self.connection.threshold if by_hand else None
            )
            if through.shape != labels.array.shape:
                sizes = [" x ".join(map(str, one.shape[::-1])) for one in (through, labels.array)]
                raise UserInputError(
                    f"The image is {sizes[0]} pixels, its labels {sizes[1]}.",
                    todo="Choose the image that the labels belong to.",
                )
        except UserInputError as error:
            raise error.at(row.at(column)) from None
        return through, f", threshold {threshold:,.5g}"
