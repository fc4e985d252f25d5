"""The network that turns an image into one of another style.

Seven by seven pixels to features, twice halved, residual blocks, twice doubled (Johnson et al. 2016, as in Zhu et al.
2017). Halving and doubling low-pass the features (Zhang 2019), so that a shifted image gives a shifted result.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.config import Config, require

STRIDE = 4
"""By how much the deepest features are coarser than the image: height and width of an image are multiples of it."""


@dataclass(frozen=True)
class GeneratorConfig(Config):
    """The size of the network.

    Parameters
    ----------
    channels : of the image, 1 to 64.
    width : features of the first level, 4 to 256; twice as many after every halving.
    blocks : residual blocks in the middle, 1 to 16.
    residual : whether the network's output is added to the image. It then starts by changing nothing, which is near
        what it has to learn where both styles show the same kind of object: a short training suffices. The published
        network makes the image anew.
    """

    channels: int = 1
    width: int = 16
    blocks: int = 4
    residual: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.channels <= 64, "channels", self.channels, "1 to 64")
        require(4 <= self.width <= 256, "width", self.width, "4 to 256")
        require(1 <= self.blocks <= 16, "blocks", self.blocks, "1 to 16")


class InstanceNorm(nn.Module):
    """Every feature map less its mean, in units of its standard deviation (Ulyanov et al. 2016).

    Of parts of an image the statistics of the whole are held, so that they come out as they do within it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taking = False
        self.held: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Features N C Y X, normalised; where statistics are taken, they are those of all N together."""
        if self.taking:
            variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0, keepdim=True)
            self.held = mean, torch.rsqrt(variance + 1e-5)
        if self.held is None:
            return functional.instance_norm(x)
        mean, scale = self.held
        return (x - mean) * scale


class _Half(nn.Module):
    """Every feature map with the binomial filter 1 2 1, every second pixel of it."""

    def forward(self, x: Tensor) -> Tensor:
        """N C Y/2 X/2 of features N C Y X."""
        line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
        kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
        padded = functional.pad(x, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, kernel, stride=2, groups=x.shape[1])


class _Block(nn.Module):
    """Two convolutions, added to what they are given (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_convolution(width, width, 3), *_convolution(width, width, 3)[:2])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class Generator(nn.Module):
    """Images N C Y X, float32, about -1 to 1, to images of the same shape in the other style.

    Y and X are multiples of `STRIDE`.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(*_convolution(config.channels, width, 7)),
                nn.Sequential(*_convolution(width, 2 * width, 3), _Half()),
                nn.Sequential(*_convolution(2 * width, 4 * width, 3), _Half()),
                *(_Block(4 * width) for _ in range(config.blocks)),
            ]
        )
        last = _padded(width, config.channels, 7)
        self.decoder = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolution(4 * width, 2 * width, 3),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolution(2 * width, width, 3),
            last,
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight, 0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if config.residual:
            nn.init.zeros_(last.weight)

    @property
    def margin(self) -> int:
        """Radius of the receptive field in pixels, a multiple of `STRIDE`: what lies farther cannot change a pixel."""
        down = 3 + (1 + 1) + 2 * (1 + 1)
        up = 2 * (1 + 1) + (1 + 1) + 3
        return -(-(down + 2 * STRIDE * self.config.blocks + STRIDE + up) // STRIDE) * STRIDE

    @property
    def looked_at(self) -> list[int]:
        """Stages of the encoder whose features tell where in the image a place is: fine ones to coarse ones."""
        return [1, 2, 3, 3 + self.config.blocks // 2] if self.config.blocks > 1 else [1, 2, 3]

    @property
    def depths(self) -> list[int]:
        """The number of features of what `features` gives."""
        return [self.config.channels, 2 * self.config.width] + [4 * self.config.width] * (len(self.looked_at) - 1)

    def features(self, images: Tensor) -> list[Tensor]:
        """The image, and what the stages `looked_at` make of it, each N K Y X."""
        found, x = [images], images
        for number, stage in enumerate(self.encoder):
            if number > self.looked_at[-1]:
                break
            x = stage(x)
            if number in self.looked_at:
                found.append(x)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """The images in the other style."""
        x = images
        for stage in self.encoder:
            x = stage(x)
        out: Tensor = self.decoder(x)
        return images + out if self.config.residual else torch.tanh(out)

    def take_statistics(self, sample: Tensor) -> None:
        """Hold the statistics of a sample N C Y X for all that comes after."""
        norms: list[Any] = [module for module in self.modules() if isinstance(module, InstanceNorm)]
        for norm in norms:
            norm.taking = True
        self(sample)
        for norm in norms:
            norm.taking = False


def _padded(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution that keeps the size; beyond the edge the image is mirrored."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect")


def _convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """A convolution with its normalisation and ReLU."""
    return [_padded(inputs, outputs, kernel), InstanceNorm(), nn.ReLU()]
