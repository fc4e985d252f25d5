"""What keeps a network from telling magnifications by anything but what is to be seen.

A patch that was shrunk is sharper than one that was not, because a microscope's blur is shrunk with it; it has less
noise, and less contrast. All three are made alike in distribution here, whatever the scale, after the resampling.
"""

import torch
from torch import Tensor

from core.pretraining.magnification.resampling import Kernel

OPTICS = 1.0
"""Blur of the images as they are: about what pixels of half the resolution, as Nyquist has it, leave; pixels."""

SOFTEST = 2.5
"""The largest standard deviation of the blur of a patch, in pixels; the smallest is that of the images as they are."""

NOISE = 0.1
"""The largest standard deviation of the noise that is added, where 1 is the range of a normalised image."""

CONTRAST = 1.5
"""The largest factor by which grey values are stretched or squeezed, channel by channel."""


def softening(scale: Tensor, kernel: Kernel, generator: torch.Generator) -> Tensor:
    """How much patches of scales N are to be blurred after resampling, so that all are as sharp: pixels, N.

    The blur that a patch is to have in all is drawn, the same for all scales in distribution; what its optics, shrunk,
    and the kernel have done already is taken off (variances of blurs add up).
    """
    wanted = _uniform(len(scale), OPTICS, SOFTEST, generator)
    done = (OPTICS / scale.cpu()) ** 2 + kernel.variance
    return (wanted**2 - done).clamp(min=0).sqrt().to(scale.device)


def exposed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Patches N C Y X of another contrast, channel by channel, and with noise, of another strength in each."""
    count, channels = images.shape[:2]
    contrast = CONTRAST ** _uniform(count * channels, -1, 1, generator).reshape(count, channels, 1, 1)
    strength = _uniform(count, 0, NOISE, generator).reshape(count, 1, 1, 1)
    noise = strength * torch.randn(images.shape, generator=generator)
    return images * contrast.to(images.device) + noise.to(images.device)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)
