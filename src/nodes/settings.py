"""Settings that nodes share.

Names of parameters and of the constants of enumerations are stored in workflows: they are for ever. The menus name what
the library's registries hold (a test compares them), because importing those here would load PyTorch in every dialog.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import knime.extension as knext

if TYPE_CHECKING:
    from core.training.augmentation import AugmentationConfig
    from core.training.config import ScheduleConfig

CATEGORY = "/community/microseg"


class Device(knext.EnumParameterOptions):
    """Where to compute."""

    AUTO = ("Automatic", "A graphics card where there is one, the processor otherwise.")
    CPU = ("Processor (CPU)", "Works everywhere.")
    CUDA = ("NVIDIA graphics card (CUDA)", "Fastest; fails where there is none.")
    MPS = ("Apple graphics card (MPS)", "On Macs with an Apple processor.")


class Augmentation(knext.EnumParameterOptions):
    """How patches are varied."""

    FULL = ("Shape and brightness", "Flips, rotations, sizes, brightness, contrast, noise and blur: the usual choice.")
    SHAPE = ("Shape only", "Flips, rotations and sizes: where brightness itself tells objects apart.")
    NONE = ("None", "Images as they are: for comparisons.")


class MissingExamples(knext.EnumParameterOptions):
    """What to do with rows that have no image or no labels."""

    SKIP = ("Skip the row", "Train on the other rows, with a warning.")
    FAIL = ("Fail", "Stop and name the row.")


class MissingImages(knext.EnumParameterOptions):
    """What to do with rows without image."""

    KEEP = ("Missing result", "The row stays, its results are missing; with a warning.")
    FAIL = ("Fail", "Stop and name the row.")


def connected(port: int) -> knext.DialogContextCondition:
    """For rules of parameters: something is connected to an input port that may be left alone."""

    def is_connected(ctx: Any) -> bool:
        return ctx.get_input_specs()[port] is not None

    return knext.DialogContextCondition(is_connected)


def _none_for_validation(ctx: Any) -> bool:
    """Whether no validation images are connected."""
    # they are the table behind the labelled images, which are the first one
    tables = [isinstance(spec, knext.Schema) for spec in ctx.get_input_specs()]
    return True not in tables or not any(tables[tables.index(True) + 1 :][:1])


def _head_may_be(name: str) -> knext.DialogContextCondition:
    """For rules of parameters: the model has this head, as far as is known."""

    def may_be(ctx: Any) -> bool:
        return not any(getattr(spec, "head", None) not in (None, name) for spec in ctx.get_input_specs())

    return knext.DialogContextCondition(may_be)


def device_parameter() -> knext.EnumParameter:
    """The choice of the device."""
    return knext.EnumParameter(
        "Device",
        "Where to compute. What was chosen is shown in the node's view.",
        Device.AUTO.name,
        Device,
        style=knext.EnumParameter.Style.DROPDOWN,
        is_advanced=True,
    )


def seed_parameter() -> knext.IntParameter:
    """What the chance of a training begins with."""
    return knext.IntParameter(
        "Seed",
        "What chance begins with: the same seed, data and computer give the same model. 0 to 2,147,483,647.",
        0,
        min_value=0,
        max_value=2**31 - 1,
        is_advanced=True,
    )


def output_column_parameter(usual: str) -> knext.StringParameter:
    """The name of the column of images that a node appends."""
    return knext.StringParameter(
        "Name of the new column", "A number is added where the table has such a column already.", usual
    )


def shown_parameter(usual: int = 32, most: int = 500) -> knext.IntParameter:
    """How many images a view shows."""
    return knext.IntParameter(
        "Images in the view",
        f"How many images the view shows at most, 0 to {most}.",
        usual,
        min_value=0,
        max_value=most,
        is_advanced=True,
    )


def engine_parameter() -> knext.EnumParameter:
    """The choice of what runs the network."""
    return knext.EnumParameter(
        "Engine",
        "What runs the network.",
        Engine.AUTO.name,
        Engine,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )


def missing_examples_parameter() -> knext.EnumParameter:
    """What a training does with incomplete rows."""
    return knext.EnumParameter(
        "Rows without image or labels",
        "What to do with a row whose image or label cell is missing.",
        MissingExamples.SKIP.name,
        MissingExamples,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )


def missing_images_parameter() -> knext.EnumParameter:
    """What a node that makes something of images does with rows that have none."""
    return knext.EnumParameter(
        "Rows without image",
        "What to do with a row whose image cell is missing.",
        MissingImages.KEEP.name,
        MissingImages,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
        is_advanced=True,
    )


class ThresholdsFrom(knext.EnumParameterOptions):
    """Where the thresholds come from."""

    MODEL = ("The model", "Those that were fitted when the model was trained.")
    MANUAL = ("Set here", "Those that are set below.")


class Engine(knext.EnumParameterOptions):
    """What runs the network."""

    AUTO = ("Automatic", "ONNX Runtime on the processor where it is installed, PyTorch otherwise.")
    TORCH = ("PyTorch", "Runs everywhere.")
    ONNX = ("ONNX Runtime", "Faster on processors; fails where it is not installed.")


@knext.parameter_group("Thresholds")
class ThresholdSettings:
    """How sure the model must be. Fewer objects with higher thresholds, more with lower ones."""

    source = knext.EnumParameter(
        "Thresholds from",
        "Who says how sure the model must be. The values in force are shown in the node's view.",
        ThresholdsFrom.MODEL.name,
        ThresholdsFrom,
        style=knext.EnumParameter.Style.VALUE_SWITCH,
    )
    probability = knext.DoubleParameter(
        "Probability (0 to 1)",
        "From which probability on there is an object: fewer and surer objects with a larger one.",
        0.5,
        min_value=0.0,
        max_value=1.0,
    ).rule(knext.OneOf(source, [ThresholdsFrom.MANUAL.name]), knext.Effect.SHOW)
    overlap = knext.DoubleParameter(
        "Overlap (0 to 1, StarDist only)",
        "How much two objects may overlap before the less probable one is dropped, as a share of the smaller one. It "
        "has no effect on models without StarDist.",
        0.4,
        min_value=0.0,
        max_value=1.0,
    ).rule(
        knext.And(knext.OneOf(source, [ThresholdsFrom.MANUAL.name]), _head_may_be("stardist")),
        knext.Effect.SHOW,
    )
    separation = knext.DoubleParameter(
        "Separation (0 to 1, distance only)",
        "How much deeper the middles of two objects must be than the place where they meet, or else they are one: more "
        "and smaller objects with a smaller one. It has no effect on models of another shape of objects.",
        0.3,
        min_value=0.0,
        max_value=1.0,
        since_version=knext.Version(0, 2, 0),
    ).rule(
        knext.And(knext.OneOf(source, [ThresholdsFrom.MANUAL.name]), _head_may_be("distance")),
        knext.Effect.SHOW,
    )

    def chosen(self, known: Iterable[str]) -> dict[str, float]:
        """The thresholds that are set by hand, of those that the model's head knows; empty for the model's own."""
        if self.source == ThresholdsFrom.MODEL.name:
            return {}
        values = {"prob": self.probability, "nms": self.overlap, "separation": self.separation}
        return {name: values[name] for name in known if name in values}


@knext.parameter_group("Computing", is_advanced=True)
class ComputeSettings:
    """Where and how to compute; the result stays the same within rounding."""

    device = device_parameter()
    engine = engine_parameter()
    tile = knext.IntParameter(
        "Tile size (pixels, 0: automatic)",
        "Larger images are predicted in overlapping tiles of this size, 64 to 65,536; 0 chooses it, and what is above "
        "2048 counts as 2048. The result does not depend on it.",
        0,
        min_value=0,
        max_value=65_536,
    )

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if tiles are too small; KNIME asks before it takes a dialog's settings."""
        if 0 < values["tile"] < 64:
            raise knext.InvalidParametersError(f"The tile size is {values['tile']}. Enter at least 64 pixels, or 0.")

    def check(self) -> None:
        """The same for the settings in force, which may come from flow variables."""
        self.validate({"tile": self.tile})


