"""Patches with noise and half the resolution.

After Franco-Barranco et al. 2022 (Deep learning based domain adaptation for mitochondria segmentation on EM volumes,
Computer Methods and Programs in Biomedicine 222:106949): Gaussian noise of 0.3 of the range, down- and upsampling.
"""

import torch
from torch import Tensor
from torch.nn import functional

from core.pretraining.restoration.restoration import Degraded, Restoration
from core.training.objective import Step

NOISE = 0.3
"""Standard deviation of the noise; 1 is the range of a normalised image."""

FACTOR = 2
"""By how much the patch is shrunk and enlarged again."""


class Crappify(Restoration):
    """Noise, clipped to the patch's range or that of a normalised image, then bilinear shrinking and enlarging."""

    def degrade(self, clean: Tensor, step: Step) -> Degraded:
        """Patches with noise and less resolution; all pixels count."""
        noise = torch.randn(clean.shape, generator=step.generator).to(clean.device)
        low, high = clean.amin((1, 2, 3), True).clamp(max=0.0), clean.amax((1, 2, 3), True).clamp(min=1.0)
        noisy = (clean + NOISE * noise).clamp(low, high)
        shape = clean.shape[2:]
        small = functional.interpolate(noisy, [n // FACTOR for n in shape], mode="bilinear", align_corners=False)
        worse = functional.interpolate(small, shape, mode="bilinear", align_corners=False)
        return worse, torch.ones_like(clean[:, :1])
