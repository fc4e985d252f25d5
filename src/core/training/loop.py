"""The training loop: patches in, a better model out, on Lightning Fabric."""

import logging
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.ahead import computed_ahead
from core.config import require
from core.devices import choose_device, precision
from core.errors import UserInputError
from core.image import Labels
from core.model import SegmentationModel
from core.networks.base import has_batch_statistics
from core.progress import SILENT, Progress, time_left
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig, random_patch
from core.training.average import draw_near
from core.training.checkpoint import Row, State, read
from core.training.config import ScheduleConfig
from core.training.data import Prepared, digest
from core.training.objective import Learning, Objective, Step
from core.training.selection import Selection
from core.training.team import Team, assembled

Batch = tuple[Tensor, Tensor, Tensor | None]
"""Images N C Y X, the head's targets N T Y/grid X/grid, and N C Y X of images without labels, float32."""

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the result says which device and numbers were used

VALIDATION_PATCHES = 64
"""Patches that an epoch is judged by, at most four of an image and at least one; the same in every epoch."""


@dataclass(frozen=True)
class Group:
    """Weights that learn alike.

    Parameters
    ----------
    module : whose weights.
    rate : their learning rate, as a share of the schedule's.
    frozen : number of first epochs in which they do not change.
    pull : how strongly they are drawn back to where they started, see `RetrainingConfig`.
    """

    module: nn.Module
    rate: float = 1.0
    frozen: int = 0
    pull: float = 0.0


@dataclass(frozen=True)
class Source:
    """Images of the kind that a model was trained on, mixed in so that it does not forget them.

    Parameters
    ----------
    examples : normalised.
    share : of the patches that come from them, 0 to 1.
    """

    examples: Sequence[Prepared] = ()
    share: float = 0.0


@dataclass(frozen=True, eq=False)
class WithoutLabels:
    """What a training makes of images without labels.

    Parameters
    ----------
    objective : what is minimised; in the end it holds the averaged weights of the best epoch, as the model does.
    images : normalised; every step gets as many patches of them as of the labelled ones.
    selection : chooses the epoch.
    """

    objective: Objective = field(default_factory=Objective)
    images: Sequence[Prepared] = ()
    selection: Selection | None = None

    def __str__(self) -> str:
        """A text by which a checkpoint knows its training."""
        weights = (weight.detach().cpu().numpy() for weight in self.objective.state_dict().values())
        pixels = digest(array for array in (*weights, *(image.pixels for image in self.images)))
        return f"{type(self.objective).__name__} {self.objective.settings()} {pixels} {self.selection or ''}"


def fit(
    model: SegmentationModel,
    training: Sequence[Prepared],
    validation: Sequence[Prepared],
    schedule: ScheduleConfig,
    augmentation: AugmentationConfig,
    groups: Sequence[Group],
    progress: Progress = SILENT,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    source: Source | None = None,
    without: WithoutLabels | None = None,
) -> list[Row]:
    """Train a model in place; in the end it holds the averaged weights of the best epoch.

    The best epoch is that of the lowest validation loss; without validation images it is the last one. A selection
    chooses by images without labels instead.

    Parameters
    ----------
    training, validation : examples, normalised; `validation` may be empty.
    groups : all the model's weights, each in one group.
    checkpoint : a file for the state after every epoch. A state of the same training (`fingerprint`) found there is
        gone on with. The file stays, for the caller to remove when it has used the model.
    source : images to mix in.
    without : what is made of images without labels.

    Returns
    -------
    One row per epoch.

    Raises
    ------
    UserInputError : the training diverges, batch normalisation has a single value per channel to normalise, or the
        processors that the schedule asks for are not there.
    Canceled : the user stopped the work; the checkpoint of the last whole epoch stays.
    """
    size = patch_size(model, schedule)
    require(
        not has_batch_statistics(model)
        or schedule.batch_size // schedule.processes * (size // model.network.multiple) ** 2 > 1,
        "batch_size",
        schedule.batch_size,
        f"{2 * schedule.processes} or more for batch normalisation with patches of {size} pixels",
    )
    numbers = precision(choose_device(schedule.device, schedule.devices))
    without = without or WithoutLabels()
    task = (model, training, schedule, numbers, augmentation, groups, source, replace(without, selection=None))
    with assembled(schedule, task, progress):
        return take_part(*task, validation, progress, checkpoint, fingerprint, without.selection)


