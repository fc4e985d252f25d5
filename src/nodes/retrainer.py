"""Segmentation Retrainer."""

from typing import Any

import knime.extension as knext

from nodes.columns import is_image
from nodes.examples import (
    VALIDATION,
    check_validation,
    example_columns,
    history_columns,
    history_table,
    read_examples,
)
from nodes.paths import checkpoint_file
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, warn
from nodes.settings import CATEGORY, TrainingSettings, missing_examples_parameter
from nodes.views.training import training_view


class Load(knext.EnumParameterOptions):
    """What is taken over from the given model."""

    ALL = ("Everything", "For images of a similar kind with similar objects: the usual choice.")
    BACKBONE = ("Network without head", "How objects come out of the features is learned anew.")
    ENCODER = ("Encoder only", "What the network sees is taken over, what it makes of it is learned anew.")


@knext.parameter_group("Transfer")
class TransferSettings:
    """What the new model takes over from the given one."""

    load = knext.EnumParameter("Start from", "Which weights are taken over.", Load.ALL.name, Load)
    freeze = knext.IntParameter(
        "Freeze the encoder for (epochs)",
        "In the first epochs the encoder does not change, so that a few images cannot spoil what it knows.",
        2,
        min_value=0,
        max_value=100_000,
    )
    loaded_rate = knext.DoubleParameter(
        "Learning rate of what was taken over",
        "As a share of the learning rate: more than 0, at most 1. Smaller keeps more of the given model.",
        0.3,
        min_value=0.0001,
        max_value=1.0,
        is_advanced=True,
    )


@knext.node(
    "Segmentation Retrainer",
    knext.NodeType.LEARNER,
    "icons/retrainer.png",
    CATEGORY,
    id="SegmentationRetrainer",
    keywords=["retrain", "fine-tune", "transfer learning", "segmentation", "few images", "adapt"],
)
@knext.input_port("Model", "The model to start from.", model_port)
@knext.input_table("Labelled images", "A few images of the new kind with their labels.")
@knext.input_table(
    "Validation images",
    "Labelled images with the same columns, to score the given and the new model on. Without them a share of the "
    "labelled images is held back; of fewer than five images none is, and they themselves are scored.",
    optional=True,
)
@knext.output_port("Model", "The better one of the given and the retrained model.", model_port)
@knext.output_table("History", "One row per epoch of training.")
@knext.output_view("Training curve", "The loss of training and validation over the epochs.")
class SegmentationRetrainer:
    """Trains a model further on a few images of another kind.

    Use it when a model exists and your images **look different** from those it was trained on: another microscope,
    stain or tissue. Four labelled images can be enough where a training from the beginning needs dozens.

    The result is never worse than the given model on the validation images: both are scored there by their mean average
    precision, and where retraining did not help, the given model is passed on and the node says so.
    """

    image_column = knext.ColumnParameter("Image column", "Images to learn from.", 1, is_image)
    label_column = knext.ColumnParameter(
        "Label column", "Labels: 0 is background, every object has its own number.", 1, is_image
    )
    missing = missing_examples_parameter()
    transfer = TransferSettings()
    training = TrainingSettings()

    def configure(self, ctx: Any, model: SegmentationModelSpec, schema: Any, validation: Any) -> Any:
        """The kind of model stays."""
        self.image_column, self.label_column = example_columns(schema, self.image_column, self.label_column)
        if validation is not None:
            check_validation(validation, self.image_column, self.label_column)
        return SegmentationModelSpec(model.summary), knext.Schema.from_columns(history_columns())

    def execute(self, ctx: Any, model: SegmentationModelObject, table: Any, validation: Any) -> Any:
        """Trains the model further, or keeps it."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.training.config import RetrainingConfig
            from core.training.retrain import retrain

            checkpoint = checkpoint_file(ctx, self.training.checkpoint)
            columns = example_columns(table.schema, self.image_column, self.label_column)
            examples, warnings = read_examples(table, *columns, self.missing, ctx)
            held_back, more = read_examples(validation, *columns, self.missing, ctx, VALIDATION)
            config = RetrainingConfig(
                load=self.transfer.load.lower(),
                freeze=self.transfer.freeze,
                loaded_rate=self.transfer.loaded_rate,
                augmentation=self.training.augmentations(),
                schedule=self.training.schedule(),
                validation_fraction=self.training.validation_fraction,
            )
            result = retrain(
                model.load(),
                examples,
                config,
                progress_of(ctx),
                held_back,
                checkpoint,
            )
            if result.kept_given_model:
                outcome = (
                    "Retraining did not make the model better: the given model is passed on, its thresholds fitted to "
                    f"these images (mean average precision {result.score:.3f})."
                )
            else:
                better = f"from {result.score_before:.3g} to {result.score:.3g}"
                outcome = f"Retraining made the model better: its mean average precision rose {better}."
            warn(ctx, [*([outcome] if result.kept_given_model else []), *warnings, *more, *result.warnings])
            return (
                SegmentationModelObject.of(result.model),
                history_table(result.history),
                training_view(result, outcome),
            )
