"""U-shaped networks whose way down is that of an image classifier, so that it can start from weights of ImageNet."""

from abc import abstractmethod
from collections import OrderedDict
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from core.config import require
from core.networks.base import FixedBatchNorm, Network, NetworkConfig, convolution
from core.networks.reach import Reach

LEVELS = 5
"""How often the encoders halve the image in all."""

WIDEST = 256
"""Most channels of a level on the way up."""


class Scaling(nn.Module):
    """Pixels as the encoder knows them: less a mean and divided by a deviation, those of red, green and blue.

    A grey image becomes three equal channels. Any other number of channels has the average mean and deviation.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.out_channels = 3 if channels == 1 else channels
        for name, values in (("mean", mean), ("deviation", deviation)):
            each = values if self.out_channels == 3 else (sum(values) / 3,) * channels
            self.register_buffer(name, torch.tensor(each).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scaled images N C Y X of normalised ones; C is 3 for one channel."""
        return (x - self.mean) / self.deviation


class EncoderUNet(Network):
    """A classifier's layers down to 1/2^depth of the image, and a way up.

    Depth 1 takes the layers up to the first halving (`stem`); every more takes those up to the next one (`enc0` to
    `enc3`), so that depth 4 goes down to 1/16 and 5 takes the whole classifier. These stages have batch normalisation,
    as pretrained; there is no `mid`.

    On the way up every level (`dec0` is the last one) is nearest upsampling, concatenation with the encoder's features
    of that resolution (at the image's own resolution with the image itself), and two 3x3 convolutions, with
    base * 2^level channels and at most 256.

    A subclass says what the encoder is made of, and how files of weights call it.
    """

    MEAN: ClassVar[tuple[float, ...]] = (0.485, 0.456, 0.406)
    DEVIATION: ClassVar[tuple[float, ...]] = (0.229, 0.224, 0.225)
    """Of the pixels that the weights of ImageNet expect, red, green and blue of 0 to 1."""

    EPSILON: ClassVar[float] = 1e-5
    """Of batch normalisation."""

    CLASSIFIER: ClassVar[tuple[str, ...]]
    """What the names of layers behind the encoder begin with in a file of weights."""

    FIRST: ClassVar[str] = "stem.first.conv.weight"
    """The weights that depend on the number of channels."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        lowest = config.grid.bit_length()
        bounds = f"{lowest} to {LEVELS} for the network {config.name} with grid {config.grid}"
        require(lowest <= config.depth <= LEVELS, "depth", config.depth, bounds)
        scaling = Scaling(config.in_channels, self.MEAN, self.DEVIATION)
        self._reach, channels = Reach(), scaling.out_channels
        skips = [(config.in_channels, self._reach)]
        for level in range(config.depth):
            layers, channels = self.down(level, channels)
            if level == 0:
                layers = {"scaling": scaling, **layers}
            self.add_module(f"enc{level - 1}" if level else "stem", nn.Sequential(OrderedDict(layers)))
            skips.append((channels, self._reach))
        self.deep_channels, _ = skips.pop()
        for level in reversed(range(config.depth - lowest + 1)):
            more, reach = skips.pop()
            width = min(config.base * 2**level, WIDEST)
            stage = (convolution(channels + more, width, 3, config.norm), convolution(width, width, 3, config.norm))
            self.add_module(f"dec{level}", nn.Sequential(*stage))
            self._reach = self._reach.upsampled().joined(reach).within(self.get_submodule(f"dec{level}"))
            channels = width
        self.out_channels = channels

    @abstractmethod
    def down(self, level: int, inputs: int) -> tuple[dict[str, nn.Module], int]:
        """The layers that halve the image for the (level + 1)th time, and their number of output channels."""

    @classmethod
    @abstractmethod
    def name_in_files(cls, name: str) -> str:
        """What a file of weights calls a weight or statistic of the encoder; the first weights are `FIRST`."""

    @classmethod
    def whole(cls) -> Self:
        """The network for colour images with the whole encoder, without memory for its weights."""
        with torch.device("meta"):
            return cls(NetworkConfig(in_channels=3, depth=LEVELS))

    def encoder_state(self) -> dict[str, Tensor]:
        """The encoder's weights and statistics."""
        names = tuple(f"{name}." for name in self.encoder_stages())
        return {name: tensor for name, tensor in self.state_dict().items() if name.startswith(names)}

    @property
    def margin(self) -> int:
        """Radius of the receptive field in pixels."""
        return self._reach.margin

    @property
    def multiple(self) -> int:
        """Height and width of an image must be multiples of this many pixels."""
        return int(2**self.config.depth)

    def encode(self, x: Tensor) -> list[Tensor]:
        """The skips, the first of them the images themselves, and the deepest features, see `Network`."""
        encoded = [x]
        for stage in self.encoder_stages().values():
            encoded.append(stage(encoded[-1]))
        return encoded

    def _see(self, kernel: int, stride: int, before: int) -> None:
        """Count the receptive field of a convolution or pooling."""
        self._reach = self._reach.through(kernel, stride, before)

    def _normalised(
        self, convolution: nn.Conv2d, activation: nn.Module | None = None, padding: nn.Module | None = None
    ) -> nn.Sequential:
        """A convolution with its batch normalisation, which inference folds into it, and what is around them."""
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        norm = FixedBatchNorm if self.config.fixed_statistics else nn.BatchNorm2d
        layers = {
            "pad": padding,
            "conv": convolution,
            "norm": norm(convolution.out_channels, self.EPSILON),
            "act": activation,
        }
        return nn.Sequential(OrderedDict({name: layer for name, layer in layers.items() if layer is not None}))
