"""Retraining takes over what it is told to, matches sizes, does not forget, and does no harm."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.core.test_training import config, discs, quick, weights

from core.errors import Canceled, UserInputError
from core.image import Image
from core.inference.predict import Predictor
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.progress import Progress
from core.rescaling import rescale_labels, rescale_pixels
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig
from core.training.config import RetrainingConfig
from core.training.data import Example, prepare
from core.training.object_size import matching_scale, size_warnings
from core.training.retrain import groups_of, retrain, start_from
from core.training.thresholds import fit_thresholds
from core.training.train import train


@pytest.fixture(scope="module")
def trained() -> SegmentationModel:
    """A model that has learned the bright discs."""
    return train(discs(10, 1), config(quick(8, 12, batch_size=4, learning_rate=3e-3))).model


RETRAIN = RetrainingConfig(schedule=quick(1), augmentation=AugmentationConfig(scale=1))


@pytest.mark.parametrize(("load", "same"), [("encoder", False), ("backbone", False), ("all", True)])
def test_what_is_loaded(trained: SegmentationModel, load: str, same: bool) -> None:
    settings = RetrainingConfig(load=load)
    model = start_from(trained, settings)
    for name, stage in trained.network.encoder_stages().items():
        for key, weight in stage.state_dict().items():
            assert torch.equal(weight, model.network.get_submodule(name).state_dict()[key])
    kept, started = (m.network.get_submodule("dec0").parameters() for m in (trained, model))
    decoder = [torch.equal(a, b) for a, b in zip(kept, started, strict=True)]
    assert all(decoder) == (load != "encoder")
    assert torch.equal(weights(trained), weights(model)) == same


def test_every_weight_is_in_one_group(trained: SegmentationModel) -> None:
    groups = groups_of(trained, RetrainingConfig(load="encoder", freeze=3, loaded_rate=0.1))
    parameters = [p for group in groups for p in group.module.parameters()]
    assert len(parameters) == len({id(p) for p in parameters}) == len(list(trained.parameters()))
    assert {group.rate for group in groups} == {0.1, 1.0}
    assert {group.frozen for group in groups} == {0, 3}


def test_a_frozen_encoder_does_not_change(trained: SegmentationModel) -> None:
    settings = RetrainingConfig(freeze=9, schedule=quick(6, average=0.0, learning_rate=1e-2))
    before = {k: v.clone() for k, v in trained.state_dict().items()}
    result = retrain(trained, discs(2, 5, dark=True), settings)
    assert not result.kept_given_model
    after = result.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not {name for name in changed if name.startswith(("network.stem", "network.enc", "network.mid"))}
    assert all(torch.equal(before[name], weight) for name, weight in trained.state_dict().items()), "given model"


def test_retraining_learns_another_kind_of_image(trained: SegmentationModel) -> None:
    settings = RetrainingConfig(freeze=0, loaded_rate=1.0, schedule=quick(6, 10, batch_size=4, learning_rate=3e-3))
    result = retrain(trained, discs(4, 7, dark=True), settings)
    assert not result.kept_given_model
    assert result.score > result.score_before + 0.2
    assert result.scored_on == "training"


def test_a_ruined_model_is_not_returned(trained: SegmentationModel) -> None:
    ruinous = RetrainingConfig(freeze=0, loaded_rate=1.0, schedule=quick(1, 4, learning_rate=100.0, average=0.0))
    result = retrain(trained, discs(4, 1), ruinous)
    assert result.kept_given_model
    assert result.score == result.score_before
    assert torch.equal(weights(result.model), weights(trained))


def test_retraining_refuses_another_number_of_channels(trained: SegmentationModel) -> None:
    with pytest.raises(UserInputError, match="Row0: The images have 3 channels, the model was trained on 1"):
        retrain(trained, discs(2, 1, channels=3), RETRAIN)


def test_a_checkpoint_of_other_learning_rates_is_not_gone_on_with(trained: SegmentationModel, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    asked = 0

    def stop_in_the_second_epoch() -> bool:
        nonlocal asked
        asked += 1
        return asked > 9

    slow = RetrainingConfig(loaded_rate=0.1, schedule=quick(3))
    with pytest.raises(Canceled):
        retrain(trained, discs(2, 5), slow, Progress(is_canceled=stop_in_the_second_epoch), checkpoint=checkpoint)
    assert checkpoint.exists()
    messages: list[str] = []
    fast = RetrainingConfig(loaded_rate=1.0, schedule=quick(3))
    retrain(trained, discs(2, 5), fast, Progress(lambda _, m: messages.append(m)), checkpoint=checkpoint)
    assert any(message.startswith("epoch 1") for message in messages)


def larger(examples: list[Example], scale: float) -> list[Example]:
    return [
        Example(e.name, Image(rescale_pixels(e.image.array, scale), "CYX"), rescale_labels(e.labels, scale))
        for e in examples
    ]


def test_larger_objects_are_matched(trained: SegmentationModel) -> None:
    """What the model knows is of use as soon as the images are rescaled: no training is needed for that."""
    settings = RetrainingConfig(schedule=quick(1, 1, learning_rate=1e-6), augmentation=NO_AUGMENTATION)
    examples = larger(discs(4, 1), 4.0)
    matched = retrain(trained, examples, settings)
    assert matched.model.config.scale == pytest.approx(1 / 4, rel=0.05)
    assert matched.score > 0.4
    unmatched = retrain(trained, examples, replace(settings, match_scale=False))
    assert unmatched.model.config.scale == 1
    assert unmatched.score < 0.5 * matched.score
    assert "diameter of 6" in unmatched.warnings[0]
    assert not matched.warnings


def test_a_kept_model_knows_its_scale_and_takes_thresholds_from_all_images(trained: SegmentationModel) -> None:
    ruinous = RetrainingConfig(freeze=0, loaded_rate=1.0, schedule=quick(1, 4, learning_rate=100.0, average=0.0))
    examples = larger(discs(6, 1), 2.0)
    result = retrain(trained, examples, ruinous)
    assert result.kept_given_model
    kept = result.model.config
    assert kept.scale == pytest.approx(0.5, rel=0.05)
    assert kept.object_size * kept.scale == pytest.approx(trained.config.object_size)
    assert matching_scale(result.model, kept.object_size) == kept.scale
    thresholds, _ = fit_thresholds(Predictor(result.model, "cpu"), prepare(examples, kept.normalization))
    assert kept.thresholds == thresholds


def test_matching_a_model_that_was_matched_before(trained: SegmentationModel) -> None:
    """Back to where it came from: the scale is that of the first model again."""
    there = trained.copy().with_config(scale=0.25, object_size=trained.config.object_size * 4)
    assert matching_scale(there, trained.config.object_size) == pytest.approx(1.0)
    assert matching_scale(there, there.config.object_size * 1.2) == 0.25


def test_a_model_that_does_not_know_its_objects_is_not_matched(trained: SegmentationModel) -> None:
    assert matching_scale(trained.copy().with_config(object_size=0.0), 300.0) == 1.0
    assert matching_scale(trained, 0.0) == 1.0


def test_objects_far_outside_the_scale_range_are_refused(trained: SegmentationModel) -> None:
    examples = discs(2, 1)
    for example in examples:
        example.labels[:] = 0
        example.labels[20:22, 20] = 1
        example.labels[40:42, 20] = 2
    with pytest.raises(UserInputError, match=r"diameter of 1\.6 pixels.* of 15.*do not match sizes"):
        retrain(trained, examples, RetrainingConfig(schedule=quick()))


def test_pixel_sizes_that_do_not_fit_are_named() -> None:
    model = SegmentationModel(ModelConfig(network=NetworkConfig(base=4, depth=1), pixel_size=0.5, object_size=20.0))
    assert size_warnings(model, 1.0, 20.0, 0.5) == []
    assert size_warnings(model, 0.5, 40.0, 0.25) == []
    assert "2 µm wide, those that the given model was trained on 0.5 µm" in size_warnings(model, 1.0, 20.0, 2.0)[0]
    assert size_warnings(model, 1.0, 20.0, 0.0) == []


def test_layers_farther_from_the_output_learn_more_slowly(trained: SegmentationModel) -> None:
    rates = [group.rate for group in groups_of(trained, RetrainingConfig(loaded_rate=0.5, layer_decay=0.5))]
    assert rates == sorted(rates)
    assert rates[-1] == 0.5
    assert all(after == 2 * before for before, after in pairwise(rates))
    fresh = groups_of(trained, RetrainingConfig(load="backbone", loaded_rate=0.5, layer_decay=0.5))
    assert [group.rate for group in fresh[-2:]] == [0.5, 1.0]


def test_a_pull_keeps_weights_near_where_they_were(trained: SegmentationModel) -> None:
    def moved(pull: float) -> float:
        schedule = quick(2, 5, learning_rate=1e-2, average=0.0)
        settings = RetrainingConfig(freeze=0, loaded_rate=1.0, pull=pull, schedule=schedule)
        model = start_from(trained, settings)
        result = retrain(trained, discs(2, 5, dark=True), settings)
        assert not result.kept_given_model
        pairs = zip(result.model.parameters(), model.parameters(), strict=True)
        return sum(float((after - before).detach().norm()) for after, before in pairs)

    free, pulled = moved(0.0), moved(30.0)
    assert 0 < pulled < 0.8 * free


def test_source_images_are_not_forgotten(trained: SegmentationModel) -> None:
    settings = RetrainingConfig(
        freeze=0, loaded_rate=1.0, source_share=0.5, schedule=quick(6, 10, batch_size=4, learning_rate=3e-3)
    )
    without = retrain(trained, discs(4, 7, dark=True), replace(settings, source_share=0.0), source=discs(4, 1))
    mixed = retrain(trained, discs(4, 7, dark=True), settings, source=discs(4, 1))
    assert without.source_scores is not None
    assert mixed.source_scores is not None
    assert mixed.source_scores[0] == without.source_scores[0] > 0.4
    assert mixed.source_scores[1] > without.source_scores[1] + 0.2


def test_source_images_of_other_channels_are_refused(trained: SegmentationModel) -> None:
    with pytest.raises(UserInputError, match="Row0: The images have 3 channels"):
        retrain(trained, discs(2, 1), RETRAIN, source=discs(2, 1, channels=3))
