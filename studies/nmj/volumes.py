"""Cells counted in volumes of light-sheet microscopy, learned from a few labelled slices.

    python -m studies.nmj.volumes CFOS [--starts ...] [--seeds ...] [--part 1/2]

Adds to volumes.csv one row per training that is not in it yet; otherwise as `run.py`. The volumes are those of DELiVR
(Kaltenecker et al. 2024, doi 10.1038/s41592-024-02245-2, MIT), with their true counts.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy import ndimage
from studies.nmj.run import HERE, SCHEDULE, SCHEDULES, VARIATION, complete, kept, pretrained

from core.evaluation.foreground import foreground, together
from core.evaluation.matching import match, overlaps
from core.evaluation.scores import pooled, score_image
from core.heads import HeadConfig
from core.image import Image, Labels
from core.inference.predict import Predictor
from core.inference.stacks import predict_stack
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.pretraining.config import PretrainingConfig
from core.pretraining.magnification.config import MagnificationConfig
from core.training.config import TrainingConfig
from core.training.data import Example
from core.training.slices import slice_examples
from core.training.train import train

ROWS = HERE / "volumes.csv"
COLUMNS = (
    "start",
    "labels",
    "seed",
    "f1",
    "f1_overlap",
    "count_error_volume",
    "count_error_total",
    "iou",
    "found",
    "true",
    "seconds",
    "commit",
)
STARTS = ("scratch", "magnification", "restoration")
LABELS = (4, 16, 300)
"""The last are all slices."""

LEARNED = ("1008_0", "1147_0", "1147_1")
TESTED = ("1008_2", "1008_4", "1008_6", "1147_2")
"""Volumes by their numbers. 1008_3, 1008_5 and 1008_7 are left out: they have five cells or less."""

VOXEL = {"Z": 6.0, "Y": 1.62, "X": 1.62}
"""Micrometres."""

NETWORK = NetworkConfig("unet", base=16, depth=2, grid=1)
HEAD = HeadConfig("distance")
PATCH = 48
"""Pixels; cells have about five, and a slice has 100."""

LABELLED = replace(SCHEDULE, epochs=20, patch_size=PATCH)
"""A training on labelled slices: 1200 steps."""

SMALLEST = 8
"""Voxels, 126 cubic micrometres: what has less is not found. Of the cells of the volumes that are learned from one in
fifteen has less; those of the tested ones, one in thirteen, count as missed."""

TOUCHING = 0.1
"""IoU from which on a found object is the cell that it lies on, though its border is elsewhere."""

Task = tuple[str, int, int]
"""Start, number of labelled slices, seed."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume with its cells.

    Parameters
    ----------
    name : "1008_0".
    image : uint16, axes ZYX.
    labels : int32, axes ZYX; cells are what hangs together, also at corners.
    """

    name: str
    image: Image
    labels: Labels


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with patchvolume_*_raw.tif and patchvolume_*_gt.tif")
    parser.add_argument("--starts", nargs="*", default=list(STARTS), choices=list(STARTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(5)))
    parser.add_argument("--part", default="1/1", help="of the trainings, to share them between processes: 1/2 and 2/2")
    told = parser.parse_args()
    torch.set_num_threads(1)
    wanted = [(start, labels, seed) for seed in told.seeds for labels in LABELS for start in told.starts]
    complete(ROWS, COLUMNS, wanted, told.part, partial(fine_tuned, told.data), "f1_overlap")


@cache
def load(data: Path, names: Sequence[str]) -> list[Volume]:
    """Volumes of DATA/patchvolume_*_raw.tif, with their cells of DATA/patchvolume_*_gt.tif."""
    volumes = []
    for name in names:
        image = tifffile.imread(data / f"patchvolume_{name}_raw.tif")
        mask = tifffile.imread(data / f"patchvolume_{name}_gt.tif") > 0
        labels = ndimage.label(mask, np.ones((3, 3, 3)))[0].astype(np.int32)
        volumes.append(Volume(name, Image(image, "ZYX", VOXEL), labels))
    return volumes


def fine_tuned(data: Path, task: Task) -> dict[str, object]:
    """What the model of a training finds in the test volumes."""
    start, number, seed = task
    schedule = replace(LABELLED, seed=seed)
    config = TrainingConfig(NETWORK, HEAD, augmentation=VARIATION, schedule=schedule, validation_fraction=0.0)
    given = None if start == "scratch" else started(data, start)
    return scores(data, train(labelled(data, number, seed), config, start=given).model)


def labelled(data: Path, number: int, seed: int) -> list[Example]:
    """So many labelled slices, drawn from all volumes that are learned from, some without cells."""
    slices = [
        one for volume in load(data, LEARNED) for one in slice_examples(volume.name, volume.image, volume.labels)[0]
    ]
    return [slices[i] for i in np.random.default_rng([4, seed]).permutation(len(slices))[:number]]


def scores(data: Path, model: SegmentationModel) -> dict[str, object]:
    """How well a model counts the cells of the test volumes."""
    predictor = Predictor(model, "cpu", "torch")
    matched, touched, pixels = [], 0, []
    for volume in load(data, TESTED):
        labels = predict_stack(predictor, volume.image).labels.array
        found = np.where((np.bincount(labels.ravel()) >= SMALLEST)[labels], labels, 0)
        touching = overlaps(volume.labels, found)
        touched += len(match(touching, TOUCHING))
        matched.append(score_image(volume.labels, found))
        pixels.append(foreground(volume.labels, found))
    whole = pooled(matched)
    return {
        "f1": whole.f1,
        "f1_overlap": 2 * touched / (whole.true_count + whole.pred_count),
        "count_error_volume": float(np.mean([score.relative_count_error for score in matched])),
        "count_error_total": whole.count_error / whole.true_count,
        "iou": together(pixels).pooled,
        "found": whole.pred_count,
        "true": whole.true_count,
    }


@cache
def started(data: Path, start: str) -> SegmentationModel:
    """What trainings start from; learned once for all, from the volumes that are learned from."""
    schedule = replace(SCHEDULES[start], patch_size=PATCH)
    magnification = MagnificationConfig(scales=(1.0, 2.0), coverage=0.02)
    config = PretrainingConfig(start, NETWORK, schedule=schedule, magnification=magnification)
    images = [(volume.name, volume.image) for volume in load(data, LEARNED)]
    return kept(f"volumes-{start}", config, lambda: pretrained(config, images))


if __name__ == "__main__":
    main()
