"""Which model is the best to start from? Cheap scores of candidates on a few labelled images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import UserInputError
from core.inference.predict import Predictor
from core.model import SegmentationModel
from core.progress import SILENT, Progress
from core.training.augmentation import NO_AUGMENTATION, random_patch
from core.training.data import Example, Prepared, check_examples, in_one_order, prepare
from core.training.object_size import at_scale, best_scale
from core.training.thresholds import fit_thresholds

PROBE_PATCHES = 24
"""Patches that a backbone is probed on, spread evenly over the images."""

PROBE_SIZE = 128
"""Their side in pixels, at the scale of the network."""

RIDGE = 1e-2
"""Penalty of the probe's weights, as a share of the features' mean variance."""


@dataclass(frozen=True)
class Transferability:
    """What is to be expected of retraining a model.

    Parameters
    ----------
    name : of the model.
    score : what models are ranked by, 0 to 1: the mean of `zero_shot` and `probe`; NaN where `problem` says why.
    zero_shot : mean average precision over IoU .50 to .95 without any retraining, with the thresholds that
        `core.training.thresholds.fit_thresholds` chooses; images rescaled so that the objects are as large as those
        that the model knows, unless it does well without. 0 for a model that has learned without labels only.
    probe : share of the variance of the head's object targets, in patches of images left out, that a linear
        regression explains from the features of the frozen backbone (linear probing: Alain and Bengio 2016), 0 to 1.
    scale : by how much images are enlarged for the model.
    problem : why the model cannot be used, empty where it can.
    """

    name: str
    score: float = float("nan")
    zero_shot: float = float("nan")
    probe: float = float("nan")
    scale: float = float("nan")
    problem: str = ""


def rank_models(
    candidates: Sequence[tuple[str, SegmentationModel]],
    examples: Sequence[Example],
    progress: Progress = SILENT,
    device: str = "auto",
) -> list[Transferability]:
    """Score models as starting points for images, the most promising first; those that cannot be used last.

    Parameters
    ----------
    candidates : names and models.
    examples : a few labelled images of the new kind.

    Raises
    ------
    UserInputError : examples that nothing can be learned from.
    Canceled : the user stopped the work.
    """
    check_examples(examples)
    found = []
    for number, (name, model) in enumerate(candidates):
        part = progress.part(number / len(candidates), (number + 1) / len(candidates))
        part.step(0.0, name)
        try:
            found.append(replace(_score(model, examples, part, device), name=name))
        except UserInputError as error:
            found.append(Transferability(name, problem=error.what))
    return sorted(found, key=lambda one: (bool(one.problem), -one.score if not one.problem else 0.0))


def _score(model: SegmentationModel, examples: Sequence[Example], progress: Progress, device: str) -> Transferability:
    model.check_channels(examples[0].image.size("C"))
    (examples,) = in_one_order(model.config.channel_names, examples)
    scale = best_scale(model, examples, device, progress.part(0.0, 0.3))
    model = at_scale(model, scale)
    normalization, zero_shot = model.config.normalization, 0.0
    if not model.config.pretext:
        predictor = Predictor(model, device)
        _, zero_shot = fit_thresholds(predictor, prepare(examples, normalization), progress.part(0.3, 0.7))
    probe = linear_probe(model, prepare(examples, normalization, scale), progress.part(0.7, 1.0))
    return Transferability("", (zero_shot + probe) / 2, zero_shot, probe, scale)


def linear_probe(model: SegmentationModel, examples: Sequence[Prepared], progress: Progress = SILENT) -> float:
    """How much a linear regression on the frozen backbone's features explains of the head's first target.

    That is the object probability of StarDist, the foreground of the foreground head. Patches are split into three
    parts, neighbours of one image into the same part as far as possible; each part is predicted from the other two.

    Returns
    -------
    The share of the variance that is explained, 0 to 1.
    """
    patches = list(_features(model, examples, progress))
    parts = np.array_split(np.arange(len(patches)), 3)
    error, total = 0.0, 0.0
    for part in parts:
        held_out = set(part.tolist())
        x, y = _stack([patch for i, patch in enumerate(patches) if i not in held_out])
        mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
        x = (x - mean) / spread
        weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ (y - y.mean()))
        new, truth = _stack([patches[i] for i in part])
        predicted = (new - mean) / spread @ weights + y.mean()
        error += float(((predicted - truth) ** 2).sum())
        total += float(((truth - y.mean()) ** 2).sum())
    return max(0.0, 1 - error / total) if total else 0.0


def _features(
    model: SegmentationModel, examples: Sequence[Prepared], progress: Progress
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Features, pixels by channels, and the target of patches, image after image."""
    multiple, grid = model.network.multiple, model.config.network.grid
    size = -(-PROBE_SIZE // multiple) * multiple
    model.eval()
    for number in range(PROBE_PATCHES):
        progress.step(number / PROBE_PATCHES, "probing what the network sees")
        example = examples[number * len(examples) // PROBE_PATCHES]
        pixels, labels = random_patch([example], size, NO_AUGMENTATION, np.random.default_rng(number))
        with torch.inference_mode():
            features = model.network(torch.from_numpy(pixels)[None])[0].numpy()
        yield features.reshape(len(features), -1).T.astype(np.float64), model.head.targets(labels, grid)[0].ravel()


def _stack(
    patches: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.concatenate([x for x, _ in patches]), np.concatenate([y for _, y in patches])
