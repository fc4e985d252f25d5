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
from core.training.caution import first_as_good
from core.training.checkpoint import Row
from core.training.config import RetrainingConfig
from core.training.data import Example, check_examples, prepare
from core.training.interpolation import ALL_OR_NOTHING, SHARES, UNTRIED, between, scores_on_the_way, try_out
from core.training.loop import Group, Source
from core.training.object_size import at_scale, matching_scale, size_warnings
from core.training.thresholds import score_thresholds
from core.training.train import TrainingResult, finish, learn, origin, pixel_size_of, split

FEWEST_TO_SPLIT = 40
"""With fewer examples none is held back for validation: a trial judges by all of them."""

ALIKE_AT_OWN = 0.9
"""Images are not rescaled where the given model, without that, has at least this share of its score with it."""

GOOD = 0.1
"""Below this mean average precision at its own scale a model is taken to know nothing of the objects there."""


@dataclass(frozen=True, eq=False)
class RetrainingResult(TrainingResult):
    """A retrained model, or the given one where retraining would not have made it better.

    Parameters
    ----------
    score : as in `TrainingResult`; of a trial, in which images are "left-out", it is that of models which had learned
        from the other half of the images, in half the time.
    score_before : score of the given model on the same images as `score`.
    share : how far the weights of `model` are on the way from the given to the retrained ones, 0 to 1.
    source_scores : of the given model and of `model` on the source images, rescaled as the given model does, each with
        its own thresholds; None without source images.
    """

    score_before: float = 0.0
    share: float = 1.0
    source_scores: tuple[float, float] | None = None

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
) -> RetrainingResult:
    """Train a model further on images of another kind, and take over no more of that than does it good.

    How much that is, images tell that were not learned from (see `core.training.interpolation`): the validation images,
    of forty or more examples a part that is held back, and else a trial before the training itself, which learns from
    one half of the examples and is judged by the other. What was given stays unless something else is clearly better.
    The given model is not changed.

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
    schedule, device = config.schedule, config.schedule.device
    training, validation = split(examples, validation, config.validation_fraction, schedule.seed, FEWEST_TO_SPLIT)
    diameter, pixel_size = typical_diameter([e.labels for e in training]), pixel_size_of(training)
    scale = given.config.scale
    if config.match_scale:
        scale = _scale(given, diameter, training, device, progress.part(0.0, 0.05))
    warnings += size_warnings(given, scale, diameter, pixel_size)
    base, start = at_scale(given, scale), _begun(given, config, training, scale)
    former = prepare(source, given.config.normalization, given.config.scale)
    mixed = Source(former, config.source_share) if former else None
    files = [checkpoint and checkpoint.with_name(checkpoint.name + end) for end in (".trial1", ".trial2", "")]

    def train(model: SegmentationModel, number: int, images: Sequence[Example], part: Progress) -> list[Row]:
        """Number 0 and 1 are the halves of a trial, 2 is the training itself."""
        times = replace(schedule, epochs=-(-schedule.epochs // 2)) if number < 2 else schedule
        groups = groups_of(model, config)
        return learn(model, images, validation, times, config.augmentation, groups, part, files[number], mixed)

    model, shares = start.copy(), SHARES if config.load == "all" else ALL_OR_NOTHING
    if validation:
        history = train(model, 2, training, progress.part(0.05, 0.9))
        judging = progress.part(0.9, 0.95)
        scores = scores_on_the_way(given, model, shares, training, validation, device, judging)
    else:
        trying = progress.part(0.05, 0.5)
        scores, history = try_out(train, start, given, shares, training, schedule.seed, device, trying)
    share = shares[first_as_good(scores)] if len(scores) else max(UNTRIED, shares[1])
    if share and not validation:
        history = train(model, 2, training, progress.part(0.5, 0.95))
    model = between(given, model, share) if share else base
    model.with_config(provenance={**model.config.provenance, "share": share})

    scored_on, score, before = "training", None, float("nan")
    if len(scores):
        scored_on = "validation" if validation else "left-out"
        before, score = (float(scores[:, shares.index(one)].mean()) for one in (0.0, share))
    else:
        warnings.append(
            "There are too few objects to try out how much retraining helps: one half of the images has none. "
            f"{share:.0%} of what it changed was taken over. Label more objects to be sure that it does no harm."
        )
    judged = [*training, *validation] if not share else validation or training
    result = finish(model, history, judged, scored_on, device, progress.part(0.95, 0.98), score)
    known = _scores_on_source(given, model, source, device, progress.part(0.98, 1.0)) if source else None
    for file in files:
        if file is not None:
            file.unlink(missing_ok=True)
    parts = (result.model, result.history, result.score, result.scored_on, result.device, warnings)
    return RetrainingResult(*parts, score_before=before, share=share, source_scores=known)


def _begun(
    given: SegmentationModel, config: RetrainingConfig, training: Sequence[Example], scale: float
) -> SegmentationModel:
    """The model that learns, before it has learned anything, and what is known of it."""
    kept = ("created", "data", "licence", "name", "encoder")
    return start_from(given, config).with_config(
        scale=scale,
        pixel_size=pixel_size_of(training),
        object_size=typical_diameter([e.labels for e in training]),
        provenance={
            "retraining": config.to_dict(),
            **origin(training),
            "start": {key: given.config.provenance.get(key) for key in kept},
        },
    )


def _scale(
    given: SegmentationModel, diameter: float, examples: Sequence[Example], device: str, progress: Progress
) -> float:
    """The scale that matches sizes; the given model's own where it does as well there."""
    own, matching = given.config.scale, matching_scale(given, diameter)
    if own == matching:
        return own
    known = prepare(examples, given.config.normalization)
    without, matched = (
        score_thresholds(Predictor(at_scale(given, scale), device), known, [given.thresholds], part).mean()
        for scale, part in ((own, progress.part(0.0, 0.5)), (matching, progress.part(0.5, 1.0)))
    )
    return own if without >= max(GOOD, ALIKE_AT_OWN * matched) else matching


def _check_channels(given: SegmentationModel, examples: Sequence[Example]) -> None:
    channels, wanted = examples[0].image.size("C"), given.config.network.in_channels
    if channels != wanted:
        raise UserInputError(
            f"The images have {channels} channels, the model was trained on {wanted}.",
            where=examples[0].name,
            todo="Choose the same number of channels when reading the images.",
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
