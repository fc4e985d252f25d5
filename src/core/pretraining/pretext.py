"""What every task has in common that images set without labels."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.model import SegmentationModel
from core.pretraining.images import sizes_differ
from core.progress import SILENT, Progress
from core.training.augmentation import AugmentationConfig
from core.training.config import ScheduleConfig
from core.training.data import Target
from core.training.objective import Objective, Step

if TYPE_CHECKING:
    from core.pretraining.config import PretrainingConfig


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


@dataclass(frozen=True)
class Report:
    """What a task found out about what was learned.

    Parameters
    ----------
    text : what there is to say about it, for people; may be empty.
    warning : why it may be worth little; empty where nothing speaks for that.
    numbers : the same for programs; a model keeps them.
    thresholds : of the model's head, where it has learned something.
    """

    text: str = ""
    warning: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)


class Pretext(Objective):
    """A task that images set without labels. Its own layers are thrown away in the end; the network is what is kept.

    Parameters
    ----------
    model : the model that is to learn, so that the layers fit it.
    """

    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()

    @classmethod
    def of(cls, model: SegmentationModel, config: "PretrainingConfig") -> Self:
        """The task as a pretraining asks for it."""
        return cls(model)

    @classmethod
    def choose(
        cls, domains: Sequence[Sequence[Target]], config: "PretrainingConfig"
    ) -> tuple[list[list[Target]], list[str]]:
        """The images of every domain that the task can be learned from, and warnings.

        Raises
        ------
        UserInputError : images that do not go with the task, or a domain of which none is left.
        """
        return [list(domain) for domain in domains], sizes_differ(domains)

    def schedule(self, chosen: ScheduleConfig) -> ScheduleConfig:
        """How the task is learned, where people chose this: it may need larger patches."""
        return chosen

    def variation(self, chosen: AugmentationConfig) -> AugmentationConfig:
        """How patches are varied for this task, where people chose this."""
        return chosen

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """The loss of a step, a scalar; looks at the images of the step alone, never at its targets."""

    def judge(self, step: Step) -> Tensor:
        """The same of patches that stay the same; lower is better."""
        return self(step)  # type: ignore[no-any-return]

    def report(self, steps: Sequence[Step], progress: Progress = SILENT) -> Report:
        """What there is to say about what was learned, by patches, one image's in each step."""
        return Report()

    @abstractmethod
    def show(self, name: str, step: Step) -> Shown:
        """What the task and the model make of the first patch of a step."""
