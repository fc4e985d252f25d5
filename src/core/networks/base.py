"""What every network of this library offers, and its configuration."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from core.config import Config, require
from core.networks.reach import Reach, spread

NORMS = ("group", "batch", "none")


@dataclass(frozen=True)
class NetworkConfig(Config):
    """Which network, and its size.

    Parameters
    ----------
    name : a name of `core.networks.NETWORKS`.
    in_channels : channels of the image, 1 to 64.
    base : channels of the first level, 4 to 128; every deeper level has twice as many.
    depth : number of times the image is halved on the way down, 1 to 5.
    grid : stride of the output, 1, 2 or 4: the network predicts one pixel of every grid x grid pixels.
    norm : "group" (independent of the batch, works with few images), "batch" or "none".
    fixed_statistics : whether batch normalisation in an encoder keeps the statistics that came with its weights, in
        training too: those of a few patches would be worse. Only for networks that can start from such weights.

    For these, see `core.networks.encoder_unet`: `base` is the width of the way up, `depth` the number of halvings in
    all, `norm` that of the way up.
    """

    name: str = "unet"
    in_channels: int = 1
    base: int = 32
    depth: int = 3
    grid: int = 2
    norm: str = "group"
    fixed_statistics: bool = False

    def __post_init__(self) -> None:
        require(1 <= self.in_channels <= 64, "in_channels", self.in_channels, "1 to 64")
        require(4 <= self.base <= 128 and self.base % 4 == 0, "base", self.base, "a multiple of 4 from 4 to 128")
        require(1 <= self.depth <= 5, "depth", self.depth, "1 to 5")
        require(self.grid in (1, 2, 4), "grid", self.grid, "1, 2 or 4")
        require(self.norm in NORMS, "norm", self.norm, f"one of {', '.join(NORMS)}")


class Network(nn.Module, ABC):
    """A backbone: an image becomes features, on which a head predicts.

    `forward` takes float32 images N C Y X, with Y and X multiples of `multiple`, and returns features
    N `out_channels` Y/grid X/grid.

    Of a tile of a larger image it returns less, where told to. `inner` says, with an int64 each for top, left, bottom
    and right, on which sides the image goes on (1) beyond a margin of `tile_margin` pixels, and on which it ends (0).
    The way up leaves out on these sides what the tile's core does not depend on, and `HEAD_REACH` output pixels of
    the margin are left: half of the multiplications happen on the way up.

    A network is a row of named stages (`stem`, `enc0` ..., `mid`, ..., `dec0`), so that parts of it can be loaded,
    frozen, or given a learning rate of their own.
    """

    ENCODER: ClassVar[tuple[str, ...]] = ("stem", "enc", "mid")
    """What the names of the encoder's stages begin with."""

    HEAD_REACH: ClassVar[int] = 1
    """How many output pixels beside its own a head looks at, on every side."""

    out_channels: int

    deep_channels: int
    """Channels of the deepest features, of which there is one pixel for `multiple` x `multiple` of the image."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @abstractmethod
    def encode(self, x: Tensor) -> list[Tensor]:
        """What the way down makes of images N C Y X: the skips from the image's level down, then the deepest features,
        N `deep_channels` Y/multiple X/multiple."""

    def decode(self, encoded: Sequence[Tensor], inner: Tensor | None = None) -> Tensor:
        """Features N `out_channels` Y/grid X/grid of what `encode` gave; of a tile less, see above."""
        return self._up(encoded[-1], list(encoded[:-1]), inner)

    def forward(self, x: Tensor, inner: Tensor | None = None) -> Tensor:
        """Features N `out_channels` Y/grid X/grid of images N C Y X, or of a tile, see above."""
        return self.decode(self.encode(x), inner)

    @property
    @abstractmethod
    def margin(self) -> int:
        """Radius of the receptive field in pixels: what lies farther away cannot change an output pixel."""

    @property
    def multiple(self) -> int:
        """Height and width of an image must be multiples of this many pixels."""
        return int(self.config.grid * 2**self.config.depth)

    @property
    def tile_margin(self) -> int:
        """What a tile must have around its core where the image goes on, in pixels, a multiple of `multiple`."""
        wanted = self.margin + self.HEAD_REACH * self.config.grid
        return -(-wanted // self.multiple) * self.multiple

    def stages(self) -> dict[str, nn.Module]:
        """The stages, in the order in which an image meets them."""
        return dict(self.named_children())

    def encoder_stages(self) -> dict[str, nn.Module]:
        """The stages that look at the image on the way down, the deepest included."""
        return {name: stage for name, stage in self.stages().items() if name.startswith(self.ENCODER)}

    def _up(self, x: Tensor, skips: list[Tensor], inner: Tensor | None) -> Tensor:
        """The way up: nearest upsampling, concatenation with the last of `skips`, and the stage of every level."""
        stages = [stage for name, stage in self.stages().items() if not name.startswith(self.ENCODER)]
        needed = [self.HEAD_REACH]  # margin of every stage's output, in its own pixels, from the last stage back
        for stage in reversed(stages):
            needed.append(-(-(needed[-1] + spread(stage)) // 2))
        scale = self.config.grid * 2 ** len(stages)
        margin = self.tile_margin // scale
        for stage in stages:
            kept = needed.pop()
            x, scale = _without(x, margin - kept, inner), scale // 2
            skip = _without(skips.pop(), self.tile_margin // scale - 2 * kept, inner)
            x = stage(torch.cat([nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
            margin = 2 * kept
        return _without(x, margin - needed.pop(), inner)


def _without(x: Tensor, border: int, inner: Tensor | None) -> Tensor:
    """Features N C Y X without so many rows and columns at the sides that `inner` names."""
    if inner is None:
        return x
    top, left, bottom, right = (border * side for side in inner)
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


class FixedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by statistics that never change; its scale and shift are learned."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Training makes no difference."""
        return super().train(False)


