"""The measurements of Microseg: `python benchmarks/ours.py TASK DATA`, one thread."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from clock import cpu_seconds, main, report
from core.evaluation.matching import match, overlaps
from core.evaluation.scores import score_image
from core.geometry.polygon_nms import suppress
from core.geometry.render import render_polygons
from core.geometry.star_distances import star_targets
from core.heads.stardist import DISTANCE_UNIT
from core.image import Image
from core.inference.predict import Predictor
from core.measurement.objects import measure
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig
from core.training.config import ScheduleConfig
from core.training.data import Example, Prepared, prepare
from core.training.loop import Group, fit
from core.training.thresholds import fit_thresholds

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def examples(data: Path, model: SegmentationModel) -> list[Prepared]:
    """All images to learn from."""
    drawn = np.load(data / "train.npz")
    every = [
        Example(str(i), Image(image, "YX"), labels)
        for i, (image, labels) in enumerate(zip(drawn["images"], drawn["labels"], strict=True))
    ]
    return prepare(every, model.config.normalization)


def train(data: Path, grid: str, kind: str) -> None:
    """Steps of 4 patches of 256 x 256 pixels, targets included.

    `kind` is "same" for StarDist's network and no augmentation, "default" for ours, with both.
    """
    norm, augmentation = ("none", NO_AUGMENTATION) if kind == "same" else ("group", AugmentationConfig())
    model = SegmentationModel(ModelConfig(network=NetworkConfig(grid=int(grid), norm=norm)))
    known = examples(data, model)
    side = min(256, known[0].labels.shape[0])
    steps = 5
    schedule = ScheduleConfig(epochs=1, steps=steps, batch_size=4, patch_size=side, device="cpu")
    fit(model, known, [], replace(schedule, steps=1), augmentation, [Group(model)])
    seconds = cpu_seconds(lambda: fit(model, known, [], schedule, augmentation, [Group(model)]), warm=0)
    parameters = sum(weight.numel() for weight in model.parameters())
    report(f"train_{kind}_grid{grid}", seconds, steps * 4, side=side, parameters=parameters)


def reference_network(data: Path) -> SegmentationModel:
    """The network that StarDist has trained: the same layers with the same weights."""
    weights = np.load(data / "network.npz")
    model = SegmentationModel(ModelConfig(network=NetworkConfig(norm="none"))).eval()
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        for i, layer in enumerate(layers):
            layer.weight.copy_(torch.from_numpy(weights[f"kernel_{i}"].transpose(3, 2, 0, 1)))
            layer.bias.copy_(torch.from_numpy(weights[f"bias_{i}"]))
        layers[-1].weight /= DISTANCE_UNIT
        layers[-1].bias /= DISTANCE_UNIT
    return model


def predict(data: Path, engine: str) -> None:
    """From pixels to labels and scores, the network of StarDist."""
    field = np.load(data / "field.npz")
    image = Image(field["image"], "YX")
    predictor = Predictor(reference_network(data), "cpu", engine)
    seconds = cpu_seconds(lambda: predictor.predict(image))
    score = score_image(field["labels"], predictor.predict(image).labels.array)
    found = {"objects": score.pred_count, "true_objects": score.true_count, "f1": round(score.f1, 4)}
    report(f"predict_{engine}", seconds, field["image"].size / 1e6, **found)


def network_output(data: Path) -> None:
    """Not a measurement: how far our network's output is from that of StarDist with the same weights."""
    theirs = np.load(data / "network_output.npz")
    maps = Predictor(reference_network(data), "cpu", "torch").maps(theirs["pixels"])
    off = np.abs(maps - theirs["maps"].clip(1e-3 * (np.arange(len(maps)) > 0)[:, None, None])).max(axis=(1, 2))
    report("network_output", [0.0], probability_off=float(off[0]), distance_off=float(off[1:].max()))


def targets(data: Path) -> None:
    """What the network is taught, for a patch of 256 x 256 pixels."""
    labels = np.load(data / "train.npz")["labels"][:32]
    for grid in (1, 2):
        seconds = cpu_seconds(lambda grid=grid: [star_targets(one, 32, grid) for one in labels])
        report(f"targets_grid{grid}", seconds, len(labels))


def polygons(data: Path, count: str) -> None:
    """Suppression of candidates, and painting of those that stay."""
    given = np.load(data / f"candidates_{count}.npz")
    distances, points, scores, shape = (given[key] for key in ("distances", "points", "scores", "shape"))
    seconds = cpu_seconds(lambda: suppress(distances, points, scores, 0.4))
    kept = suppress(distances, points, scores, 0.4)
    report(f"nms_{count}", seconds, kept=len(kept))
    size = (int(shape[0]), int(shape[1]))
    seconds = cpu_seconds(lambda: render_polygons(distances[kept], points[kept], scores[kept], size))
    report(f"render_{count}", seconds, polygons=len(kept))


def thresholds(data: Path) -> None:
    """Both thresholds fitted on 12 images."""
    model = reference_network(data)
    known = examples(data, model)[-12:]
    predictor = Predictor(model, "cpu")
    report("thresholds", cpu_seconds(lambda: fit_thresholds(predictor, known), warm=0))


def matching(data: Path, side: str) -> None:
    """Two label images scored at one and at ten IoU thresholds."""
    pair = np.load(data / f"pair_{side}.npz")
    truth, prediction = pair["truth"], pair["prediction"]
    counts = {"true_objects": int(truth.max()), "objects": int(prediction.max())}
    before = {"inputs_mb": round((truth.nbytes + prediction.nbytes) / 2**20)}
    seconds = cpu_seconds(lambda: match(overlaps(truth, prediction), 0.5))
    report(f"matching_{side}", seconds, **counts, **before)
    report(f"matching10_{side}", cpu_seconds(lambda: score_image(truth, prediction)), **counts)


def measuring(data: Path, side: str) -> None:
    """All measures of all objects."""
    labels = Image(np.load(data / f"pair_{side}.npz")["truth"], "YX", kind="labels")
    image = Image(labels.array.astype(np.uint16), "YX")
    report(f"measuring_{side}", cpu_seconds(lambda: measure(labels, image)), objects=int(labels.array.max()))


if __name__ == "__main__":
    tasks = (train, predict, network_output, targets, polygons, thresholds, matching, measuring)
    main({task.__name__: task for task in tasks})
