"""Retraining takes over what it is told to, matches sizes, does not forget, and does no harm."""

from contextlib import suppress
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.core.test_training import config, discs, quick, weights

from core.errors import Canceled, UserInputError
from core.heads import HeadConfig
from core.image import Image
from core.measurement.size import typical_diameter
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.progress import SILENT, Progress
from core.rescaling import rescale_labels, rescale_pixels
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig
from core.training.caution import first_as_good
from core.training.config import RetrainingConfig
from core.training.data import Example
from core.training.halves import in_halves
from core.training.interpolation import between
from core.training.object_size import matching_scale, size_warnings
from core.training.retrain import groups_of, retrain, start_from
from core.training.slices import slice_examples
from core.training.train import learn, train


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


def learned(given: SegmentationModel, settings: RetrainingConfig) -> SegmentationModel:
    """The given model after training on dark discs, all of which is taken over."""
    model = start_from(given, settings)
    groups = groups_of(model, settings)
    learn(model, discs(2, 5, dark=True), [], settings.schedule, settings.augmentation, groups, SILENT, None)
    return model


def test_a_frozen_encoder_does_not_change(trained: SegmentationModel) -> None:
    settings = RetrainingConfig(freeze=9, schedule=quick(6, average=0.0, learning_rate=1e-2))
    before, after = trained.state_dict(), learned(trained, settings).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not {name for name in changed if name.startswith(("network.stem", "network.enc", "network.mid"))}


BATCH_NORM = NetworkConfig(base=4, depth=2, grid=1, norm="batch")


@pytest.mark.parametrize(
    ("learning", "load", "parts"),
    [
        ("all", "all", {"enc0", "enc1", "mid", "dec1", "dec0", "head"}),
        ("decoder", "all", {"dec1", "dec0", "head"}),
        ("decoder", "encoder", {"dec1", "dec0", "head"}),
        ("last_layers", "all", {"dec0", "head"}),
        ("last_layers", "backbone", {"dec0", "head"}),
    ],
)
@pytest.mark.parametrize("norm", ["group", "batch"])
def test_only_what_is_to_learn_changes(learning: str, load: str, parts: set[str], norm: str) -> None:
    """Every weight and statistic of these parts changes, and none of any other, whatever else is set."""
    torch.manual_seed(3)
    head = HeadConfig(name="distance")
    given = SegmentationModel(ModelConfig(network=replace(BATCH_NORM, norm=norm), head=head, pretext="restoration"))
    schedule = quick(2, 2, learning_rate=1e-2, weight_decay=0.1)
    settings = RetrainingConfig(
        load=load, learning=learning, freeze=0, pull=5.0, layer_decay=0.9, loaded_rate=1.0, schedule=schedule
    )
    start = start_from(given, settings)
    before = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    after = learned(given, settings).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    expected = {name for name in before if name.removeprefix("network.").split(".")[0] in parts}
    assert changed == expected


def test_what_does_not_learn_stays_through_a_whole_retraining(trained: SegmentationModel) -> None:
    schedule = quick(12, 10, batch_size=4, learning_rate=1e-2)
    settings = replace(LEARNING, learning="last_layers", freeze=1, match_scale=False, schedule=schedule)
    result = retrain(trained, discs(4, 7, dark=True), settings, validation=discs(2, 8, dark=True))
    assert result.share > 0
    before, after = trained.state_dict(), result.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.removeprefix("network.").split(".")[0] for name in changed} == {"dec0", "head"}
    assert result.model.config.provenance["retraining"]["learning"] == "last_layers"


def test_what_starts_from_random_weights_has_to_learn() -> None:
    with pytest.raises(UserInputError, match="would stay random"):
        RetrainingConfig(load="encoder", learning="last_layers")
    with pytest.raises(UserInputError, match="all, decoder, last_layers"):
        RetrainingConfig(learning="head")


