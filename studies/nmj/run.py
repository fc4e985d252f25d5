"""Junctions counted on fields of one animal, learned from few labelled fields of another.

    python -m studies.nmj.run DATA [--starts ...] [--seeds ...] [--part 1/2]

Adds to rows.csv one row per training that is not in it yet: what its model finds on the test fields. What trainings
start from is learned once, and kept as files in a folder outside of the repository (the environment variable KEPT; the
temporary folder without it). The first rows to come are those that matter most: all layers learn, 4 and 8 labels.
"""

import argparse
import csv
import hashlib
import io
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from studies.nmj.data import GAP, PIXEL, Field, Junction, compose, load

from core.config import Config
from core.evaluation.foreground import foreground, together
from core.evaluation.scores import pooled, score_image
from core.heads import HeadConfig
from core.image import Image
from core.inference.predict import Predictor
from core.io.pairs import find_pairs
from core.io.read import read_image, read_labels
from core.measurement.fragments import group_fragments
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.pretraining.config import PretrainingConfig
from core.pretraining.magnification.config import MagnificationConfig
from core.pretraining.pretrain import pretrain
from core.progress import SILENT
from core.training.augmentation import AugmentationConfig
from core.training.config import RetrainingConfig, ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.retrain import groups_of, start_from
from core.training.train import learn, new_model, train

HERE = Path(__file__).parent
ROWS = HERE / "rows.csv"
KEPT = Path(os.environ.get("KEPT", os.environ.get("TMPDIR", "/tmp")))
NUCLEI = HERE.parents[1] / "workflows/01_Train_and_count_nuclei/data/train"
COLUMNS = (
    "start",
    "learning",
    "shown",
    "labels",
    "seed",
    "ap50",
    "f1",
    "count_error_field",
    "count_error_total",
    "iou",
    "found",
    "true",
    "loss",
    "seconds",
    "commit",
)

STARTS = ("scratch", "magnification", "restoration", "nuclei")
LEARNING = ("all", "decoder", "last_layers")
SHAPES = " shapes"
"""Behind the name of a start: patches are varied in their shapes alone, not in brightness, contrast, noise and blur."""

SHOWN = ("window", "image")
LABELS = (2, 4, 8, 16)
ESSENTIAL = (4, 8)
SEEDS, MORE_SEEDS = range(5), range(10)
"""Of all trainings, and of those that matter most."""

LEARNED, TESTED = "Pig_1", "Pig_2"

LABELLED_SIDE, WINDOW = 128, 64
"""Side in pixels of an image of a single junction, and of a window in it."""

PER_FIELD, FIELD_SIDE = 6, 320
"""The same of fields that are to be counted, and of those without labels."""

TEST_FIELDS, UNLABELLED = 12, 40

COVERAGE = 0.08
"""Share of the area that junctions cover, about, as one sees without drawing them."""

SMALLEST = 20.0
"""Square micrometres: what is smaller, once grouped, is no junction. The smallest of pig 1 has 50."""

NETWORK = NetworkConfig("unet", base=16, depth=3, grid=1)
HEAD = HeadConfig("distance")
VARIATION = AugmentationConfig()
SHAPES_ALONE = replace(VARIATION, brightness=0.0, contrast=1.0, gamma=1.0, noise=0.0, blur=0.0)
SCHEDULE = ScheduleConfig(epochs=5, steps=60, batch_size=4, patch_size=WINDOW, learning_rate=2e-3, device="cpu")
"""A training on labelled windows."""

BEFORE = ScheduleConfig(epochs=20, steps=50, batch_size=8, patch_size=96, learning_rate=1e-3, seed=10, device="cpu")
SCHEDULES = {
    "restoration": BEFORE,
    "magnification": replace(BEFORE, epochs=40, patch_size=64, learning_rate=3e-3),
    "nuclei": replace(BEFORE, batch_size=4, learning_rate=2e-3),
}
"""What trainings start from. Magnifications are told apart only after some hundred steps at this rate."""

