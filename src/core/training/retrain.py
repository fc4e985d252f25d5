"""Transfer learning: a model that already knows something learns from a few images of another kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from core.errors import UserInputError
from core.inference.predict import Predictor
from core.measurement.size import typical_diameter
from core.model import SegmentationModel
from core.progress import SILENT, Progress
from core.training.config import RetrainingConfig
from core.training.data import Example, check_examples, prepare
from core.training.loop import Group
from core.training.thresholds import fit_thresholds
from core.training.train import TrainingResult, learn, origin, pixel_size_of, split


@dataclass(frozen=True, eq=False)
class RetrainingResult(TrainingResult):
    """A retrained model, or the given one where retraining made it worse.

    Parameters
    ----------
    score_before : score of the given model on the same images as `score`, its thresholds fitted to them likewise.
    kept_given_model : whether retraining did not raise the score, so that `model` is the given one with
        the thresholds fitted to the new images.
    """

    score_before: float = 0.0
    kept_given_model: bool = False


def retrain(
    given: SegmentationModel,
    examples: Sequence[Example],
    config: RetrainingConfig,
    progress: Progress = SILENT,
    validation: Sequence[Example] = (),
    checkpoint: Path | None = None,
) -> RetrainingResult:
    """Train a model further on images of another kind; never return one that scores worse than the given one.

    Both are scored on the validation images, or, where there are none and too few examples to hold any back, on the
    examples themselves. The given model is not changed.

    Parameters
    ----------
    given : the model to start from.
    examples, validation, checkpoint : as in `core.training.train.train`.

    Raises
    ------
    UserInputError : examples that nothing can be learned from, or of another number of channels than the model's.
    Canceled : the user stopped the work.
    """
    warnings = check_examples([*examples, *validation])
    channels, wanted = examples[0].image.size("C"), given.config.network.in_channels
    if channels != wanted:
        raise UserInputError(
            f"The images have {channels} channels, the model was trained on {wanted}.",
            where=examples[0].name,
            todo="Choose the same number of channels when reading the images.",
        )
    training, validation = split(examples, validation, config.validation_fraction, config.schedule.seed)
    base = given.copy()
    held_back = prepare(validation or training, given.config.normalization)
    predictor = Predictor(base, config.schedule.device)
    base_thresholds, before = fit_thresholds(predictor, held_back, progress.part(0.0, 0.05))

    model = start_from(given, config).with_config(
        pixel_size=pixel_size_of(training),
        object_size=typical_diameter([e.labels for e in training]),
        provenance={
            "retraining": config.to_dict(),
            **origin(training),
            "start": {key: given.config.provenance.get(key) for key in ("created", "data", "licence", "name")},
        },
    )
    progress = progress.part(0.05, 1.0)
    learned = learn(
        model,
        training,
        validation,
        config.schedule,
        config.augmentation,
        groups_of(model, config),
        progress,
        checkpoint,
    )
    kept = learned.score <= before
    if kept:
        base.with_config(thresholds=base_thresholds)
        learned = replace(learned, model=base, score=before)
    return RetrainingResult(
        learned.model,
        learned.history,
        learned.score,
        learned.scored_on,
        learned.device,
        warnings,
        score_before=before,
        kept_given_model=kept,
    )


def start_from(given: SegmentationModel, config: RetrainingConfig) -> SegmentationModel:
    """A model with the given one's weights where they are to be loaded, random ones elsewhere."""
    torch.manual_seed(config.schedule.seed)
    model = SegmentationModel(given.config)
    for name, stage in _loaded(model, config.load).items():
        stage.load_state_dict(given.get_submodule(name).state_dict())
    return model


def groups_of(model: SegmentationModel, config: RetrainingConfig) -> list[Group]:
    """The weights that were taken over learn more slowly than the others; the encoder is frozen at first."""
    loaded = _loaded(model, config.load)
    encoder = {f"network.{name}" for name in model.network.encoder_stages()}
    every = {**{f"network.{name}": stage for name, stage in model.network.stages().items()}, "head": model.head}
    return [
        Group(
            stage,
            rate=config.loaded_rate if name in loaded else 1.0,
            frozen=config.freeze if name in encoder else 0,
        )
        for name, stage in every.items()
        if list(stage.parameters())
    ]


def _loaded(model: SegmentationModel, load: str) -> dict[str, nn.Module]:
    """The parts of a model whose weights are taken over, by their names in the model."""
    stages = model.network.encoder_stages() if load == "encoder" else model.network.stages()
    parts: dict[str, nn.Module] = {f"network.{name}": stage for name, stage in stages.items()}
    return {**parts, "head": model.head} if load == "all" else parts
