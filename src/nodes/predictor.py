"""Segmentation Predictor."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import Row, RowWriter, rows
from nodes.columns import IMAGE, PREDICTED, find_column, is_image, png_type, tensor_type, unique_names
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import (
    CATEGORY,
    ComputeSettings,
    MissingImages,
    ThresholdSettings,
    missing_images_parameter,
    output_column_parameter,
    shown_parameter,
)

if TYPE_CHECKING:
    from core.image import Image
    from core.inference.predict import Prediction, Predictor
    from core.inference.uncertainty import Certainty
    from core.progress import Progress
    from nodes.views.ranked import Ranking


CERTAINTY = ("Object count, mean of orientations", "Object count, standard deviation", "Object agreement")
"""Columns that tell how sure the count is."""


GUESSED = (
    "These objects are guesses: the model has learned from images without labels, by telling magnifications apart, and "
    "nobody has shown it what an object is. Look at the outlines before you use a count; label a few images and "
    "connect the model to the Segmentation Learner or Retrainer."
)
"""The warning about what a model found that never saw a label."""


class StackObjects(knext.EnumParameterOptions):
    """What an object of a stack is."""

    CONNECTED = ("Connected through slices", "What overlaps enough from slice to slice is one object with one number.")
    SLICES = ("Each slice by itself", "Every slice has objects of its own; no number comes twice in a stack.")


@knext.node(
    "Segmentation Predictor",
    knext.NodeType.PREDICTOR,
    "icons/predictor.png",
    CATEGORY,
    id="SegmentationPredictor",
    keywords=["apply", "predict", "segment", "detect", "nuclei", "cells", "instance", "StarDist", "inference", "ONNX"],
)
@knext.input_port("Model", "A trained, retrained or pretrained model.", model_port)
@knext.input_table(
    "Images",
    "A column of images of the kind that the model was trained on, with as many channels, 2-D or Z-stacks; other "
    "columns are carried.",
)
@knext.output_table(
    "Segmented images",
    "The input with new columns: the label images (*Predicted labels*, if not named otherwise), in which 0 is "
    "background and every object has its own number, *Object count*, and *Overlay preview*, a picture with "
    "outlines. Where the uncertainty is estimated, also *Object count, mean of orientations*, *Object count, standard "
    "deviation* and *Object agreement* (0 to 1).",
)
@knext.output_view(
    "Outlines",
    "The images with the outlines of the objects that were found, the least certain first where the uncertainty is "
    "estimated; the thresholds in force, and where it was computed.",
)
class SegmentationPredictor:
    """Finds the objects in images with a trained model.

    Use it with a model of a *Segmentation Learner*, *Segmentation Retrainer*, *Model Reader* or *Pretrained
    Segmentation Model*, on images of any size with the **same channels** as those that it was trained on. Every object
    gets its own number in the new column of label images. Count and measure them with the *Instance Counter*, compare
    them with drawn labels with the *Segmentation Scorer*, write them for other programs with the *Segmentation Label
    Writer*. For images that do not fit in memory use the *Large Image Predictor*.

    Before the first image is segmented, the channels and axes of all are checked, so that an image of another kind
    fails the node at once.

    **Example:** eight images of nuclei and the model *Nuclei, fluorescence*: with all settings as they are, the table
    gets the columns *Predicted labels*, *Object count* and *Overlay preview*. If pale nuclei are missed, say with
    *Thresholds from* that you set them yourself, and lower *Probability* from the value that the view shows, say 0.55,
    to 0.4; if there is one object too many where two nuclei touch, lower *Overlap*, or raise *Separation* where the
    model has that instead.

    **Without any label:** a model of the *Self-Supervised Pretrainer* that has learned to *Tell magnifications apart*
    gives a first result: what it looks at, cut apart where it is narrow. These objects are guesses, a warning says so,
    and no other model that has learned without labels can give any. *Probability* chooses how much is taken.

    **Uncertainty:** with *Estimate the uncertainty of the count*, every image is segmented in eight orientations: as it
    is, turned by quarters, and the same mirrored. They show the same objects; what differs is what the model is not
    sure of. *Object count, mean of orientations* and *Object count, standard deviation* are those of the eight counts.
    *Object agreement* is the share of the objects of the image as it is that are found again, with an IoU of 0.5 or
    more, on average over the other seven; of an image without objects it is the share of the others that have none
    either. The view begins with the lowest: look at these images first, and correct their labels for the *Segmentation
    Retrainer*. What is wrong in all orientations alike stays unseen. Slices of stacks are turned, and objects compared
    in three dimensions.

    **Channels** come in any order where they have the names of those that the model was trained on; where they have
    other names, or none, they are taken in the order in which they are.

    **Stacks** are segmented slice by slice, with one scaling of brightness for the whole stack, so that slices above
    or below all cells stay dark, and their label images are stacks. With *Objects in stacks* set to *Connected through
    slices*, objects of neighbouring slices become one where they overlap: of foreground models any common pixel is
    enough, of others half of the smaller one's pixels. *Object count* is then the number of objects in three
    dimensions. The preview and the view show the slice with most objects.

    **Limits:** a million pixels (1024 x 1024) take about one second on one processor core with ONNX Runtime, 1.6
    seconds with PyTorch, and the node about 0.8 GB; the uncertainty takes eight times as long. Larger images are
    predicted in overlapping tiles, with the same result. A label image takes 4 bytes per pixel and must stay below 2
    GiB: about 23,000 x 23,000 pixels. Objects whose size in pixels differs much from that of the training images are
    missed or cut in pieces. In stacks, cells that lie close above each other may become one, and a cell that a slice
    misses becomes two.

    **Literature:**

    - [Schmidt et al. 2018](https://doi.org/10.1007/978-3-030-00934-2_30), Cell detection with star-convex polygons,
      MICCAI (how StarDist's objects come out of the network).
    - [Wang et al. 2019](https://doi.org/10.1016/j.neucom.2019.01.103), Aleatoric uncertainty estimation with test-time
      augmentation for medical image segmentation with convolutional neural networks, Neurocomputing.
    - [Sahasrabudhe et al. 2020](https://doi.org/10.1007/978-3-030-59722-1_38), Self-supervised nuclei segmentation in
      histopathological images using attention, MICCAI (objects without labels).
    """

    image_column = knext.ColumnParameter("Image column", "Images to segment.", 1, is_image)
    output_column = output_column_parameter(PREDICTED)
    previews = knext.BoolParameter(
        "Append previews", "Append a picture of each image with the outlines of its objects.", True
    )
    uncertainty = knext.BoolParameter(
        "Estimate the uncertainty of the count",
        "Segment every image in its eight orientations (turned by quarters, and mirrored), and append how much the "
        "count varies and how many objects are found again. Takes eight times as long; the labels stay the same.",
        False,
        since_version="0.2.0",
    )
    missing = missing_images_parameter()
    shown = shown_parameter()
    stacks = knext.EnumParameter(
        "Objects in stacks",
        "What is one object in a Z-stack. 2-D images are not touched by it.",
        StackObjects.CONNECTED.name,
        StackObjects,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
        since_version="0.2.0",
    )
    thresholds = ThresholdSettings()
    computing = ComputeSettings()

    def configure(self, ctx: Any, model: SegmentationModelSpec, schema: Any) -> Any:
        """The new columns."""
        model.check_segments(guesses=True)
        self.image_column = self._column(schema)
        if not self.output_column.strip():
            raise knext.InvalidParametersError("The new column has no name. Enter one.")
        self.computing.check()
        return knext.Schema.from_columns(
            [*(knext.Column(c.ktype, c.name) for c in schema), *self._new_columns(schema.column_names)]
        )

    def execute(self, ctx: Any, model: SegmentationModelObject, table: Any) -> Any:
        """Segments one image after the other."""
        with plain_errors():
            progress = progress_of(ctx)
            progress.step(0.0, "Loading the model")
            from core.devices import describe_device
            from core.errors import UserInputError
            from core.inference.predict import Predictor
            from nodes.views.found import found_view
            from nodes.views.overlay import COLORS
            from nodes.views.ranked import Ranking
            from nodes.views.slides import Album

            column = self._column(table.schema)
            computing = self.computing
            predictor = Predictor(model.load(), computing.device.lower(), computing.engine.lower(), computing.tile)
            count = 0
            missing, warnings = [], [GUESSED] if predictor.guesses else []
            for row in rows(table):
                progress.step(0.0, "Checking the images")
                count += 1
                if not row.is_missing(column):
                    warnings += self._check(row, column, predictor)
                elif self.missing == MissingImages.KEEP.name:
                    missing.append(row.id)
                else:
                    todo = "Remove the row, or let rows without image have missing results."
                    raise UserInputError("The image is missing.", where=row.at(column), todo=todo)
            writer = RowWriter(table, self._new_columns(table.column_names))
            ranking = Ranking(Album(self.shown, count, [COLORS["found"]]))
            for done, row in enumerate(rows(table)):
                part = progress_of(ctx, f"{row.id} ({done + 1} of {count})").part(done / count, (done + 1) / count)
                part.step(0.0)
                writer.add(row, self._segment(row, column, predictor, part, ranking, warnings))
            if missing:
                warnings.append(f"No results for {amount(len(missing), 'row')} without image: {listed(missing)}.")
            warn(ctx, warnings)
            thresholds = predictor.model.thresholds_with(self.thresholds.chosen(predictor.model.thresholds))
            return writer.finish(), found_view(
                ranking.finish(),
                thresholds,
                describe_device(predictor.device),
                previews=self.previews,
                ranked=self.uncertainty,
                warning=GUESSED if predictor.guesses else "",
            )

    def _column(self, schema: Any) -> str:
        return find_column(schema, self.image_column, "image column", preferred=(IMAGE,), avoid=["Labels"])

    def _new_columns(self, taken: Any) -> list[Any]:
        columns = [
            knext.Column(tensor_type(), self.output_column.strip()),
            knext.Column(knext.int32(), "Object count"),
        ]
        if self.uncertainty:
            columns += [knext.Column(knext.double(), name) for name in CERTAINTY]
        if self.previews:
            columns.append(knext.Column(png_type(), "Overlay preview"))
        return unique_names(taken, columns)

    def _check(self, row: Row, column: str, predictor: "Predictor") -> list[str]:
        """Refuses an image that the model cannot take, by its axes alone; warns of another pixel size."""
        from core.errors import UserInputError
        from core.io.units import pixel_size_doubt

        header = row.header(column)
        if header is None:
            return []
        try:
            if header.size("T") > 1:
                raise UserInputError(
                    f"The image is a time series (axes {header.axes}).",
                    todo="Give its time points as images of their own.",
                )
            predictor.model.check_channels(header.size("C"))
        except UserInputError as error:
            raise error.at(row.at(column)) from None
        size, trained = header.pixel_size.get("X", 0.0), predictor.model.config.pixel_size
        doubts = (
            pixel_size_doubt("The pixels of some images", size, trained),
            predictor.model.channel_doubt(header.channel_names, "The channels of some images"),
        )
        return [doubt for doubt in doubts if doubt]

    def _segment(
        self,
        row: Row,
        column: str,
        predictor: "Predictor",
        progress: "Progress",
        ranking: "Ranking",
        warnings: list[str],
    ) -> list[Any]:
        """The values of the new columns."""
        from core.errors import UserInputError
        from core.planes import as_whole, fullest, slice_of
        from core.training.data import check_pixels, image_is_constant
        from core.visual import outline_overlay, png_bytes
        from nodes.views.slides import Layer

        image = row.image(column)
        if image is None:
            return [None] * len(self._new_columns([]))
        try:
            depth = image.size("Z")
            if depth == 1:
                check_pixels(image, "")
            image = as_whole(image)
            found, certainty = self._predict(predictor, image, progress)
        except UserInputError as error:
            raise error.at(row.at(column)) from None
        if image_is_constant(image):
            warnings.append(f"{row}: all pixels of the image have the same value.")
        count = len(found.scores)
        z = fullest(found.labels.array)
        caption = amount(count, "object") + (f"; slice {z + 1} of {depth}" if depth > 1 else "")
        plane, labels = slice_of(image, z), slice_of(found.labels, z)
        sure = [certainty.mean, certainty.deviation, certainty.agreement] if certainty else []
        if certainty:
            caption += (
                f"; in eight orientations {certainty.mean:.1f} ± {certainty.deviation:.1f}, "
                f"{certainty.agreement:.0%} found again"
            )
        doubt = 1 - certainty.agreement if certainty else 0.0
        ranking.add(doubt, row.id, caption, plane, [Layer(labels, found.scores.tolist())])
        preview = [png_bytes(outline_overlay(plane, labels.array))] if self.previews else []
        return [found.labels, count, *sure, *preview]

    def _predict(
        self, predictor: "Predictor", image: "Image", progress: "Progress"
    ) -> "tuple[Prediction, Certainty | None]":
        """The objects of an image, and how sure they are where that is asked for."""
        from core.inference.stacks import predict_stack
        from core.inference.uncertainty import predict_orientations

        thresholds = self.thresholds.chosen(predictor.model.thresholds)
        joined = self.stacks == StackObjects.CONNECTED.name

        def predict(one: "Image", part: "Progress") -> "Prediction":
            return predict_stack(predictor, one, thresholds, part, joined=joined)

        return predict_orientations(predict, image, progress) if self.uncertainty else (predict(image, progress), None)
