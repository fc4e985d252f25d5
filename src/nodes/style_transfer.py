"""Style Transfer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import UserInputError, listed
from nodes.cells import RowWriter, rows
from nodes.columns import IMAGE, PREDICTED, find_column, is_image, png_type, tensor_type, unique_names
from nodes.examples import LABEL_NAMES
from nodes.likeness import Doubts, Kind, headers
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY, MissingImages, missing_images_parameter, output_column_parameter, shown_parameter
from nodes.style_ports import StyleModelObject, StyleModelSpec, style_model_port
from nodes.style_settings import StyleSettings

if TYPE_CHECKING:
    from core.adaptation.style.distribution import Distribution
    from core.image import Image
    from core.progress import Progress

STYLED = "Styled image"
"""What the new column is called, if not named otherwise."""

TARGETS = "Target images"
"""What messages call the second table."""

REMOVE = "Remove the row, or let rows without image have missing results."

_LABELS = (*LABEL_NAMES, PREDICTED)

LEARNED = 0.3
"""Share of the work that is done when the target images are known."""


PART = "the image is a part of a larger one, and changed by its own grey values: seams may be seen."


@dataclass(frozen=True)
class Chosen:
    """A style that is ready to be given.

    Parameters
    ----------
    transfer : the image in the style, and what is doubtful about it.
    warnings : what is doubtful about the target images.
    target : the grey values of the target images, one distribution per channel; empty where there are none.
    where : where it is computed, in words.
    """

    transfer: "Callable[[Image, Progress], tuple[Image, list[str]]]"
    warnings: Sequence[str] = ()
    target: "tuple[Distribution, ...]" = ()
    where: str = ""


@knext.node(
    "Style Transfer",
    knext.NodeType.MANIPULATOR,
    "icons/style_transfer.png",
    CATEGORY,
    id="StyleTransfer",
    keywords=["domain adaptation", "histogram matching", "normalise", "standardise", "Fourier", "FDA", "CUT", "stain"],
)
@knext.input_table(
    "Images",
    "The images that get another look: a column of 2-D images or Z-stacks. Other columns, labels among them, are "
    "carried.",
)
@knext.input_table(
    "Target images",
    "Images that have this look, ten or more, with as many channels; they need no labels. Not needed for the method "
    "*Style model*.",
    optional=True,
)
@knext.input_port("Style model", "Of a *Style Transfer Learner*; for the method of this name.", style_model_port, True)
@knext.output_table(
    "Styled images",
    "The input with new columns: the images in their new look (*Styled image*, if not named otherwise), of the same "
    "size and pixel size; and *Style preview*, a picture of each image before and after, side by side.",
)
@knext.output_view("Before and after", "The first images before and after, and their histograms.")
class StyleTransfer:
    """Gives images the look of other images: their brightness, contrast or grain.

    Use it when a model is to work on images of another microscope or another preparation than those that have labels.
    There are two ways. Change the **labelled images** to look like the new ones, and train a *Segmentation Learner* on
    the column *Styled image* and the labels that are beside it: connect the labelled images to *Images* and the new
    ones to *Target images*. Or leave a trained model as it is and change the **new images** to look like those that it
    was trained on, before the *Segmentation Predictor*: connect the two tables the other way round. Objects stay where
    they are, so that labels still fit. No label is looked at.

    Try *Standardise* first, then *Histogram matching*, then *Fourier style*; a *Style model* of the *Style Transfer
    Learner* takes long to train and can invent what is not there. Whether it helped can only be told from images with
    labels: label a few and compare with the *Segmentation Scorer*.

    All target images together make one histogram per channel. Each image is changed as a whole, all slices of a Z-stack
    alike. Zeros that fill an image up to a rectangle are no grey values: they count nowhere and stay zero. The new
    images have the bit depth of the target images; a warning says so where that is another.

    **Example:** twenty slices of an electron microscope with labels of mitochondria, and a hundred without labels of
    another microscope that has less contrast. Connect the twenty to *Images*, the hundred to *Target images*, choose
    *Histogram matching*, and look at the view: the curves *After* and *Target images* lie on each other. Train a
    *Segmentation Learner* on *Styled image* and *Labels*, and apply it to the hundred as they are.

    **Limits:** it changes grey values, not sizes. Where the pixel sizes of both tables differ by more than 5 %, a
    warning says so; rescale one of them before. Bright objects on a background of exactly 0 that end sharply look as if
    they were padded: switch *Zeros at the edges are padding* off for those. Tiles of a large image are changed one by
    one, each by its own grey values. *Fourier style* replaces as many waves per image as the smaller image has: give
    target images that show fields about as large. A million pixels (1024 x 1024) take about 0.2 seconds on one
    processor core, previews included, without a *Style model*.

    **Literature:**

    - [Yang and Soatto 2020](https://doi.org/10.1109/CVPR42600.2020.00414), FDA: Fourier domain adaptation for semantic
      segmentation, CVPR (*Fourier style*).
    - [Reinhard et al. 2001](https://doi.org/10.1109/38.946629), Color transfer between images, IEEE Computer Graphics
      and Applications (mean and standard deviation).
    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine (what histogram matching
      and style transfer are worth there).
    """

    image_column = knext.ColumnParameter("Image column", "Images that get another look.", 0, is_image)
    target_column = knext.ColumnParameter("Target image column", "Images that have this look.", 1, is_image)
    output_column = output_column_parameter(STYLED)
    previews = knext.BoolParameter(
        "Append previews", "Append a picture of each image before and after, side by side.", True
    )
    missing = missing_images_parameter()
    shown = shown_parameter(8, 100)
    style = StyleSettings()

    def configure(self, ctx: Any, schema: Any, targets: Any, model: StyleModelSpec | None) -> Any:
        """The new columns."""
        self.image_column = self._column(schema)
        self._check(targets, model)
        if targets is not None and not self.style.is_model:
            self.target_column = self._target_column(targets)
        return knext.Schema.from_columns(
            [*(knext.Column(c.ktype, c.name) for c in schema), *self._new_columns(schema.column_names)]
        )

    def execute(self, ctx: Any, table: Any, targets: Any, model: StyleModelObject | None) -> Any:
        """Learns the style, then changes one image after the other."""
        with plain_errors():
            self._check(targets, model)
            progress = progress_of(ctx)
            progress.step(0.0, "Checking the images")
            from nodes.views.styled import Gallery, preview, styled_view

            column, doubts, missing = self._column(table.schema), Doubts(), list[str]()
            count = self._check_images(table, targets, model, doubts, progress)
            style = self._style(targets, model, progress)
            gallery = Gallery(self.shown, style.target)
            writer = RowWriter(table, self._new_columns(table.column_names))
            for done, row in enumerate(rows(table)):
                part = progress_of(ctx, f"{row.id} ({done + 1} of {count})").part(LEARNED, 1)
                part = part.part(done / count, (done + 1) / count)
                part.step(0.0)
                image = row.image(column)
                if image is None:
                    missing.append(row.id)
                    writer.add(row, [None] * (1 + self.previews))
                    continue
                try:
                    styled, said = style.transfer(image, part)
                except UserInputError as error:
                    raise error.at(row.at(column)) from None
                for doubt in [*said, *([PART] if image.percentiles else [])]:
                    doubts.add(doubt, row)
                gallery.add(row.id, image, styled, self.style.padding)
                writer.add(row, [styled, preview(image, styled)] if self.previews else [styled])
            warnings = [*style.warnings, *doubts.told()]
            if missing:
                warnings.append(f"No results for {amount(len(missing), 'row')} without image: {listed(missing)}.")
            if model is not None and not self.style.is_model:
                warnings.append(f"The style model is not used, because the method is {self.style.words}.")
            warn(ctx, warnings)
            return writer.finish(), styled_view(gallery, f"{self.style.words}{style.where}.")

    def _column(self, schema: Any) -> str:
        return find_column(schema, self.image_column, "image column", preferred=(IMAGE,), avoid=_LABELS)

    def _target_column(self, schema: Any) -> str:
        try:
            return find_column(schema, self.target_column, "target image column", preferred=(IMAGE,), avoid=_LABELS)
        except knext.InvalidParametersError as error:
            raise knext.InvalidParametersError(f"{TARGETS}: {error}") from None

    def _new_columns(self, taken: Any) -> list[Any]:
        columns = [knext.Column(tensor_type(), self.output_column.strip())]
        if self.previews:
            columns.append(knext.Column(png_type(), "Style preview"))
        return unique_names(taken, columns)

    def _check(self, targets: Any, model: Any) -> None:
        """Refuse settings that fit neither together nor what is connected."""
        if not self.output_column.strip():
            raise knext.InvalidParametersError("The new column has no name. Enter one.")
        self.style.check()
        if self.style.is_model and model is None:
            raise knext.InvalidParametersError(
                "No style model is connected. Connect one of a Style Transfer Learner, or choose another method."
            )
        if not self.style.is_model and targets is None:
            raise knext.InvalidParametersError(
                "No target images are connected. Connect images that have the look that is wanted, or choose the "
                "method Style model."
            )

    def _check_images(
        self, table: Any, targets: Any, model: StyleModelObject | None, doubts: Doubts, progress: "Progress"
    ) -> int:
        """Refuse images of other channels before any is changed, and doubt other pixel sizes; the number of rows."""
        todo = REMOVE if self.missing == MissingImages.FAIL.name else ""
        if self.style.is_model:
            assert model is not None
            size = float(model.spec.summary.get("pixel_size", 0.0))
            wanted = Kind("the images of the style model", model.spec.channels, size)
        else:
            column = self._target_column(targets.schema)
            try:
                wanted = Kind.of(headers(rows(targets), column, todo, progress), "the target image")
            except UserInputError as error:
                raise error.at(TARGETS) from None
        count, column = 0, self._column(table.schema)
        for row, header in headers(rows(table), column, todo, progress):
            count += 1
            if header:
                wanted.check(row, column, header, doubts)
        return count

    def _style(self, targets: Any, model: StyleModelObject | None, progress: "Progress") -> "Chosen":
        """How images are changed."""
        if self.style.is_model:
            assert model is not None
            return self._learned(model, progress)
        from core.adaptation.style import make_style

        column, count, skipped = self._target_column(targets.schema), targets.num_rows, list[str]()

        def images() -> "Iterator[tuple[str, Image]]":
            for done, row in enumerate(rows(targets)):
                progress.step(LEARNED * done / count, f"Looking at target image {done + 1} of {count}")
                image = row.image(column)
                if image is None:
                    skipped.append(row.id)
                else:
                    yield row.at(column), image

        try:
            style = make_style(self.style.config(), images(), progress)
        except UserInputError as error:
            raise error.at(TARGETS) from None
        warnings = [f"{TARGETS}: {doubt}" for doubt in style.warnings]
        if skipped:
            warnings.append(f"{TARGETS}: {amount(len(skipped), 'row')} without image skipped: {listed(skipped)}.")
        return Chosen(style.transfer, warnings, style.target)

    def _learned(self, model: StyleModelObject, progress: "Progress") -> "Chosen":
        """How images are changed by a style model."""
        progress.step(0.0, "Loading the style model")
        from core.adaptation.style.learned import translate
        from core.devices import choose_device, describe_device

        loaded, device, padding = model.load(), choose_device(self.style.device.lower()), self.style.padding

        def transfer(image: "Image", part: "Progress") -> "tuple[Image, list[str]]":
            return translate(
                lambda one, polled: loaded.apply(one, polled, device), image, padding=padding, progress=part
            )

        return Chosen(transfer, where=f", computed on {describe_device(device)}")
