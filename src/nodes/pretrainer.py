"""Self-Supervised Pretrainer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from core.errors import listed
from nodes.cells import rows
from nodes.columns import IMAGE, PREDICTED, find_column, is_image
from nodes.examples import LABEL_NAMES, history_columns, history_table
from nodes.magnification_settings import (
    answer_parameter,
    check_magnification,
    coverage_parameter,
    magnification_config,
    scales_parameter,
)
from nodes.network_settings import (
    base_parameter,
    check_network,
    depth_parameter,
    encoder_file_parameter,
    encoder_weights,
    encoder_weights_parameter,
    network_parameter,
    validate_network,
)
from nodes.paths import checkpoint_file
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import amount, plain_errors, progress_of, warn
from nodes.settings import CATEGORY, MissingExamples, TrainingSettings
from nodes.views.pretraining import pretraining_view

if TYPE_CHECKING:
    from core.pretraining.config import PretrainingConfig
    from core.pretraining.images import Named

IMAGES = "Images"
"""The group of input tables; messages number them."""


class Task(knext.EnumParameterOptions):
    """What the network learns to do."""

    RESTORATION = (
        "Restore degraded images",
        "Noise is added and half the resolution taken away; the network gives the image back as it was.",
    )
    HIDE_AND_FILL = (
        "Fill hidden squares",
        "Squares of 16 pixels are hidden, half of the image in all; the network fills them in.",
    )
    BLIND_SPOT = (
        "Guess hidden pixels (blind spot)",
        "Single pixels are hidden; the network guesses them from those around. For images with much noise.",
    )
    MAGNIFICATION = (
        "Tell magnifications apart",
        "Patches are shrunk; the network says where to look so that one can tell by how much. For many objects of "
        "about one size: it looks at these.",
    )


@knext.parameter_group("Network", is_advanced=True)
class NetworkSettings:
    """What learns. The nodes that go on with the model take over all of this."""

    network = network_parameter()
    encoder_weights = encoder_weights_parameter(network)
    encoder_file = encoder_file_parameter(network, encoder_weights)
    grid = knext.IntParameter(
        "Stride of the output (1, 2 or 4 pixels)",
        "1 goes with objects of every shape. 2 and 4 are faster, and go with StarDist alone.",
        1,
        min_value=1,
        max_value=4,
        is_advanced=True,
    )
    base = base_parameter()
    depth = depth_parameter()

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if the values make no network."""
        validate_network(values)

    def check(self) -> None:
        """The same for the settings in force, and that a file of weights is named where one is needed."""
        check_network(self)


