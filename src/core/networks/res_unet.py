"""A U-Net of bottleneck residual blocks (He et al. 2016), with the widths of Wilhelm 2019."""

from torch import Tensor, nn

from core.networks.base import UShaped, convolution

BLOCKS = (2, 3, 2)
"""Residual blocks per level, from the image's level down; deeper levels have as many as the last."""

MIDDLE_BLOCKS = 2

EXPANSION = 4
"""A block gives this many times the channels that it works with inside."""


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut, which is projected where the number of channels changes."""

    def __init__(self, inputs: int, width: int, norm: str) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.body = nn.Sequential(
            convolution(inputs, width, 1, norm),
            convolution(width, width, 3, norm),
            convolution(width, outputs, 1, norm, activate=False),
        )
        self.shortcut = nn.Identity() if inputs == outputs else convolution(inputs, outputs, 1, norm, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features N C Y X, of the same height and width."""
        return nn.functional.relu(self.body(x) + self.shortcut(x))


class ResUNet(UShaped):
    """Bottleneck blocks on every level.

    With base 16 and depth 3 the levels give 64, 128 and 256 channels and the middle 512, as in the thesis; its
    additional convolution behind every upsampling is left out.
    """

    def _blocks(self, inputs: int, width: int, count: int) -> tuple[nn.Module, int]:
        widths = [inputs] + [EXPANSION * width] * (count - 1)
        return nn.Sequential(*(Bottleneck(i, width, self.config.norm) for i in widths)), EXPANSION * width

    def _level(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        count = BLOCKS[min(level, len(BLOCKS) - 1)]
        return self._blocks(inputs, self.config.base * 2**level, count)

    def down(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The blocks of a level."""
        return self._level(level, inputs)

    def middle(self, inputs: int) -> tuple[nn.Module, int]:
        """Twice the deepest width."""
        return self._blocks(inputs, self.config.base * 2**self.config.depth, MIDDLE_BLOCKS)

    def up(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The blocks of a level."""
        return self._level(level, inputs)
