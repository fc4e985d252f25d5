"""The measurements of Microseg's networks: `python benchmarks/ours_networks.py TASK DATA`, one thread."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from clock import cpu_seconds, main, report
from core.evaluation.scores import score_image
from core.heads.stardist import DISTANCE_UNIT
from core.image import Image
from core.inference.predict import Predictor
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.training import loop
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

    `kind` is "same" for StarDist's network and no augmentation, "single" for the same in single precision on any
    processor, "default" for our network with augmentation.
    """
    norm, augmentation = ("group", AugmentationConfig()) if kind == "default" else ("none", NO_AUGMENTATION)
    if kind == "single":
        loop.precision = lambda device: "32-true"
    model = SegmentationModel(ModelConfig(network=NetworkConfig(grid=int(grid), norm=norm)))
    known = examples(data, model)
    side = min(256, known[0].labels.shape[0])
    steps = 5
    schedule = ScheduleConfig(epochs=1, steps=steps, batch_size=4, patch_size=side, device="cpu")
    fit(model, known, [], replace(schedule, steps=1), augmentation, [Group(model)])
    seconds = cpu_seconds(lambda: fit(model, known, [], schedule, augmentation, [Group(model)]), warm=0)
    parameters = sum(weight.numel() for weight in model.parameters())
    numbers = loop.precision("cpu")
    report(f"train_{kind}_grid{grid}", seconds, steps * 4, side=side, parameters=parameters, numbers=numbers)


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


def thresholds(data: Path) -> None:
    """Both thresholds fitted on 12 images."""
    model = reference_network(data)
    known = examples(data, model)[-12:]
    predictor = Predictor(model, "cpu")
    report("thresholds", cpu_seconds(lambda: fit_thresholds(predictor, known), warm=0))


if __name__ == "__main__":
    tasks = (train, predict, network_output, thresholds)
    main({task.__name__: task for task in tasks})