@knext.node(
    "Self-Supervised Pretrainer",
    knext.NodeType.LEARNER,
    "icons/pretrainer.png",
    CATEGORY,
    id="SelfSupervisedPretrainer",
    keywords=[
        "pretrain",
        "self-supervised",
        "unlabelled",
        "without labels",
        "domain adaptation",
        "denoise",
        "restore",
        "inpainting",
        "Noise2Void",
        "magnification",
        "attention",
        "train",
    ],
)
@knext.input_table_group(
    IMAGES,
    "Images without labels, one row per image: one table for each kind of images, such as one for each microscope. "
    "Every table needs a column of images of the same name, and all images the same number of channels. Other columns "
    "are not looked at.",
)
@knext.output_port(
    "Model",
    "The network that has learned the task. It cannot segment yet: connect it to the *Segmentation Learner* or the "
    "*Segmentation Retrainer*, with labelled images. If the task is *Tell magnifications apart*, the *Segmentation "
    "Predictor* makes a first guess with it.",
    model_port,
)
@knext.output_table(
    "History",
    "One row per epoch: *Epoch*, *Training loss*, *Validation loss* (missing where no images were held back), "
    "*Learning rate*, and the *Seconds* that it took.",
)
@knext.output_view(
    "Pretraining",
    "The loss over the epochs: lower is better. Below it patches of some images: as they were, what the network got, "
    "and what it made of it. Where it learned to tell magnifications apart: patches at the largest and the smallest "
    "magnification, each with where the network looks, and a probe whether it reads content or sharpness.",
)
class SelfSupervisedPretrainer:
    """Trains a network on images without labels, before it learns from labelled ones.

    Use it when you have **many images and few labels**, or labels for one kind of images and none for the kind that you
    want to segment: images of another microscope, stain or animal. The network learns what the images look like by a
    task that they set themselves, such as giving back what noise has hidden. Then connect its model to the
    *Segmentation Learner* (input *Start from*), which learns from the labelled images. If a model for similar images
    exists, the *Segmentation Retrainer* helps more, and takes minutes.

    Connect one table per kind of images, those with labels and those without: every kind is learned from equally often,
    however many images it has. Add tables with the three dots at the side of the node. **No label is looked at**, not
    even where a table has a column of them: images that a model is tested on later are best left out all the same.

    **Example:** 12 images of one electron microscope with labels, and 8 of another one without, as in template 05.
    Connect both tables, leave the task at *Restore degraded images*, and set *Epochs* to 100. The patches in the view
    tell when it has learned enough: edges come back sharp. Then connect the model to *Start from* of the *Segmentation
    Learner*, and the first table to its *Labelled images*.

    *Tell magnifications apart* is for many objects of about one size, such as nuclei, cells or synapses on one kind of
    background. Patches are shrunk to a half and a quarter, and the network marks, pixel by pixel, where one has to look
    to tell by how much; what it does not mark is hidden from a second, small network that answers. As size tells the
    magnification, it marks things of typical size. Images of several true magnifications go together where they have
    **pixel sizes**: those are used, so that an image taken at half the magnification is one at a half. A shrunk image
    is also sharper, less noisy and of less contrast; these are made alike, and the view reports by a probe whether the
    network reads them all the same. Set the *Share of the area in objects* to about what you see, and give images at
    least four times as large as the *Patch size*.

    **Limits:** it is no substitute for labels, and where there are enough of them it changes little: compare with a
    training without it. 2-D images, and Z-stacks slice by slice; they are held in memory together. Each is scaled by
    its own percentiles, a slice by those of its stack, so that bit depths may differ; pixel sizes should not, but for
    *Tell magnifications apart*, and a warning tells where they do. Images of a single value are left out, and those too
    small for the smallest magnification. *Variation of patches* adds neither noise nor blur here. The settings of the
    network hold for the node that goes on with it; its head is chosen in the *Segmentation Learner*, while the
    *Segmentation Retrainer* takes foreground for a stride of 1, StarDist for others. A step takes as long as in the
    *Segmentation Learner*, with a stride of 1 about three times as long as with its 2.

    **Literature:**

    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine (restoring images).
    - [He et al. 2022](https://doi.org/10.48550/arXiv.2111.06377), Masked autoencoders are scalable vision learners,
      CVPR (filling hidden squares).
    - [Sahasrabudhe et al. 2020](https://doi.org/10.1007/978-3-030-59722-1_38), Self-supervised nuclei segmentation in
      histopathological images using attention, MICCAI (telling magnifications apart).
    - [Krull et al. 2019](https://doi.org/10.48550/arXiv.1811.10980), Noise2Void: learning denoising from single noisy
      images, CVPR (blind spots).
    """

    image_column = knext.ColumnParameter(
        "Image column", "Images to learn from; every table needs a column of this name.", (0, 0), is_image
    )
    task = knext.EnumParameter("Task", "What the network learns to do.", Task.RESTORATION.name, Task)
    scales = scales_parameter(task, Task.MAGNIFICATION.name)
    coverage = coverage_parameter(task, Task.MAGNIFICATION.name)
    answer = answer_parameter(task, Task.MAGNIFICATION.name)
    missing = knext.EnumParameter(
        "Rows without image",
        "What to do with a row whose image cell is missing.",
        MissingExamples.SKIP.name,
        MissingExamples,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )
    network = NetworkSettings()
    training = TrainingSettings()

    def configure(self, ctx: Any, schemas: list[Any]) -> Any:
        """A model that cannot segment yet."""
        self.image_column = self._column(schemas)
        self.network.check()
        self.training.check()
        if self.task == Task.MAGNIFICATION.name:
            check_magnification(self)
        network = {"name": self.network.network.lower(), "grid": self.network.grid}
        spec = SegmentationModelSpec({"pretext": self.task.lower(), "network": network})
        return spec, knext.Schema.from_columns(history_columns())

    def execute(self, ctx: Any, tables: list[Any]) -> Any:
        """Trains the network."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.pretraining.pretrain import pretrain

            checkpoint = checkpoint_file(ctx, self.training.checkpoint)
            column = self._column([table.schema for table in tables])
            domains, warnings = [], []
            for table, name in zip(tables, _names(len(tables)), strict=True):
                images, skipped = self._read(table, column, ctx, name)
                domains.append(images)
                warnings += skipped
            result = pretrain(domains, self._config(encoder_weights(ctx, self.network)), progress_of(ctx), checkpoint)
            warn(ctx, [*warnings, *result.warnings])
            return SegmentationModelObject.of(result.model), history_table(result.history), pretraining_view(result)

    def _column(self, schemas: Sequence[Any]) -> str:
        """The image column, which every table has."""
        if not schemas:
            raise knext.InvalidParametersError(
                f"The input {IMAGES!r} is not connected. Add a port to it with the three dots at the side of the node, "
                "and connect a table of images."
            )
        avoid = (*LABEL_NAMES, PREDICTED)
        names, column = _names(len(schemas)), self.image_column
        for schema, name in zip(schemas, names, strict=True):
            try:
                column = find_column(schema, column, "image column", preferred=(IMAGE,), avoid=avoid)
            except knext.InvalidParametersError as error:
                if not name:
                    raise
                raise knext.InvalidParametersError(
                    f"{name}: {error} Every table needs an image column of the same name."
                ) from None
        return str(column)

    def _read(self, table: Any, column: str, ctx: Any, name: str) -> "tuple[list[Named], list[str]]":
        """The images of a table with what messages call them, and a warning about rows that were skipped."""
        from core.errors import Canceled, UserInputError

        images: list[Named] = []
        skipped: list[str] = []
        for row in rows(table):
            if ctx.is_canceled():
                raise Canceled
            ctx.set_progress(0.0, f"Reading {row.id}")
            try:
                image = row.unlabelled(column)
                if image is not None:
                    images.append((f"{name}, {row}" if name else str(row), image))
                elif self.missing == MissingExamples.FAIL.name:
                    todo = "Remove the row, or let rows without image be skipped."
                    raise UserInputError("The image is missing.", where=row.at(column), todo=todo)
                else:
                    skipped.append(row.id)
            except UserInputError as error:
                raise error.at(name) if name else error from None
        if not images:
            raise UserInputError(
                f"The table has no row with an image in column {column!r}.", where=name, todo="Give at least one image."
            )
        where = f"{name}: " if name else ""
        told = f"{where}{amount(len(skipped), 'row')} without image skipped: {listed(skipped)}."
        return images, [told] if skipped else []

    def _config(self, weights: str) -> "PretrainingConfig":
        from core.networks import NetworkConfig
        from core.pretraining.config import PretrainingConfig

        chosen = self.network
        return PretrainingConfig(
            task=self.task.lower(),
            network=NetworkConfig(name=chosen.network.lower(), base=chosen.base, depth=chosen.depth, grid=chosen.grid),
            augmentation=self.training.augmentations(),
            schedule=self.training.schedule(),
            validation_fraction=self.training.validation_fraction,
            encoder_weights=weights,
            magnification=magnification_config(self, chosen=self.task == Task.MAGNIFICATION.name),
        )


def _names(count: int) -> list[str]:
    """What messages call the tables, where there are several."""
    return [f"{IMAGES} {number}" for number in range(1, count + 1)] if count > 1 else [""]
