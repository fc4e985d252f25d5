"""The U-Net (Ronneberger et al. 2015) with the widths of csbdeep (Weigert et al. 2018), as StarDist uses it."""

from torch import nn

from core.networks.base import UShaped


class UNet(UShaped):
    """Two 3x3 convolutions on every level.

    With base b and depth 3 the widths are: down (b, b), (2b, 2b), (4b, 4b); middle (8b, 4b);
    up (4b, 2b), (2b, b), (b, b).
    """

    def down(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """Two convolutions of the level's width."""
        width = self.config.base * 2**level
        return self._convolutions(inputs, width, width), width

    def middle(self, inputs: int) -> tuple[nn.Module, int]:
        """Twice the deepest width, and back."""
        width = self.config.base * 2 ** (self.config.depth - 1)
        return self._convolutions(inputs, 2 * width, width), width

    def up(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The level's width, then the width of the level above."""
        width, above = self.config.base * 2**level, self.config.base * 2 ** max(0, level - 1)
        return self._convolutions(inputs, width, above), above
