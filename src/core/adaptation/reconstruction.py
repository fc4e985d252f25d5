"""The Y-Net: a network that finds objects also learns to restore the images, labelled or not, that it is shown.

Both tasks share the way down, so that this learns to see what matters in images of either kind. (Roels et al. 2019,
Domain adaptive segmentation in volume electron microscopy imaging, ISBI; with gates in the skips: Franco-Barranco et
al. 2022.) The network itself is any of `core.networks`; the second way up is an objective's own and is thrown away.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks import Network
from core.networks.base import convolution
from core.training.objective import Objective, Step, supervised

NARROWEST = 8
"""Fewest channels of a level of the way up."""


class Decoder(nn.Module):
    """A way up without skips: from a network's deepest features back to its images.

    Every level is nearest upsampling and a 3x3 convolution, which halves the channels.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = network.deep_channels
        for _ in range(network.multiple.bit_length() - 1):
            fewer = max(NARROWEST, channels // 2 // 4 * 4)
            layers += [nn.Upsample(scale_factor=2.0, mode="nearest"), convolution(channels, fewer, 3, "group")]
            channels = fewer
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, network.config.in_channels, 1))

    def forward(self, deepest: Tensor) -> Tensor:
        """Images N C Y X of features N F Y/multiple X/multiple."""
        images: Tensor = self.layers(deepest)
        return images


class Reconstruction(Objective):
    """Segmentation of labelled images, and reconstruction of all.

    Parameters
    ----------
    network : that of the model.
    segmentation, reconstruction : weights of the two losses; the latter is the mean squared error, in units of the
        normalised images, of the labelled images plus that of the others.
    """

    def __init__(self, network: Network, segmentation: float = 1.0, reconstruction: float = 1.0) -> None:
        super().__init__()
        self.decoder = Decoder(network)
        self.segmentation, self.reconstruction = segmentation, reconstruction

    def forward(self, step: Step) -> Tensor:
        """The weighted sum of both losses."""
        assert step.unlabelled is not None
        images, network = torch.cat([step.images, step.unlabelled]), step.model.network
        encoded = network.encode(images)
        loss = self.reconstruction * self.error(encoded[-1], images)
        if not self.segmentation:
            return loss
        labelled = [features[: len(step.images)] for features in encoded]
        return loss + self.segmentation * supervised(step, step.model.head(network.decode(labelled)))

    def error(self, deepest: Tensor, images: Tensor) -> Tensor:
        """The mean squared error of labelled and other images, added up; N of each in `images`, 2N C Y X."""
        return 2 * functional.mse_loss(self.decoder(deepest).float(), images)
