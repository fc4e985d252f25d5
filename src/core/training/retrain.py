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
from core.training.data import Example, Prepared, check_examples, prepare
from core.training.loop import Group, Source
from core.training.object_size import at_scale, matching_scale, size_warnings
from core.training.thresholds import fit_thresholds, score_thresholds
from core.training.train import TrainingResult, learn, origin, pixel_size_of, split


@dataclass(frozen=True, eq=False)
class RetrainingResult(TrainingResult):
    """A retrained model, or the given one where retraining made it worse.

    Parameters
    ----------
    score_before : score of the given model on the same images as `score`, its thresholds fitted to them likewise.
    kept_given_model : whether retraining did not raise the score, so that `model` is the given one with
        the thresholds fitted to all the new images.
    source_scores : of the given model and of `model` on the source images, rescaled as the given model does, each with
        its own thresholds; None without source images.
    """

    score_before: float = 0.0
    kept_given_model: bool = False
    source_scores: tuple[float, float] | None = None


def retrain(
    given: SegmentationModel,
    examples: Sequence[Example],
    config: RetrainingConfig,
    progress: Progress = SILENT,
    validation: Sequence[Example] = (),
    checkpoint: Path | None = None,
    source: Sequence[Example] = (),
) -> RetrainingResult:
    """Train a model further on images of another kind; never return one that scores worse than the given one.

    Both are scored on the validation images, or, where there are none and too few examples to hold any back, on the
    examples themselves. The given model is not changed.

    Where sizes are matched, the new model rescales images so that the new objects are as large for its network as the
    old ones; the given model is scored with and without that, and its better score counts.

    Parameters
    ----------
    given : the model to start from.
    examples, validation, checkpoint : as in `core.training.train.train`.
    source : labelled images of the kind that the model was trained on, mixed in so that it does not forget them.

    Raises
    ------
    UserInputError : examples that nothing can be learned from, of another number of channels than the model's, or with
        objects too large or small to be matched.
    Canceled : the user stopped the work.
    """
    warnings = check_examples([*examples, *validation])
    _check_channels(given, examples)
    if source:
        warnings += check_examples(source)
        _check_channels(given, source)
    training, validation = split(examples, validation, config.validation_fraction, config.schedule.seed)
    diameter, pixel_size = typical_diameter([e.labels for e in training]), pixel_size_of(training)
    scale = matching_scale(given, diameter) if config.match_scale else given.config.scale
    warnings += size_warnings(given, scale, diameter, pixel_size)
    held_back = prepare(validation or training, given.config.normalization)
    base, before = _best_given(given, scale, held_back, config.schedule.device, progress.part(0.0, 0.05))

    model = start_from(given, config).with_config(
        scale=scale,
        pixel_size=pixel_size,
        object_size=diameter,
        provenance={
            "retraining": config.to_dict(),
            **origin(training),
            "start": {
                key: given.config.provenance.get(key) for key in ("created", "data", "licence", "name", "encoder")
            },
        },
    )
    known = prepare(source, given.config.normalization, given.config.scale)
    learned = learn(
        model,
        training,
        validation,
        config.schedule,
        config.augmentation,
        groups_of(model, config),
        progress.part(0.05, 0.96),
        checkpoint,
        Source(known, config.source_share) if known else None,
    )
    kept = learned.score <= before
    if kept:
        # It has learned from none of the images, so all of them may choose its thresholds.
        every = prepare([*training, *validation], given.config.normalization)
        thresholds, _ = fit_thresholds(Predictor(base, config.schedule.device), every, progress.part(0.96, 0.98))
        learned = replace(learned, model=base.with_config(thresholds=thresholds), score=before)
    scores = None
    if source:
        old = prepare(source, given.config.normalization)
        scores = (
            _source_score(given, given.config.scale, old, config.schedule.device, progress.part(0.98, 0.99)),
            _source_score(learned.model, given.config.scale, old, config.schedule.device, progress.part(0.99, 1.0)),
        )
    return RetrainingResult(
        learned.model,
        learned.history,
        learned.score,
        learned.scored_on,
        learned.device,
        warnings,
        score_before=before,
        kept_given_model=kept,
        source_scores=scores,
    )


def _check_channels(given: SegmentationModel, examples: Sequence[Example]) -> None:
    channels, wanted = examples[0].image.size("C"), given.config.network.in_channels
    if channels != wanted:
        raise UserInputError(
            f"The images have {channels} channels, the model was trained on {wanted}.",
            where=examples[0].name,
            todo="Choose the same number of channels when reading the images.",
        )


def _best_given(
    given: SegmentationModel, scale: float, examples: Sequence[Prepared], device: str, progress: Progress
) -> tuple[SegmentationModel, float]:
    """The given model with thresholds fitted to the examples, at its own scale or at another, and its score."""
    scales = sorted({given.config.scale, scale})
    found = []
    for number, one in enumerate(scales):
        model = at_scale(given, one)
        part = progress.part(number / len(scales), (number + 1) / len(scales))
        thresholds, score = fit_thresholds(Predictor(model, device), examples, part)
        found.append((model.with_config(thresholds=thresholds), score))
    return max(found, key=lambda pair: pair[1])


def _source_score(
    model: SegmentationModel, scale: float, examples: Sequence[Prepared], device: str, progress: Progress
) -> float:
    predictor = Predictor(at_scale(model, scale), device)
    return float(score_thresholds(predictor, examples, [model.thresholds], progress, "scoring the source images")[0])


def start_from(given: SegmentationModel, config: RetrainingConfig) -> SegmentationModel:
    """A model with the given one's weights where they are to be loaded, random ones elsewhere."""
    torch.manual_seed(config.schedule.seed)
    model = SegmentationModel(given.config)
    for name, stage in _loaded(model, config.load).items():
        stage.load_state_dict(given.get_submodule(name).state_dict())
    return model


def groups_of(model: SegmentationModel, config: RetrainingConfig) -> list[Group]:
    """What was taken over learns more slowly than the rest, the farther from the output the more so.

    The encoder is frozen at first.
    """
    loaded = list(_loaded(model, config.load))
    encoder = {f"network.{name}" for name in model.network.encoder_stages()}
    every = {**{f"network.{name}": stage for name, stage in model.network.stages().items()}, "head": model.head}

    def group(name: str, stage: nn.Module) -> Group:
        frozen = config.freeze if name in encoder else 0
        if name not in loaded:
            return Group(stage, frozen=frozen)
        behind = len(loaded) - 1 - loaded.index(name)
        return Group(stage, config.loaded_rate * config.layer_decay**behind, frozen, config.pull)

    return [group(name, stage) for name, stage in every.items() if list(stage.parameters())]


def _loaded(model: SegmentationModel, load: str) -> dict[str, nn.Module]:
    """The parts of a model whose weights are taken over, by their names in the model."""
    stages = model.network.encoder_stages() if load == "encoder" else model.network.stages()
    parts: dict[str, nn.Module] = {f"network.{name}": stage for name, stage in stages.items()}
    return {**parts, "head": model.head} if load == "all" else parts
