"""Training a model from random weights, or from an encoder that was trained on ImageNet."""

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.devices import describe_device, precision
from core.errors import UserInputError
from core.heads import HEADS, HeadConfig
from core.inference.predict import Predictor
from core.measurement.size import typical_diameter
from core.model import ModelConfig, SegmentationModel
from core.networks.pretrained_weights import load_encoder
from core.progress import SILENT, Progress
from core.training.augmentation import AugmentationConfig
from core.training.checkpoint import Row
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example, Target, check_examples, digest, fingerprint, in_one_order, prepare
from core.training.loop import Group, Source, WithoutLabels, fit
from core.training.object_size import at_scale
from core.training.selection import (
    NOTHING_FOUND,
    Prior,
    Selection,
    SelectionConfig,
    Watch,
    chosen_thresholds,
)
from core.training.target import check_target
from core.training.thresholds import fit_thresholds, score_thresholds

FEWEST_TO_SPLIT = 10
"""With fewer examples none is held back for validation: each is worth more as an example.

And one or two images are too few to choose an epoch and thresholds by.
"""

PRETRAINED_FROZEN = 1
"""First epochs in which a pretrained encoder does not change, while the rest of the network is still random.

Then it learns as fast as the rest: what it knows are photographs, and microscopes see something else.
"""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained model, and how it came about.

    Parameters
    ----------
    model : ready to be applied, on the CPU.
    history : one row per epoch: epoch, train_loss, learning_rate, seconds, and with validation images validation_loss.
    score : mean average precision over IoU .50 to .95 on the images that `scored_on` names; the thresholds were
        fitted to them, after a retraining to all of the new images.
    scored_on : "validation" or "training" images, after a retraining perhaps "left-out" ones.
    warnings : what looked wrong with the examples, one sentence or two each.
    device : where it was trained, in words.
    """

    model: SegmentationModel
    history: list[Row]
    score: float
    scored_on: str
    device: str
    warnings: list[str] = field(default_factory=list)


def train(
    examples: Sequence[Example],
    config: TrainingConfig,
    progress: Progress = SILENT,
    validation: Sequence[Example] = (),
    checkpoint: Path | None = None,
    target: Sequence[Target] = (),
    start: SegmentationModel | None = None,
) -> TrainingResult:
    """Train a model from random weights, from a pretrained encoder, or from the network of another model.

    Parameters
    ----------
    examples : labelled images with one number of channels.
    validation : labelled images for choosing the best epoch and the thresholds; where there are none, a part of the
        examples is held back.
    checkpoint : a file for the state of the training; a killed or cancelled training goes on from there.
    target : images without labels that the model is meant for: its objects there choose the epoch, see
        `core.training.selection`, and the threshold.
    start : see `new_model`.

    Raises
    ------
    UserInputError : examples that nothing can be learned from, weights that the encoder cannot start from, a model to
        start from that does not go with the images or the head, or images without labels that cannot be used, see
        `check_target`.
    Canceled : the user stopped the work.
    """
    warnings = check_examples([*examples, *validation])
    examples, validation = in_one_order(start.config.channel_names if start else (), examples, validation)
    training, validation = split(
        examples, validation, config.validation_fraction, config.schedule.seed, FEWEST_TO_SPLIT
    )
    model, groups = new_model(training, config, start)
    without = WithoutLabels()
    if target:
        target, scale, more = check_target(target, examples, model.config.pixel_size, config.pixel_sizes)
        chosen = selection_by(target, training, config.selection, config.schedule.device, scale=model.config.scale)
        without = WithoutLabels(selection=chosen)
        warnings += more
    part, rest = progress.part(0.0, 0.93), progress.part(0.93, 1.0)
    history = learn(
        model, training, validation, config.schedule, config.augmentation, groups, part, checkpoint, without=without
    )
    if target:
        model.with_config(thresholds=chosen_thresholds(model, history))
    kind = "validation" if validation else "training"
    result = finish(model, history, validation or training, kind, config.schedule.device, rest, fit=not target)
    if target:
        result = replace(result, model=at_scale(model, scale * model.config.scale))
        warnings += nothing_found(history)
    warnings += nothing_learned(result.score, kind)
    remember(result)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return replace(result, warnings=warnings)


def new_model(
    training: Sequence[Example], config: TrainingConfig, start: SegmentationModel | None = None
) -> tuple[SegmentationModel, list[Group]]:
    """A model that has learned nothing of the examples yet, and how its parts are to learn.

    Parameters
    ----------
    start : a model whose network, with its weights and the way images are normalised for it, takes the place of the
        configured one. It does not change in the first epoch, while the head is still random.

    Raises
    ------
    UserInputError : weights that the encoder cannot start from, or a model to start from that does not go with the
        images or the head.
    """
    first, weights = training[0].image, config.encoder_weights
    network = replace(config.network, in_channels=first.size("C"), fixed_statistics=bool(weights))
    if start is not None:
        _check_start(start, training[0], config.head)
        weights, network = "", start.config.network
        config = replace(config, normalization=start.config.normalization)
    config = replace(config, network=network, encoder_weights=Path(weights).name)
    torch.manual_seed(config.schedule.seed)
    model = SegmentationModel(
        ModelConfig(
            network=config.network,
            head=config.head,
            normalization=config.normalization,
            channel_names=first.channel_names,
            pixel_size=pixel_size_of(training),
            object_size=typical_diameter([e.labels for e in training]),
            provenance={"training": config.to_dict(), **origin(training)},
        )
    )
    groups = [Group(model)]
    if weights:
        encoder = load_encoder(model.network, weights)
        model.with_config(provenance={**model.config.provenance, "encoder": encoder})
        groups = _groups(model)
    if start is not None:
        model.network.load_state_dict(start.network.state_dict())
        model.with_config(provenance={**model.config.provenance, "start": start_of(start)})
        groups = [Group(model.network, frozen=PRETRAINED_FROZEN), Group(model.head)]
    return model, groups


def _check_start(start: SegmentationModel, example: Example, head: HeadConfig) -> None:
    """Raise a UserInputError if a network cannot look at an image, or a head cannot predict on it."""
    try:
        start.check_channels(example.image.size("C"))
    except UserInputError as error:
        raise error.at(example.name) from None
    grid, grids = start.config.network.grid, HEADS[head.name].grids
    if grid not in grids:
        raise UserInputError(
            f"The network of the model to start from predicts at a stride of {grid} pixels, but the head {head.name} "
            f"needs {' or '.join(map(str, grids))}.",
            todo="Choose another shape of the objects, or start from a network with another stride of the output.",
        )


def nothing_found(history: Sequence[Row]) -> list[str]:
    """A warning where no model of a training found anything on the images without labels."""
    return [] if any("criterion" in row for row in history) else [NOTHING_FOUND]


def nothing_learned(score: float, scored_on: str) -> list[str]:
    """A warning where a trained model recognises no labelled object, `score` and `scored_on` as of a `TrainingResult`.

    A network with few channels may get stuck at finding nothing, by the luck of its first weights.
    """
    if score > 0 or math.isnan(score):
        return []
    return [
        f"The model recognises none of the objects of the {scored_on} images: the training got stuck or was too short. "
        "Train again with another seed, a lower learning rate or more steps; networks with more channels get stuck "
        "less often."
    ]


def selection_by(
    target: Sequence[Target],
    training: Sequence[Example],
    config: SelectionConfig,
    device: str,
    watch: Watch | None = None,
    own_threshold: bool = False,
    scale: float = 1.0,
) -> Selection:
    """A choice of the epoch by checked images without labels and what the labelled objects look like.

    Parameters
    ----------
    scale : by how much the model enlarges images.
    """
    prior = Prior.of([example.labels for example in training], scale, by_area=config.criterion == "combined")
    return Selection(prior, [one.image for one in target], config, device, watch, own_threshold)


def _groups(model: SegmentationModel) -> list[Group]:
    """The pretrained encoder does not learn at first."""
    encoder = model.network.encoder_stages()
    rest = [stage for name, stage in model.network.stages().items() if name not in encoder]
    return [
        Group(nn.ModuleList(encoder.values()), frozen=PRETRAINED_FROZEN),
        Group(nn.ModuleList([*rest, model.head])),
    ]


def split(
    examples: Sequence[Example],
    validation: Sequence[Example],
    fraction: float,
    seed: int,
    fewest: int,
) -> tuple[list[Example], list[Example]]:
    """Training and validation examples.

    Validation examples that are given are taken; otherwise a part of the examples is drawn at random, none of less than
    the fewest.
    """
    if validation or fraction == 0 or len(examples) < fewest:
        return list(examples), list(validation)
    count = max(1, round(fraction * len(examples)))
    held_back = set(np.random.default_rng(seed).permutation(len(examples))[:count].tolist())
    training = [e for i, e in enumerate(examples) if i not in held_back]
    return training, [e for i, e in enumerate(examples) if i in held_back]


def learn(
    model: SegmentationModel,
    training: Sequence[Example],
    validation: Sequence[Example],
    schedule: ScheduleConfig,
    augmentation: AugmentationConfig,
    groups: Sequence[Group],
    progress: Progress,
    checkpoint: Path | None,
    source: Source | None = None,
    without: WithoutLabels | None = None,
) -> list[Row]:
    """Train a model in place, all but its thresholds; one row per epoch.

    Raises
    ------
    UserInputError : all objects are on the validation images, or as `core.training.loop.fit`.
    Canceled : the user stopped the work; with a checkpoint it goes on from the last whole epoch.
    """
    if not any(example.labels.any() for example in training):
        raise UserInputError(
            "All labelled objects are on validation images, none is left to learn from.",
            todo="Label more images, or choose the validation images yourself.",
        )
    normalization, scale = model.config.normalization, model.config.scale
    prepared, held_back = (prepare(examples, normalization, scale) for examples in (training, validation))
    rates = [(group.rate, group.frozen, group.pull) for group in groups]
    parts = (model.config.network, model.config.head, normalization, scale, schedule, augmentation, rates)
    mixed = (source.share, digest(a for e in source.examples for a in (e.pixels, e.labels))) if source else ()
    start = digest(weight.detach().cpu().numpy() for weight in model.state_dict().values())
    without = without or WithoutLabels()
    task = f"{parts} {mixed} {start} {fingerprint([*training, *validation])} {without}"
    return fit(model, prepared, held_back, schedule, augmentation, groups, progress, checkpoint, task, source, without)


def finish(
    model: SegmentationModel,
    history: list[Row],
    judged: Sequence[Example],
    scored_on: str,
    device: str,
    part: Progress,
    *,
    fit: bool = True,
) -> TrainingResult:
    """Score a model that has learned, after fitting its thresholds to images of the kind `scored_on` where wanted."""
    predictor = Predictor(model, device)
    known = prepare(judged, model.config.normalization)
    if fit:
        thresholds, score = fit_thresholds(predictor, known, part)
        model.with_config(thresholds=thresholds)
    else:
        score = float(score_thresholds(predictor, known, [model.thresholds], part).mean())
    numbers = "" if precision(predictor.device) == "32-true" else ", mixed precision"
    return TrainingResult(model, history, score, scored_on, describe_device(predictor.device) + numbers)


def remember(result: TrainingResult) -> None:
    """Write the history and the score of a training into its model."""
    scored = {"score": result.score, "scored_on": result.scored_on}
    config = result.model.config
    result.model.with_config(history=tuple(result.history), provenance={**config.provenance, **scored})


def pixel_size_of(examples: Sequence[Example]) -> float:
    """Median pixel size in micrometres, 0 where unknown."""
    sizes = [e.image.pixel_size["X"] for e in examples if "X" in e.image.pixel_size]
    return float(np.median(sizes)) if sizes else 0.0


def origin(examples: Sequence[Example]) -> dict[str, Any]:
    """When, with which versions and on which data a model is trained."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": fingerprint(examples),
        "images": len(examples),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy")}},
    }


def start_of(given: SegmentationModel) -> dict[str, Any]:
    """What a model keeps of the one that it started from."""
    kept = ("created", "data", "licence", "name", "encoder")
    pretext = {"pretext": given.config.pretext} if given.config.pretext else {}
    return {key: given.config.provenance.get(key) for key in kept} | pretext
