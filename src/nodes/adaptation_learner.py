"""Domain Adaptation Learner."""

from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.adaptation_settings import AdaptedModelSettings, Strategy, StrengthSettings, title
from nodes.cells import small_table
from nodes.columns import find_column, is_chosen, is_image
from nodes.examples import (
    example_columns,
    history_columns,
    history_values,
    read_examples,
    read_targets,
    target_column,
)
from nodes.network_settings import encoder_weights
from nodes.paths import checkpoint_file
from nodes.ports import SegmentationModelObject, SegmentationModelSpec, model_port
from nodes.running import plain_errors, progress_of, warn
from nodes.selection_settings import selection_settings
from nodes.settings import CATEGORY, TrainingSettings, missing_examples_parameter
from nodes.views.adaptation import adaptation_view

if TYPE_CHECKING:
    from core.adaptation.adapt import AdaptationResult, Run
    from core.adaptation.config import AdaptationConfig
    from core.training.config import TrainingConfig


RUNS = (
    ("Strategy", knext.string),
    ("Chosen", knext.bool_),
    ("Epoch", knext.int32),
    ("Criterion", knext.double),
    ("Target objects", knext.int32),
    ("Target solidity", knext.double),
    ("Target diameter (px)", knext.double),
    ("Target density (1/Mpx)", knext.double),
    ("Target area fraction", knext.double),
    ("Target confidence", knext.double),
    ("Target threshold", knext.double),
    ("Mean average precision, labelled images", knext.double),
    ("Seconds", knext.double),
    ("Problem", knext.string),
)
"""Columns of the table of strategies."""

SEEN = ("objects", "solidity", "object_size", "density", "area_fraction", "confidence", "threshold")
"""What the library calls those of the target."""