def take_part(
    model: SegmentationModel,
    training: Sequence[Prepared],
    schedule: ScheduleConfig,
    numbers: str,
    augmentation: AugmentationConfig,
    groups: Sequence[Group],
    source: Source | None,
    without: WithoutLabels,
    validation: Sequence[Prepared] = (),
    progress: Progress = SILENT,
    checkpoint: Path | None = None,
    fingerprint: str = "",
    selection: Selection | None = None,
) -> list[Row]:
    """Train a model in place as one of the processes that do so together; `fit` is this for one.

    Parameters
    ----------
    numbers : their format, see `core.devices.precision`.
    validation, progress, checkpoint, fingerprint, selection : of the first process only, as in `fit`.
    """
    size = patch_size(model, schedule)
    device = choose_device(schedule.device, schedule.devices)
    objective, unlabelled = without.objective, without.images
    changing = any(group.frozen for group in groups) or type(objective) is not Objective
    team = Team(schedule, device, numbers, changing=changing)
    fabric = team.fabric
    learning = Learning(model, objective)
    learning.to(memory_format=torch.contiguous_format if numbers == "32-true" else torch.channels_last)  # type: ignore[call-overload]
    groups = [*groups, Group(objective)] if list(objective.parameters()) else groups
    parameters = [{"params": list(g.module.parameters()), "share": g.rate} for g in groups]
    optimizer = torch.optim.AdamW(parameters, weight_decay=schedule.weight_decay)
    learner, stepper = fabric.setup(learning, optimizer)
    starts = [
        (weight, weight.detach().clone(), group.rate * group.pull)
        for group in groups
        if group.pull
        for weight in group.module.parameters()
    ]
    chosen_by = team.decide(lambda: "criterion" if selection else "validation_loss" if validation else "")
    state = State(learning, learning.averaged().to(fabric.device), optimizer, chosen_by)
    saved = team.decide(lambda: read(checkpoint, fingerprint) if checkpoint else None)
    if saved:
        state.go_on(saved)

    total = schedule.epochs * schedule.steps

    def batch_of(step: int) -> Batch:
        rng = np.random.default_rng([schedule.seed, step])
        patches = []
        for _ in range(schedule.batch_size):
            examples = source.examples if source and rng.random() < source.share else training
            patches.append(random_patch(examples, size, augmentation, rng))
        others = [random_patch(unlabelled, size, augmentation, rng) for _ in patches] if unlabelled else []
        share = team.share(schedule.batch_size)
        return _batch(model, [patches[i] for i in share], [others[i][0] for i in share] if others else [])

    def step_of(number: int, batch: Batch, learning: SegmentationModel) -> Step:
        images, targets = (tensor.to(fabric.device) for tensor in batch[:2])
        others = None if batch[2] is None else batch[2].to(fabric.device)
        own = _number(schedule.seed, number)
        return Step(learning, state.averaged.model, images, targets, others, number / total, own, team.mean)

    fixed = _validation_batches(model, validation, size, schedule)

    def judge() -> Row:
        row = {"validation_loss": _loss_on(fixed, state.averaged, fabric.device, progress)} if fixed else {}
        if selection:
            row |= selection.look(state.averaged.model, state.history, schedule.epochs, progress)
        return row

    def keep() -> None:
        if checkpoint is not None:
            state.write(checkpoint, fingerprint)

    epochs, start = range(len(state.history), schedule.epochs), time.monotonic()
    # One batch ahead on a CPU, which has to compute itself; several for a GPU, which waits for them.
    workers = 1 if device == "cpu" else max(1, min(8, (os.cpu_count() or 2) // schedule.devices - 1))
    with computed_ahead(batch_of, range(epochs.start * schedule.steps, total), workers) as batches:
        for epoch in epochs:
            if _patience_is_over(state, schedule):
                break
            begin = time.monotonic()
            for group in groups:
                group.module.requires_grad_(epoch >= group.frozen).train(epoch >= group.frozen)
            losses: list[float] = []
            for step in range(epoch * schedule.steps, (epoch + 1) * schedule.steps):
                rate = learning_rate(step, total, schedule)
                for options in optimizer.param_groups:
                    options["lr"] = rate * options["share"]
                stepper.zero_grad()
                loss = learner(partial(step_of, step, next(batches)))
                fabric.backward(loss)
                # Gradients too large for 16 bits are no error: the step is left out and their scale lowered.
                fabric.clip_gradients(learner, stepper, max_norm=schedule.clip, error_if_nonfinite=False)
                stepper.step()
                _draw_back(starts, rate)
                draw_near(state.averaged, learning, min(schedule.average, (1 + step) / (10 + step)))
                losses.append(float(team.mean(loss.detach())))
                _refuse_divergence(losses[-1], epoch, schedule)
                pace = (time.monotonic() - start) / (step + 1 - epochs.start * schedule.steps)
                message = _message(epoch, schedule, losses, state.history, pace * (total - step - 1))
                team.decide(partial(progress.step, (step + 1) / total, message))
            row = {"epoch": epoch + 1.0, "train_loss": float(np.mean(losses)), "learning_rate": rate}
            state.finish_epoch({**row, **team.decide(judge), "seconds": time.monotonic() - begin})
            team.decide(keep)
    learning.to("cpu", memory_format=torch.contiguous_format).load_state_dict(state.best)  # type: ignore[call-overload]
    learning.requires_grad_(True).eval()
    return state.history


def patch_size(model: SegmentationModel, schedule: ScheduleConfig) -> int:
    """The side of a patch in pixels, rounded up to what the network's pooling needs."""
    multiple = model.network.multiple
    return -(-schedule.patch_size // multiple) * multiple


def learning_rate(step: int, total: int, schedule: ScheduleConfig) -> float:
    """The learning rate of a step out of `total`: a linear rise, then half a cosine down to a hundredth."""
    rise = max(1, round(schedule.warmup * total))
    if step < rise:
        return schedule.learning_rate * (step + 1) / rise
    done = (step - rise) / max(1, total - rise)
    return schedule.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _number(seed: int, step: int) -> int:
    """A number of a step's own."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _batch(
    model: SegmentationModel,
    patches: Sequence[tuple[NDArray[np.float32], Labels]],
    unlabelled: Sequence[NDArray[np.float32]] = (),
) -> Batch:
    grid = model.config.network.grid
    targets = np.stack([model.head.targets(labels, grid) for _, labels in patches])
    images = torch.from_numpy(np.stack([pixels for pixels, _ in patches]))
    return images, torch.from_numpy(targets), torch.from_numpy(np.stack(unlabelled)) if unlabelled else None


def _validation_batches(
    model: SegmentationModel, validation: Sequence[Prepared], size: int, schedule: ScheduleConfig
) -> list[Batch]:
    """The patches of every validation image, a batch each."""
    batches = []
    each = max(1, min(4, VALIDATION_PATCHES // max(1, len(validation))))
    for number, example in enumerate(validation):
        rng = np.random.default_rng([schedule.seed, number])
        patches = [random_patch([example], size, NO_AUGMENTATION, rng) for _ in range(each)]
        batches.append(_batch(model, patches))
    return batches


def _loss_on(batches: Iterable[Batch], averaged: Learning, device: torch.device, progress: Progress) -> float:
    losses = []
    with torch.inference_mode():
        for number, (images, targets, _) in enumerate(batches):
            progress.check()
            losses.append(float(averaged.judge(images.to(device), targets.to(device), number)))
    return float(np.mean(losses))


def _draw_back(starts: Sequence[tuple[Tensor, Tensor, float]], rate: float) -> None:
    """Take weights a little of the way back to where they started."""
    with torch.no_grad():
        for weight, start, pull in starts:
            weight.lerp_(start, min(1.0, rate * pull))


def _refuse_divergence(loss: float, epoch: int, schedule: ScheduleConfig) -> None:
    if not math.isfinite(loss):
        raise UserInputError(
            f"The training diverged in epoch {epoch + 1}: its loss is no number any more.",
            todo=f"Choose a lower learning rate than {schedule.learning_rate:g}.",
        )


def _patience_is_over(state: State, schedule: ScheduleConfig) -> bool:
    return 0 < schedule.patience <= len(state.history) - state.best_epoch


def _message(
    epoch: int, schedule: ScheduleConfig, losses: Sequence[float], history: Sequence[Row], seconds: float
) -> str:
    """Where the training stands; `seconds` are left if it runs to its last epoch."""
    message = f"epoch {epoch + 1} of {schedule.epochs}, loss {np.mean(losses):.3f}"
    if history and "validation_loss" in history[-1]:
        message += f", validation loss {history[-1]['validation_loss']:.3f}"
    return f"{message}, {time_left(seconds)}"
