"""Transfer learning: a model that already knows something learns from a few images of another kind."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import UserInputError
from core.inference.predict import Predictor
from core.measurement.size import typical_diameter
from core.model import SegmentationModel
from core.progress import SILENT, Progress
from core.training.caution import first_as_good
from core.training.checkpoint import Row
from core.training.config import RetrainingConfig
from core.training.data import Example, Target, check_examples, fingerprint, in_one_order, prepare
from core.training.halves import in_halves
from core.training.interpolation import ALL_OR_NOTHING, SHARES, between, scores_on_the_way, try_out
from core.training.loop import Group, Source, WithoutLabels
from core.training.object_size import at_scale, best_scale, size_warnings
from core.training.target import check_target
from core.training.thresholds import score_thresholds
from core.training.train import (
    FEWEST_TO_SPLIT,
    TrainingResult,
    finish,
    learn,
    nothing_found,
    nothing_learned,
    origin,
    pixel_size_of,
    remember,
    selection_by,
    split,
    start_of,
)

FEWEST_TO_HOLD_BACK = 40
"""With fewer examples none is held back for validation: a trial judges by all of them."""


@dataclass(frozen=True, eq=False)
class RetrainingResult(TrainingResult):
    """A retrained model, or the given one where retraining would not have made it better.

    Parameters
    ----------
    score : as in `TrainingResult`; after a trial, in which images were "left-out", it is that of two models which had
        learned from half of the images each, in half the time, and gone the same share of the way.
    score_before : score of the given model on the same images as `score`.
    share : how far the weights of `model` are on the way from the given to the retrained ones, 0 to 1.
    source_scores : of the given model and of `model` on the source images, rescaled as the given model does, each with
        its own thresholds; None without source images.
    pretext : the task that the given model had learned without labels. It could not segment: there is no `score_before`
        (NaN), all is taken over, and the score is as in `TrainingResult`.
    """

    score_before: float = 0.0
    share: float = 1.0
    source_scores: tuple[float, float] | None = None
    pretext: str = ""

    @property
    def kept_given_model(self) -> bool:
        """Whether `model` is the given one, with thresholds for the new images."""
        return self.share == 0


def retrain(
    given: SegmentationModel,
    examples: Sequence[Example],
    config: RetrainingConfig,
    progress: Progress = SILENT,
    validation: Sequence[Example] = (),
    checkpoint: Path | None = None,
    source: Sequence[Example] = (),
    target: Sequence[Target] = (),
) -> RetrainingResult:
    """Train a model further on images of another kind, and take over no more of that than does it good.

    How much that is, images tell that were not learned from (see `core.training.interpolation`): the validation images,
    of forty or more examples a part that is held back, and else a trial before the training itself, which learns from
    one half of the examples and is judged by the other. What was given stays unless something else is clearly better.
    (Validation images choose the epoch too, and so are a little kind to the retrained model.)
    The given model is not changed. One that is kept only gets thresholds for the new images, without `target`.

    One that has learned without labels only (`ModelConfig.pretext`) gives its network, or the encoder; the head starts
    from random weights, sizes of objects are not matched, and nothing is compared.

    Parameters
    ----------
    given : the model to start from.
    examples, validation, checkpoint : as in `core.training.train.train`.
    source : labelled images of the kind that the model was trained on, mixed in so that it does not forget them.
    target : images without labels that the model is meant for: its objects there choose the epoch of every training,
        those of the trial too, see `core.training.selection`. What objects look like is taken from all that is learned
        from, and sizes are matched to the labelled objects. How much of the retraining is taken over, labels still
        tell; thresholds stay.

    Raises
    ------
    UserInputError : examples that nothing can be learned from, of another number of channels than the model's, or with
        objects too large or small to be matched; or images without labels that cannot be used, see `check_target`.
    Canceled : the user stopped the work.
    """
    warnings = check_examples([*examples, *validation])
    _check_channels(given, examples)
    if source:
        warnings += check_examples(source)
        _check_channels(given, source)
    examples, validation, source = in_one_order(given.config.channel_names, examples, validation, source)
    schedule, device, pretext = config.schedule, config.schedule.device, given.config.pretext
    if pretext:
        config = replace(config, load="encoder" if config.load == "encoder" else "backbone", match_scale=False)
    fewest = FEWEST_TO_SPLIT if pretext else FEWEST_TO_HOLD_BACK
    training, validation = split(examples, validation, config.validation_fraction, schedule.seed, fewest)
    diameter, pixel_size = typical_diameter([e.labels for e in training]), pixel_size_of(training)
    without, to_target = WithoutLabels(), 1.0
    if target:
        target, to_target, more = check_target(target, examples, pixel_size, config.pixel_sizes)
        warnings += more
    matched = config.match_scale
    scale = best_scale(given, training, device, progress.part(0.0, 0.05)) if matched else given.config.scale
    _check_scale(scale * to_target)
    if target:
        chosen = selection_by(target, training, config.selection, device, own_threshold=True, scale=scale)
        without = WithoutLabels(selection=chosen)
    warnings += size_warnings(given, scale, 0.0 if matched else diameter, pixel_size)
    model = start_from(given, config).with_config(
        scale=scale,
        pixel_size=pixel_size,
        object_size=diameter,
        provenance=_provenance(given, config, training),
        pretext="",
    )
    if target:
        model.with_config(thresholds=model.thresholds)
    former = prepare(source, given.config.normalization, given.config.scale)
    mixed = Source(former, config.source_share) if former else None
    files = [checkpoint and checkpoint.with_name(checkpoint.name + end) for end in (".trial1", ".trial2", "")]

    def train(model: SegmentationModel, number: int, images: Sequence[Example], part: Progress) -> list[Row]:
        """Number 0 and 1 are the halves of a trial, 2 is the training itself."""
        whole = number == 2
        times = schedule if whole else replace(schedule, epochs=-(-schedule.epochs // 2))
        groups = groups_of(model, config if whole else replace(config, freeze=config.freeze // 2))
        return learn(model, images, validation, times, config.augmentation, groups, part, files[number], mixed, without)

    if pretext:
        history = train(model, 2, training, progress.part(0.0, 0.93))
        kind = "validation" if validation else "training"
        finished = finish(
            model, history, validation or training, kind, device, progress.part(0.93, 1.0), fit=not target
        )
        warnings += nothing_found(history) if target else []
        told = {**vars(finished), "warnings": warnings + nothing_learned(finished.score, kind)}
        return _finished(RetrainingResult(**told, score_before=math.nan, pretext=pretext), files, scale * to_target)

    shares = SHARES if config.load == "all" else ALL_OR_NOTHING
    if validation:
        history = train(model, 2, training, progress.part(0.05, 0.9))
        judged = validation if len(validation) > 1 else list(chain(*in_halves(validation, schedule.seed)))
        scores = scores_on_the_way(given, model, shares, training, judged, device, progress.part(0.9, 0.95))
    else:
        trying = progress.part(0.05, 0.5)
        scores, history = try_out(train, model, given, shares, training, schedule.seed, device, trying)
    share = shares[first_as_good(scores)] if len(scores) else 0.0
    if share and not validation:
        history = train(model, 2, training, progress.part(0.5, 0.95))
    model = between(given, model, share)
    if not len(scores):
        warnings.append(
            "There are too few objects to try out whether retraining helps, so the given model is kept. Label more."
        )

    scored_on = "validation" if validation else "left-out"
    fitted_to = validation if validation and share else [*training, *validation]
    finished = finish(model, history, fitted_to, scored_on, device, progress.part(0.95, 0.98), fit=not target)
    before, score = scores[:, [0, shares.index(share)]].mean(axis=0).tolist() if len(scores) else (math.nan, math.nan)
    result = RetrainingResult(
        **{**vars(finished), "score": score, "warnings": warnings},
        score_before=before,
        share=share,
        source_scores=_scores_on_source(given, model, source, device, progress.part(0.98, 1.0)) if source else None,
    )
    if result.kept_given_model:
        kept = {"score": score, "scored_on": scored_on, "data": fingerprint(training)}
        model.with_config(provenance={**model.config.provenance, "kept": kept})
        return _cleared(result, files, scale * to_target)
    if target:
        result.warnings.extend(nothing_found(history))
    return _finished(result, files, scale * to_target)


def _finished(result: RetrainingResult, files: Sequence[Path | None], scale: float) -> RetrainingResult:
    """A result whose model knows how it came about, at the scale at which it will be applied."""
    config = result.model.config
    result.model.with_config(provenance={**config.provenance, "share": result.share})
    remember(result)
    return _cleared(result, files, scale)


def _cleared(result: RetrainingResult, files: Sequence[Path | None], scale: float) -> RetrainingResult:
    """A result without the files of its training, its model at the scale at which it will be applied."""
    for file in files:
        if file is not None:
            file.unlink(missing_ok=True)
    return replace(result, model=at_scale(result.model, scale))


def _provenance(given: SegmentationModel, config: RetrainingConfig, training: Sequence[Example]) -> dict[str, Any]:
    """How a retrained model came about, and what it started from."""
    return {"retraining": config.to_dict(), **origin(training), "start": start_of(given)}


def _check_channels(given: SegmentationModel, examples: Sequence[Example]) -> None:
    channels, wanted = examples[0].image.size("C"), given.config.network.in_channels
    if channels != wanted:
        raise UserInputError(
            f"The images have {channels} channels, the model was trained on {wanted}.",
            where=examples[0].name,
            todo="Choose the same number of channels when reading the images.",
        )


def _check_scale(scale: float) -> None:
    """Refuse a scale that no model can have, before anything is trained."""
    if not 1 / 8 <= scale <= 8:
        raise UserInputError(
            f"The target images would have to be shown to the model at {scale:.3g} times their size: matching "
            "the size of the objects and that of the pixels makes more than a factor of 8.",
            todo="Check the pixel sizes, do not match the size of objects, or ignore other pixel sizes.",
        )


def _scores_on_source(
    given: SegmentationModel, new: SegmentationModel, source: Sequence[Example], device: str, progress: Progress
) -> tuple[float, float]:
    """Mean average precision of both models, the images rescaled as the given one does."""
    examples = prepare(source, given.config.normalization)

    def score(model: SegmentationModel, part: Progress) -> float:
        predictor = Predictor(at_scale(model, given.config.scale), device)
        scores = score_thresholds(predictor, examples, [model.thresholds], part, "scoring the former images")
        return float(scores.mean())

    return score(given, progress.part(0.0, 0.5)), score(new, progress.part(0.5, 1.0))


def start_from(given: SegmentationModel, config: RetrainingConfig) -> SegmentationModel:
    """A model with the given one's weights where they are to be loaded, random ones elsewhere."""
    torch.manual_seed(config.schedule.seed)
    model = SegmentationModel(given.config)
    for name, stage in _loaded(model, config.load).items():
        stage.load_state_dict(given.get_submodule(name).state_dict())
    return model if config.load == "all" else model.with_config(thresholds={})


