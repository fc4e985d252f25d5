"""ResNet encoders (He et al. 2016). A bottleneck halves in its 3x3 convolution, as in the weights of torchvision."""

import re
from typing import ClassVar

from torch import Tensor, nn

from core.networks.encoder_unet import EncoderUNet


class Residual(nn.Module):
    """Convolutions beside a shortcut, which is projected where the number of channels or the size changes."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Features N C Y X."""
        return nn.functional.relu(self.body(x) + self.shortcut(x))


class ResNet(EncoderUNet):
    """A 7x7 convolution and four stages of residual blocks with 64, 128, 256 and 512 channels inside."""

    CLASSIFIER: ClassVar[tuple[str, ...]] = ("fc.",)

    BLOCKS: ClassVar[tuple[int, int, int, int]]
    """Blocks of every stage."""

    EXPANSION: ClassVar[int] = 1
    """A block gives this many times the channels that it works with inside; more than 1 makes it a bottleneck."""

    def down(self, level: int, inputs: int) -> tuple[dict[str, nn.Module], int]:
        """The 7x7 convolution, or a stage; the first one begins with max-pooling."""
        if level == 0:
            return {"first": self._convolution(inputs, 64, 7, 2)}, 64
        layers: dict[str, nn.Module] = {}
        if level == 1:
            layers["pool"] = nn.MaxPool2d(3, 2, padding=1)
            self._see(3, 2, 1)
        width = 64 * 2 ** (level - 1)
        for number in range(self.BLOCKS[level - 1]):
            layers[f"block{number}"] = self._block(inputs, width, stride=2 if level > 1 and number == 0 else 1)
            inputs = width * self.EXPANSION
        return layers, inputs

    def _block(self, inputs: int, width: int, stride: int) -> Residual:
        outputs = width * self.EXPANSION
        if self.EXPANSION == 1:
            body = nn.Sequential(
                self._convolution(inputs, width, 3, stride), self._convolution(width, outputs, 3, activate=False)
            )
        else:
            body = nn.Sequential(
                self._convolution(inputs, width, 1),
                self._convolution(width, width, 3, stride),
                self._convolution(width, outputs, 1, activate=False),
            )
        same = inputs == outputs and stride == 1
        return Residual(
            body, nn.Identity() if same else self._normalised(nn.Conv2d(inputs, outputs, 1, stride, bias=False))
        )

    def _convolution(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, activate: bool = True
    ) -> nn.Sequential:
        self._see(kernel, stride, kernel // 2)
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        return self._normalised(layer, nn.ReLU(inplace=True) if activate else None)

    @classmethod
    def name_in_files(cls, name: str) -> str:
        """The name that torchvision and timm use."""
        for ours, theirs in (
            (r"stem\.first\.conv", "conv1"),
            (r"stem\.first\.norm", "bn1"),
            (r"shortcut\.conv", "downsample.0"),
            (r"shortcut\.norm", "downsample.1"),
            (r"body\.(\d)\.conv", lambda m: f"conv{int(m[1]) + 1}"),
            (r"body\.(\d)\.norm", lambda m: f"bn{int(m[1]) + 1}"),
            (r"enc(\d)\.block(\d+)", lambda m: f"layer{int(m[1]) + 1}.{m[2]}"),
        ):
            name = re.sub(ours, theirs, name)
        return name


class ResNet18(ResNet):
    """Two blocks of two 3x3 convolutions per stage."""

    BLOCKS = (2, 2, 2, 2)


class ResNet34(ResNet):
    """Three to six blocks of two 3x3 convolutions per stage."""

    BLOCKS = (3, 4, 6, 3)


class ResNet50(ResNet):
    """Three to six bottlenecks per stage."""

    BLOCKS = (3, 4, 6, 3)
    EXPANSION = 4
