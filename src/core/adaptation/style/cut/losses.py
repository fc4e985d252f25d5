"""What translation without pairs minimises (Park et al. 2020).

Two judges: a discriminator says whether a patch is of the style, and the contrastive loss says whether every place in
the translated patch is still that place and no other one of the same patch.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

FIELDS = {1: 16, 2: 34, 3: 70}
"""Receptive fields in pixels of discriminators by their number of halvings (Isola et al. 2017: 70)."""


class Discriminator(nn.Module):
    """Images N C Y X to one number per overlapping patch, N 1 Y/2^n X/2^n: 1 for the style, 0 for a translation.

    The patches are 70 pixels wide, or 34 or 16 where that would be more than half of the images.
    """

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        halvings = max([n for n, field in FIELDS.items() if 2 * field <= size], default=1)
        widths = [channels, *(width * 2**n for n in range(halvings + 1)), 1]
        strides = [2] * halvings + [1, 1]
        self.stages = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 4, stride, padding=1)
            for (inputs, outputs), stride in zip(pairwise(widths), strides, strict=True)
        )

    def forward(self, images: Tensor) -> Tensor:
        """How much every patch looks like one of the style."""
        x: Tensor = self.stages[0](images)
        for number, stage in enumerate(self.stages[1:]):
            x = functional.instance_norm(x) if number else x
            x = stage(functional.leaky_relu(x, 0.2))
        return x


def squared_error(judged: Tensor, wanted: float) -> Tensor:
    """The adversarial loss of least squares (Mao et al. 2017): mean squared distance from what is wanted."""
    return (judged.float() - wanted).square().mean()


class Places(nn.Module):
    """Features at chosen places, each as a vector of length 1: one small network per stage of the encoder."""

    def __init__(self, depths: Sequence[int], width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(depth, width), nn.ReLU(), nn.Linear(width, width)) for depth in depths
        )

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Vectors N S K of features N C Y X, per stage.

        Parameters
        ----------
        places : per stage S numbers of pixels, counted row by row.
        """
        found = []
        for head, feature, place in zip(self.heads, features, places, strict=True):
            vectors = feature.flatten(2)[:, :, place].transpose(1, 2)
            found.append(functional.normalize(head(vectors).float(), dim=2))
        return found


def contrastive_loss(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """The cross entropy of finding a query's own place among all places of its image (InfoNCE, Oord et al. 2018): per
    image the mean over its places, N.

    Parameters
    ----------
    queries, keys : vectors of length 1 at the same places of the translated and the given image, N S K.
    temperature : smaller values look at the most similar wrong places only.
    """
    similar = torch.bmm(queries, keys.transpose(1, 2)) / temperature
    own = torch.arange(similar.shape[1], device=similar.device).expand(similar.shape[:2])
    return functional.cross_entropy(similar.transpose(1, 2), own, reduction="none").mean(dim=1)
