"""The task of restoring a patch, whatever was done to it."""

import math
from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.model import SegmentationModel
from core.pretraining.pretext import Pretext, Shown
from core.training.augmentation import AugmentationConfig
from core.training.objective import Step

Degraded = tuple[Tensor, Tensor]
"""The patches made worse, N C Y X, and how much every pixel counts in the loss, N 1 Y X, 0 or more."""


class Restoration(Pretext):
    """Patches are made worse; the network is to see enough for one layer to make the patches as they were out of it.

    The layer is a 1x1 convolution; what comes out of it gets the mean and the standard deviation of the degraded patch,
    channel by channel, because a network that normalises its features does not know how bright the patch is. Where the
    network's output is coarser than the image, the patch is averaged over the pixels of the grid. The loss is the mean
    squared error.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__(model)
        self.reconstruction = nn.Conv2d(model.network.out_channels, model.config.network.in_channels, 1)

    @abstractmethod
    def degrade(self, clean: Tensor, step: Step) -> Degraded:
        """Patches N C Y X made worse, by the random numbers of the step."""

    def variation(self, chosen: AugmentationConfig) -> AugmentationConfig:
        """Neither noise nor blur: what is to be restored is not to be spoilt before."""
        return replace(chosen, noise=0.0, blur=0.0)

    def forward(self, step: Step) -> Tensor:
        """Mean squared error of the restored patches."""
        degraded, weight = self.degrade(step.images, step)
        restored = self.restore(step.model, degraded)
        grid = step.model.config.network.grid
        clean, weight = functional.avg_pool2d(step.images, grid), functional.avg_pool2d(weight, grid)
        wrong = (weight * (restored - clean) ** 2).sum() / clean.shape[1]
        return wrong / step.mean(weight.sum()).clamp(min=1e-6)

    def restore(self, model: SegmentationModel, degraded: Tensor) -> Tensor:
        """What the model makes of degraded patches, float32, N C Y/grid X/grid."""
        restored: Tensor = self.reconstruction(model.network(degraded))
        deviation, mean = torch.std_mean(degraded, (2, 3), keepdim=True)
        return restored.float() * deviation + mean

    def show(self, name: str, step: Step) -> Shown:
        """The first patch as it was, degraded and restored, with the signal-to-noise ratios of the latter two."""
        grid = step.model.config.network.grid
        degraded, weight = self.degrade(step.images, step)
        restored = self.restore(step.model, degraded)
        clean, worse, counting = (functional.avg_pool2d(x, grid) for x in (step.images, degraded, weight))
        before, after = (psnr(clean[:1], image[:1], counting[:1]) for image in (worse, restored))
        larger = functional.interpolate(restored, scale_factor=grid, mode="nearest")
        every = {"original": step.images, "degraded": degraded, "restored": larger}
        pictures = {what: images[0].cpu().numpy() for what, images in every.items()}
        return Shown(name, pictures, f"PSNR {before:.1f} dB degraded, {after:.1f} dB restored")


def psnr(truth: Tensor, image: Tensor, weight: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, where values range from 0 to 1, by what pixels count; infinite for the same."""
    error = float((weight * (truth - image).double() ** 2).mean() / weight.double().mean().clamp(min=1e-9))
    return -10 * math.log10(error) if error else math.inf
