"""Adapting a model: labelled images of one microscope, results on another's, of which there are no labels."""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch import nn

from core.adaptation.config import AdaptationConfig
from core.adaptation.reconstruction import Reconstruction
from core.adaptation.strategies import AUTO, STRATEGIES, Strategy
from core.adaptation.style import Style, make_style, style_config
from core.config import require
from core.errors import UserInputError
from core.model import SegmentationModel
from core.planes import slices, stacked
from core.pretraining.config import PretrainingConfig
from core.pretraining.pretrain import pretrain
from core.progress import SILENT, Progress
from core.training.checkpoint import Row
from core.training.config import RetrainingConfig, TrainingConfig
from core.training.data import Example, Prepared, Target, check_examples, digest, digested, in_one_order, prepare
from core.training.loop import Group, WithoutLabels
from core.training.object_size import at_scale
from core.training.objective import Objective
from core.training.retrain import groups_of, start_from
from core.training.selection import Selection, Watch, best_epoch, chosen_thresholds
from core.training.target import check_target
from core.training.train import (
    FEWEST_TO_SPLIT,
    finish,
    learn,
    new_model,
    nothing_found,
    nothing_learned,
    pixel_size_of,
    remember,
    selection_by,
    split,
    start_of,
)

STEPS = ((0.02, 0.98, 0.27), (0.0, 1.0, 0.2))
"""Of the training in three steps the first two: weights of segmentation and reconstruction, and share of the epochs."""


@dataclass(frozen=True, eq=False)
class Run:
    """A strategy that was tried out.

    Parameters
    ----------
    strategy : its name.
    model : what came of it, ready for the target images; None where it failed.
    history : one row per epoch, see `core.training.checkpoint.Row`; of a training in three steps those of the last.
    score : mean average precision on labelled images of the known kind, see `core.training.train.TrainingResult`.
    criterion : how far its objects on the target images are from what is expected; NaN where none was found.
    epoch : the one that was chosen, from 1.
    seconds : that it took.
    problem : why it failed; empty where it did not.
    """

    strategy: str
    model: SegmentationModel | None = None
    history: list[Row] = field(default_factory=list)
    score: float = math.nan
    criterion: float = math.nan
    epoch: int = 0
    seconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class AdaptationResult:
    """An adapted model, and how it came about.

    Parameters
    ----------
    model : that of the chosen strategy.
    chosen : its run, one of `runs`.
    runs : all that was tried out, in the order in which it was.
    scored_on : the images that the runs' scores are of, "validation" or "training".
    device : where it was trained, in words.
    warnings : what looked wrong with the images, or did not help, one sentence or two each.
    """

    model: SegmentationModel
    chosen: Run
    runs: list[Run]
    scored_on: str
    device: str
    warnings: list[str]


def adapt(
    source: Sequence[Example],
    target: Sequence[Target],
    config: AdaptationConfig,
    progress: Progress = SILENT,
    given: SegmentationModel | None = None,
    validation: Sequence[Example] = (),
    checkpoint: Path | None = None,
    watch: Watch | None = None,
) -> AdaptationResult:
    """Train a model on labelled images, so that it does well on others without labels.

    Beside the strategy that is asked for, the training without adaptation is run, so that it can be told what the
    strategy was good for; under "auto" all of `AUTO`, and that is chosen which the criterion likes best.

    Parameters
    ----------
    source : labelled images of the known kind.
    target : images of the other kind.
    given : a model to start from; without one the network starts as `config.training` says.
    validation : labelled images of the known kind for the scores; otherwise a part of the source is held back.
    checkpoint : a file; its name, with the strategy behind it, is that of the state of every training, and a killed or
        cancelled adaptation goes on from there.
    watch : see `core.training.selection.Selection`.

    Raises
    ------
    UserInputError : images that cannot be used, or no strategy that came to anything.
    Canceled : the user stopped the work.
    """
    known = ("auto", *STRATEGIES)
    require(config.strategy in known, "strategy", config.strategy, f"one of {', '.join(known)}")
    warnings = check_examples([*source, *validation])
    source, validation = in_one_order(given.config.channel_names if given else (), source, validation)
    training, held_back = split(
        source, validation, config.training.validation_fraction, config.training.schedule.seed, FEWEST_TO_SPLIT
    )
    usable, scale, more = check_target(target, source, pixel_size_of(training), config.training.pixel_sizes)
    chosen_by, device = config.training.selection, config.training.schedule.device
    selection = selection_by(usable, training, chosen_by, device, watch, scale=given.config.scale if given else 1.0)
    work = _Adaptation(config, training, held_back, usable, scale, selection, given)
    compared = ("none",) if config.compare else ()
    names = AUTO if config.strategy == "auto" else tuple(dict.fromkeys((*compared, config.strategy)))
    runs, files, device = [], [], ""
    for number, name in enumerate(names):
        part = progress.part(number / len(names), (number + 1) / len(names), f"{STRATEGIES[name].title}: ")
        file = checkpoint and checkpoint.with_name(f"{checkpoint.name}.{name}")
        files += _files(file)
        try:
            run, device = work.run(name, part, file)
        except UserInputError as error:
            if len(names) == 1 or name == config.strategy:
                raise
            run = Run(name, problem=str(error))
        runs.append(run)
    chosen = _chosen(runs, config.strategy)
    assert chosen.model is not None
    for path in files:
        path.unlink(missing_ok=True)
    kind = "validation" if held_back else "training"
    doubts = [*nothing_learned(chosen.score, kind), *_doubts(runs, chosen)]
    return AdaptationResult(chosen.model, chosen, runs, kind, device, [*warnings, *more, *doubts])