LEARNING = RetrainingConfig(freeze=0, loaded_rate=1.0, schedule=quick(6, 10, batch_size=4, learning_rate=3e-3))


def test_retraining_learns_another_kind_of_image(trained: SegmentationModel) -> None:
    before = weights(trained).clone()
    result = retrain(trained, discs(4, 7, dark=True), LEARNING)
    assert result.share >= 0.5
    assert result.score > result.score_before + 0.2
    assert result.scored_on == "left-out"
    assert len(result.history) == 6
    assert torch.equal(weights(trained), before), "the given model is changed"


@pytest.mark.parametrize("examples", [discs(4, 1), discs(1, 1)], ids=["four images", "one image"])
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("load", ["all", "encoder"])
def test_a_ruined_model_is_not_returned(
    trained: SegmentationModel, examples: list[Example], validated: bool, load: str
) -> None:
    """Even if it is better on the images that it learned from: those are not asked."""
    schedule = quick(1, 4, learning_rate=100.0, average=0.0)
    ruinous = RetrainingConfig(load=load, freeze=0, loaded_rate=1.0, schedule=schedule)
    result = retrain(trained, examples, ruinous, validation=discs(2, 3) if validated else ())
    assert result.kept_given_model
    assert result.score == result.score_before > 0.3
    assert result.scored_on == ("validation" if validated else "left-out")
    assert torch.equal(weights(result.model), weights(trained))
    assert len(result.history) == 1


def test_what_cannot_be_tried_out_is_not_taken_over(trained: SegmentationModel) -> None:
    """One line of pixels cannot be cut into two."""
    (example,) = discs(1, 1)
    example.labels[:] = 0
    example.labels[30, 10:40] = 1
    result = retrain(trained, [example], replace(RETRAIN, match_scale=False))
    assert result.kept_given_model
    assert "too few objects to try out" in result.warnings[-1]


def test_a_kept_model_keeps_its_history(trained: SegmentationModel) -> None:
    ruinous = RetrainingConfig(schedule=quick(1, 4, learning_rate=100.0, average=0.0))
    kept = retrain(trained, discs(4, 1), ruinous).model.config
    assert kept.history == trained.config.history
    assert kept.provenance["score"] == trained.config.provenance["score"]
    assert set(kept.provenance) - set(trained.config.provenance) == {"kept"}


def test_a_single_validation_image_is_judged_in_two_parts(
    trained: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def count(scores: NDArray[np.float64]) -> int:
        judged.append(len(scores))
        return 0

    monkeypatch.setattr("core.training.retrain.first_as_good", count)
    retrain(trained, discs(2, 1), RETRAIN, validation=discs(1, 2))
    retrain(trained, discs(2, 1), RETRAIN, validation=discs(3, 2))
    retrain(trained, discs(5, 1), RETRAIN)
    assert judged == [2, 3, 5]


def test_forty_images_are_enough_to_hold_some_back(trained: SegmentationModel) -> None:
    short = replace(RETRAIN, schedule=quick(1, 1))
    assert retrain(trained, discs(40, 1), short).scored_on == "validation"
    assert retrain(trained, discs(39, 1), short).scored_on == "left-out"


def test_a_trial_is_half_as_long_in_all(trained: SegmentationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def spy(*args: Any) -> Any:
        seen.append((args[3].epochs, max(group.frozen for group in args[5])))
        return learn(*args)

    monkeypatch.setattr("core.training.retrain.learn", spy)
    monkeypatch.setattr("core.training.retrain.first_as_good", lambda scores: 4)
    retrain(trained, discs(4, 7, dark=True), replace(LEARNING, freeze=2))
    assert seen == [(3, 1), (3, 1), (6, 2)]


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ([[0.5, 0.5, 0.5]], 0),
        ([[0.5, 0.6, 0.7]], 2),
        ([[0.1, 0.3, 0.3], [0.5, 0.7, 0.7]], 1),
        ([[0.1, 0.5], [0.5, 0.35]], 0),
        ([[0.1, 0.19, 0.2], [0.5, 0.6, 0.61], [0.3, 0.41, 0.40]], 1),
    ],
    ids=["equal", "one image", "the first of equals", "images do not agree", "all agree"],
)
def test_the_first_choice_that_is_not_clearly_worse(scores: list[list[float]], chosen: int) -> None:
    assert first_as_good(np.array(scores)) == chosen


