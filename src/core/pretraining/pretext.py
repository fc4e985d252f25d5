"""What every task has in common that images set without labels."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.model import SegmentationModel
from core.training.augmentation import AugmentationConfig
from core.training.objective import Objective, Step


@dataclass(frozen=True, eq=False)
class Shown:
    """A patch before, during and after the task, for people.

    Parameters
    ----------
    name : of the image that the patch is of.
    pictures : what each picture is called, and its pixels, float32, axes CYX, normalised (background 0, bright 1).
    note : what there is to say about it; may be empty.
    """

    name: str
    pictures: Mapping[str, NDArray[np.float32]]
    note: str = ""


class Pretext(Objective):
    """A task that images set without labels. Its own layers are thrown away in the end; the network is what is kept.

    Parameters
    ----------
    model : the model that is to learn, so that the layers fit it.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()

    def variation(self, chosen: AugmentationConfig) -> AugmentationConfig:
        """How patches are varied for this task, where people chose this."""
        return chosen

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """The loss of a step, a scalar; looks at the images of the step alone, never at its targets."""

    def judge(self, step: Step) -> Tensor:
        """The same of patches that stay the same; lower is better."""
        return self(step)  # type: ignore[no-any-return]

    @abstractmethod
    def show(self, name: str, step: Step) -> Shown:
        """What the task and the model make of the first patch of a step."""
