"""Training a network by images without labels, of one kind or of several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from core.devices import choose_device, describe_device, precision
from core.heads import HEADS, HeadConfig
from core.image import Labels
from core.model import ModelConfig, SegmentationModel
from core.networks.pretrained_weights import load_encoder
from core.pretraining import PRETEXTS
from core.pretraining.config import PretrainingConfig
from core.pretraining.images import Named, planes_of, prepared
from core.pretraining.pretext import Shown
from core.progress import SILENT, Progress
from core.training.augmentation import NO_AUGMENTATION, random_patch
from core.training.checkpoint import Row
from core.training.config import ScheduleConfig
from core.training.data import Example, Prepared, Target, digest, digested
from core.training.loop import Group, WithoutLabels, fit, patch_size
from core.training.objective import Step
from core.training.train import FEWEST_TO_SPLIT, origin, pixel_size_of

MOST_SHOWN = 6
"""So many patches are shown."""


@dataclass(frozen=True, eq=False)
class PretrainingResult:
    """A network that has learned a task without labels, and how that came about.

    Parameters
    ----------
    model : its network has learned `config.pretext`, its head only what the task needs one for; on the CPU.
    history : one row per epoch: epoch, train_loss, learning_rate, seconds, and where images were held back
        validation_loss.
    device : where it was trained, in words.
    warnings : what looked wrong with the images, one sentence or two each.
    examples : patches of images that were held back, where any were, for people; of every domain.
    report : what the task found out by these patches, some sentences; may be empty.
    """

    model: SegmentationModel
    history: list[Row]
    device: str
    warnings: list[str]
    examples: list[Shown]
    report: str = ""


def pretrain(
    domains: Sequence[Sequence[Named]],
    config: PretrainingConfig,
    progress: Progress = SILENT,
    checkpoint: Path | None = None,
) -> PretrainingResult:
    """Train a network by images without labels.

    Parameters
    ----------
    domains : images of one kind each, such as of one microscope: every kind is learned from equally often, however many
        images there are of it. Z-stacks are learned from slice by slice. All have the same number of channels.
    checkpoint : as in `core.training.train.train`.

    Raises
    ------
    UserInputError : images that nothing can be learned from, or weights that the encoder cannot start from.
    Canceled : the user stopped the work.
    """
    progress.step(0.0, "Looking at the images")
    planes, warnings = planes_of(domains)
    planes, more = PRETEXTS[config.task].choose(planes, config)
    warnings += more
    first, weights, schedule = planes[0][0].image, config.encoder_weights, config.schedule
    network = replace(config.network, in_channels=first.size("C"), fixed_statistics=bool(weights))
    config = replace(config, network=network, encoder_weights=Path(weights).name)
    training, validation = _split(planes, config.validation_fraction, schedule.seed)
    learned_from = [Example(one.name, one.image, _no_labels(one)) for domain in training for one in domain]
    head = next(name for name in ("foreground", "stardist") if network.grid in HEADS[name].grids)
    torch.manual_seed(schedule.seed)
    model = SegmentationModel(
        ModelConfig(
            network=network,
            head=HeadConfig(name=head),
            normalization=config.normalization,
            channel_names=first.channel_names,
            pixel_size=pixel_size_of(learned_from),
            pretext=config.task,
            provenance={
                "pretraining": config.to_dict(),
                **origin(learned_from),
                "domains": [len(domain) for domain in training],
            },
        )
    )
    if weights:
        encoder = load_encoder(model.network, weights)
        model.with_config(provenance={**model.config.provenance, "encoder": encoder})
    pretext = PRETEXTS[config.task].of(model, config)
    schedule = pretext.schedule(schedule)
    ready, held_back = prepared(training, config.normalization), prepared(validation, config.normalization)
    history = fit(
        model,
        ready,
        held_back,
        schedule,
        pretext.variation(config.augmentation),
        [Group(model)],
        progress.part(0.0, 0.98),
        checkpoint,
        _fingerprint(model, config, [*training, *validation]),
        without=WithoutLabels(pretext),
    )
    model.with_config(history=tuple(history))
    shown = validation if validation else training
    patches = list(_patches(model, shown, held_back or ready, schedule))
    with torch.inference_mode():
        examples = [pretext.show(name, step) for name, step in patches]
        report = pretext.report([step for _, step in patches], progress.part(0.98, 1.0))
    if report.numbers:
        kept = {**model.config.provenance, "report": dict(report.numbers)}
        model.with_config(provenance=kept, thresholds=dict(report.thresholds))
    if report.warning:
        warnings.append(report.warning)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    device = choose_device(schedule.device)
    numbers = "" if precision(device) == "32-true" else ", mixed precision"
    return PretrainingResult(model, history, describe_device(device) + numbers, warnings, examples, report.text)


def _split(
    domains: Sequence[Sequence[Target]], fraction: float, seed: int
) -> tuple[list[list[Target]], list[list[Target]]]:
    """Images to learn from, and those held back: of every domain a share, of one image none."""
    if fraction == 0 or sum(map(len, domains)) < FEWEST_TO_SPLIT:
        return [list(domain) for domain in domains], []
    training, validation = [], []
    for number, domain in enumerate(domains):
        count = max(1, round(fraction * len(domain))) if len(domain) > 1 else 0
        held_back = set(np.random.default_rng([seed, number]).permutation(len(domain))[:count].tolist())
        training.append([one for i, one in enumerate(domain) if i not in held_back])
        validation.append([one for i, one in enumerate(domain) if i in held_back])
    return training, [domain for domain in validation if domain]


def _no_labels(plane: Target) -> Labels:
    return np.broadcast_to(np.int32(0), (plane.image.size("Y"), plane.image.size("X")))


def _fingerprint(model: SegmentationModel, config: PretrainingConfig, domains: Sequence[Sequence[Target]]) -> str:
    """What a checkpoint knows its training by."""
    start = digest(weight.detach().numpy() for weight in model.state_dict().values())
    pixels = [digest(digested(one.image for one in domain)) for domain in domains]
    return f"{config} {start} {pixels} {[one.zoom for domain in domains for one in domain]}"


def _patches(
    model: SegmentationModel,
    domains: Sequence[Sequence[Target]],
    images: Sequence[Prepared],
    schedule: ScheduleConfig,
) -> Iterator[tuple[str, Step]]:
    """A patch of some images, with their names, the domains taking turns; `images` are those of all, in order."""
    starts = np.cumsum([0, *map(len, domains)])
    turns = [
        (int(start) + i, domain[i].name)
        for i in range(max(map(len, domains)))
        for start, domain in zip(starts, domains, strict=False)
        if i < len(domain)
    ]
    size = patch_size(model, schedule)
    for number, name in turns[:MOST_SHOWN]:
        rng = np.random.default_rng([schedule.seed, number])
        pixels, _ = random_patch([images[number]], size, NO_AUGMENTATION, rng)
        patch = torch.from_numpy(pixels)[None]
        yield name, Step(model, model, patch, patch[:, :0], number=number)