def test_weights_lie_on_the_way(trained: SegmentationModel) -> None:
    other = start_from(trained, RetrainingConfig(load="encoder"))
    for share in (0.0, 0.25, 1.0):
        models = trained, other, between(trained, other, share)
        for start, end, found in zip(*(model.parameters() for model in models), strict=True):
            assert torch.allclose(found, (1 - share) * start + share * end, atol=1e-6)


def test_halves() -> None:
    """Images of the same objects are in one half, and both halves have objects."""
    examples = [*discs(4, 1), *discs(4, 1), *(replace(e, labels=np.zeros_like(e.labels)) for e in discs(3, 2))]
    for seed in range(5):
        halves = in_halves(examples, seed)
        assert sorted(e.name for half in halves for e in half) == sorted(e.name for e in examples)
        scenes = [{e.labels.tobytes() for e in half if e.labels.any()} for half in halves]
        assert [len(one) for one in scenes] == [2, 2]
        assert not scenes[0] & scenes[1]


@pytest.mark.parametrize(("rows", "columns"), [(64, 30), (30, 64)])
def test_the_only_image_with_objects_is_cut_through_them(rows: int, columns: int) -> None:
    (whole,), empty = discs(1, 1), replace(discs(1, 3)[0], labels=np.zeros((64, 64), np.int32))
    cut = Example("", Image(whole.image.cyx()[:, :rows, :columns], "CYX"), whole.labels[:rows, :columns])
    (one,), (other, _) = in_halves([empty, cut], 0)[::-1]
    side = 0 if rows > columns else 1
    assert np.array_equal(np.concatenate([other.labels, one.labels], side), cut.labels) or np.array_equal(
        np.concatenate([one.labels, other.labels], side), cut.labels
    )
    assert one.labels.any()
    assert other.labels.any()
    assert one.image.cyx().shape[1:] == one.labels.shape


def test_halves_are_normalised_as_their_whole_and_know_its_channels() -> None:
    (one,) = discs(1, 1)
    stack = Image(np.stack([one.image.array, 0 * one.image.array], -3), "CZYX"[-one.image.array.ndim - 1 :])
    stack = replace(stack, channel_names=("nerve",))
    examples, _ = slice_examples("a", stack, np.stack([one.labels, 0 * one.labels]))
    whole = examples[0].image
    for half in chain(*in_halves(examples, 0)):
        assert (half.image.percentiles, half.image.channel_names) == (whole.percentiles, ("nerve",))


def test_a_killed_retraining_does_not_repeat_its_trial(trained: SegmentationModel, tmp_path: Path) -> None:
    def epochs(stop_at: str) -> list[str]:
        messages: list[str] = []

        def stopped() -> bool:
            return bool(stop_at) and bool(messages) and messages[-1].startswith(stop_at)

        progress = Progress(lambda _, m: messages.append(m), stopped)
        with suppress(Canceled):
            retrain(trained, discs(2, 5, dark=True), LEARNING, progress, checkpoint=tmp_path / "state")
        return [m for m in dict.fromkeys(m.partition(",")[0] for m in messages) if "epoch" in m]

    before = epochs("epoch 4")
    assert before[:3] == ["trial 1 of 2: epoch 1 of 3", "trial 1 of 2: epoch 2 of 3", "trial 1 of 2: epoch 3 of 3"]
    assert before[-1] == "epoch 4 of 6"
    assert epochs("") == ["epoch 4 of 6", "epoch 5 of 6", "epoch 6 of 6"]
    assert not list(tmp_path.iterdir())


