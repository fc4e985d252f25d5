"""Mean teacher: the model learns to say of varied images what its own running average says of them unvaried.

Tarvainen and Valpola 2017, Mean teachers are better role models, NeurIPS. Only pixels count of which the average is
sure, and it is listened to once it has learned something.
"""

import torch
from torch import Tensor

from core.training.objective import Objective, Step, supervised

SURE = 0.9
"""Probability of an object, or of background, from which on the teacher is sure."""

NOISE, CONTRAST, BRIGHTNESS = 0.1, 0.3, 0.1
"""By how much images are varied: largest standard deviation, share and shift, in units of the normalised image."""

HIDDEN, HOLE = 4, 16
"""Number of squares that are hidden, and their side in pixels."""


class MeanTeacher(Objective):
    """Segmentation of labelled images, and agreement with the running average on the others.

    Parameters
    ----------
    weight : of the agreement, 0 or more.
    start : share of the training from which on there is any; its weight then rises over as long again.
    """

    def __init__(self, weight: float = 0.5, start: float = 0.3) -> None:
        super().__init__()
        self.weight, self.start = weight, start

    def forward(self, step: Step) -> Tensor:
        """The loss of the labelled patches, and what differs from the teacher on the others."""
        assert step.unlabelled is not None
        loss = supervised(step)
        weight = self.weight * min(1.0, (step.done - self.start) / max(self.start, 1e-6))
        if weight <= 0:
            return loss
        with torch.no_grad():
            said = step.teacher.head.activate(step.teacher(step.unlabelled))
            sure = ((said[:, 0] - 0.5).abs() >= SURE - 0.5).float()
        raw = step.model(varied(step.unlabelled, step.generator)).float()
        return loss + weight * step.model.head.imitation(raw, said, sure, step.mean)


def varied(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images N C Y X with another brightness, contrast and noise each, and some squares hidden."""

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(images.device)

    count, _, height, width = images.shape
    gain, shift, noise = (draw(count, 1, 1, 1) for _ in range(3))
    out = images * (1 + CONTRAST * (2 * gain - 1)) + BRIGHTNESS * (2 * shift - 1)
    out = out + NOISE * noise * torch.randn(images.shape, generator=generator).to(images.device)
    places = (torch.rand(count, HIDDEN, 2, generator=generator) * torch.tensor([height, width])).long().tolist()
    for image, holes in zip(out, places, strict=True):
        grey = image.mean()
        for y, x in holes:
            image[:, y : y + HOLE, x : x + HOLE] = grey
    return out
