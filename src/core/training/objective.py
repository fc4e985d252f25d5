"""What the steps of a training minimise."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from core.heads.base import Mean, alone
from core.model import SegmentationModel


@dataclass(frozen=True, eq=False)
class Step:
    """What one step of a training, or a look at validation patches, has at hand.

    Parameters
    ----------
    model : the model that learns.
    teacher : the running average of its weights, without gradients; not to be changed.
    images : normalised patches, float32, N C Y X.
    targets : the head's targets, float32, N T Y/grid X/grid.
    unlabelled : as many patches of images without labels, N C Y X; None where the training has none.
    done : share of the training that is over, 0 to 1.
    number : a number of the step's own, from which its random numbers start.
    mean : the mean of a scalar over all processes of the training.
    """

    model: SegmentationModel
    teacher: SegmentationModel
    images: Tensor
    targets: Tensor
    unlabelled: Tensor | None = None
    done: float = 0.0
    number: int = 0
    mean: Mean = alone

    @cached_property
    def generator(self) -> torch.Generator:
        """Random numbers of the step, on the CPU."""
        return torch.Generator().manual_seed(self.number)


class Objective(nn.Module):
    """What a training minimises: here how wrong the model is on labelled patches.

    A subclass adds what can be learned without labels, or puts it in its place. Layers that it needs for that are its
    own: they learn along, and the model does without them in the end.
    """

    def forward(self, step: Step) -> Tensor:
        """The loss of a step, a scalar; computed in mixed precision where the training is."""
        return supervised(step)

    def judge(self, step: Step) -> Tensor:
        """The validation loss of patches that stay the same; lower is better."""
        return step.model.head.loss(step.model(step.images), step.targets)

    def settings(self) -> dict[str, float]:
        """The numbers that it was made with, its own and those of its parts, by which a checkpoint knows it."""
        parts = [(f"{part}.{name}", n) for part, of in self.named_modules() for name, n in vars(of).items()]
        return {name: n for name, n in parts if type(n) in (int, float)}


def supervised(step: Step, raw: Tensor | None = None) -> Tensor:
    """How wrong the model is on the labelled patches; `raw` is what it says of them, where that is known."""
    raw = (step.model(step.images) if raw is None else raw).float()
    with torch.autocast(raw.device.type, enabled=False):
        return step.model.head.loss(raw, step.targets, step.mean)


class Learning(nn.Module):
    """A model and what it learns by: all that a training changes."""

    def __init__(self, model: SegmentationModel, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def averaged(self) -> "Learning":
        """A copy for the running average of all weights, without gradients."""
        return Learning(self.model.copy(), copy.deepcopy(self.objective)).requires_grad_(False).eval()

    def forward(self, step: Callable[[SegmentationModel], Step]) -> Tensor:
        """The loss of the step of a model; a function, because Fabric would round tensors to 16 bits on their way."""
        loss: Tensor = self.objective(step(self.model))
        return loss

    def judge(self, images: Tensor, targets: Tensor, number: int) -> Tensor:
        """The validation loss of a batch."""
        return self.objective.judge(Step(self.model, self.model, images, targets, number=number))