@knext.parameter_group("Training")
class TrainingSettings:
    """How long and how fast the model learns."""

    epochs = knext.IntParameter(
        "Epochs (rounds of training)",
        "After each epoch the model is tested on the validation images. More is slower and better, up to a point that "
        "the training curve shows. 1 to 100,000.",
        32,
        min_value=1,
        max_value=100_000,
    )
    steps = knext.IntParameter(
        "Steps per epoch",
        "Each step learns from one batch of patches. 1 to 100,000.",
        32,
        min_value=1,
        max_value=100_000,
        is_advanced=True,
    )
    batch_size = knext.IntParameter(
        "Batch size (patches)",
        "How many patches every step learns from, 1 to 256; more take more memory.",
        4,
        min_value=1,
        max_value=256,
        is_advanced=True,
    )
    patch_size = knext.IntParameter(
        "Patch size (pixels)",
        "Side of the square patches that are cut out of the images, 32 to 2048. A patch should hold a few objects.",
        128,
        min_value=32,
        max_value=2048,
    )
    augmentation = knext.EnumParameter(
        "Variation of patches",
        "Patches are varied at random, so that the model learns what an object is, and not these objects by heart.",
        Augmentation.FULL.name,
        Augmentation,
        is_advanced=True,
    )
    learning_rate = knext.DoubleParameter(
        "Learning rate",
        "How far every step changes the model: it rises to this value at first, then falls to a hundredth of it. "
        "0.0000001 to 1; smaller where the training curve jumps.",
        1e-3,
        min_value=1e-7,
        max_value=1.0,
        is_advanced=True,
    )
    validation_fraction = knext.DoubleParameter(
        "Share of images for validation (0 to 0.5)",
        "Held back to choose the best epoch and to fit the thresholds, where no validation table is connected and "
        "there are ten images or more (for the Retrainer forty). 0.15 is 15 %.",
        0.15,
        min_value=0.0,
        max_value=0.5,
        is_advanced=True,
    ).rule(knext.DialogContextCondition(_none_for_validation), knext.Effect.SHOW)
    patience = knext.IntParameter(
        "Stop early after (epochs, 0: never)",
        "Stop when the validation loss, or with target images what chooses the epoch, has not become better for so "
        "many epochs, at most 100,000. It has no effect where there are neither.",
        0,
        min_value=0,
        max_value=100_000,
        is_advanced=True,
    )
    seed = seed_parameter()
    device = device_parameter()
    devices = knext.IntParameter(
        "Graphics cards",
        "How many of this computer's graphics cards share every batch, 1 to 64; the batch size must be a multiple of "
        "it. On a processor (CPU) it is a number of processes, which is rarely faster. Several computers: only where "
        "`torchrun` or SLURM runs the workflow without KNIME; then it is the number of cards in each of them.",
        1,
        min_value=1,
        max_value=64,
        is_advanced=True,
        since_version=knext.Version(0, 2, 0),
    )
    checkpoint = knext.StringParameter(
        "Checkpoint file (empty: none)",
        "A file for the state of the training after every epoch, absolute or below the workflow's data area. A "
        "training that was cancelled or killed goes on from there when the node is executed again with the same data "
        "and settings; the file is removed in the end.",
        "",
        is_advanced=True,
    )

    def validate(self, values: dict[str, Any]) -> None:
        """Raise an InvalidParametersError if graphics cards cannot share a batch evenly."""
        size, devices = values["batch_size"], values.get("devices", 1)
        if size % devices:
            raise knext.InvalidParametersError(
                f"The batch size is {size}. Choose a multiple of the number of graphics cards, {devices}."
            )

    def check(self) -> None:
        """The same for the settings in force."""
        self.validate({"batch_size": self.batch_size, "devices": self.devices})

    def schedule(self) -> "ScheduleConfig":
        """These settings for the library."""
        from core.training.config import ScheduleConfig
        from core.training.team import computers

        return ScheduleConfig(
            epochs=self.epochs,
            steps=self.steps,
            batch_size=self.batch_size,
            patch_size=self.patch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=self.seed,
            device=self.device.lower(),
            devices=self.devices,
            nodes=computers(),
        )

    def augmentations(self) -> "AugmentationConfig":
        """How patches are varied, for the library."""
        from dataclasses import replace

        from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig

        full = AugmentationConfig()
        if self.augmentation == Augmentation.SHAPE.name:
            return replace(NO_AUGMENTATION, flip=full.flip, rotate=full.rotate, scale=full.scale)
        return full if self.augmentation == Augmentation.FULL.name else NO_AUGMENTATION