ON_NUCLEI = TrainingConfig(NETWORK, HEAD, augmentation=VARIATION, schedule=SCHEDULES["nuclei"])

TEST_DRAW, UNLABELLED_DRAW, LABELLED_DRAW, WINDOW_DRAW = 1, 2, 3, 5
"""What random numbers begin with, so that no field is that of another purpose."""

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

Task = tuple[str, str, str, int, int]
"""Start, what learns, what is labelled, how many of these, seed."""

Wanted = TypeVar("Wanted", bound=tuple[object, ...])


def main() -> None:
    """Train what is missing."""
    told = asked(__doc__)
    wanted = [task for task in tasks() if task[0].removesuffix(SHAPES) in told.starts and task[4] in told.seeds]
    complete(ROWS, COLUMNS, wanted, told.part, partial(fine_tuned, told.data), "ap50")


def asked(description: str | None) -> argparse.Namespace:
    """What is to be trained, by the command line: data, starts, seeds and part."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with index.csv, images and masks_achr")
    parser.add_argument("--starts", nargs="*", default=list(STARTS), choices=list(STARTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(MORE_SEEDS))
    parser.add_argument("--part", default="1/1", help="of the trainings, to share them between processes: 1/2 and 2/2")
    torch.set_num_threads(1)
    return parser.parse_args()


def tasks() -> list[Task]:
    """All trainings, those first that matter most; number 0 of labels is what a model finds without any."""
    first: list[Task] = [
        (start, "all", "window", labels, seed) for seed in MORE_SEEDS for labels in ESSENTIAL for start in STARTS
    ]
    first += [("magnification", what, "window", 0, 0) for what in ("grouped", "fragments")]
    first += [("magnification", "threshold", "window", labels, seed) for seed in MORE_SEEDS for labels in LABELS]
    first += [(start, "all", "image", labels, seed) for seed in SEEDS for labels in ESSENTIAL for start in STARTS]
    first += [
        (start + SHAPES, "all", "window", labels, seed) for seed in SEEDS for labels in ESSENTIAL for start in STARTS
    ]
    rest: list[Task] = [
        (start, learning, "window", labels, seed)
        for seed in SEEDS
        for learning in LEARNING
        for labels in LABELS
        for start in STARTS
        if start != "scratch" or learning == "all"
    ]
    return [*first, *(task for task in rest if task not in first)]


def complete(
    file: Path,
    columns: Sequence[str],
    wanted: Sequence[Wanted],
    share: str,
    trained: Callable[[Wanted], dict[str, object]],
    shown: str,
) -> None:
    """Train what is missing in a file, or a share of it such as "1/2".

    Parameters
    ----------
    columns : of the file; the first ones are those of a task.
    trained : gives the other columns of a task's row, but for seconds and commit.
    shown : the score that is printed.
    """
    part, parts = map(int, share.split("/"))
    for number, task in enumerate(wanted):
        named = dict(zip(columns, task, strict=False))
        if number % parts == part - 1 and tuple(map(str, task)) not in known(file, list(named)):
            begun = time.monotonic()
            row = trained(task)
            row["seconds"] = time.monotonic() - begun
            add(file, columns, {**named, **row})
            print(*task, f"{shown} {row[shown]:.3f}, found {row['found']} of {row['true']}", flush=True)


def known(file: Path, names: Sequence[str]) -> set[tuple[str, ...]]:
    """The trainings that are in a file, by these columns."""
    if not file.exists():
        return set()
    with file.open(newline="") as rows:
        return {tuple(row[name] for name in names) for row in csv.DictReader(rows)}


def add(file: Path, columns: Sequence[str], row: dict[str, object]) -> None:
    """Write a row behind those that are there, at once, as several processes may do so."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if not file.exists():
        writer.writeheader()
    rounded = {name: f"{value:.5g}" if isinstance(value, float) else value for name, value in row.items()}
    writer.writerow({**rounded, "commit": commit.strip()})
    with file.open("a") as rows:
        rows.write(text.getvalue())


