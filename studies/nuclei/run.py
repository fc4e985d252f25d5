"""How well do models segment DSB2018 fluorescence nuclei after 10 and 30 CPU-minutes of training?

    make study-nuclei DATA=...        (python studies/nuclei/run.py DATA [--minutes 10 30] [--device cpu])

A CPU-minute is a minute of one core: on two cores 30 of them last a quarter of an hour.

DATA holds `dsb2018_fluo` and `dsb2018_other` (BBBC038, CC0): {images,labels}/*/*.png|*.tif. The split is that of
Wilhelm 2019 (`split.csv`), restricted to fluorescence: of its 597 training images those are learned from, of its 67
validation images those are tested on. None of the test images is used in training, for choosing the epoch or for
thresholds: these use a tenth of the training images. Writes RESULTS.md here, and the models to out/study-nuclei.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from dsb2018 import FLUORESCENCE, load

from core.devices import choose_device, describe_device
from core.evaluation.scores import IOU_THRESHOLDS, ap_dsb2018, pooled, score_image
from core.inference.predict import Predictor
from core.progress import Progress
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.train import TrainingResult, train

HERE = Path(__file__).resolve().parent
OUT = Path("out/study-nuclei")
SCHEDULE = ScheduleConfig(steps=50, batch_size=4, patch_size=128, average=0.99)
STARDIST_NOTEBOOK = 0.835
"""AP@.5 that StarDist's own 2-D notebook shows on its 67 validation images (stardist 0.9.1, examples/2D)."""


def cpu_seconds_per_epoch(examples: list[Example], config: TrainingConfig) -> float:
    """Processor time of an epoch with its validation, all threads together: from the first step to that of the next."""
    clock: dict[str, float] = {}

    def note(fraction: float, message: str) -> None:
        clock.setdefault(message.split(" of ")[0], time.process_time())

    train(examples, replace(config, schedule=replace(config.schedule, epochs=2)), Progress(note))
    return clock["epoch 2"] - clock["epoch 1"]


def run(minutes: float, training: list[Example], device: str) -> tuple[TrainingResult, float]:
    """Train for about so many minutes of processor time; return the result and the minutes that it took."""
    config = TrainingConfig(schedule=replace(SCHEDULE, device=device), validation_fraction=0.1)
    epochs = max(1, round(60 * minutes / cpu_seconds_per_epoch(training, config)))
    begin = time.process_time()
    spent = 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal spent
        if message.startswith("epoch"):
            spent = (time.process_time() - begin) / 60
            if round(fraction / 0.93 * epochs * SCHEDULE.steps) % 250 == 0:
                print(f"{minutes:g} CPU-minutes: {spent:5.1f} spent, {fraction:4.0%}  {message}", flush=True)

    config = replace(config, schedule=replace(config.schedule, epochs=epochs))
    return train(training, config, Progress(report)), spent


def main() -> None:
    """Train, test, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 30])
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    training, test = (load(arguments.data, part, [FLUORESCENCE]) for part in ("train", "val"))
    OUT.mkdir(parents=True, exist_ok=True)
    device = describe_device(choose_device(arguments.device))
    nuclei = sum(len(np.unique(e.labels)) - 1 for e in test)
    lines = [
        "# DSB2018 fluorescence, split of Wilhelm 2019",
        "",
        f"Written by `make study-nuclei` on {device}: {len(training)} training images (a tenth of them for "
        f"validation), {len(test)} test images with {nuclei} nuclei. U-Net (base 32, grid 2, group "
        "normalisation), StarDist head with 32 rays, "
        f"batches of {SCHEDULE.batch_size} patches of {SCHEDULE.patch_size}².",
        "",
        "AP is TP / (TP + FP + FN), pooled over all images. StarDist's notebook shows AP@.5 "
        f"{STARDIST_NOTEBOOK} after 400 epochs on a GPU, on another draw of 67 images of this data set: a landmark, "
        "not the same test.",
        "",
        "| CPU-minutes, aim | spent | steps | "
        + " | ".join(f"AP@{t:.2f}" for t in IOU_THRESHOLDS)
        + " | mean | F1@.5 | ap_dsb2018 | count error |",
        "|" + "---|" * (len(IOU_THRESHOLDS) + 7),
    ]
    for minutes in arguments.minutes:
        result, spent = run(minutes, training, arguments.device)
        (OUT / f"{minutes:g}_cpu_minutes.microseg").write_bytes(result.model.to_bytes())
        predictor = Predictor(result.model, arguments.device)
        scores = [score_image(e.labels, predictor.predict(e.image).labels.array) for e in test]
        total = pooled(scores)
        error = np.mean([s.relative_count_error for s in scores])
        lines.append(
            f"| {minutes:g} | {spent:.1f} | {len(result.history) * SCHEDULE.steps} | "
            + " | ".join(f"{value:.3f}" for value in total.ap)
            + f" | {total.map_50_95:.3f} | {total.f1:.3f} | {ap_dsb2018(scores):.3f} | {error:.1%} |"
        )
        print(lines[-1], flush=True)
        (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
