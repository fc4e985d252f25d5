"""The model that knows the objects is ranked first; what cannot be used is ranked last, and says why."""

import numpy as np
import pytest
import torch
from tests.core.test_retraining import larger
from tests.core.test_training import config, discs, quick

from core.errors import Canceled, UserInputError
from core.heads import HeadConfig
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.progress import Progress
from core.training.data import prepare
from core.training.train import train
from core.training.transferability import linear_probe, rank_models


@pytest.fixture(scope="module")
def trained() -> SegmentationModel:
    """A model that has learned the bright discs."""
    return train(discs(10, 1), config(quick(8, 12, batch_size=4, learning_rate=3e-3))).model


def untrained(channels: int = 1) -> SegmentationModel:
    torch.manual_seed(1)
    network = NetworkConfig(base=8, depth=2, norm="batch", in_channels=channels)
    return SegmentationModel(ModelConfig(network=network, head=HeadConfig(n_rays=16)))


def test_a_model_that_knows_the_objects_comes_first(trained: SegmentationModel) -> None:
    candidates = [("random", untrained()), ("colour", untrained(3)), ("discs", trained)]
    ranked = rank_models(candidates, discs(3, 5))
    assert [one.name for one in ranked] == ["discs", "random", "colour"]
    best, random, colour = ranked
    assert best.zero_shot > 0.4 > random.zero_shot
    assert 1 >= best.probe > random.probe >= 0
    assert best.score == (best.zero_shot + best.probe) / 2
    assert "has 1 channel, the model was trained on 3" in colour.problem
    assert np.isnan(colour.score)


def test_objects_of_another_size_are_matched(trained: SegmentationModel) -> None:
    (same,), (large,) = (
        rank_models([("discs", trained)], examples) for examples in (discs(3, 5), larger(discs(3, 5), 2))
    )
    assert large.scale == pytest.approx(same.scale / 2, rel=0.1)
    assert large.zero_shot == pytest.approx(same.zero_shot, abs=0.15)
    assert large.probe == pytest.approx(same.probe, abs=0.1)


def test_one_image_is_enough(trained: SegmentationModel) -> None:
    assert rank_models([("discs", trained)], discs(1, 5))[0].score > 0.4


def test_a_probe_finds_nothing_where_features_say_nothing() -> None:
    model = untrained()
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.zero_()
    assert linear_probe(model, prepare(discs(2, 5), model.config.normalization)) == 0


def test_models_are_not_changed(trained: SegmentationModel) -> None:
    before = trained.to_bytes()
    rank_models([("discs", trained)], larger(discs(1, 5), 2))
    assert trained.to_bytes() == before


def test_ranking_can_be_stopped(trained: SegmentationModel) -> None:
    with pytest.raises(Canceled):
        rank_models([("discs", trained)], discs(2, 5), Progress(is_canceled=lambda: True))


def test_images_without_objects_are_refused(trained: SegmentationModel) -> None:
    empty = discs(1, 5)
    empty[0].labels[:] = 0
    with pytest.raises(UserInputError, match="No image has a labelled object"):
        rank_models([("discs", trained)], empty)