def fine_tuned(data: Path, task: Task) -> dict[str, object]:
    """What a training ends in: the scores of its model, and its last loss."""
    start, learning, shown, number, seed = task
    if number == 0:
        return {**scores(data, started(data, start), grouped=learning == "grouped"), "loss": ""}
    variation = SHAPES_ALONE if start.endswith(SHAPES) else VARIATION
    start, schedule = start.removesuffix(SHAPES), replace(SCHEDULE, seed=seed)
    examples = labelled(data, number, seed, whole=shown == "image")
    if learning == "threshold":
        chosen = {"prob": best_threshold(started(data, start), examples)}
        return {**scores(data, started(data, start), chosen), "loss": ""}
    model, loss = trained(None if start == "scratch" else started(data, start), examples, learning, schedule, variation)
    return {**scores(data, model), "loss": loss}


def trained(
    start: SegmentationModel | None,
    examples: Sequence[Example],
    learning: str,
    schedule: ScheduleConfig,
    variation: AugmentationConfig = VARIATION,
    head: HeadConfig = HEAD,
) -> tuple[SegmentationModel, float]:
    """What a training of all layers, of the decoder or of the last ones ends in, and its last loss.

    Parameters
    ----------
    start : a model of which all but the head is taken over; without it weights are random.
    """
    if start is None:
        model, groups = new_model(examples, TrainingConfig(NETWORK, head, augmentation=variation, schedule=schedule))
    else:
        config = RetrainingConfig(
            "backbone", learning, freeze=1, loaded_rate=1.0, augmentation=variation, schedule=schedule
        )
        model = start_from(with_new_head(start, head), config)
        groups = groups_of(model, config)
    history = learn(model, examples, [], schedule, variation, groups, SILENT, None)
    return model, float(history[-1]["train_loss"])


def best_threshold(model: SegmentationModel, examples: Sequence[Example]) -> float:
    """The threshold by which a model finds the labelled junctions best, grouped as they will be counted."""
    predictor = Predictor(model, "cpu", "torch")

    def score(threshold: float) -> float:
        found = [counted(predictor.predict(one.image, {"prob": threshold}).labels) for one in examples]
        return pooled([score_image(one.labels, each) for one, each in zip(examples, found, strict=True)]).map_50_95

    return max(THRESHOLDS, key=score)


def with_new_head(given: SegmentationModel, head: HeadConfig) -> SegmentationModel:
    """The network of a model, with a head that has learned nothing."""
    model = SegmentationModel(replace(given.config, head=head, pretext="", thresholds={}))
    model.network.load_state_dict(given.network.state_dict())
    return model


def scores(
    data: Path, model: SegmentationModel, thresholds: Mapping[str, float] | None = None, *, grouped: bool = True
) -> dict[str, object]:
    """How well a model counts the junctions of the test fields."""
    predictor = Predictor(model, "cpu", "torch")
    matched, pixels = [], []
    for one in test_fields(data):
        found = counted(predictor.predict(one.image, thresholds).labels, grouped=grouped)
        matched.append(score_image(one.labels, found))
        pixels.append(foreground(one.labels, found))
    whole = pooled(matched)
    return {
        "ap50": whole.ap[0],
        "f1": whole.f1,
        "count_error_field": float(np.mean([score.relative_count_error for score in matched])),
        "count_error_total": whole.count_error / whole.true_count,
        "iou": together(pixels).pooled,
        "found": whole.pred_count,
        "true": whole.true_count,
    }


def counted(found: Image, *, grouped: bool = True) -> np.ndarray:
    """What counts as junctions among objects: fragments made one, unless they are not to be, less what is too small."""
    labels = group_fragments(found, GAP).labels.array if grouped else found.array
    area = np.bincount(labels.ravel()) * PIXEL**2
    return np.where(area[labels] >= SMALLEST, labels, 0)


