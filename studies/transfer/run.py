"""How much does pretraining help with few labelled images? One row per training in `results.csv`.

    make study-transfer DATA=...        (python -m studies.transfer.run DATA [--targets ...] [--starts ...] ...)

DATA holds `dsb2018_fluo`, `dsb2018_other` and `usiigaci_t98g_phase`. A training takes N images of a target, drawn at
random (the first draw takes the first N), and starts from

    random      random weights
    imagenet    an EfficientNet-Lite0 encoder that knows ImageNet
    simulated   the pretrained model simulated-mixed, which has seen no real image, and simulated images beside the N
                ones, so that it does not forget (patches are inverted at times, as when it was trained); not for
                simulated targets
    nuclei      the pretrained model nuclei-fluorescence; not for DSB2018, whose images it has learned from
    nuclei-all  the pretrained model of that name; not for DSB2018, nor for the histology in it
    thesis      random weights, in the system of Wilhelm 2019

Everything is within the budget of N labelled images, what is held back for validation too. All starts get the same
number of steps; retraining tries out on halves of the images first, in half the steps for each. Rows that are there are
not computed again: the study can be stopped at any time, and several processes can share it.
`python -m studies.transfer.report` makes tables and curves of the rows.
"""

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from studies.transfer.targets import TARGETS, Target
from studies.transfer.thesis import register, thesis_config
from weights.recipes import RECIPES
from weights.simulated import simulated_images
from weights.train import score_on

from core.devices import choose_device, describe_device
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.pretrained import load
from core.simulation.kinds import KINDS
from core.training.config import RetrainingConfig, ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.retrain import retrain
from core.training.train import train

RESULTS = Path(__file__).with_name("results.csv")
PRETRAINED = {"simulated": "simulated-mixed", "nuclei": "nuclei-fluorescence", "nuclei-all": "nuclei-all"}
SIMULATED = ("hl60_low_noise", "hl60_high_noise", "granulocyte")
KNOWN = {
    *(("dsb2018", start) for start in ("nuclei", "nuclei-all")),
    ("histology", "nuclei-all"),
    *((target, "simulated") for target in SIMULATED),
}
"""Targets whose images, or such as they are, a start has learned from."""

STARTS = ("random", "imagenet", *PRETRAINED, "thesis")
KEY = ("target", "start", "images", "draw", "seed", "steps")
COLUMNS = (*KEY, "objects", "ap_dsb2018", "ap_50", "count_error", "before", "share", "cpu_seconds", "device")
"""`before` is the `ap_dsb2018` of the start model as it is; `share` how far the retrained one has gone from there."""

FORMER, FORMER_SEED = 12, 3
"""Simulated images of each kind to mix in, not those that the model learned from."""


def draw(pool: list[Example], images: int, number: int) -> list[Example]:
    """So many images of the pool: the first ones, or for further draws random ones; 0 takes all."""
    if number == 0 or not 0 < images < len(pool):
        return pool[: images or None]
    return [pool[i] for i in np.random.default_rng((number, images)).permutation(len(pool))[:images]]


def learn(start: str, examples: list[Example], schedule: ScheduleConfig) -> tuple[SegmentationModel, float | None]:
    """Train from a start; the model, and how far it has gone from the given one."""
    if start in PRETRAINED:
        config, former = RetrainingConfig(schedule=schedule), list[Example]()
        if start == "simulated":
            former = [e for kind in KINDS for e in simulated_images(kind, FORMER, FORMER_SEED)]
            config = replace(config, augmentation=RECIPES[PRETRAINED[start]].augmentation)
        result = retrain(load(PRETRAINED[start]), examples, config, source=former)
        return result.model, result.share
    if start == "thesis":
        return train(examples, thesis_config(schedule)).model, None
    config_of_all = TrainingConfig(schedule=schedule)
    if start == "imagenet":
        network = NetworkConfig(name="efficientnet_lite0")
        config_of_all = replace(config_of_all, network=network, encoder_weights="imagenet")
    return train(examples, config_of_all).model, None


def score_of_start(start: str, tests: list[Example], device: str) -> str:
    """`before` as it stands in the table; empty where a start is no model."""
    return f"{score_on(load(PRETRAINED[start]), '', tests, device).ap_dsb2018:.4f}" if start in PRETRAINED else ""


def known() -> set[tuple[str, ...]]:
    """The keys of the rows that are there."""
    if not RESULTS.exists():
        return set()
    with RESULTS.open() as file:
        return {tuple(row[name] for name in KEY) for row in csv.DictReader(file)}


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=list(STARTS))
    parser.add_argument("--images", nargs="+", type=int, default=[1, 2, 5, 10, 20, 50, 200, 0], help="0 is all")
    parser.add_argument("--draws", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    register()
    for name in given.targets:
        target = TARGETS[name](given.data)
        before = cache(partial(score_of_start, tests=target.tests, device=given.device))
        for images in given.images:
            for number in given.draws if 0 < images <= 20 else [0]:
                for seed in given.seeds:
                    for start in given.starts:
                        if (name, start) not in KNOWN:
                            one(target, (name, start, images, number, seed, given.steps), before, given.device)


def one(target: Target, key: tuple[str, str, int, int, int, int], before: Callable[[str], str], device: str) -> None:
    """Train and test once, and add the row, unless it is there or there are too few images."""
    _, start, images, number, seed, steps = key
    if images > len(target.pool) or tuple(map(str, key)) in known():
        return
    examples = draw(target.pool, images, number)
    if not any(e.labels.any() for e in examples):
        return
    schedule = ScheduleConfig(epochs=max(1, steps // 25), steps=25, seed=seed, device=device)
    begin = time.process_time()
    model, share = learn(start, examples, schedule)
    spent = time.process_time() - begin
    score = score_on(model, "", target.tests, device)
    values = (
        sum(len(np.unique(e.labels[e.labels > 0])) for e in examples),
        *(f"{value:.4f}" for value in (score.ap_dsb2018, score.ap_50, score.count_error)),
        before(start),
        "" if share is None else f"{share:g}",
        f"{spent:.0f}",
        describe_device(choose_device(device)),
    )
    fresh = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(COLUMNS)
        writer.writerow([*key, *values])
    print(*key, *values, flush=True)


if __name__ == "__main__":
    main()
