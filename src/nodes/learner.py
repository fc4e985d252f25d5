"""Segmentation Learner."""

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
from nodes.network_settings import (
    Head,
    base_parameter,
    check_network,
    depth_parameter,
    encoder_file_parameter,
    encoder_weights,
    encoder_weights_parameter,
    head_parameter,
    network_parameter,
    validate_network,
)
from nodes.paths import checkpoint_file
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, warn
from nodes.selection_settings import selection_settings
from nodes.settings import CATEGORY, TrainingSettings, missing_examples_parameter
from nodes.views.training import training_view

if TYPE_CHECKING:
    from core.model import SegmentationModel
    from core.training.config import TrainingConfig


@knext.parameter_group("Model")
class ModelSettings:
    """What the model is made of."""

    head = head_parameter(Head.STARDIST)
    network = network_parameter(
        "What looks at the image. Where a model to start from is connected, its network takes the place of this one "
        "and of all that is set for it: width, depth and stride, and what it starts from."
    )
    encoder_weights = encoder_weights_parameter(network)
    encoder_file = encoder_file_parameter(network, encoder_weights)
    rays = knext.IntParameter(
        "Rays (corners of a polygon)",
        "How finely outlines are drawn, 8 to 128: 32 for round objects, 64 for more detail.",
        32,
        min_value=8,
        max_value=128,
        is_advanced=True,
    ).rule(knext.OneOf(head, [Head.STARDIST.name]), knext.Effect.SHOW)
    grid = knext.IntParameter(
        "Stride of the output (1, 2 or 4 pixels)",
        "StarDist predicts one polygon for every so many pixels: 1 for objects smaller than ten pixels, 4 for ones "
        "larger than eighty; larger is faster.",
        2,
        min_value=1,
        max_value=4,
        is_advanced=True,
    ).rule(knext.OneOf(head, [Head.STARDIST.name]), knext.Effect.SHOW)
    base = base_parameter()
    depth = depth_parameter()

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if the values make no network."""
        validate_network(values)

    def check(self) -> None:
        """The same for the settings in force, and that a file of weights is named where one is needed."""
        check_network(self)


@knext.node(
    "Segmentation Learner",
    knext.NodeType.LEARNER,
    "icons/learner.png",
    CATEGORY,
    id="SegmentationLearner",
    keywords=["train", "segmentation", "deep learning", "StarDist", "U-Net", "nuclei", "cells", "instance"],
)
@knext.input_table(
    "Labelled images",
    "One row per image: a column of images with any number of channels, all with the same, and a column of label "
    "images of the same height and width, in which 0 is background and every object has its own number. As of the "
    "*Microscopy Image Reader*.",
)
@knext.input_table(
    "Validation images",
    "Labelled images with the same columns, to choose the best epoch and the thresholds. Without them a share of "
    "the labelled images is held back.",
    optional=True,
)
@knext.input_port(
    "Start from",
    "A model whose network, with all that it has learned, is where the training begins; the head, which finds the "
    "objects, is new. As of the *Self-Supervised Pretrainer*. The settings of the network have no effect then.",
    model_port,
    optional=True,
)
@knext.input_table(
    "Target images",
    "Images without labels of the kind that the model is meant for, with as many channels; in the column of the name "
    "of the *Image column*, or else in the last one that holds images. What the model finds on them chooses the epoch. "
    "Labels are not looked at.",
    optional=True,
)
@knext.output_port("Model", "The trained model of the best epoch, with its thresholds.", model_port)
@knext.output_table(
    "History",
    "One row per epoch: *Epoch*, *Training loss*, *Validation loss* (missing without validation images), *Learning "
    "rate*, and the *Seconds* that it took. With target images also what the model found on them "
    "(objects, or pieces of such, in about a million pixels): *Target objects*, their mean *Target solidity* "
    "(convexity, 0 to 1) and *Target diameter (px)*, *Target density (1/Mpx)* (objects per million pixels), *Target "
    "area fraction* (share of the pixels that are theirs), *Target confidence* (how sure the model is, 0 to 1), the "
    "*Target threshold* (probability) by which all that was found, *Target deviation* (how far all that is from the "
    "labelled objects, in standard deviations), and its mean over three epochs, *Target criterion*: the epoch of the "
    "lowest is kept. It is missing before the earliest epoch.",
)
@knext.output_view(
    "Training curve",
    "The loss of training and validation over the epochs: lower is better. Beside it what came of the training, and "
    "where it was computed.",
)
class SegmentationLearner:
    """Trains a model that finds every single object in an image.

    Use it when you have **images with labels** of the kind that you want to segment: twenty images with some hundred
    objects are a good start. With only a few images, and a model that knows similar ones, use the *Segmentation
    Retrainer*. Without labels try a *Pretrained Segmentation Model*. Connect the *Segmentation Predictor* to apply the
    model, and the *Model Writer* to keep it. With many images but few labels, have a *Self-Supervised Pretrainer* learn
    from all images first, and connect its model to *Start from*.

    Choose StarDist for round objects that touch, such as nuclei, foreground for objects of any shape that rarely touch,
    and distance for small ones, clusters of them, and irregular ones that touch. Before the training begins, the data
    are checked: labels of another size than their image, pixels that are no numbers, binary masks in place of labels
    and other faults are named with their row.

    **Example:** 24 images with 1,300 nuclei (template 01). Leave all settings as they are: 32 *Epochs* of 32 steps, in
    which the model sees 4 patches of 128 x 128 pixels each. Of 24 images 15 % are held back to choose the best epoch
    and the thresholds. If both lines of the training curve still fall at its end, set *Epochs* to 100; if the line of
    the validation rises again, more images help more than more epochs.

    **Stacks** are taken slice by slice, each slice as an image of its own but with one scaling of brightness for the
    whole stack, together with its labels; pieces of an object that do not touch within a slice are objects of their own
    there, so that masks of black and white will do. Slices in which nothing is drawn are taken as background, with a
    warning. A single slice that is an image of its own is scaled by itself: to learn for stacks, give stacks.
    Neighbouring slices are much alike: connect another stack as *Validation images*.

    **Without labels of the images that matter:** if the model is meant for other images than the labelled ones, of
    another microscope say, the epoch that is best here need not be best there. Connect some of them as *Target images*:
    the epoch is kept whose objects on them look most like the labelled ones, in convexity, size and share of the area,
    and of which the model is surest. The threshold is chosen in the same way, unless convexity alone is to choose: then
    it is the usual one. That chooses, it does not adapt: for the latter use the *Domain Adaptation Learner*.

    **Limits:** images with the same number of channels; they are held in memory together. The example takes
    some minutes on two processor cores, and 0.85 GB besides the images. The time grows with epochs, steps, batch size
    and the area of a patch. A graphics card is used where there is one, and not needed. StarDist's objects are
    star-convex: there is a point inside from which all of the outline is seen.

    **Literature:**

    - [Schmidt et al. 2018](https://doi.org/10.1007/978-3-030-00934-2_30), Cell detection with star-convex polygons,
      MICCAI (StarDist).
    - [Bai and Urtasun 2017](https://doi.org/10.1109/CVPR.2017.305), Deep watershed transform for instance segmentation,
      CVPR, and [Naylor et al. 2019](https://doi.org/10.1109/TMI.2018.2865709), Segmentation of nuclei in histopathology
      images by deep regression of the distance map, IEEE Transactions on Medical Imaging (distance).
    - [Ronneberger et al. 2015](https://doi.org/10.1007/978-3-319-24574-4_28), U-Net: convolutional networks for
      biomedical image segmentation, MICCAI.
    - [Oktay et al. 2018](https://doi.org/10.48550/arXiv.1804.03999), Attention U-Net: learning where to look for the
      pancreas, MIDL.
    - [He et al. 2016](https://doi.org/10.1109/CVPR.2016.90), Deep residual learning for image recognition, CVPR
      (ResNet, Res-U-Net).
    - [Tan and Le 2019](https://doi.org/10.48550/arXiv.1905.11946), EfficientNet: rethinking model scaling for
      convolutional neural networks, ICML.
    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine (the choice of the epoch
      by solidity).
    - Wilhelm 2019, thesis, University of Konstanz (foreground without rims, the widths of the Res-U-Net).
    """

    image_column = knext.ColumnParameter("Image column", "Images to learn from.", 0, is_image)
    label_column = knext.ColumnParameter(
        "Label column", "Labels: 0 is background, every object has its own number.", 0, is_image
    )
    missing = missing_examples_parameter()
    model = ModelSettings()
    training = TrainingSettings()
    selection = selection_settings(port=3)

    def configure(
        self, ctx: Any, schema: Any, validation: Any, start: SegmentationModelSpec | None, target: Any
    ) -> Any:
        """The kind of model; its channels are not known before the images are seen."""
        self.image_column, self.label_column = example_columns(schema, self.image_column, self.label_column)
        if validation is not None:
            check_columns(VALIDATION, validation, self.image_column, self.label_column)
        if target is not None:
            target_column(target, self.image_column, self.label_column)
        self.model.check()
        self.training.check()
        if start is not None and self.model.head != Head.STARDIST.name and start.grid not in (None, 1):
            raise knext.InvalidParametersError(
                f"The network of the model at the input 'Start from' has a stride of {start.grid} pixels. Choose "
                "StarDist as shape of the objects, or a model whose network has a stride of 1."
            )
        spec = SegmentationModelSpec({"head": {"name": self.model.head.lower()}})
        return spec, knext.Schema.from_columns(history_columns(target=target is not None))

    def execute(self, ctx: Any, table: Any, validation: Any, start: SegmentationModelObject | None, target: Any) -> Any:
        """Trains the model."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.training.train import train

            checkpoint = checkpoint_file(ctx, self.training.checkpoint)
            columns = example_columns(table.schema, self.image_column, self.label_column)
            examples, warnings = read_examples(table, *columns, self.missing, ctx)
            held_back, more = read_examples(validation, *columns, self.missing, ctx, VALIDATION)
            column = target_column(target.schema, *columns) if target is not None else ""
            goals, yet_more = read_targets(target, column, self.missing, ctx)
            given = start.load() if start else None
            result = train(
                examples,
                self._config("" if given else encoder_weights(ctx, self.model)),
                progress_of(ctx),
                held_back,
                checkpoint,
                goals,
                given,
            )
            warn(ctx, [*warnings, *more, *yet_more, *result.warnings])
            view = training_view(result, *_notes(result.model))
            history = history_table(result.history, target=target is not None)
            return SegmentationModelObject.of(result.model), history, view

    def _config(self, encoder_weights: str) -> "TrainingConfig":
        from core.heads import HEADS, HeadConfig
        from core.networks import NetworkConfig
        from core.training.config import TrainingConfig

        head = HeadConfig(name=self.model.head.lower(), n_rays=self.model.rays)
        grid = self.model.grid if self.model.grid in HEADS[head.name].grids else HEADS[head.name].grids[0]
        network = NetworkConfig(
            name=self.model.network.lower(), base=self.model.base, depth=self.model.depth, grid=grid
        )
        return TrainingConfig(
            network=network,
            head=head,
            augmentation=self.training.augmentations(),
            schedule=self.training.schedule(),
            validation_fraction=self.training.validation_fraction,
            encoder_weights=encoder_weights,
            selection=self.selection.config(),
            pixel_sizes=self.selection.other_pixels,
        )


def _notes(model: "SegmentationModel") -> list[str]:
    """What there is to say about what a model started from."""
    start = model.config.provenance.get("start")
    if not start:
        return []
    learned = f" had learned without labels ({start['pretext']})" if start.get("pretext") else ""
    return [
        f"The network is that of the model at the input Start from, which{learned or ' was trained before'}; the "
        "settings of the network had no effect. The head, which finds the objects, began with random weights."
    ]