def _chosen(runs: Sequence[Run], strategy: str) -> Run:
    """The run of the strategy that was asked for; under "auto" that of the lowest criterion.

    Raises
    ------
    UserInputError : none came to anything.
    """
    if strategy != "auto":
        return next(run for run in runs if run.strategy == strategy)
    able = [run for run in runs if run.model is not None]
    if not able:
        raise UserInputError(f"No strategy came to anything. {runs[0].problem}")
    return min(able, key=lambda run: run.criterion if math.isfinite(run.criterion) else math.inf)


def _doubts(runs: Sequence[Run], chosen: Run) -> list[str]:
    """What did not help."""
    doubts = [
        f"The strategy {STRATEGIES[run.strategy].title!r} came to nothing: {run.problem}" for run in runs if run.problem
    ]
    doubts += nothing_found(chosen.history)
    plain = next((run for run in runs if run.strategy == "none"), chosen)
    if chosen is not plain and plain.criterion < chosen.criterion:
        doubts.append(
            f"By the look of its objects on the target images, the training without adaptation did better "
            f"({plain.criterion:.3g} standard deviations from what is expected, and not {chosen.criterion:.3g})."
        )
    return doubts


@dataclass(frozen=True, eq=False)
class _Adaptation:
    """What all runs have in common; the images are checked.

    Parameters
    ----------
    target : as large as the labelled images show things; `scale` is by how much they were enlarged for that.
    """

    config: AdaptationConfig
    training: Sequence[Example]
    validation: Sequence[Example]
    target: Sequence[Target]
    scale: float
    selection: Selection
    given: SegmentationModel | None

    def run(self, name: str, progress: Progress, checkpoint: Path | None) -> tuple[Run, str]:
        """Try out a strategy; also says on which device."""
        start, strategy = time.monotonic(), STRATEGIES[name]
        told = self._told(strategy)
        examples = self._in_style(strategy.style, progress) if strategy.style else list(self.training)
        before, later = (0.4, 0.97) if strategy.pretext else (0.0, 0.97)
        model, groups = self._start(strategy, told, progress.part(0.0, before))
        history = self._train(strategy, model, groups, examples, told, progress.part(before, later), checkpoint)
        model.with_config(thresholds=chosen_thresholds(model, history))
        kind = "validation" if self.validation else "training"
        judged = self.validation or self.training
        result = finish(model, history, judged, kind, told.schedule.device, progress.part(later, 1.0), fit=False)
        adaptation = {
            "strategy": name,
            "target": digest(digested(one.image for one in self.target)),
            "images": len(self.target),
        }
        model.with_config(provenance={**model.config.provenance, "adaptation": adaptation})
        remember(result)
        epoch = best_epoch(history)
        criterion = history[epoch - 1].get("criterion", math.nan)
        model = at_scale(model, self.scale * model.config.scale)
        run = Run(name, model, history, result.score, criterion, epoch, time.monotonic() - start)
        return run, result.device

    def _told(self, strategy: Strategy) -> TrainingConfig:
        """The training of a strategy."""
        told = self.config.training
        if strategy.varied:
            told = replace(told, augmentation=self.config.variation)
        if strategy.network and strategy.network != told.network.name:
            depth = min(told.network.depth, 4)
            network = replace(told.network, name=strategy.network, depth=depth)
            told = replace(told, network=network, encoder_weights="")
        return told

    def _in_style(self, style: str, progress: Progress) -> list[Example]:
        """The labelled images, and the same in the style of the target images."""
        seed = {"seed": self.config.training.schedule.seed} if style == "fourier" else {}
        made = make_style(style_config(style, **seed), [(one.name, one.image) for one in self.target], progress)
        return [*self.training, *styled(self.training, made, progress)]

    def _start(
        self, strategy: Strategy, told: TrainingConfig, progress: Progress
    ) -> tuple[SegmentationModel, list[Group]]:
        """The model that a strategy starts from, and how its parts learn."""
        given = self.given
        if given and strategy.pretext:
            raise UserInputError(
                "This strategy trains a network of its own from the beginning, and can make nothing of the given "
                "model.",
                todo="Choose another strategy, or disconnect the model.",
            )
        if given and strategy.network and strategy.network != given.config.network.name:
            raise UserInputError(
                f"The strategy {strategy.title!r} needs a network of another kind than the given model has.",
                todo="Choose another strategy, or disconnect the model.",
            )
        if strategy.pretext:
            images = [[(one.name, one.image) for one in kind] for kind in (self.training, self.target)]
            asked = PretrainingConfig(
                task=strategy.pretext,
                network=told.network,
                normalization=told.normalization,
                augmentation=told.augmentation,
                schedule=told.schedule,
                validation_fraction=0.0,
                encoder_weights=told.encoder_weights,
            )
            given = pretrain(images, asked, progress).model
        if given is None or given.config.pretext:
            return new_model(self.training, told, given)
        fresh, _ = new_model(self.training, replace(told, encoder_weights=""))
        given.check_channels(fresh.config.network.in_channels)
        provenance = {**fresh.config.provenance, "start": start_of(given)}
        taken = RetrainingConfig(freeze=0, schedule=told.schedule)
        kept = {"pixel_size": fresh.config.pixel_size, "object_size": fresh.config.object_size}
        start = start_from(given, taken).with_config(**kept, thresholds={}, provenance=provenance)
        return start, groups_of(start, taken)

    def _train(
        self,
        strategy: Strategy,
        model: SegmentationModel,
        groups: list[Group],
        examples: Sequence[Example],
        told: TrainingConfig,
        progress: Progress,
        checkpoint: Path | None,
    ) -> list[Row]:
        """Train a model in place, in one step or in three; one row per epoch of the last."""
        objective = strategy.objective(model, self.config) if strategy.objective else Objective()
        images = self._unlabelled(model) if strategy.objective else []
        schedule, done = told.schedule, 0.0
        files: Sequence[Path | None] = _files(checkpoint) or (None, None, None)
        if strategy.three_steps:
            assert isinstance(objective, Reconstruction)
            for number, (segmentation, reconstruction, share) in enumerate(STEPS):
                objective.segmentation, objective.reconstruction = segmentation, reconstruction
                times = replace(schedule, epochs=max(1, round(share * schedule.epochs)))
                part = progress.part(done, done + share, f"step {number + 1} of 3, ")
                without = WithoutLabels(objective, images)
                learn(model, examples, [], times, told.augmentation, groups, part, files[number], without=without)
                done += share
            schedule = replace(schedule, epochs=max(1, round((1 - done) * schedule.epochs)))
            groups, objective, images = _frozen(model, schedule.epochs), Objective(), []
        without, part = WithoutLabels(objective, images, self.selection), progress.part(done, 1.0)
        return learn(model, examples, [], schedule, told.augmentation, groups, part, files[-1], without=without)

    def _unlabelled(self, model: SegmentationModel) -> list[Prepared]:
        """The target images as the model is shown them."""
        sizes = [(one.image.size("Y"), one.image.size("X")) for one in self.target]
        blank = [Example(t.name, t.image, np.zeros(size, np.int32)) for t, size in zip(self.target, sizes, strict=True)]
        return prepare(blank, model.config.normalization, model.config.scale)


