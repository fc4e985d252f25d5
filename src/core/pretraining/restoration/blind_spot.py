"""Patches with a few pixels that were replaced by neighbours.

After Noise2Void (Krull et al. 2019, Noise2Void: learning denoising from single noisy images, CVPR): who has to guess a
pixel without seeing it learns what is there, but for the noise.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from core.pretraining.restoration.restoration import Degraded, Restoration
from core.training.augmentation import AugmentationConfig
from core.training.objective import Step

SHARE = 0.02
"""Of the pixels that are replaced, about."""


class BlindSpot(Restoration):
    """Random pixels become one of their neighbours; they alone count in the loss.

    Where the network's output is coarser than the image, all pixels of a cell of the grid are replaced, each by one
    from outside of the cell: otherwise those that are seen would tell of the others.
    """

    def variation(self, chosen: AugmentationConfig) -> AugmentationConfig:
        """No turns by any angle, nor other sizes, either: between pixels, noise would be that of the neighbours."""
        return replace(super().variation(chosen), rotate=False, scale=1.0)

    def degrade(self, clean: Tensor, step: Step) -> Degraded:
        """Patches with replaced pixels, and which these are."""
        grid, (count, _, height, width) = step.model.config.network.grid, clean.shape
        cells = torch.rand((count, 1, height // grid, width // grid), generator=step.generator) < SHARE
        mask = functional.interpolate(cells.float(), scale_factor=grid, mode="nearest").to(clean.device)
        rows, columns = self._neighbours((count, height, width), grid, step.generator)
        flat = (rows * width + columns).reshape(count, 1, -1).expand(-1, clean.shape[1], -1).to(clean.device)
        neighbours = clean.flatten(2).gather(2, flat).reshape(clean.shape)
        return torch.where(mask > 0, neighbours, clean), mask

    @staticmethod
    def _neighbours(shape: tuple[int, int, int], grid: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """For every pixel the row and column of a random one near it, outside of its cell and within the patch."""
        reach = grid + 1
        near = range(-reach, reach + 1)
        offsets = torch.tensor([(y, x) for y in near for x in near if max(abs(y), abs(x)) >= grid])
        chosen = offsets[torch.randint(len(offsets), shape, generator=generator)]
        places = []
        for axis, length in enumerate(shape[1:]):
            own, offset = torch.arange(length).reshape((-1, 1) if axis == 0 else (1, -1)), chosen[..., axis]
            place = own + offset
            places.append(torch.where((place >= 0) & (place < length), place, own - offset))
        return places[0], places[1]
