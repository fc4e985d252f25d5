"""Mitochondria learned from one electron microscope, looked for on the images of another.

    python -m studies.domain_adaptation.run DATA [--strategies ...] [--seeds ...] [--directions ...] [--part 1/2]

Adds to epochs.csv one row per epoch of every training that is not in it yet: what its model finds on the target images,
which the criterion sees, and its foreground IoU on the target's test images, which nobody sees. `report.py` makes
tables of that. The target's images are those of its training part, without labels; no test image is learned from.

Every training has 500 steps of 8 patches of 96 x 96 pixels, in 10 epochs. Each style is learned once, in 600 steps.
"""

import argparse
import csv
import io
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from studies.domain_adaptation.data import Domain, load

from core.adaptation.adapt import adapt
from core.adaptation.config import AdaptationConfig
from core.adaptation.style import HistogramConfig, make_style
from core.adaptation.style.cut.config import CutConfig
from core.adaptation.style.cut.train import train_style
from core.adaptation.style.model import StyleModel
from core.evaluation.foreground import Foreground, foreground, together
from core.heads import HeadConfig
from core.inference.predict import Predictor
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig, normalize
from core.training.augmentation import NO_AUGMENTATION, STRONG_AUGMENTATION, AugmentationConfig
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example, Target
from core.training.selection import Look

HERE = Path(__file__).parent
ROWS = HERE / "epochs.csv"
DIRECTIONS = {"vnc-lucchi": ("vnc", "lucchi"), "lucchi-vnc": ("lucchi", "vnc")}
COLUMNS = (
    "direction",
    "strategy",
    "seed",
    "epoch",
    "iou_slices",
    "iou_pooled",
    "iou_slices_half",
    "iou_pooled_half",
    "objects",
    "solidity_half",
    "solidity",
    "object_size",
    "area_fraction",
    "confidence",
    "threshold",
    "deviation",
    "train_loss",
    "seconds",
    "commit",
    "attempts",
)

FLIPS = replace(NO_AUGMENTATION, flip=True, rotate=True)
GREY = NormalizationConfig(0, 100)
"""From the darkest to the brightest pixel: the grey values divided by 255, where `full_scale` has been."""

CUT_STEPS = 600

MOST_ATTEMPTS = 3
"""A training that collapsed (it finds nothing even on the images that it has learned from) is run again with another
seed, so many times in all: the narrow network gets stuck at this learning rate now and then, whatever the strategy."""

Named = TypeVar("Named", Example, Target)


@dataclass(frozen=True)
class Way:
    """What is trained.

    Parameters
    ----------
    strategy : a name of `core.adaptation.strategies.STRATEGIES`.
    plain : as the publications have it: grey values divided by 255, patches flipped and turned; otherwise percentiles,
        and patches varied as Microseg does.
    flips : patches are but flipped and turned in any case.
    before : changes the source and the target images, given those, the direction and the seed.
    network : in place of the U-Net.
    labelled : the target's labels are used, those of its training part: what could be reached.
    """

    strategy: str = "none"
    plain: bool = False
    flips: bool = False
    before: str = ""
    network: str = "unet"
    labelled: bool = False


WAYS = {
    # as published, without and with adaptation
    "none": Way(plain=True),
    "histogram": Way(plain=True, before="histogram"),
    "cut target to source": Way(plain=True, before="cut_target"),
    "cut source to target": Way(plain=True, before="cut_source"),
    "self-supervised": Way("restoration", plain=True),
    "damt": Way("adversarial", plain=True),
    "y-net": Way("y_net", plain=True),
    "attention y-net": Way("attention_y_net", plain=True),
    # ours
    "standardised": Way(flips=True),
    "usual": Way(),
    "variation": Way("variation"),
    "variation and histogram": Way("histogram"),
    "variation and fourier": Way("fourier"),
    "variation and mean teacher": Way("mean_teacher"),
    "variation and y-net": Way("y_net"),
    "variation and self-supervised": Way("restoration"),
    "none, imagenet": Way(plain=True, network="efficientnet_lite0"),
    "variation and histogram, imagenet": Way("histogram", network="efficientnet_lite0"),
    "variation and fourier, imagenet": Way("fourier", network="efficientnet_lite0"),
    "variation and y-net, imagenet": Way("y_net", network="efficientnet_lite0"),
    # what could be reached
    "target labels": Way("variation", labelled=True),
}


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with vnc/ and lucchi/")
    parser.add_argument("--strategies", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--directions", nargs="*", default=list(DIRECTIONS), choices=list(DIRECTIONS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--part", default="1/1", help="of the trainings, to share them between processes: 1/2 and 2/2")
    told = parser.parse_args()
    torch.set_num_threads(1)
    part, parts = map(int, told.part.split("/"))
    wanted = [(d, s, seed) for seed in told.seeds for s in told.strategies for d in told.directions]
    for number, (direction, strategy, seed) in enumerate(wanted):
        if number % parts == part - 1 and (direction, strategy, str(seed)) not in known():
            start = time.monotonic()
            rows = train(told.data, direction, WAYS[strategy], seed)
            add([{"direction": direction, "strategy": strategy, "seed": seed, **row} for row in rows])
            best = max(row["iou_slices"] for row in rows)
            took = time.monotonic() - start
            print(
                f"{direction} {strategy} {seed}: last {rows[-1]['iou_slices']:.3f}, oracle {best:.3f}, {took:.0f} s",
                flush=True,
            )


def known() -> set[tuple[str, str, str]]:
    """The trainings whose epochs are there."""
    if not ROWS.exists():
        return set()
    with ROWS.open(newline="") as file:
        return {(row["direction"], row["strategy"], row["seed"]) for row in csv.DictReader(file)}


