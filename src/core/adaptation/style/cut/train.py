"""Learning a style from two sets of images that show different things (Park et al. 2020)."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from core.adaptation.style.cut.config import CutConfig
from core.adaptation.style.cut.data import Domain, Planes, check, grey_values, pixel_size, planes, random_patches
from core.adaptation.style.cut.generator import Generator
from core.adaptation.style.cut.losses import Discriminator, Places, contrastive_loss, squared_error
from core.adaptation.style.model import StyleModel, StyleModelConfig
from core.devices import choose_device, describe_device, precision
from core.errors import UserInputError
from core.image import Image
from core.progress import SILENT, Progress, time_left
from core.training.average import draw_near
from core.training.data import digest

ROWS = 100
"""The history has so many rows at most."""

TIMED_STEPS, TIMED_SECONDS = 3, 2.0
"""The duration of a training is known after so many steps that took so long together; the first one is not timed."""

LOSSES = ("discriminator_loss", "generator_loss", "contrastive_loss", "identity_loss")

Row = dict[str, float]
"""Means over some steps: step (the last one), discriminator_loss, generator_loss, contrastive_loss, identity_loss
(where it is learned), learning_rate, seconds."""


@dataclass(frozen=True, eq=False)
class StyleTrainingResult:
    """A learned style, and how it came about.

    Parameters
    ----------
    model : ready to be applied.
    history : see `Row`, at most `ROWS` of them.
    seconds : that the training took.
    device : where it was trained, in words.
    warnings : what looked wrong with the images, one sentence or two each.
    """

    model: StyleModel
    history: list[Row]
    seconds: float
    device: str
    warnings: list[str]


def train_style(
    images: Sequence[Image],
    style: Sequence[Image],
    config: CutConfig | None = None,
    progress: Progress = SILENT,
    names: Sequence[str] = (),
    style_names: Sequence[str] = (),
) -> StyleTrainingResult:
    """Learn to give images the style of others.

    Every image is scaled by its own percentiles. The model is the running average of the generator's weights.

    Parameters
    ----------
    images : 2-D images and Z-stacks whose style is to change, of any real type.
    style : images in the wanted style with the same channels; what they show need not be the same.
    names, style_names : how messages call the images; otherwise by their number.

    Raises
    ------
    UserInputError : images that nothing can be learned from, a training that would take longer than its limit, one that
        diverges, or a device that is not there.
    Canceled : the user stopped the work.
    """
    config = config or CutConfig()
    given, wanted, warnings = check(
        Domain("Images", names or _numbers(images), images),
        Domain("Target images", style_names or _numbers(style), style),
        config.patch_size,
    )
    progress.step(0.0, "scaling the images")
    start = time.monotonic()
    known = StyleModelConfig()
    config = replace(config, generator=replace(config.generator, channels=given.images[0].size("C")))
    patches = planes(given, known.normalization), planes(wanted, known.normalization)
    dtype, low, high = grey_values(wanted, known.normalization)
    trainer = _Trainer(config)
    history = _train(trainer, *patches, config, progress)
    model = StyleModel(
        replace(
            known,
            generator=config.generator,
            low=low,
            high=high,
            dtype=dtype,
            pixel_size=pixel_size(wanted),
            channel_names=wanted.images[0].channel_names,
            provenance={
                "training": config.to_dict(),
                "images": len(given.images),
                "style_images": len(wanted.images),
                "data": digest(image.array for domain in (given, wanted) for image in domain.images),
                "torch": version("torch"),
            },
            history=tuple(history),
        )
    )
    model.generator.load_state_dict(trainer.averaged.state_dict())
    seconds = time.monotonic() - start
    return StyleTrainingResult(model, history, seconds, describe_device(trainer.device), warnings)


class _Trainer:
    """The networks of a training, and a step of it."""

    def __init__(self, config: CutConfig) -> None:
        self.config = config
        self.device = choose_device(config.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator = Generator(config.generator)
            discriminator = Discriminator(config.generator.channels, config.generator.width, config.patch_size)
            places = Places(generator.depths, config.embedding)
        self.averaged = copy.deepcopy(generator).requires_grad_(False)
        self.generator, self.discriminator = generator.to(self.device), discriminator.to(self.device)
        self.places = places.to(self.device)
        self.averaged.to(self.device)
        modules = [self.discriminator], [self.generator, self.places]
        self.optimizers = [
            torch.optim.Adam([w for module in group for w in module.parameters()], betas=(0.5, 0.999))
            for group in modules
        ]
        # 16 bits only where they need no scaling of losses
        self.mixed = precision(self.device) == "bf16-mixed"

    def step(self, step: int, given: Tensor, style: Tensor, rng: np.random.Generator, progress: Progress) -> Row:
        """One step on patches of both kinds, N C Y X; its losses."""
        rate = learning_rate(step, self.config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        given, style = given.to(self.device), style.to(self.device)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.mixed):
            sources = torch.cat([given, style]) if self.config.identity else given
            results = self.generator(sources)
            styled = results[: len(given)]
            self.discriminator.requires_grad_(True)
            judged = self.discriminator(torch.cat([styled.detach(), style]))
            told = 0.5 * (squared_error(judged[: len(given)], 0.0) + squared_error(judged[len(given) :], 1.0))
        self._learn(self.optimizers[0], told)
        progress.check()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.mixed):
            self.discriminator.requires_grad_(False)
            fooled = squared_error(self.discriminator(styled), 1.0)
            contrast = self._contrast(sources, results, rng)
            content = contrast.reshape(-1, len(given)).mean(dim=1)
        self._learn(self.optimizers[1], fooled + self.config.contrast * content.mean())
        draw_near(self.averaged, self.generator, min(self.config.average, (1 + step) / (10 + step)))
        losses = [float(loss) for loss in (told.detach(), fooled.detach(), *content.detach())]
        return dict(zip(LOSSES, losses, strict=False))

    def _contrast(self, sources: Tensor, results: Tensor, rng: np.random.Generator) -> Tensor:
        """The contrastive loss of every image, N, the mean of that at the encoder's stages."""
        with torch.no_grad():
            given = self.generator.features(sources)
        made = self.generator.features(results)
        chosen = []
        for feature in given:
            pixels = feature.shape[2] * feature.shape[3]
            drawn = rng.choice(pixels, min(self.config.places, pixels), replace=False)
            chosen.append(torch.from_numpy(drawn).to(self.device))
        with torch.no_grad():
            keys = self.places(given, chosen)
        queries = self.places(made, chosen)
        stages = [contrastive_loss(q, k, self.config.temperature) for q, k in zip(queries, keys, strict=True)]
        return torch.stack(stages).mean(dim=0)

    def _learn(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _train(trainer: _Trainer, given: Planes, style: Planes, config: CutConfig, progress: Progress) -> list[Row]:
    """All steps; the patches of one are drawn by its number."""
    history: list[Row] = []
    rows: list[Row] = []
    each = math.ceil(config.steps / ROWS)
    pace = _Pace(config, describe_device(trainer.device))
    begin = time.monotonic()
    for step in range(config.steps):
        rng = np.random.default_rng([config.seed, step])
        size, count = config.patch_size, config.batch_size
        ours, theirs = (torch.from_numpy(random_patches(known, size, count, rng)) for known in (given, style))
        row = trainer.step(step, ours, theirs, rng, progress)
        _refuse_divergence(row, step, config)
        rows.append(row)
        left = pace.left(step)
        message = f"step {step + 1} of {config.steps}, contrastive loss {row['contrastive_loss']:.3f}, {left}"
        progress.step((step + 1) / config.steps, message)
        if len(rows) == each or step + 1 == config.steps:
            means = {name: float(np.mean([one[name] for one in rows])) for name in row}
            now = time.monotonic()
            rates = {"learning_rate": learning_rate(step, config), "seconds": now - begin}
            history.append({"step": step + 1.0, **means, **rates})
            rows, begin = [], now
    return history


class _Pace:
    """How long a training takes: known after a few steps, and refused where that is too long."""

    def __init__(self, config: CutConfig, device: str) -> None:
        self._config, self._device = config, device
        self._times = [time.monotonic()]
        self._known = False

    def left(self, step: int) -> str:
        """How much longer it takes, in words, after a step.

        Raises
        ------
        UserInputError : it is longer than the limit; told once, after the first steps.
        """
        self._times.append(time.monotonic())
        first = self._times[min(1, step)]  # the first step prepares what later ones do without
        seconds = (self._times[-1] - first) / max(1, step)
        if not self._known and step >= TIMED_STEPS and self._times[-1] - first >= TIMED_SECONDS:
            self._known = True
            self._refuse_long(seconds)
        return time_left(seconds * (self._config.steps - step - 1))

    def _refuse_long(self, seconds: float) -> None:
        limit, whole = self._config.limit_minutes, seconds * self._config.steps / 60
        if whole > limit:
            raise UserInputError(
                f"The training would take about {_minutes(whole)} ({self._config.steps:,} steps of {seconds:.2g} s on "
                f"{self._device}), its limit is {_minutes(limit)}.",
                todo=f"Set the number of steps to {max(1, int(60 * limit / seconds)):,}, choose a smaller network or "
                "smaller patches, compute on a graphics card, or raise the limit.",
            )


def learning_rate(step: int, config: CutConfig) -> float:
    """The learning rate of a step: constant for half of the training, then linearly towards 0."""
    return config.learning_rate * min(1.0, 2 * (1 - step / config.steps))


def _refuse_divergence(row: Row, step: int, config: CutConfig) -> None:
    if not all(map(math.isfinite, row.values())):
        raise UserInputError(
            f"The training diverged in step {step + 1}: a loss is no number any more.",
            todo=f"Choose a lower learning rate than {config.learning_rate:g}.",
        )


def _minutes(minutes: float) -> str:
    return f"{minutes:.3g} min" if minutes < 90 else f"{minutes / 60:.3g} h"


def _numbers(images: Sequence[Image]) -> list[str]:
    return [f"image {number + 1}" for number in range(len(images))]
