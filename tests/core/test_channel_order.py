"""Channels are told by their names, where they have names: their order in a file does not matter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.core.test_training import config, discs, quick, weights

from core.adaptation.adapt import adapt
from core.adaptation.config import AdaptationConfig
from core.blockwise.config import BlockwiseConfig
from core.blockwise.segment import segment_large
from core.image import Image
from core.inference.predict import Predictor
from core.io.write import write_ome_tiff
from core.model import SegmentationModel
from core.normalization import PERCENTAGES
from core.pretraining.config import PretrainingConfig
from core.pretraining.pretrain import pretrain
from core.training.config import RetrainingConfig
from core.training.data import Example, Target
from core.training.retrain import retrain
from core.training.train import train
from core.training.transferability import rank_models

NAMES = ("nerve", "receptor")
SETTINGS = config(quick(1, 2), base=4, depth=1)


def named(image: Image) -> Image:
    return replace(image, channel_names=NAMES)


def turned(image: Image) -> Image:
    """The same image, its channels in the other order."""
    return replace(image, array=image.array[::-1].copy(), channel_names=NAMES[::-1])


def examples(count: int = 3, change: Callable[[Image], Image] = lambda image: image) -> list[Example]:
    """Examples of two named channels, all but the first changed."""
    first, *others = [replace(one, image=named(one.image)) for one in discs(count, 4, channels=2)]
    return [first, *(replace(one, image=change(one.image)) for one in others)]


def as_it_is(example: Example) -> Example:
    return example


def whole_turned(example: Example) -> Example:
    return replace(example, image=turned(example.image))


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    return train(examples(), SETTINGS).model


def same(one: SegmentationModel, other: SegmentationModel) -> bool:
    return torch.equal(weights(one), weights(other))


def test_pixels_and_percentiles_go_with_the_names() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    stack = Image(array, "CZYX", {"Z": 2.0}, NAMES, percentiles=((0.0,) * len(PERCENTAGES), (1.0,) * len(PERCENTAGES)))
    other = stack.in_order(NAMES[::-1])
    assert np.array_equal(other.array, array[::-1])
    assert (other.channel_names, other.percentiles) == (NAMES[::-1], stack.percentiles[::-1])
    assert other.pixel_size == stack.pixel_size
    assert np.array_equal(other.in_order(NAMES).array, array)


@pytest.mark.parametrize("wanted", [(), NAMES, ("nerve", "nucleus"), ("nerve",), ("nerve", "nerve")])
def test_other_names_leave_an_image_as_it_is(wanted: Sequence[str]) -> None:
    image = Image(np.zeros((2, 3, 4)), "CYX", channel_names=NAMES)
    assert image.in_order(wanted) is image
    unnamed, twice = replace(image, channel_names=()), replace(image, channel_names=("nerve", "nerve"))
    assert unnamed.in_order(NAMES) is unnamed
    assert twice.in_order(("nerve", "nerve")) is twice


def test_a_training_takes_the_order_of_its_first_image(model: SegmentationModel) -> None:
    assert model.config.channel_names == NAMES
    assert same(train(examples(change=turned), SETTINGS).model, model)
    unnamed = examples(change=lambda image: replace(turned(image), channel_names=()))
    assert not same(train(unnamed, SETTINGS).model, model), "or else the order would not matter"


def test_a_retraining_takes_the_order_of_its_model(model: SegmentationModel) -> None:
    settings = RetrainingConfig(schedule=quick(1, 2), match_scale=False)
    given, other = (retrain(model, [*map(one, examples(4))], settings).model for one in (as_it_is, whole_turned))
    assert same(given, other)
    start, begun = (train([*map(one, examples())], SETTINGS, start=model).model for one in (as_it_is, whole_turned))
    assert same(start, begun)


def test_an_adaptation_takes_the_order_of_the_labelled_images() -> None:
    told = AdaptationConfig("mean_teacher", SETTINGS, compare=False)
    images = [Target(one.name, one.image) for one in examples()]
    other = [replace(one, image=turned(one.image)) for one in images]
    models = [adapt(examples(change=turned), target, told).model for target in (images, other)]
    assert same(*models)


def test_a_pretraining_takes_the_order_of_its_first_image() -> None:
    told = PretrainingConfig(network=SETTINGS.network, schedule=quick(1, 2))
    kinds = [[(one.name, one.image) for one in examples(change=change)] for change in (lambda image: image, turned)]
    assert same(*(pretrain([kind], told).model for kind in kinds))


def test_a_prediction_takes_the_order_of_the_model(model: SegmentationModel) -> None:
    image = named(discs(1, 9, channels=2)[0].image)
    predictor = Predictor(model, "cpu", "torch")
    everything = {"prob": 0.0}
    found, again, wrong = (
        predictor.predict(one, everything) for one in (image, turned(image), replace(turned(image), channel_names=()))
    )
    assert len(found.scores)
    assert np.array_equal(found.labels.array, again.labels.array)
    assert not np.array_equal(found.scores, wrong.scores)


def test_an_advice_takes_the_order_of_the_model(model: SegmentationModel) -> None:
    scores = [
        rank_models([("it", model)], [*map(one, examples(6))], device="cpu")[0].score
        for one in (as_it_is, whole_turned)
    ]
    assert scores[0] == scores[1]


def test_a_large_image_takes_the_order_of_the_model(model: SegmentationModel, tmp_path: Path) -> None:
    image = named(discs(1, 9, channels=2)[0].image)
    kinds = {"same": image, "turned": turned(image), "wrong": replace(turned(image), channel_names=("a", "b"))}
    found = {}
    for name, one in kinds.items():
        write_ome_tiff(tmp_path / f"{name}.ome.tif", one)
        config = BlockwiseConfig(thresholds={"prob": 0.0}, skip_background=False)
        found[name] = segment_large(tmp_path / f"{name}.ome.tif", model, tmp_path / name, config)
    scores = {name: [part["score"].tolist() for part in one.objects()] for name, one in found.items()}
    assert scores["same"]
    assert scores["turned"] == scores["same"] != scores["wrong"]
    assert not found["turned"].warnings
    (doubt,) = found["wrong"].warnings
    assert "named a, b, those that the model was trained on nerve, receptor: they are taken in this order" in doubt