def add(rows: list[dict[str, object]]) -> None:
    """Write rows behind those that are there, at once, as several processes may do so."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    if not ROWS.exists():
        writer.writeheader()
    for row in rows:
        rounded = {name: f"{value:.5g}" if isinstance(value, float) else value for name, value in row.items()}
        writer.writerow({**rounded, "commit": commit.strip()})
    with ROWS.open("a") as file:
        file.write(text.getvalue())


def train(data: Path, direction: str, way: Way, seed: int) -> list[dict[str, float]]:
    """The epochs of a training."""
    source, target = (domain(data, name) for name in DIRECTIONS[direction])
    learned = target.train if way.labelled else source.train
    images = [Target(one.name, one.image) for one in target.train]
    test = target.test
    if way.before == "histogram":
        style = make_style(HistogramConfig(), [(one.name, one.image) for one in images])
        learned = [replace(one, image=style.apply(one.image)) for one in learned]
    elif way.before == "cut_source":
        cut = style_model(data, *DIRECTIONS[direction])
        learned = [replace(one, image=cut.apply(one.image)) for one in learned]
    elif way.before == "cut_target":
        cut = style_model(data, *DIRECTIONS[direction][::-1])
        images = [replace(one, image=cut.apply(one.image)) for one in images]
        test = [replace(one, image=cut.apply(one.image)) for one in test]
    if way.plain:
        learned, images, test = full_scale(learned), full_scale(images), full_scale(test)
    variation = FLIPS if way.plain or way.flips else STRONG_AUGMENTATION
    watch = partial(scores, test=test, images=images[::4])
    for attempt in range(MOST_ATTEMPTS):
        config = AdaptationConfig(way.strategy, settings(way, seed + 100 * attempt), variation, compare=False)
        result = adapt(learned, images, config, watch=watch)
        if not collapsed(result.model, learned):
            break
    return [{**row, "attempts": attempt + 1} for row in result.chosen.history]


def collapsed(model: SegmentationModel, learned: list[Example]) -> bool:
    """Whether a model finds nothing even on the images that it has learned from."""
    predictor, own = Predictor(model, "cpu", "torch"), model.head.default_thresholds()
    return not any(predictor.predict(one.image, own).labels.array.any() for one in learned[::4])


def full_scale(every: Sequence[Named]) -> list[Named]:
    """The same with one pixel of 0 and one of 255, so that `GREY` leaves the grey values as they are."""
    pinned = []
    for one in every:
        array = one.image.array.copy()
        array[0, :2] = 0, 255
        pinned.append(replace(one, image=replace(one.image, array=array)))
    return pinned


def settings(way: Way, seed: int) -> TrainingConfig:
    """The training, as without adaptation."""
    pretrained = way.network not in ("unet", "attention_unet")
    return TrainingConfig(
        network=NetworkConfig(way.network, base=8, depth=4 if pretrained else 3, grid=1),
        head=HeadConfig("foreground"),
        normalization=GREY if way.plain else NormalizationConfig(),
        augmentation=FLIPS if way.plain or way.flips else AugmentationConfig(),
        schedule=ScheduleConfig(
            epochs=10, steps=50, batch_size=8, patch_size=96, learning_rate=2e-3, seed=seed, device="cpu"
        ),
        validation_fraction=0.0,
        encoder_weights="imagenet" if pretrained else "",
        pixel_sizes="ignore",
    )


def scores(
    model: SegmentationModel, chosen: Mapping[str, float], test: list[Example], images: list[Target]
) -> dict[str, float]:
    """Foreground IoU on labelled images by the chosen thresholds, and `_half` by the head's own of one half.

    By that also the mean solidity of the objects on images without labels, 0 where there are none.
    """
    predictor, head, own = Predictor(model, "cpu", "torch"), model.head, model.head.default_thresholds()
    every: dict[str, list[Foreground]] = {"": [], "_half": []}
    for one in test:
        maps = predictor.maps(normalize(one.image.cyx(), model.config.normalization))
        for end, thresholds in (("", chosen), ("_half", own)):
            found = head.decode(maps, one.labels.shape, model.config.network.grid, thresholds)
            every[end].append(foreground(one.labels, found.labels))
    looks = [
        Look.at(predictor.predict(one.image, own).labels.cyx()[0].astype(np.int32), by_area=False) for one in images
    ]
    seen = Look.together(looks)
    solidity = seen.measures()["solidity"] if seen.count else 0.0
    pooled = {end: together(slices) for end, slices in every.items()}
    return (
        {f"iou_slices{end}": one.mean_of_slices() for end, one in pooled.items()}
        | {f"iou_pooled{end}": one.pooled for end, one in pooled.items()}
        | {"solidity_half": solidity}
    )


@cache
def domain(data: Path, name: str) -> Domain:
    """A data set."""
    return load(data, name)


@cache
def style_model(data: Path, images: str, style: str) -> StyleModel:
    """The images of one microscope in the style of the other; learned once for all trainings."""
    kept = Path(os.environ.get("TMPDIR", "/tmp")) / f"cut-{images}-{style}-{CUT_STEPS}.microseg-style"
    if kept.exists():
        return StyleModel.from_bytes(kept.read_bytes(), kept.name)
    given, wanted = ([one.image for one in domain(data, name).train] for name in (images, style))
    model = train_style(given, wanted, CutConfig(steps=CUT_STEPS, device="cpu")).model
    kept.write_bytes(model.to_bytes())
    return model


if __name__ == "__main__":
    main()
