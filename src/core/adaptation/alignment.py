"""Adversarial alignment: the network is to make of images of both kinds what nobody can tell apart.

Two discriminators try to say of which kind an image is, one by the prediction, one by the features that it is made of;
the network learns to deceive them. A reconstruction of the images keeps the features from becoming empty. As DAMT-Net
(Peng et al. 2020, Unsupervised mitochondria segmentation in EM images via domain adaptive multi-task learning, IEEE
JSTSP), but with one optimiser: the discriminators' gradient is reversed on its way into the network (Ganin et al. 2016,
Domain-adversarial training of neural networks, JMLR).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.adaptation.reconstruction import Reconstruction
from core.model import SegmentationModel
from core.training.objective import Objective, Step, supervised

LEAK = 0.2


class _Reversed(torch.autograd.Function):
    """What goes in comes out; its gradient is turned round and weighted."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradients[0], None


def reverse(x: Tensor, weight: float) -> Tensor:
    """The tensor itself, whose gradient is multiplied by -weight."""
    reversed_: Tensor = _Reversed.apply(x, weight)  # type: ignore[no-untyped-call]
    return reversed_


def discriminator(channels: int, width: int, halvings: int) -> nn.Sequential:
    """4x4 convolutions of stride 2 with leaky ReLU, and one logit per pixel of the last.

    Parameters
    ----------
    width : channels of the first, 1 or more; every other one has twice as many.
    halvings : number of these convolutions; Y and X of what is judged must be 2**halvings or more.
    """
    layers: list[nn.Module] = []
    for level in range(halvings):
        outputs = width * 2**level
        layers += [nn.Conv2d(channels, outputs, 4, 2, 1), nn.LeakyReLU(LEAK)]
        channels = outputs
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 1))


class Alignment(Objective):
    """Segmentation of labelled images, discriminators of both kinds of images, and reconstruction.

    Parameters
    ----------
    model : that learns.
    adversarial : how strongly the network is to deceive the discriminators, 0 or more.
    reconstruction : weight of the reconstruction, see `Reconstruction`.
    """

    def __init__(self, model: SegmentationModel, adversarial: float = 0.001, reconstruction: float = 0.0005) -> None:
        super().__init__()
        maps = model.head.activate(model.head(torch.zeros(1, model.network.out_channels, 8, 8))).shape[1]
        before = model.config.network.grid.bit_length() - 1
        self.of_prediction = discriminator(maps, 32, 4 - before)
        self.of_features = discriminator(model.network.out_channels, 32, 3 - before)
        self.restoring = Reconstruction(model.network, 0.0, reconstruction)
        self.adversarial = adversarial

    def forward(self, step: Step) -> Tensor:
        """The sum of the losses; the discriminators learn with the weight 1, whatever the network does."""
        assert step.unlabelled is not None
        images = torch.cat([step.images, step.unlabelled])
        network, head, labelled = step.model.network, step.model.head, len(step.images)
        encoded = network.encode(images)
        features = network.decode(encoded)
        raw = head(features)
        loss = supervised(step, raw[:labelled])
        for judge, seen in ((self.of_prediction, head.activate(raw)), (self.of_features, features)):
            verdict = judge(reverse(seen, self.adversarial)).float()
            truth = torch.zeros_like(verdict)
            truth[:labelled] = 1.0
            loss = loss + functional.binary_cross_entropy_with_logits(verdict, truth)
        return loss + self.restoring.reconstruction * self.restoring.error(encoded[-1], images)
