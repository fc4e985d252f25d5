"""The attention U-Net (Oktay et al. 2018, Attention U-Net: learning where to look for the pancreas, MIDL)."""

import torch
from torch import Tensor, nn

from core.networks.base import convolution
from core.networks.unet import UNet


class Gate(nn.Module):
    """Looks at what comes from below and at the skip of a level, and lets through what it finds worth it of the skip.

    Additive attention: one weight, 0 to 1, per pixel, by which all channels of the skip are multiplied.
    """

    def __init__(self, below: int, skip: int, norm: str) -> None:
        super().__init__()
        self.below, middle = below, max(4, skip // 2)
        self.joint = convolution(below + skip, middle, 1, norm)
        self.weight = nn.Conv2d(middle, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features N C Y X: first those from below, then the skip; the latter come out weighted."""
        below, skip = x[:, : self.below], x[:, self.below :]
        return torch.cat([below, skip * torch.sigmoid(self.weight(self.joint(x)))], dim=1)


class AttentionUNet(UNet):
    """A U-Net whose skips pass through a gate on every level."""

    def up(self, level: int, inputs: int) -> tuple[nn.Module, int]:
        """The gate, then the convolutions of a U-Net."""
        skip = self.config.base * 2**level
        stage, outputs = super().up(level, inputs)
        return nn.Sequential(Gate(inputs - skip, skip, self.config.norm), stage), outputs
