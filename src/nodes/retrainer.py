"""Segmentation Retrainer."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.columns import is_image
from nodes.examples import (
    VALIDATION,
    check_columns,
    example_columns,
    history_columns,
    history_table,
    read_examples,
    read_targets,
    target_column,
)
from nodes.paths import checkpoint_file
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, rescaled, warn
from nodes.selection_settings import selection_settings
from nodes.settings import CATEGORY, TrainingSettings, connected, missing_examples_parameter
from nodes.views.training import training_view

if TYPE_CHECKING:
    from core.training.retrain import RetrainingResult

SOURCE = "Former images"
"""What messages call the third table."""

NEW = knext.Version(0, 2, 0)
"""The version since which sizes are matched."""


class Load(knext.EnumParameterOptions):
    """What is taken over from the given model."""

    ALL = ("Everything", "For images of a similar kind with similar objects: the usual choice.")
    BACKBONE = ("All but the last layer (head)", "How objects come out of what the network sees is learned anew.")
    ENCODER = ("The way down only (encoder)", "What the network sees is taken over, what it makes of it learned anew.")


class Learning(knext.EnumParameterOptions):
    """What of the model learns."""

    ALL = ("Everything", "The usual choice.")
    DECODER = (
        "The way up and the head (decoder)",
        "What the network sees (its encoder) stays as it is; what it makes of it learns.",
    )
    LAST_LAYERS = ("The last layers only", "The last step of the way up and the head: least to learn, and to spoil.")


@knext.parameter_group("Transfer")
class TransferSettings:
    """What the new model takes over from the given one."""

    load = knext.EnumParameter(
        "Take over", "What of the given model the new one starts from.", Load.ALL.name, Load, is_advanced=True
    )
    learning = knext.EnumParameter(
        "What learns",
        "The rest of the network stays exactly as it was taken over. The other settings of the transfer hold for what "
        "learns.",
        Learning.ALL.name,
        Learning,
        since_version=NEW,
    )
    freeze = knext.IntParameter(
        "Keep the encoder as it is for (epochs)",
        "In the first epochs what the network sees (its encoder) does not change, so that a few images cannot spoil "
        "it. 0 to 100,000.",
        2,
        min_value=0,
        max_value=100_000,
        is_advanced=True,
    ).rule(knext.OneOf(learning, [Learning.ALL.name]), knext.Effect.SHOW)
    loaded_rate = knext.DoubleParameter(
        "Learning rate of what was taken over (share)",
        "As a share of the learning rate, 0.0001 to 1. Smaller keeps more of the given model.",
        0.3,
        min_value=0.0001,
        max_value=1.0,
        is_advanced=True,
    )
    match_scale = knext.BoolParameter(
        "Match the size of objects",
        "Images are enlarged or shrunk, in training and later in prediction, so that the objects are as large for the "
        "network as those that the given model knows. Without it a model of small objects is of little help for "
        "large ones.",
        lambda version: version >= NEW,
        since_version=NEW,
    )
    layer_decay = knext.DoubleParameter(
        "Learning rate from layer to layer (factor)",
        "Every layer that was taken over learns by this factor more slowly than the one behind it, 0.01 to 1. Smaller "
        "keeps more of what the first layers see; 1 treats all alike.",
        1.0,
        min_value=0.01,
        max_value=1.0,
        is_advanced=True,
        since_version=NEW,
    )
    pull = knext.DoubleParameter(
        "Pull back to the given model",
        "How strongly weights that were taken over are drawn back to where they were (L2-SP), against learning a few "
        "images by heart. 0 is not at all, 10 is strong; up to 1000.",
        0.0,
        min_value=0.0,
        max_value=1000.0,
        is_advanced=True,
        since_version=NEW,
    )
    source_share = knext.DoubleParameter(
        "Share of the former images (0 to 0.9)",
        "How many of the patches come from the images of the former kind; 0.5 is half of them.",
        0.5,
        min_value=0.0,
        max_value=0.9,
        is_advanced=True,
        since_version=NEW,
    ).rule(connected(3), knext.Effect.SHOW)

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if what is not taken over would not learn."""
        if (values["load"], values["learning"]) == (Load.ENCODER.name, Learning.LAST_LAYERS.name):
            raise knext.InvalidParametersError(
                "Only the way down is taken over, and only the last layers learn: the way up would stay random. "
                "Take over everything, or let the whole way up learn."
            )

    def check(self) -> None:
        """The same for the settings in force, which may come from flow variables."""
        self.validate({"load": self.load, "learning": self.learning})


