"""The task of telling at which magnification a patch is seen.

After Sahasrabudhe et al. 2020 (see `losses`) and Al-Maskari and Mai (magnification detection on neuromuscular
junctions, poster, Helmholtz Munich). The model's head says where to look; what it hides is hidden from a small network
that has to tell the magnification. It is told by the size of things, so the head has to find things: what it says in
the end is a first mask of the objects, and no label was needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.model import SegmentationModel
from core.pretraining.magnification import losses
from core.pretraining.magnification.config import MagnificationConfig, side
from core.pretraining.magnification.guard import exposed, softening
from core.pretraining.magnification.pixel_sizes import of_one_scale
from core.pretraining.magnification.probe import Judged, probe
from core.pretraining.magnification.resampling import KERNELS, applied, blur, weights
from core.pretraining.pretext import Pretext, Report, Shown
from core.progress import SILENT, Progress
from core.training.augmentation import AugmentationConfig
from core.training.config import ScheduleConfig
from core.training.data import Target
from core.training.objective import Step

if TYPE_CHECKING:
    from core.pretraining.config import PretrainingConfig

SPARSITY = 2.0
SMOOTHNESS = 0.2
DECISION = 0.5
EQUIVARIANCE = 1.0
"""What the losses count, where telling the magnification counts 1. That of the decision rises with the training."""

HIDING = 0.25
"""Standard deviation of the noise that what is looked at has to stand out from, where 1 is the range of an image."""

LOOKS = 8
"""So many answers are taken the mean of where patches are judged."""

WIDTHS = (16, 32, 64, 64)
"""Channels of the network that tells the magnification; each stage has half the resolution of the one before."""


@dataclass(frozen=True, eq=False)
class Views:
    """Patches as the network sees them.

    Parameters
    ----------
    near : at the drawn scales, N C Y Y.
    far : all that `near` shows, at half its size, turned, of another sharpness and exposure, N C Y/2 Y/2.
    turn : which of `losses.turned` that was.
    scale : of `near`, N.
    """

    near: Tensor
    far: Tensor
    turn: int
    scale: Tensor


class Magnification(Pretext):
    """The model's head, as a probability per pixel, times the patch goes to a small network that tells the scale.

    Beside that the probabilities have to be few, smooth, sure, and the same where the patch is turned, shrunk, blurred
    and exposed otherwise. This also keeps the network from writing the answer into the map.

    Parameters
    ----------
    config : the scales.
    size : side of the patches that the network sees, in pixels; half of it must fit the network, too. Patches of a step
        are larger, see `schedule`.
    """

    def __init__(self, model: SegmentationModel, config: MagnificationConfig | None = None, size: int = 128) -> None:
        super().__init__(model)
        self.config, self.size = config or MagnificationConfig(), size
        inputs = (model.config.network.in_channels, *WIDTHS)
        answers = 1 if self.config.continuous else len(self.config.scales)
        stages = [_stage(few, many) for few, many in zip(inputs, WIDTHS, strict=False)]
        self.classifier = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], answers))

    @classmethod
    def of(cls, model: SegmentationModel, config: "PretrainingConfig") -> Self:
        """The task as a pretraining asks for it."""
        return cls(model, config.magnification, side(config.schedule.patch_size, config.network.depth))

    @classmethod
    def choose(
        cls, domains: Sequence[Sequence[Target]], config: "PretrainingConfig"
    ) -> tuple[list[list[Target]], list[str]]:
        """Images that are large enough, with what makes their pixels those of the finest."""
        return of_one_scale(domains, config.magnification, config.schedule.patch_size, config.network.depth)

    def schedule(self, chosen: ScheduleConfig) -> ScheduleConfig:
        """Patches as large as the largest scale needs them."""
        return replace(chosen, patch_size=self.config.field(self.size))

    def variation(self, chosen: AugmentationConfig) -> AugmentationConfig:
        """No other sizes, which are the question, nor noise and blur, which shrinking would take away.

        No turns by any angle either: corners from beyond the image would be seen at large scales only.
        """
        return replace(chosen, scale=1.0, rotate=False, noise=0.0, blur=0.0)

    def forward(self, step: Step) -> Tensor:
        """What telling the scale costs, and what is wrong with the map."""
        return self._loss(step, step.done)

    def judge(self, step: Step) -> Tensor:
        """The same, as it is in the end of the training."""
        return self._loss(step, 1.0)

    def _loss(self, step: Step, done: float) -> Tensor:
        images = step.images.float()
        with torch.autocast(images.device.type, enabled=False):
            views = self.views(images, step.generator)
        attention, other = self.attention(step.model, views.near), self.attention(step.model, views.far)
        answer = self.answer(attention, views.near, step.generator, done)
        with torch.autocast(images.device.type, enabled=False):
            small = functional.avg_pool2d(losses.turned(attention, views.turn), 2)
            return (
                self._wrong(answer, views.scale)
                + SPARSITY * losses.sparsity(attention, self.config.coverage)
                + SMOOTHNESS * losses.roughness(attention)
                + DECISION * done * losses.indecision(attention)
                + EQUIVARIANCE * losses.disagreement(small, other)
            )

    def attention(self, model: SegmentationModel, patches: Tensor) -> Tensor:
        """The head's probability of an object, N 1 Y X, 0 to 1, float32."""
        return model.head.activate(model(patches))[:, :1]

    def answer(self, attention: Tensor, patches: Tensor, generator: torch.Generator, done: float = 1.0) -> Tensor:
        """What the small network says of patches of which it sees as much as the map lets through; float32, N K.

        What it sees is noisy, or a faint map of everything would do (as in the information bottleneck of Schulz et al.
        2020, doi 10.48550/arXiv.2001.00396). The noise rises with the training: nothing would be found otherwise.
        """
        noise = HIDING * done * torch.randn(patches.shape, generator=generator).to(patches.device)
        answer: Tensor = self.classifier(attention * patches + noise)
        return answer.float()

    def views(self, images: Tensor, generator: torch.Generator) -> Views:
        """Patches at random scales, places and turns, none of them sharper or less noisy than others by its scale."""
        scale = self.scales(len(images), generator).to(images.device)
        room = images.shape[-1] - self.size * scale
        top, left = (torch.rand(len(images), generator=generator).to(images.device) * room for _ in range(2))
        turn = int(torch.randint(losses.TURNS, (), generator=generator))
        parts = []
        for size, factor in ((self.size, 1), (self.size // 2, 2)):
            kernel = list(KERNELS.values())[int(torch.randint(len(KERNELS), (), generator=generator))]
            soft = blur(softening(factor * scale, kernel, generator), size)
            lines = [soft @ weights(factor * scale, start, size, images.shape[-1], kernel) for start in (top, left)]
            parts.append(exposed(applied(images, *lines), generator))
        return Views(parts[0], losses.turned(parts[1], turn), turn, scale)

    def scales(self, count: int, generator: torch.Generator) -> Tensor:
        """Scales drawn evenly, float32: of classes each equally often, in one step or over several."""
        if self.config.continuous:
            low, high = (math.log2(scale) for scale in (self.config.scales[0], self.config.largest))
            part = (torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)) / count
            return 2 ** (low + (high - low) * part)
        classes = len(self.config.scales)
        first = int(torch.randint(classes, (), generator=generator))
        chosen = (first + torch.arange(count)) % classes
        return torch.tensor(self.config.scales, dtype=torch.float32)[chosen[torch.randperm(count, generator=generator)]]

    def octaves(self, answer: Tensor) -> Tensor:
        """What the network says of the scale, as its logarithm to the base 2, N."""
        if self.config.continuous:
            return answer[:, 0]
        return answer.softmax(1) @ self._classes(answer).log2()

    def verdict(self, attention: Tensor, patches: Tensor) -> Tensor:
        """The mean of several answers in octaves, each behind noise of its own, the same every time; N."""
        generator = torch.Generator().manual_seed(0)
        return torch.stack([self.octaves(self.answer(attention, patches, generator)) for _ in range(LOOKS)]).mean(0)

    def show(self, name: str, step: Step) -> Shown:
        """The first patch at the smallest and the largest scale, each with the map, and what it was taken for."""
        channels = step.images.shape[1]
        pictures, said = {}, []
        for scale in (self.config.scales[0], self.config.largest):
            near = self.plain(step.images[:1], torch.tensor([scale]))
            attention = self.attention(step.model, near)
            answer = 2 ** float(self.verdict(attention, near))
            pictures[f"at {_share(scale)}"] = near[0].cpu().numpy()
            pictures[f"where it looks at {_share(scale)}"] = attention[0].expand(channels, -1, -1).cpu().numpy()
            said.append(f"{_share(scale)} taken for {_share(answer)}")
        return Shown(name, pictures, ", ".join(said))

    def plain(self, images: Tensor, scale: Tensor, deviation: float = 0.0) -> Tensor:
        """The middle of patches at scales N, without guard; blurred by a standard deviation, less than 0 sharpened.

        Sharpened is the patch, twice, less what a blur of this strength makes of it (unsharp masking).
        """
        start, kernel = (images.shape[-1] - self.size * scale) / 2, KERNELS["linear"]
        line = weights(scale, start, self.size, images.shape[-1], kernel)
        near = applied(images, line, line)
        soft = blur(torch.full_like(scale, abs(deviation)), self.size)
        blurred = applied(near, soft, soft)
        return blurred if deviation >= 0 else 2 * near - blurred

    def report(self, steps: Sequence[Step], progress: Progress = SILENT) -> Report:
        """Whether content or sharpness is what the network tells the scale by.

        The threshold of the head is that above which the share of the pixels lies that objects are to cover.
        """
        seen = []

        def judged(step: Step, scale: float, deviation: float) -> Judged:
            near = self.plain(step.images, torch.full((len(step.images),), scale), deviation)
            attention = self.attention(step.model, near)
            if deviation == 0:
                seen.append(attention.flatten())
            return self.verdict(attention, near).numpy()

        found = probe(judged, steps, self.config, progress)
        threshold = float(np.quantile(torch.cat(seen).numpy(), 1 - self.config.coverage))
        return replace(found, thresholds={"prob": min(max(threshold, 0.01), 0.99)})

    def _wrong(self, answer: Tensor, scale: Tensor) -> Tensor:
        """Cross-entropy of classes, smooth L1 of octaves."""
        if self.config.continuous:
            return functional.smooth_l1_loss(answer[:, 0], scale.log2(), beta=0.5)
        number = (self._classes(answer)[None] - scale[:, None]).abs().argmin(1)
        return functional.cross_entropy(answer, number)

    def _classes(self, like: Tensor) -> Tensor:
        return torch.tensor(self.config.scales, dtype=torch.float32, device=like.device)


def _stage(few: int, many: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(few, many, 3, stride=2, padding=1), nn.GroupNorm(8, many), nn.ReLU())


def _share(scale: float) -> str:
    """A scale as people say it: "1/4"."""
    return f"1/{scale:.2g}"
