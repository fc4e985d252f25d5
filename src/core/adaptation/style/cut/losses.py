"""What translation without pairs minimises (Park et al. 2020).

Two judges: a discriminator says whether a patch is of the style, and the contrastive loss says whether every place in
the translated patch is still that place and no other one of the same patch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.adaptation.style.cut.generator import blurred_half

FIELDS = {1: 16, 2: 34, 3: 70}
"""Receptive fields in pixels of discriminators by their number of halvings (Isola et al. 2017: 70)."""


class Discriminator(nn.Module):
    """Images N C Y X to one number per overlapping patch, N 1 Y/2^n X/2^n: 1 for the style, 0 for a translation.

    The patches are 70 pixels wide, or 34 or 16 where images are too small for that.
    """

    def __init__(self, channels: int, width: int, size: int) -> None:
        super().__init__()
        halvings = max([n for n, field in FIELDS.items() if 4 * field <= 3 * size], default=1)
        self.stages = nn.ModuleList([nn.Conv2d(channels, width, 4, padding=1)])
        for n in range(1, halvings):
            self.stages.append(nn.Conv2d(width * 2 ** (n - 1), width * 2**n, 4, padding=1))
        wide = width * 2 ** (halvings - 1)
        self.before = nn.Conv2d(wide, 2 * wide, 4, padding=1)
        self.last = nn.Conv2d(2 * wide, 1, 4, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """How much every patch looks like one of the style."""
        x = images
        for number, stage in enumerate(self.stages):
            x = stage(x)
            x = functional.instance_norm(x) if number else x
            x = blurred_half(functional.leaky_relu(x, 0.2))
        x = functional.leaky_relu(functional.instance_norm(self.before(x)), 0.2)
        judged: Tensor = self.last(x)
        return judged


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