@cache
def started(data: Path, start: str) -> SegmentationModel:
    """What trainings start from; learned once for all."""
    if start == "nuclei":
        return kept("nmj-nuclei", ON_NUCLEI, nuclei)
    magnification = MagnificationConfig(coverage=COVERAGE)
    config = PretrainingConfig(start, NETWORK, schedule=SCHEDULES[start], magnification=magnification)
    return kept(f"nmj-{start}", config, lambda: pretrained(config, unlabelled(data)))


def kept(name: str, config: Config, learn: Callable[[], SegmentationModel]) -> SegmentationModel:
    """A model that is learned once with these settings, and then kept as a file."""
    settings = hashlib.sha256(str(config.to_dict()).encode()).hexdigest()[:8]
    file = KEPT / f"{name}-{settings}.microseg"
    if not file.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        file.write_bytes(learn().to_bytes())
    return SegmentationModel.from_bytes(file.read_bytes())


def pretrained(config: PretrainingConfig, images: Sequence[tuple[str, Image]]) -> SegmentationModel:
    """A network that has learned from images without labels."""
    result = pretrain([images], config)
    print(f"{config.task}: {result.report or [shown.note for shown in result.examples]}", *result.warnings, flush=True)
    return result.model


def nuclei() -> SegmentationModel:
    """A model of the first template's nuclei; the models that come with the extension have another stride and head."""
    examples = []
    for pair in find_pairs(NUCLEI):
        image = read_image(pair.image)
        assert pair.labels is not None
        examples.append(Example(pair.name, image, read_labels(pair.labels).array.astype(np.int32)))
    return train(examples, ON_NUCLEI).model


@cache
def junctions(data: Path, animal: str) -> list[Junction]:
    """Those of an animal."""
    return load(data)[animal]


def field(data: Path, animal: str, chosen: Sequence[int], side: int, seed: Sequence[int]) -> Field:
    """A field of some junctions of an animal, by their numbers."""
    every = junctions(data, animal)
    return compose([every[i] for i in chosen], every, side, seed)


def drawn(data: Path, animal: str, number: int, purpose: int) -> list[Field]:
    """So many fields of junctions drawn at random, in a field each only once."""
    count = len(junctions(data, animal))
    chosen = [np.random.default_rng([purpose, n]).choice(count, PER_FIELD, replace=False) for n in range(number)]
    return [field(data, animal, one.tolist(), FIELD_SIDE, (purpose, n)) for n, one in enumerate(chosen)]


@cache
def test_fields(data: Path) -> list[Field]:
    """The fields to be counted, the same for all trainings."""
    return drawn(data, TESTED, TEST_FIELDS, TEST_DRAW)


def unlabelled(data: Path) -> list[tuple[str, Image]]:
    """Fields of the other animal, by what messages call them."""
    return [(f"field {n}", one.image) for n, one in enumerate(drawn(data, LEARNED, UNLABELLED, UNLABELLED_DRAW))]


def labelled(data: Path, number: int, seed: int, *, whole: bool = False) -> list[Example]:
    """So many labelled images of a junction each, or windows of them; more are those of before, and more."""
    order = np.random.default_rng([LABELLED_DRAW, seed]).permutation(len(junctions(data, LEARNED)))
    every = [
        field(data, LEARNED, [int(one)], LABELLED_SIDE, (LABELLED_DRAW, seed, n))
        for n, one in enumerate(order[:number])
    ]
    examples = [Example(f"image {n}", one.image, one.labels) for n, one in enumerate(every)]
    return examples if whole else [window(one, (WINDOW_DRAW, seed, n)) for n, one in enumerate(examples)]


def window(whole: Example, seed: Sequence[int]) -> Example:
    """A window of an image, around a random pixel of its junction."""
    pixels = np.argwhere(whole.labels)
    middle = pixels[np.random.default_rng(seed).integers(len(pixels))]
    top, left = np.clip(middle - WINDOW // 2, 0, LABELLED_SIDE - WINDOW).tolist()
    at = slice(top, top + WINDOW), slice(left, left + WINDOW)
    return Example(whole.name, replace(whole.image, array=whole.image.array[at].copy()), whole.labels[at].copy())


if __name__ == "__main__":
    main()