def _frozen(model: SegmentationModel, epochs: int) -> list[Group]:
    """The way down does not learn but for its deepest stage, all else does."""
    encoder = dict(list(model.network.encoder_stages().items())[:-1])
    rest = [stage for name, stage in model.network.stages().items() if name not in encoder]
    down = Group(nn.ModuleList(encoder.values()), frozen=epochs)
    return [down, Group(nn.ModuleList([*rest, model.head]))]


def _files(checkpoint: Path | None) -> list[Path]:
    """The files of the steps of a training, that of the last one last."""
    return [checkpoint.with_name(checkpoint.name + end) for end in (".1", ".2", "")] if checkpoint else []


def styled(examples: Sequence[Example], style: Style, progress: Progress = SILENT) -> list[Example]:
    """Labelled images in a style, the slices of a stack together: one without objects stays as dark as it is there."""
    groups: dict[tuple[str, int], list[Example]] = defaultdict(list)
    for number, one in enumerate(examples):
        groups[one.stack, -1 if one.stack else number].append(one)
    found = []
    for group in groups.values():
        whole = stacked([one.image for one in group]) if len(group) > 1 else group[0].image
        planes = slices(style.apply(whole, progress))
        found += [replace(one, image=plane) for one, (_, plane) in zip(group, planes, strict=True)]
    return found
