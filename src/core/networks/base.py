"""What every network of this library offers, and its configuration."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from core.config import Config, require

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

    A network is a row of named stages (`stem`, `enc0` ..., `mid`, ..., `dec0`), so that parts of it can be loaded,
    frozen, or given a learning rate of their own.
    """

    ENCODER: ClassVar[tuple[str, ...]] = ("stem", "enc", "mid")
    """What the names of the encoder's stages begin with."""

    out_channels: int

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def margin(self) -> int:
        """Radius of the receptive field in pixels: what lies farther away cannot change an output pixel."""

    @property
    def multiple(self) -> int:
        """Height and width of an image must be multiples of this many pixels."""
        return int(self.config.grid * 2**self.config.depth)

    def stages(self) -> dict[str, nn.Module]:
        """The stages, in the order in which an image meets them."""
        return dict(self.named_children())

    def encoder_stages(self) -> dict[str, nn.Module]:
        """The stages that look at the image on the way down, the deepest included."""
        return {name: stage for name, stage in self.stages().items() if name.startswith(self.ENCODER)}


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu and He 2018) whose statistics can be held.

    Its statistics are sums over the whole of what it is given: of a tile they are not those of the image. Held
    statistics of the image make tiles and the whole image come out alike; see `hold_statistics`.
    """

    _hold = False
    _held: tuple[Tensor, Tensor] | None = None

    def hold(self, on: bool) -> None:
        """Keep the statistics of the next input for those after it, or forget them."""
        self._hold, self._held = on, None

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features N C Y X; with statistics held, N is 1."""
        if not self._hold:
            return super().forward(x)
        if self._held is None:
            groups = x.reshape(self.num_groups, -1)
            scale = torch.rsqrt(groups.var(dim=1, correction=0) + self.eps)
            shift = -groups.mean(dim=1) * scale
            per_group = x.shape[1] // self.num_groups
            scale, shift = (v.repeat_interleave(per_group) for v in (scale, shift))
            self._held = (scale * self.weight)[:, None, None], (shift * self.weight + self.bias)[:, None, None]
        scale, shift = self._held
        return x * scale + shift


def has_group_norm(module: nn.Module) -> bool:
    """Whether a network's result depends on statistics of all that it is given."""
    return any(isinstance(m, GroupNorm) for m in module.modules())


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


@contextmanager
def hold_statistics(module: nn.Module) -> Iterator[None]:
    """Within the context, all of a network's inputs are normalised by the statistics of the first."""
    norms = [m for m in module.modules() if isinstance(m, GroupNorm)]
    for norm in norms:
        norm.hold(True)
    try:
        yield
    finally:
        for norm in norms:
            norm.hold(False)


def convolution(inputs: int, outputs: int, kernel: int, norm: str, *, activate: bool = True) -> nn.Sequential:
    """A convolution that keeps the size, with its normalisation and ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=norm == "none")]
    if norm == "group":
        groups = next(n for n in range(min(8, outputs // 4), 0, -1) if outputs % n == 0)
        layers.append(GroupNorm(groups, outputs))
    elif norm == "batch":
        layers.append(nn.BatchNorm2d(outputs))
    if activate:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class UShaped(Network):
    """A network that goes down `depth` levels and up again: max-pooling down, nearest upsampling and concatenation up.

    A subclass says what a level is made of. One pixel of a level is `scale` pixels of the image.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self._margin = 0
        stem: list[nn.Module] = []
        channels, scale = config.in_channels, 1
        while scale < config.grid:
            stem += [self._convolutions(channels, config.base, config.base, scale), nn.MaxPool2d(2)]
            channels, scale = config.base, scale * 2
        self.stem = nn.Sequential(*stem)
        skips = []
        for level in range(config.depth):
            stage, channels = self.down(level, channels, scale)
            self.add_module(f"enc{level}", stage)
            skips.append(channels)
            scale *= 2
        self.mid, channels = self.middle(channels, scale)
        for level in reversed(range(config.depth)):
            scale //= 2
            stage, channels = self.up(level, channels + skips[level], scale)
            self.add_module(f"dec{level}", stage)
        self.out_channels = channels

    @abstractmethod
    def down(self, level: int, inputs: int, scale: int) -> tuple[nn.Module, int]:
        """The stage of a level on the way down, and its number of output channels."""

    @abstractmethod
    def middle(self, inputs: int, scale: int) -> tuple[nn.Module, int]:
        """The deepest stage, and its number of output channels."""

    @abstractmethod
    def up(self, level: int, inputs: int, scale: int) -> tuple[nn.Module, int]:
        """The stage of a level on the way up, and its number of output channels."""

    def _reach(self, convolutions: int, scale: int) -> None:
        """Count the receptive field of 3x3 convolutions, and of the pooling or upsampling beside them."""
        self._margin += (convolutions + 1) * scale

    def _convolutions(self, inputs: int, middle: int, outputs: int, scale: int) -> nn.Sequential:
        """Two 3x3 convolutions."""
        self._reach(2, scale)
        norm = self.config.norm
        return nn.Sequential(convolution(inputs, middle, 3, norm), convolution(middle, outputs, 3, norm))

    @property
    def margin(self) -> int:
        """Radius of the receptive field in pixels."""
        return self._margin

    def forward(self, x: Tensor) -> Tensor:
        """Features N `out_channels` Y/grid X/grid of images N C Y X."""
        x = self.stem(x)
        skips = []
        for level in range(self.config.depth):
            x = self.get_submodule(f"enc{level}")(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.mid(x)
        for level in reversed(range(self.config.depth)):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.get_submodule(f"dec{level}")(torch.cat([x, skips[level]], dim=1))
        return x
