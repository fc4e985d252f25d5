"""A trained model: one file with everything that applying and retraining it need.

The file, conventionally named `*.microseg`, is that of `core.model_file`; its configuration holds architecture,
normalisation, thresholds, what the model was trained on, and the training's history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from torch import Tensor, nn

from core.config import Config, require
from core.errors import UserInputError
from core.heads import Head, HeadConfig, make_head
from core.image import amount_of_channels, channel_order
from core.model_file import Stored, Weights, pack, unpack
from core.networks import Network, NetworkConfig, make_network
from core.normalization import NormalizationConfig

SCHEMA_VERSION = 2
"""Raised by one whenever an older program could not use a newer file."""

SUFFIX = ".microseg"


@dataclass(frozen=True)
class ModelConfig(Config):
    """What a model is, and where it comes from.

    Parameters
    ----------
    network, head : the architecture.
    normalization : how images are normalised before the network.
    channel_names : names of the channels it was trained on, or empty.
    pixel_size : pixel size of the training images in micrometres, 0 where unknown.
    object_size : median diameter of the training objects in pixels, 0 where unknown.
    scale : by how much images are enlarged before the network, 1/8 to 8; pixel and object size are those before.
    thresholds : the head's thresholds, fitted on validation data.
    pretext : the task without labels that the network has learned, such as "restoration", while the head has learned
        nothing yet, or nothing from labels; empty for a model that segments.
    provenance : versions, seed, fingerprint and number of the training images, licence of start weights, scores.
    history : one row per epoch of training.
    schema_version : version of the file format.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    normalization: NormalizationConfig = field(default_factory=NormalizationConfig)
    channel_names: tuple[str, ...] = ()
    pixel_size: float = 0.0
    object_size: float = 0.0
    scale: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    pretext: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        require(self.pixel_size >= 0, "pixel_size", self.pixel_size, "0 or more")
        require(self.object_size >= 0, "object_size", self.object_size, "0 or more")
        require(1 / 8 <= self.scale <= 8, "scale", self.scale, "1/8 to 8")


class SegmentationModel(nn.Module, Stored):
    """A network and its head, with their configuration.

    `forward` takes normalised float32 images N C Y X and returns the head's raw output N K Y/grid X/grid.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.network: Network = make_network(config.network)
        self.head: Head = make_head(config.head, self.network.out_channels)
        require(
            config.network.grid in self.head.grids,
            "grid",
            config.network.grid,
            f"one of {', '.join(map(str, self.head.grids))} for the head {config.head.name}",
        )

    def forward(self, images: Tensor, inner: Tensor | None = None) -> Tensor:
        """Raw output N K Y/grid X/grid of normalised images N C Y X; of tiles less of their margin, see `Network`."""
        output: Tensor = self.head(self.network(images, inner))
        return output

    @property
    def thresholds(self) -> dict[str, float]:
        """The fitted thresholds, the head's own where none were fitted."""
        return {**self.head.default_thresholds(), **self.config.thresholds}

    def check_channels(self, channels: int) -> None:
        """Raise a UserInputError if images of so many channels are not what the model was trained on."""
        wanted = self.config.network.in_channels
        if channels != wanted:
            names = ", ".join(self.config.channel_names)
            raise UserInputError(
                f"The image has {amount_of_channels(channels)}, the model was trained on "
                f"{wanted}{f' ({names})' if names else ''}.",
                todo="Choose the same channels when reading the images, or train a model on images of this kind.",
            )

    def channel_doubt(self, names: Sequence[str], what: str = "The channels") -> str:
        """What is doubtful about several channels of these names, in a sentence or two; empty where nothing is."""
        known = self.config.channel_names
        if len(known) < 2 or not names or channel_order(names, known):
            return ""
        return (
            f"{what} are named {', '.join(names)}, those that the model was trained on "
            f"{', '.join(known)}: they are taken in this order."
        )

    def thresholds_with(self, chosen: Mapping[str, float]) -> dict[str, float]:
        """The thresholds, those that are chosen in place of the model's own.

        Raises
        ------
        UserInputError : one that the head does not have.
        """
        for name in chosen:
            require(name in self.thresholds, "threshold", name, f"one of {', '.join(self.thresholds)}")
        return {**self.thresholds, **chosen}

    def with_config(self, **changes: Any) -> Self:
        """This model, its configuration changed in what does not touch the architecture."""
        self.config = replace(self.config, **changes)
        return self

    def copy(self) -> "SegmentationModel":
        """A model of its own with the same weights."""
        twin = SegmentationModel(self.config)
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)

    def summary(self) -> dict[str, Any]:
        """What a reader should know before applying the model, JSON-able; without weights and history."""
        data = self.config.to_dict()
        data.pop("history")
        return {**data, "thresholds": self.thresholds}

    def to_bytes(self, *, half: bool = False) -> bytes:
        """The model file's content; with `half` the weights take half the space and have three digits."""
        weights = self.state_dict()
        if half:
            weights = {name: w.half() if w.is_floating_point() else w for name, w in weights.items()}
        return pack(self.config.to_dict(), weights)

    @classmethod
    def from_bytes(cls, content: bytes | memoryview, name: str = "The model") -> Self:
        """The model in a file's content.

        Parameters
        ----------
        content : what `to_bytes` gave.
        name : how messages call it, for instance the file's path.

        Raises
        ------
        ModelFormatError : no model, damaged, or written by a newer version.
        """
        todo = "Write it again with the Model Writer, or get an undamaged copy."
        return unpack(content, cls._build, SCHEMA_VERSION, name, "segmentation model", "head", todo)

    @classmethod
    def _build(cls, data: dict[str, Any], weights: Weights) -> Self:
        model = cls(ModelConfig.from_dict(data))
        model.load_state_dict(weights)
        return model.eval()