@knext.node(
    "Domain Adaptation Learner",
    knext.NodeType.LEARNER,
    "icons/adaptation_learner.png",
    CATEGORY,
    id="DomainAdaptationLearner",
    keywords=["adapt", "domain", "unsupervised", "transfer", "microscope", "mitochondria", "EM", "train", "unlabelled"],
)
@knext.input_table(
    "Labelled images",
    "Images of the known kind: a column of images with any number of channels, all with the same, and a column of "
    "label images of the same size, in which 0 is background and every object has its own number. Z-stacks are learned "
    "from slice by slice.",
)
@knext.input_table(
    "Target images",
    "Images of the kind that the model is meant for, with as many channels. Labels are not needed, and not looked at.",
)
@knext.input_port(
    "Start from",
    "A model to start from: of another training, or of the *Self-Supervised Pretrainer*. Its network replaces the one "
    "that is set here.",
    model_port,
    optional=True,
)
@knext.output_port("Model", "The model of the strategy that was chosen, at the epoch that was chosen.", model_port)
@knext.output_table(
    "Strategies",
    "One row per strategy that was tried out: *Strategy*, whether it was *Chosen*, the *Epoch* and its *Criterion* "
    "(how far the objects on the target images are from the labelled ones, lower is better), what these objects look "
    "like, the *Mean average precision, labelled images*, the *Seconds* that it took, and the *Problem* where it "
    "failed.",
)
@knext.output_table(
    "History",
    "One row per strategy and epoch: *Strategy*, and the columns of the history of a *Segmentation Learner* with "
    "target images.",
)
@knext.output_view(
    "Adaptation",
    "What was chosen and why; the criterion over the epochs of every strategy; target images with what was found "
    "without adaptation and with the chosen strategy.",
)
class DomainAdaptationLearner:
    """Trains a model for images of another microscope, without labels of these.

    Use it when you have **labels of one kind of images and need results on another kind**: another microscope, stain or
    preparation of the same objects. As soon as you can label a few of the target images, the *Segmentation Retrainer*
    does better. Ask the *Domain Gap Report* first what differs: if only the size of pixels does, rescaling is enough.

    **No labels of the target images are needed, so nobody can tell you how good the result is.** The node looks at what
    the model finds on them: whether its objects are as convex and as large as the labelled ones and cover as much of
    the area, and how sure the model is of them. By that it chooses the epoch, and, with *Automatic*, the strategy. Look
    at the outlines in the view before you believe a number. The training without adaptation is always shown beside it,
    unless you leave it out.

    **Example:** 12 labelled images of mitochondria in one electron microscope, and 8 of another (template 05). With the
    strategy *Automatic* five trainings run one after the other; the table *Strategies* has five rows, the
    chosen one is marked, and the model goes to the *Segmentation Predictor*.

    **Which strategy?** On mitochondria of two electron microscopes, both ways round, *Histogram matching* did best with
    a network that knows ImageNet (*U-Net on EfficientNet-Lite0*), and *Automatic* did better than no adaptation every
    time; *Self-supervised pretraining* and *Adversarial alignment* did not help in trainings of 500 steps. Much of what
    is gained comes from choosing epoch and threshold by the target images.

    **Limits:** objects in both kinds of images must look alike in shape, and cover about as much of the area; where you
    know that they do not, have the epoch chosen by convexity alone (*Epoch chosen by*). Images of other pixel sizes are
    rescaled if both kinds have one, otherwise not: see the *Domain Gap Report*. All images are held in memory. The
    strategies tell how long they take, beside a training of the *Segmentation Learner*. For a learned style of whole
    images put *Style Transfer* before this node.

    **Literature:**

    - [Franco-Barranco et al. 2022](https://doi.org/10.1016/j.cmpb.2022.106949), Deep learning based domain adaptation
      for mitochondria segmentation on EM volumes, Computer Methods and Programs in Biomedicine (Attention Y-Net,
      self-supervised pretraining, the choice of the epoch by solidity).
    - [Roels et al. 2019](https://doi.org/10.1109/ISBI.2019.8759383), Domain adaptive segmentation in volume electron
      microscopy imaging, ISBI (Y-Net).
    - [Peng et al. 2020](https://doi.org/10.1109/JSTSP.2020.2998402), Unsupervised mitochondria segmentation in EM
      images via domain adaptive multi-task learning, IEEE JSTSP (DAMT-Net).
    - [Tarvainen and Valpola 2017](https://doi.org/10.48550/arXiv.1703.01780), Mean teachers are better role models,
      NeurIPS.
    - [Yang and Soatto 2020](https://doi.org/10.1109/CVPR42600.2020.00414), FDA: Fourier domain adaptation for semantic
      segmentation, CVPR.
    """

    image_column = knext.ColumnParameter("Image column", "Images to learn from.", 0, is_image)
    label_column = knext.ColumnParameter(
        "Label column", "Labels: 0 is background, every object has its own number.", 0, is_image
    )
    target_column = knext.ColumnParameter("Target image column", "Images that the model is meant for.", 1, is_image)
    missing = missing_examples_parameter()
    strategy = knext.EnumParameter(
        "Strategy",
        "How the model is brought to the target images.",
        Strategy.AUTO.name,
        Strategy,
        style=knext.EnumParameter.Style.DROPDOWN,
    )
    compare = knext.BoolParameter(
        "Compare with no adaptation",
        "Run the training without adaptation as well, to see what the strategy was good for.",
        True,
    ).rule(knext.OneOf(strategy, [Strategy.AUTO.name, Strategy.NONE.name]), knext.Effect.HIDE)
    model = AdaptedModelSettings()
    training = TrainingSettings()
    selection = selection_settings()
    strength = StrengthSettings()

    def configure(self, ctx: Any, schema: Any, target: Any, given: SegmentationModelSpec | None) -> Any:
        """The kind of model, and the two tables."""
        self.image_column, self.label_column = example_columns(schema, self.image_column, self.label_column)
        self.target_column = self._target_column(target)
        self.model.check()
        self.training.check()
        head = self.model.head.lower() if given is None or given.summary.get("pretext") else given.head
        spec = SegmentationModelSpec({"head": {"name": head}})
        return spec, knext.Schema.from_columns(_columns(RUNS)), knext.Schema.from_columns(_history_columns())

    def execute(self, ctx: Any, table: Any, target: Any, given: SegmentationModelObject | None) -> Any:
        """Trains one strategy after the other."""
        with plain_errors():
            ctx.set_progress(0.0, "Starting")
            from core.adaptation.adapt import adapt

            checkpoint = checkpoint_file(ctx, self.training.checkpoint)
            columns = example_columns(table.schema, self.image_column, self.label_column)
            column = self._target_column(target.schema)
            examples, warnings = read_examples(table, *columns, self.missing, ctx)
            targets, more = read_targets(target, column, self.missing, ctx)
            result = adapt(
                examples,
                targets,
                self._config(encoder_weights(ctx, self.model)),
                progress_of(ctx),
                given.load() if given else None,
                checkpoint=checkpoint,
            )
            warn(ctx, [*warnings, *more, *result.warnings])
            return (
                SegmentationModelObject.of(result.model),
                _runs_table(result),
                _history_table(result.runs),
                adaptation_view(result, targets, title),
            )

    def _target_column(self, schema: Any) -> str:
        """The column that was chosen, or that of the labelled images' name."""
        if is_chosen(self.target_column):
            return find_column(schema, self.target_column, "target image column")
        return target_column(schema, str(self.image_column), str(self.label_column))

    def _config(self, weights: str) -> "AdaptationConfig":
        from core.adaptation.config import AdaptationConfig

        return AdaptationConfig(
            strategy=self.strategy.lower(),
            training=self._training(weights),
            reconstruction=self.strength.reconstruction,
            adversarial=self.strength.adversarial,
            agreement=self.strength.agreement,
            compare=self.compare,
        )

    def _training(self, weights: str) -> "TrainingConfig":
        from core.heads import HeadConfig
        from core.networks import NetworkConfig
        from core.training.config import TrainingConfig

        model = self.model
        return TrainingConfig(
            network=NetworkConfig(name=model.network.lower(), base=model.base, depth=model.depth, grid=model.grid),
            head=HeadConfig(name=model.head.lower()),
            augmentation=self.training.augmentations(),
            schedule=self.training.schedule(),
            validation_fraction=self.training.validation_fraction,
            encoder_weights=weights,
            selection=self.selection.config(),
            pixel_sizes=self.selection.other_pixels,
        )


