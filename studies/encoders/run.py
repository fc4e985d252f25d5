"""Does an encoder that knows ImageNet help with nuclei? The images of the first template, the same steps for all.

    make study-encoders      (python studies/encoders/run.py [--images 4 24] [--seeds 2] [--epochs 5])

Learns from the first so many of the template's training images (BBBC038, CC0) and tests on its 8 test images; nothing
is held back, thresholds are fitted on the training images. Writes RESULTS.md here.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.devices import choose_device, describe_device
from core.evaluation.scores import pooled, score_image
from core.inference.predict import Predictor
from core.io.read import read_image, read_labels
from core.networks import NetworkConfig, make_network
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.train import train

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "workflows/01_Train_and_count_nuclei/data"
SCHEDULE = ScheduleConfig(steps=32, batch_size=4, patch_size=128, device="cpu")

DEPTH_4 = NetworkConfig(name="efficientnet_lite0", depth=4)
CASES = {
    "U-Net": TrainingConfig(),
    "EfficientNet-Lite0, random": TrainingConfig(network=DEPTH_4),
    "EfficientNet-Lite0, ImageNet": TrainingConfig(network=DEPTH_4, encoder_weights="imagenet"),
}


def load(part: str) -> list[Example]:
    """Images of a part of the template's data with their labels, in the order of their names."""
    labels = {path.stem: path for path in (DATA / part / "labels").iterdir()}
    images = sorted((DATA / part / "images").iterdir())
    return [Example(path.stem, read_image(path), read_labels(labels[path.stem]).array) for path in images]


def measure(case: str, training: list[Example], test: list[Example], schedule: ScheduleConfig) -> list[float]:
    """AP@.5, mean AP, relative count error, processor minutes of the training."""
    begin = time.process_time()
    result = train(training, replace(CASES[case], schedule=schedule, validation_fraction=0.0))
    minutes = (time.process_time() - begin) / 60
    predictor = Predictor(result.model, "cpu")
    scores = [score_image(e.labels, predictor.predict(e.image).labels.array) for e in test]
    total = pooled(scores)
    return [total.ap[0], total.map_50_95, float(np.mean([s.relative_count_error for s in scores])), minutes]


def main() -> None:
    """Train, test, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[4, 24])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, nargs="+", default=[5])
    arguments = parser.parse_args()
    training, test = load("train"), load("test")
    lines = [
        "# Encoders that know ImageNet, on nuclei",
        "",
        f"Written by `make study-encoders` on {describe_device(choose_device('cpu'))}. Tested on {len(test)} images; "
        f"mean and range over {arguments.seeds} seeds. Batches of {SCHEDULE.batch_size} patches of "
        f"{SCHEDULE.patch_size}², StarDist head with 32 rays, grid 2, width 32; U-Net of depth 3, "
        "EfficientNet-Lite0 of depth 4, both down to 1/16. AP is TP / (TP + FP + FN), pooled over all images.",
        "",
        "| images | steps | network | parameters | AP@.5 | mean AP | count error | CPU-minutes |",
        "|" + "---|" * 8,
    ]
    for images in arguments.images:
        for epochs in arguments.epochs:
            for case, config in CASES.items():
                runs = [
                    measure(case, training[:images], test, replace(SCHEDULE, epochs=epochs, seed=seed))
                    for seed in range(arguments.seeds)
                ]
                ap, mean_ap, error, minutes = (
                    f"{np.mean(column):.3f} ({min(column):.3f} to {max(column):.3f})"
                    for column in zip(*runs, strict=True)
                )
                parameters = sum(p.numel() for p in make_network(config.network).parameters()) / 1e6
                lines.append(
                    f"| {images} | {epochs * SCHEDULE.steps} | {case} | {parameters:.1f} million "
                    f"| {ap} | {mean_ap} | {error} | {minutes.split()[0]} |"
                )
                print(lines[-1], flush=True)
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