@knext.node(
    "Segmentation Retrainer",
    knext.NodeType.LEARNER,
    "icons/retrainer.png",
    CATEGORY,
    id="SegmentationRetrainer",
    keywords=["retrain", "fine-tune", "finetune", "transfer learning", "train", "segmentation", "few images", "adapt"],
)
@knext.input_port("Model", "The model to start from.", model_port)
@knext.input_table(
    "Labelled images",
    "A few images of the new kind: a column of images with as many channels as the model was trained on, and a "
    "column of label images of the same height and width, in which 0 is background and every object has its own "
    "number.",
)
@knext.input_table(
    "Validation images",
    "Labelled images with the same columns, to score the given and the new model on. Without them a trial decides: "
    "a model learns from one half of the labelled images and is scored on the other, and the other way round. Of 40 "
    "or more images a share is held back instead, where one is set.",
    optional=True,
)
@knext.input_table(
    "Former images",
    "Labelled images of the kind that the given model was trained on, with the same columns. They are mixed in so "
    "that the new model does not forget them, and the view tells how well both models do on them.",
    optional=True,
)
@knext.input_table(
    "Target images",
    "Images without labels of the kind that the model is meant for, with as many channels; in the column of the name "
    "of the *Image column*, or else in the last one that holds images. What the model finds on them chooses the epoch. "
    "Labels are not looked at.",
    optional=True,
)
@knext.output_port("Model", "The given model, the retrained one, or one between them.", model_port)
@knext.output_table(
    "History",
    "One row per epoch of the training, or of the trial where this showed that the given model is to be passed on: "
    "*Epoch*, *Training loss*, *Validation loss* (missing without validation images), *Learning rate*, *Seconds*. With "
    "target images also what the model found on them (objects, or pieces of such, in about a million pixels): *Target "
    "objects*, their mean *Target solidity* (convexity, 0 to 1) and *Target diameter (px)*, *Target density (1/Mpx)* "
    "(objects per million pixels), *Target area fraction* (share of the pixels that are theirs), *Target confidence* "
    "(how sure the model is, 0 to 1), the *Target threshold* (probability, that of the given model), *Target "
    "deviation* (how far all that is from the labelled objects, in standard deviations), and its mean over three "
    "epochs, *Target criterion*: the epoch of the lowest is kept. It is missing before the earliest epoch.",
)
@knext.output_view(
    "Training curve",
    "What came of the retraining, in words: the scores before and after, and how much was taken over. Below it the "
    "loss of training and validation over the epochs: lower is better.",
)
class SegmentationRetrainer:
    """Trains a model further on a few images of another kind.

    Use it when a model exists and your images **look different** from those it was trained on: another microscope,
    stain or tissue. Four labelled images can be enough where a training from the beginning needs dozens. If there are
    several models to start from, ask the *Pretraining Advisor*; with many labelled images and no model use the
    *Segmentation Learner*.

    **It is to do no harm**: images that were not learned from tell how much retraining helps, by their mean average
    precision. Validation images do, or a trial that learns from one half of the images and is scored on the other,
    before the training itself. The weights of the new model lie on the way from the given to the retrained ones, as far
    as these images clearly speak for it; where they do not, the given model is passed on and the node says so. Tiles of
    one picture are not images on their own: give such tables validation images from other pictures.

    Objects may be of another size in pixels than those that the given model knows. Then images are rescaled, and later
    those that the new model is applied to, unless the given model does well without.

    A model forgets what it does not see, and with very few images it forgets much. **Connect some of the former
    images** wherever you have them: they are mixed in. For the pretrained model *simulated-mixed* the *Nuclei
    Simulator* makes such images in any number.

    **How much is to learn?** With a handful of images a large network learns them by heart. *What learns* leaves the
    encoder as it is, or all but the last layers, together with the statistics of its normalisation. A training of the
    last layers finds no objects that the network does not see; where the images look very different, everything has to
    learn.

    A model of the *Self-Supervised Pretrainer* cannot segment yet: its network is taken over, the head learns from
    random weights, and there is nothing to try out or to match.

    Connect images without labels as *Target images* where the model is meant for yet others than the labelled ones. In
    every training, those of the trial too, the epoch is kept whose objects on them look most like the labelled ones,
    and thresholds stay as they are. How much of the retraining is taken over is still told by labels.

    **Example:** four images of cells in phase contrast with 260 cells, and from the *Pretrained Segmentation Model* the
    model *Nuclei, several modalities* (template 02). Set *Epochs* to 12 and *Patch size* to 192, because these cells
    are large, and leave the rest. The view says what came of it: the mean average precision before and after, in the
    trial, and how much of what retraining changed was taken over, for instance 50 %.

    **Limits:** the images need as many channels as the model was trained on. Stacks are taken slice by slice, as in
    the *Segmentation Learner*. A step takes as long as in the *Segmentation Learner*; a training with a trial takes
    about twice as long as one with validation images. A single image is cut in two for the trial; with too few
    objects for that the given model is passed on.

    **Literature:**

    - [Wortsman et al. 2022](https://doi.org/10.48550/arXiv.2109.01903), Robust fine-tuning of zero-shot models, CVPR
      (weights between two models).
    - [Howard and Ruder 2018](https://doi.org/10.18653/v1/P18-1031), Universal language model fine-tuning for text
      classification, ACL (slower learning from layer to layer).
    - [Li et al. 2018](https://doi.org/10.48550/arXiv.1802.01483), Explicit inductive bias for transfer learning with
      convolutional networks, ICML (L2-SP, the pull back).
    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine (the choice of the epoch
      by solidity).
    """

    image_column = knext.ColumnParameter("Image column", "Images to learn from.", 1, is_image)
    label_column = knext.ColumnParameter(
        "Label column", "Labels: 0 is background, every object has its own number.", 1, is_image
    )
    missing = missing_examples_parameter()
    transfer = TransferSettings()
    training = TrainingSettings()
    selection = selection_settings(port=4)

    def configure(
        self, ctx: Any, model: SegmentationModelSpec, schema: Any, validation: Any, source: Any, target: Any
    ) -> Any:
        """The kind of model stays."""
        self.image_column, self.label_column = example_columns(schema, self.image_column, self.label_column)
        for name, other in ((VALIDATION, validation), (SOURCE, source)):
            if other is not None:
                check_columns(name, other, self.image_column, self.label_column)
        if target is not None:
            target_column(target, self.image_column, self.label_column)
        self.transfer.check()
        self.training.check()
        history = knext.Schema.from_columns(history_columns(target=target is not None))
        return SegmentationModelSpec({**model.summary, "pretext": ""}), history

    def execute(
        self, ctx: Any, model: SegmentationModelObject, table: Any, validation: Any, source: Any, target: Any
    ) -> Any:
        """Trains the model further, or keeps it."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.training.config import RetrainingConfig
            from core.training.retrain import retrain

            checkpoint = checkpoint_file(ctx, self.training.checkpoint)
            columns = example_columns(table.schema, self.image_column, self.label_column)
            examples, warnings = read_examples(table, *columns, self.missing, ctx)
            held_back, more = read_examples(validation, *columns, self.missing, ctx, VALIDATION)
            former, yet_more = read_examples(source, *columns, self.missing, ctx, SOURCE)
            column = target_column(target.schema, *columns) if target is not None else ""
            goals, doubts = read_targets(target, column, self.missing, ctx)
            config = RetrainingConfig(
                load=self.transfer.load.lower(),
                learning=self.transfer.learning.lower(),
                freeze=self.transfer.freeze,
                loaded_rate=self.transfer.loaded_rate,
                layer_decay=self.transfer.layer_decay,
                pull=self.transfer.pull,
                source_share=self.transfer.source_share,
                match_scale=self.transfer.match_scale,
                augmentation=self.training.augmentations(),
                schedule=self.training.schedule(),
                validation_fraction=self.training.validation_fraction,
                selection=self.selection.config(),
                pixel_sizes=self.selection.other_pixels,
            )
            result = retrain(
                model.load(),
                examples,
                config,
                progress_of(ctx),
                held_back,
                checkpoint,
                former,
                goals,
            )
            outcome = _outcome(result, fitted=not goals)
            kept = [outcome] if result.kept_given_model else []
            warn(ctx, [*kept, *warnings, *more, *yet_more, *doubts, *result.warnings])
            return (
                SegmentationModelObject.of(result.model),
                history_table(result.history, target=target is not None),
                training_view(result, outcome, *_notes(result)),
            )


def _outcome(result: "RetrainingResult", *, fitted: bool) -> str:
    """What came of the retraining, in a sentence or two; `fitted`: thresholds are those for the labelled images."""
    if result.pretext:
        return (
            f"The given model had learned without labels only ({result.pretext}) and could not segment, so that there "
            "was nothing to compare and no trial. What its network knows was taken over; the head, which finds the "
            "objects, learned from random weights."
        )
    if result.kept_given_model:
        thresholds = "its thresholds for these images" if fitted else "with its own thresholds"
        return (
            f"Retraining did not make the model clearly better: the given model is passed on, {thresholds} (mean "
            f"average precision {result.score:.3f})."
        )
    trial = "In a trial on halves of the images, retraining" if result.scored_on == "left-out" else "Retraining"
    raised = f"raised the mean average precision from {result.score_before:.3f} to {result.score:.3f}."
    return f"{trial} {raised} {result.share:.0%} of what it changed was taken over."


def _notes(result: "RetrainingResult") -> list[str]:
    """What else there is to say about a retrained model."""
    notes = []
    learning = result.model.config.provenance.get("retraining", {}).get("learning", "all")
    if learning != "all" and not result.kept_given_model:
        learned = "The way up and the head" if learning == "decoder" else "The last layers"
        notes.append(f"{learned} alone learned; the rest of the network is as it was taken over.")
    if result.model.config.scale != 1:
        notes.append(
            f"Objects have a diameter of {result.model.config.object_size:.3g} pixels. Images are "
            f"{rescaled(result.model.config.scale)} for the network."
        )
    if result.source_scores is not None:
        before, after = result.source_scores
        notes.append(
            f"On the former images the mean average precision was {before:.3f} with the given model and is {after:.3f}."
        )
    return notes