def _columns(columns: Any) -> list[Any]:
    return [knext.Column(kind(), name) for name, kind in columns]


def _history_columns() -> list[Any]:
    return [knext.Column(knext.string(), "Strategy"), *history_columns(target=True)]


def _runs_table(result: "AdaptationResult") -> Any:
    """One row per strategy."""
    rows = []
    for run in result.runs:
        look = run.history[run.epoch - 1] if run.history else {}
        seen = [look.get(name) for name in SEEN]
        seen[0] = None if seen[0] is None else int(seen[0])
        told = [title(run.strategy), run is result.chosen, run.epoch or None, run.criterion, *seen]
        rows.append([*told, run.score, run.seconds, run.problem or None])
    values = [list(column) for column in zip(*rows, strict=True)]
    return small_table(_columns(RUNS), [title(run.strategy) for run in result.runs], values)


def _history_table(runs: "list[Run]") -> Any:
    """One row per strategy and epoch."""
    columns = _history_columns()
    rows = [(run, row) for run in runs for row in run.history]
    names = [title(run.strategy) for run, _ in rows]
    ids = [f"{name}, epoch {int(row['epoch'])}" for name, (_, row) in zip(names, rows, strict=True)]
    values = history_values([row for _, row in rows], target=True)
    return small_table(columns, ids, [names, *values])
