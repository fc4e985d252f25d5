"""Patches with hidden squares.

As masked autoencoders do it (He et al. 2022, Masked autoencoders are scalable vision learners, CVPR); fewer squares are
hidden than there, because a convolutional network sees what lies between them and has no token for what is hidden.
"""

import torch
from torch import Tensor
from torch.nn import functional

from core.pretraining.restoration.restoration import Degraded, Restoration
from core.training.objective import Step

SIDE = 16
"""Pixels of the side of a square."""

SHARE = 0.5
"""Of the squares that are hidden, about."""

VISIBLE = 0.1
"""What a visible pixel counts in the loss, where a hidden one counts 1."""


class HideAndFill(Restoration):
    """Random squares become the mean of their patch, channel by channel; they are what the loss is mostly of."""

    def degrade(self, clean: Tensor, step: Step) -> Degraded:
        """Patches with hidden squares; all channels are hidden in the same places."""
        size = [-(-n // SIDE) for n in clean.shape[2:]]
        hidden = torch.rand((len(clean), 1, *size), generator=step.generator) < SHARE
        squares = functional.interpolate(hidden.float(), scale_factor=SIDE, mode="nearest")
        mask = squares[:, :, : clean.shape[2], : clean.shape[3]].to(clean.device)
        return torch.where(mask > 0, clean.mean((2, 3), keepdim=True), clean), VISIBLE + (1 - VISIBLE) * mask