def test_the_time_left_of_a_trial_is_not_that_of_all(
    trained: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr("core.training.retrain.first_as_good", lambda scores: 4)
    retrain(trained, discs(4, 7, dark=True), RETRAIN, Progress(lambda _, m: messages.append(m)))
    told = [message for message in messages if " left" in message]
    trial = [message for message in told if message.startswith("trial ")]
    assert trial
    assert all(message.endswith(" left of this part") for message in trial)
    assert len(told) > len(trial)
    assert all(message.endswith(" left") for message in told if message not in trial)


def test_retraining_refuses_another_number_of_channels(trained: SegmentationModel) -> None:
    with pytest.raises(UserInputError, match="Row0: The images have 3 channels, the model was trained on 1"):
        retrain(trained, discs(2, 1, channels=3), RETRAIN)


def test_a_checkpoint_of_other_learning_rates_is_not_gone_on_with(trained: SegmentationModel, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    messages: list[str] = []

    def stop_in_the_second_epoch() -> bool:
        return bool(messages) and messages[-1].startswith("epoch 2")

    progress = Progress(lambda _, m: messages.append(m), stop_in_the_second_epoch)
    slow = replace(LEARNING, loaded_rate=0.8)
    with pytest.raises(Canceled):
        retrain(trained, discs(2, 5, dark=True), slow, progress, checkpoint=checkpoint)
    assert checkpoint.exists()
    messages.clear()
    progress = Progress(lambda _, m: messages.append(m))
    retrain(trained, discs(2, 5, dark=True), LEARNING, progress, checkpoint=checkpoint)
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


def test_sizes_are_not_matched_where_the_model_does_well_without(trained: SegmentationModel) -> None:
    """Discs a third larger are within what was learned."""
    settings = RetrainingConfig(schedule=quick(1, 1, learning_rate=1e-6), augmentation=NO_AUGMENTATION)
    examples = larger(discs(3, 1), 1.35)
    assert matching_scale(trained, typical_diameter([e.labels for e in examples])) < 0.8
    assert retrain(trained, examples, settings).model.config.scale == 1


def test_a_kept_model_knows_its_scale(trained: SegmentationModel) -> None:
    ruinous = RetrainingConfig(freeze=0, loaded_rate=1.0, schedule=quick(1, 4, learning_rate=100.0, average=0.0))
    result = retrain(trained, larger(discs(6, 1), 3.0), ruinous)
    assert result.kept_given_model
    kept = result.model.config
    assert kept.scale == pytest.approx(1 / 3, rel=0.05)
    assert kept.object_size * kept.scale == pytest.approx(trained.config.object_size)
    assert matching_scale(result.model, kept.object_size) == kept.scale


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
        pairs = zip(learned(trained, settings).parameters(), trained.parameters(), strict=True)
        return sum(float((after - before).detach().norm()) for after, before in pairs)

    free, pulled = moved(0.0), moved(30.0)
    assert 0 < pulled < 0.8 * free


def test_source_images_are_not_forgotten(trained: SegmentationModel) -> None:
    without = retrain(trained, discs(4, 7, dark=True), replace(LEARNING, source_share=0.0), source=discs(4, 1))
    mixed = retrain(trained, discs(4, 7, dark=True), LEARNING, source=discs(4, 1))
    assert without.source_scores is not None
    assert mixed.source_scores is not None
    assert mixed.source_scores[0] == without.source_scores[0] > 0.4
    assert mixed.source_scores[1] > without.source_scores[1] + 0.2


def test_source_images_of_other_channels_are_refused(trained: SegmentationModel) -> None:
    with pytest.raises(UserInputError, match="Row0: The images have 3 channels"):
        retrain(trained, discs(2, 1), RETRAIN, source=discs(2, 1, channels=3))