def has_batch_statistics(module: nn.Module) -> bool:
    """Whether a training normalises by statistics of its batches."""
    return any(isinstance(m, nn.BatchNorm2d) and not isinstance(m, FixedBatchNorm) for m in module.modules())


def convolution(inputs: int, outputs: int, kernel: int, norm: str, *, activate: bool = True) -> nn.Sequential:
    """A convolution that keeps the size, with its normalisation and ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=norm == "none")]
    if norm == "group":
        groups = next(n for n in range(min(8, outputs // 4), 0, -1) if outputs % n == 0)
        layers.append(nn.GroupNorm(groups, outputs))
    elif norm == "batch":
        layers.append(nn.BatchNorm2d(outputs))
    if activate:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class UShaped(Network):
    """A network that goes down `depth` levels and up again: max-pooling down, nearest upsampling and concatenation up.

    A subclass says what a level is made of.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        reach = Reach()
        stem: list[nn.Module] = []
        channels = config.in_channels
        while reach.stride < config.grid:
            stem += [self._convolutions(channels, config.base, config.base), nn.MaxPool2d(2)]
            reach = reach.within(stem[-2]).through(2, 2)
            channels = config.base
        self.stem = nn.Sequential(*stem)
        skips = []
        for level in range(config.depth):
            stage, channels = self.down(level, channels)
            self.add_module(f"enc{level}", stage)
            reach = reach.within(stage)
            skips.append((channels, reach))
            reach = reach.through(2, 2)
        self.mid, channels = self.middle(channels)
        self.deep_channels = channels
        reach = reach.within(self.mid)
        for level in reversed(range(config.depth)):
            more, seen = skips.pop()
            stage, channels = self.up(level, channels + more)
            self.add_module(f"dec{level}", stage)
            reach = reach.upsampled().joined(seen).within(stage)
        self._reach, self.out_channels = reach, channels

    @abstractmethod
    def down(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The stage of a level on the way down, and its number of output channels."""

    @abstractmethod
    def middle(self, inputs: int) -> tuple[nn.Module, int]:
        """The deepest stage, and its number of output channels."""

    @abstractmethod
    def up(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The stage of a level on the way up, and its number of output channels."""

    def _convolutions(self, inputs: int, middle: int, outputs: int) -> nn.Sequential:
        """Two 3x3 convolutions."""
        norm = self.config.norm
        return nn.Sequential(convolution(inputs, middle, 3, norm), convolution(middle, outputs, 3, norm))

    @property
    def margin(self) -> int:
        """Radius of the receptive field in pixels."""
        return self._reach.margin

    def encode(self, x: Tensor) -> list[Tensor]:
        """The skips and the deepest features of images N C Y X, see `Network`."""
        x = self.stem(x)
        encoded = []
        for level in range(self.config.depth):
            encoded.append(self.get_submodule(f"enc{level}")(x))
            x = nn.functional.max_pool2d(encoded[-1], 2)
        return [*encoded, self.mid(x)]
