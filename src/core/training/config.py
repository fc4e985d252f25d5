"""What a training is told."""

from dataclasses import dataclass, field

from core.config import Config, require
from core.heads import HeadConfig
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig
from core.training.augmentation import AugmentationConfig
from core.training.selection import SelectionConfig

LOAD = ("encoder", "backbone", "all")

LEARNING = ("all", "decoder", "last_layers")


@dataclass(frozen=True)
class ScheduleConfig(Config):
    """How long and how fast a model learns.

    Parameters
    ----------
    epochs : rounds of training, each followed by a look at the validation images; 1 or more.
    steps : steps of an epoch, 1 or more.
    batch_size : patches of a step, 1 to 256.
    patch_size : side of a patch in pixels, 32 to 2048; rounded up to what the network's pooling needs.
    learning_rate : the highest learning rate, reached after the warm-up and then lowered to a hundredth by half a
        cosine (Loshchilov and Hutter 2017).
    warmup : share of all steps in which the learning rate rises, 0 to 0.5.
    weight_decay : of AdamW (Loshchilov and Hutter 2019), 0 or more.
    clip : largest norm of the gradient, more than 0.
    average : decay per step of the running average of the weights, which is the model that is kept; 0 is no average.
    patience : stop after so many epochs without a better validation loss; 0 never stops early.
    seed : on a CPU the same seed, data and number of threads give the same model, on a GPU nearly the same.
    device : "auto", "cpu", "cuda" or "mps".
    devices : processors of a computer that share every batch, 1 to 64: graphics cards, or on a CPU processes.
    nodes : computers, 1 to 1024. The batch size must be a multiple of devices x nodes; the model does not depend on
        them but for rounding, and for batch normalisation, which sees the share of one processor at a time.
    """

    epochs: int = 32
    steps: int = 32
    batch_size: int = 4
    patch_size: int = 128
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 1e-4
    clip: float = 1.0
    average: float = 0.98
    patience: int = 0
    seed: int = 0
    device: str = "auto"
    # Not in the text of a schedule, by which a checkpoint knows its training: it goes on with other numbers of these.
    devices: int = field(default=1, repr=False)
    nodes: int = field(default=1, repr=False)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("steps", 1, 100_000),
            ("batch_size", 1, 256),
            ("patch_size", 32, 2048),
            ("warmup", 0, 0.5),
            ("average", 0, 0.9999),
            ("patience", 0, 100_000),
            ("seed", 0, 2**31 - 1),
            ("devices", 1, 64),
            ("nodes", 1, 1024),
        ):
            require(low <= getattr(self, name) <= high, name, getattr(self, name), f"{low} to {high}")
        for name in ("learning_rate", "clip"):
            require(getattr(self, name) > 0, name, getattr(self, name), "more than 0")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        require(
            self.batch_size % self.processes == 0,
            "batch_size",
            self.batch_size,
            f"a multiple of {self.processes}, the number of processors (devices x nodes) that share a batch",
        )

    @property
    def processes(self) -> int:
        """How many processes train together, one for each processor."""
        return self.devices * self.nodes


@dataclass(frozen=True)
class TrainingConfig(Config):
    """A training from random weights, or from an encoder that was trained on ImageNet.

    Parameters
    ----------
    network, head, normalization : the model; the number of input channels is taken from the images.
    encoder_weights : what the encoder starts from: "" random weights, "imagenet" those of the installed package, or the
        path of a file, see `core.networks.pretrained_weights`. Such an encoder does not change in the first epoch.
    selection : how the epoch is chosen where there are images without labels.
    pixel_sizes : what to do where those have pixels of another size, one of `core.training.target.PIXEL_SIZES`.
    augmentation, schedule : how it learns.
    validation_fraction : share of the examples that is held back for validation, 0 to 0.5; with fewer than ten
        examples none is.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    normalization: NormalizationConfig = field(default_factory=NormalizationConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    validation_fraction: float = 0.15
    encoder_weights: str = ""
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    pixel_sizes: str = "rescale"

    def __post_init__(self) -> None:
        require(0 <= self.validation_fraction <= 0.5, "validation_fraction", self.validation_fraction, "0 to 0.5")


@dataclass(frozen=True)
class RetrainingConfig(Config):
    """A training that starts from a model.

    Parameters
    ----------
    load : which weights are taken over: "encoder", "backbone" (all of the network) or "all" (the head too); the rest
        starts from random weights.
    learning : what changes at all: "all", "decoder" (the way up, and the head) or "last_layers" (the last stage of the
        way up, and the head). The rest stays as it was taken over, statistics included; nothing may start from random
        weights and stay so, as the way up would with "encoder" and "last_layers".
    freeze : number of first epochs in which the encoder does not change, 0 or more; of effect where all learns.
    loaded_rate : learning rate of what was taken over, as a share of the learning rate, more than 0 to 1.
    layer_decay : factor by which every stage that was taken over learns more slowly than the one behind it, more than
        0 to 1 (Howard and Ruder 2018); 1 is none.
    pull : how strongly weights that were taken over are drawn back to where they started, 0 or more: every step takes
        them the share learning rate x pull of the way (L2-SP: Li, Grandvalet and Davoine 2018; kept apart from the
        gradient as AdamW does with weight decay).
    source_share : share of the patches that come from source images, where there are any, 0 to 0.9.
    match_scale : rescale the images so that their objects are as large as those that the model knows, unless it does
        well without, see `core.training.object_size.best_scale`.
    augmentation, schedule, selection, pixel_sizes : as in `TrainingConfig`.
    validation_fraction : share of the examples that is held back for validation, 0 to 0.5; with fewer than forty
        examples none is, and a trial takes its place.
    """

    load: str = "all"
    learning: str = "all"
    freeze: int = 2
    loaded_rate: float = 0.3
    layer_decay: float = 1.0
    pull: float = 0.0
    source_share: float = 0.5
    match_scale: bool = True
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    validation_fraction: float = 0.15
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    pixel_sizes: str = "rescale"

    def __post_init__(self) -> None:
        require(self.load in LOAD, "load", self.load, f"one of {', '.join(LOAD)}")
        require(self.learning in LEARNING, "learning", self.learning, f"one of {', '.join(LEARNING)}")
        require(
            (self.load, self.learning) != ("encoder", "last_layers"),
            "learning",
            self.learning,
            "all or decoder where the encoder alone is taken over: the way up would stay random",
        )
        require(self.freeze >= 0, "freeze", self.freeze, "0 or more")
        require(0 < self.loaded_rate <= 1, "loaded_rate", self.loaded_rate, "more than 0 and at most 1")
        require(0 < self.layer_decay <= 1, "layer_decay", self.layer_decay, "more than 0 and at most 1")
        require(self.pull >= 0, "pull", self.pull, "0 or more")
        require(0 <= self.source_share <= 0.9, "source_share", self.source_share, "0 to 0.9")
        require(0 <= self.validation_fraction <= 0.5, "validation_fraction", self.validation_fraction, "0 to 0.5")