def groups_of(model: SegmentationModel, config: RetrainingConfig) -> list[Group]:
    """What was taken over learns more slowly than the rest, the farther from the output the more so.

    The encoder is frozen at first; what is not to learn is in every epoch.
    """
    loaded, learning = list(_loaded(model, config.load)), _learning(model, config.learning)
    encoder = {f"network.{name}" for name in model.network.encoder_stages()}
    every = {**{f"network.{name}": stage for name, stage in model.network.stages().items()}, "head": model.head}

    def group(name: str, stage: nn.Module) -> Group:
        frozen = config.freeze if name in encoder else 0
        if name not in learning:
            frozen = config.schedule.epochs
        if name not in loaded:
            return Group(stage, frozen=frozen)
        behind = len(loaded) - 1 - loaded.index(name)
        return Group(stage, config.loaded_rate * config.layer_decay**behind, frozen, config.pull)

    return [group(name, stage) for name, stage in every.items() if list(stage.parameters())]


def _learning(model: SegmentationModel, learning: str) -> list[str]:
    """The names of the parts of a model that learn at all."""
    encoder, stages = model.network.encoder_stages(), list(model.network.stages())
    way_up = [name for name in stages if name not in encoder]
    names = {"all": stages, "decoder": way_up, "last_layers": way_up[-1:]}[learning]
    return [*(f"network.{name}" for name in names), "head"]


def _loaded(model: SegmentationModel, load: str) -> dict[str, nn.Module]:
    """The parts of a model whose weights are taken over, by their names in the model."""
    stages = model.network.encoder_stages() if load == "encoder" else model.network.stages()
    parts: dict[str, nn.Module] = {f"network.{name}": stage for name, stage in stages.items()}
    return {**parts, "head": model.head} if load == "all" else parts
