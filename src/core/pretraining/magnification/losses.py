"""What an attention map must be, beside telling the magnification.

Sahasrabudhe et al. 2020 (Self-supervised nuclei segmentation in histopathological images using attention, MICCAI,
doi 10.1007/978-3-030-59722-1_38) have the map few and smooth, and turned and shrunk along with the image. They make the
map sparse by cutting it off at a quantile; here its mean is held, so that it stays the probability which the model's
head gives, and it is drawn to no or yes.
"""

import torch
from torch import Tensor

TURNS = 8
"""Flips and quarter turns."""


def sparsity(attention: Tensor, coverage: float) -> Tensor:
    """How far the mean of probabilities is from the share that objects cover (Kullback and Leibler 1951)."""
    mean = attention.mean().clamp(1e-6, 1 - 1e-6)
    wanted = torch.full_like(mean, coverage)
    return wanted * (wanted / mean).log() + (1 - wanted) * ((1 - wanted) / (1 - mean)).log()


def indecision(attention: Tensor) -> Tensor:
    """How far probabilities are from no or yes: 0, where all are either, to 1."""
    return (4 * attention * (1 - attention)).mean()


def roughness(attention: Tensor) -> Tensor:
    """Mean difference between neighbours of maps N 1 Y X, 0 to 2 (total variation: Rudin, Osher and Fatemi 1992)."""
    return attention.diff(dim=-1).abs().mean() + attention.diff(dim=-2).abs().mean()


def disagreement(attention: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference of maps, as a share of what unrelated ones with this mean would have."""
    mean = (attention.mean() + other.mean()).detach() / 2
    return ((attention - other) ** 2).mean() / (2 * mean * (1 - mean)).clamp(min=1e-2)


def turned(images: Tensor, turn: int) -> Tensor:
    """Images N C Y Y by one of the flips and quarter turns, 0 to 7; 0 leaves them as they are."""
    found = torch.rot90(images, turn % 4, (-2, -1))
    return found.flip(-1) if turn >= 4 else found
