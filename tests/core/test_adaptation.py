"""Adapting a model: every strategy, without a look at labels of the target, chosen by the look of its objects."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.adaptation import adapt as module
from core.adaptation.adapt import STEPS, AdaptationResult, Run, adapt, styled
from core.adaptation.config import AdaptationConfig
from core.adaptation.strategies import AUTO, STRATEGIES
from core.adaptation.style import make_style, style_config
from core.errors import Canceled, UserInputError
from core.heads import HeadConfig
from core.image import Image, Labels
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig
from core.progress import Progress
from core.training.augmentation import STRONG_AUGMENTATION
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example, Target
from core.training.selection import NOTHING_FOUND, SelectionConfig, chosen_thresholds
from core.training.slices import slice_examples
from core.training.train import learn as usual
from core.training.train import train

QUICK = ScheduleConfig(epochs=2, steps=2, batch_size=2, patch_size=32, device="cpu", learning_rate=3e-3)
TRAINING = TrainingConfig(
    NetworkConfig(base=4, depth=1, grid=1),
    HeadConfig("foreground"),
    schedule=QUICK,
    selection=SelectionConfig(earliest=0.0),
)
PLAIN = AdaptationConfig("none", TRAINING, compare=False)


def drawn(seed: int, *, dark: bool = False, channels: int = 1) -> tuple[Image, Labels]:
    """Bright discs; or in dark, and noisier, what another microscope makes of such."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((48, 48), np.int32)
    rows, columns = np.mgrid[:48, :48]
    for number, (y, x) in enumerate([(12, 12), (13, 35), (35, 14), (34, 35)], 1):
        centre = np.array([y, x]) + rng.uniform(-2, 2, 2)
        labels[np.hypot(rows - centre[0], columns - centre[1]) <= rng.uniform(5, 7)] = number
    pixels = rng.normal(60 if dark else 100, 9 if dark else 4, (channels, 48, 48)) + (25 if dark else 80) * (labels > 0)
    return Image(pixels.clip(1, 255).astype(np.uint8), "CYX"), labels


def source(count: int = 2, **more: Any) -> list[Example]:
    return [Example(f"known {i}", *drawn(i, **more)) for i in range(count)]


def target(first: int = 100, count: int = 2, **more: Any) -> list[Target]:
    return [Target(f"new {i}", drawn(i, dark=True, **more)[0]) for i in range(first, first + count)]


def strategy(name: str, *, compare: bool = False, **changes: Any) -> AdaptationConfig:
    return replace(PLAIN, strategy=name, compare=compare, **changes)


def weights(model: SegmentationModel | None) -> list[bytes]:
    assert model is not None
    return [w.numpy().tobytes() for w in model.state_dict().values()]


@pytest.fixture(autouse=True)
def finds_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of four steps find nothing yet: a head that thinks objects as likely as background finds something."""
    monkeypatch.setattr("core.heads.foreground.PRIOR", 0.5)


@pytest.fixture(scope="module")
def given() -> SegmentationModel:
    """A model trained on the known images."""
    return train(source(), replace(TRAINING, schedule=replace(QUICK, epochs=4, steps=8))).model


# --- every strategy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_looks_at_the_targets_pixels_alone_and_repeats_itself(name: str) -> None:
    """The same pixels give the same model bit by bit, others another one where a strategy learns from them."""
    first, same, other = (adapt(source(), target(seed), strategy(name)) for seed in (100, 100, 200))
    assert weights(first.model) == weights(same.model)
    (run,) = first.runs
    assert first.chosen is run
    assert (run.strategy, run.problem, first.scored_on) == (name, "", "training")
    assert run.history
    assert all(np.isfinite(row["train_loss"]) for row in run.history)
    assert 0 <= run.score <= 1
    assert first.model.config.thresholds == chosen_thresholds(first.model, run.history)
    assert first.model.config.provenance["adaptation"]["strategy"] == name
    assert first.model.config.provenance["adaptation"]["images"] == 2
    assert SegmentationModel.from_bytes(first.model.to_bytes()).config == first.model.config
    learned = STRATEGIES[name].style or STRATEGIES[name].pretext or STRATEGIES[name].objective
    if learned and name != "mean_teacher":  # which is not yet sure of anything
        assert weights(first.model) != weights(other.model)


def test_labels_of_the_target_have_no_way_in() -> None:
    assert [field.name for field in fields(Target)] == ["name", "image", "zoom"]


@pytest.mark.parametrize("name", ["none", "variation"])
def test_without_learning_from_them_target_images_only_choose_the_epoch(name: str) -> None:
    """Every epoch's model is the same whatever the target images are; they say which is taken."""
    seen: list[list[bytes]] = []

    def watch(model: SegmentationModel, thresholds: Mapping[str, float]) -> dict[str, float]:
        seen.append(weights(model))
        return {}

    results = [adapt(source(), target(seed), strategy(name), watch=watch) for seed in (100, 200)]
    assert seen[:2] == seen[2:]
    for result in results:
        assert weights(result.model) == seen[result.chosen.epoch - 1]


def test_names_of_target_images_do_not_matter() -> None:
    renamed = [replace(one, name=f"x{i}") for i, one in enumerate(target())]
    for name in ("histogram", "y_net"):
        one, other = (adapt(source(), images, strategy(name)).model for images in (target(), renamed))
        assert weights(one) == weights(other)


def test_another_seed_gives_another_model() -> None:
    other = replace(TRAINING, schedule=replace(QUICK, seed=1))
    models = [adapt(source(), target(), strategy("y_net", training=one)).model for one in (TRAINING, other)]
    assert weights(models[0]) != weights(models[1])


def test_patches_are_varied_as_the_strategy_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def learn(*args: Any, **more: Any) -> Any:
        seen.append(args[4])
        return usual(*args, **more)

    monkeypatch.setattr(module, "learn", learn)
    for name in ("none", "variation"):
        adapt(source(), target(), strategy(name))
    assert seen == [TRAINING.augmentation, STRONG_AUGMENTATION]


def test_a_style_adds_the_labelled_images_in_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Sequence[Example]] = []

    def learn(model: SegmentationModel, examples: Sequence[Example], *args: Any, **more: Any) -> Any:
        seen.append(examples)
        return usual(model, examples, *args, **more)

    monkeypatch.setattr(module, "learn", learn)
    adapt(source(), target(), strategy("histogram"))
    (examples,) = seen
    assert len(examples) == 4
    new = np.mean([one.image.array.mean() for one in target()])
    for own, other in zip(examples[:2], examples[2:], strict=True):
        assert other.labels is own.labels
        assert abs(other.image.array.mean() - new) < 5 < abs(own.image.array.mean() - new)


def test_slices_get_a_style_as_their_stack() -> None:
    """Or else one without objects would get all the contrast of the target images."""
    image, labels = drawn(0)
    empty = np.random.default_rng(1).normal(100, 4, (48, 48)).astype(np.uint8)
    stack = Image(np.stack([image.array[0], empty, image.array[0]]), "ZYX")
    slices, _ = slice_examples("stack", stack, np.stack([labels, 0 * labels, labels]))
    alone = source(1)
    look = make_style(style_config("histogram"), [(one.name, one.image) for one in target()])
    whole = look.apply(stack).array
    for given in (slices, [slices[2], *alone, slices[0], slices[1]]):
        found = {one.name: one for one in styled(given, look)}
        assert len(found) == len(given)
        for z, one in enumerate(slices):
            same = found[one.name]
            assert same.labels is one.labels
            np.testing.assert_array_equal(same.image.cyx()[0], whole[z])
        by_itself = look.apply(Image(empty, "YX"))
        dull, sharp = (
            one.normalized(NormalizationConfig()).std() for one in (found["stack, slice 2"].image, by_itself)
        )
        assert dull < 0.8 * sharp
    np.testing.assert_array_equal(found["known 0"].image.array, look.apply(alone[0].image).array)


# --- in three steps ---------------------------------------------------------------------------------------------------


def test_the_attention_y_net_learns_in_three_steps_and_keeps_the_way_down_in_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[Any] = []

    def learn(model: SegmentationModel, *args: Any, **more: Any) -> Any:
        before = {name: [w.clone() for w in s.state_dict().values()] for name, s in model.network.stages().items()}
        objective = more["without"].objective
        settings = (getattr(objective, "segmentation", 1.0), getattr(objective, "reconstruction", 0.0))
        history = usual(model, *args, **more)
        changed = {
            name
            for name, stage in model.network.stages().items()
            if any(not torch.equal(a, b) for a, b in zip(before[name], stage.state_dict().values(), strict=True))
        }
        steps.append((settings, changed, len(history), more["without"].selection is not None))
        return history

    monkeypatch.setattr(module, "learn", learn)
    training = replace(TRAINING, schedule=replace(QUICK, epochs=10, steps=1))
    result = adapt(source(), target(), strategy("attention_y_net", training=training))
    down, up = {"enc0", "mid"}, {"dec0"}
    assert steps == [
        ((STEPS[0][0], STEPS[0][1]), down | up, 3, False),
        ((0.0, 1.0), down, 2, False),
        ((1.0, 0.0), up | {"mid"}, 5, True),
    ]
    assert result.model.config.network.name == "attention_unet"
    assert len(result.chosen.history) == 5
    assert all(weight.requires_grad for weight in result.model.parameters())


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_auto_takes_the_lowest_criterion_and_lists_all(monkeypatch: pytest.MonkeyPatch) -> None:
    result = adapt(source(), target(), strategy("auto"))
    assert [run.strategy for run in result.runs] == list(AUTO)
    criteria = [run.criterion for run in result.runs if np.isfinite(run.criterion)]
    assert result.chosen.criterion == min(criteria)
    assert weights(result.model) == weights(result.chosen.model)
    for run in result.runs:
        scores = [row.get("criterion", np.inf) for row in run.history]
        assert run.epoch == int(np.argmin(scores)) + 1
        assert min(scores) == run.criterion
        assert run.seconds > 0


@pytest.mark.parametrize(("criteria", "chosen"), [((3.0, 1.0), 1), ((1.0, 1.0), 0), ((np.nan, 2.0), 1)])
def test_of_runs_the_lowest_criterion_is_chosen(criteria: tuple[float, float], chosen: int) -> None:
    model = SegmentationModel(ModelConfig(network=NetworkConfig(base=4, depth=1)))
    runs = [Run("failed", problem="no"), *(Run(str(i), model, criterion=c) for i, c in enumerate(criteria))]
    assert module._chosen(runs, "auto") is runs[1 + chosen]
    assert module._chosen(runs, "1") is runs[2]
    with pytest.raises(UserInputError, match=r"No strategy came to anything\. no"):
        module._chosen(runs[:1], "auto")


def test_the_training_without_adaptation_is_run_for_comparison() -> None:
    result = adapt(source(), target(), strategy("y_net", compare=True))
    assert [run.strategy for run in result.runs] == ["none", "y_net"]
    assert result.chosen is result.runs[1]
    plain = adapt(source(), target(), PLAIN)
    assert weights(result.runs[0].model) == weights(plain.model)
    assert [run.strategy for run in adapt(source(), target(), strategy("none", compare=True)).runs] == ["none"]


def failing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    original = module._Adaptation.run

    def run(self: Any, asked: str, *args: Any) -> Any:
        if asked == name:
            raise UserInputError("It rains.", todo="Wait.")
        return original(self, asked, *args)

    monkeypatch.setattr(module._Adaptation, "run", run)


def test_a_strategy_that_fails_is_told_where_others_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "fourier")
    result = adapt(source(), target(), strategy("auto"))
    (failed,) = [run for run in result.runs if run.model is None]
    assert failed.strategy == "fourier"
    assert "It rains" in failed.problem
    assert failed is not result.chosen
    assert any("'Fourier style' came to nothing: It rains" in warning for warning in result.warnings)


def test_the_strategy_that_was_asked_for_must_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "variation")
    with pytest.raises(UserInputError, match="It rains"):
        adapt(source(), target(), strategy("variation", compare=True))


def test_the_comparison_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "none")
    result = adapt(source(), target(), strategy("variation", compare=True))
    assert result.chosen.strategy == "variation"
    assert result.runs[0].problem


def test_where_the_training_without_adaptation_looks_better_it_is_said() -> None:
    rows = [{"criterion": 1.0}]
    plain, other = Run("none", history=rows, criterion=1.0), Run("y_net", history=rows, criterion=2.5)
    (doubt,) = module._doubts([plain, other], other)
    assert "1 standard deviations from what is expected, and not 2.5" in doubt
    assert module._doubts([plain, replace(other, criterion=0.5)], replace(other, criterion=0.5)) == []
    assert module._doubts([plain], plain) == []


def test_a_model_that_finds_nothing_in_the_end_is_said() -> None:
    nothing = Run("y_net", history=[{"objects": 5.0}, {"objects": 0.0}])
    for runs in ([nothing], [Run("none", criterion=1.0), nothing]):
        assert module._doubts(runs, nothing) == [NOTHING_FOUND]


def test_a_training_that_got_stuck_is_said() -> None:
    slow = replace(TRAINING, schedule=replace(QUICK, learning_rate=1e-9))
    result = adapt(source(), target(), strategy("none", training=slow))
    assert result.chosen.score == 0
    assert "recognises none of the objects of the" in result.warnings[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"strategy": "guess"}, "strategy"), ({"adversarial": 11.0}, "adversarial"), ({"agreement": -1.0}, "agreement")],
)
def test_settings_out_of_bounds_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        adapt(source(), target(), replace(PLAIN, **change))
    assert AdaptationConfig.from_dict(PLAIN.to_dict()) == PLAIN


# --- a given model ----------------------------------------------------------------------------------------------------


def test_a_given_model_is_started_from(given: SegmentationModel) -> None:
    slow = replace(TRAINING, schedule=replace(QUICK, learning_rate=1e-9))
    result = adapt(source(), target(), strategy("none", training=slow), given=given)
    for one, other in zip(result.model.state_dict().values(), given.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    config = result.model.config
    assert config.thresholds == chosen_thresholds(result.model, result.chosen.history)
    assert config.object_size == given.config.object_size
    assert config.provenance["start"]["created"] == given.config.provenance["created"]


def test_a_given_network_without_a_head_is_started_from() -> None:
    network = NetworkConfig(base=8, depth=1, grid=1)
    learned = SegmentationModel(ModelConfig(network=network, head=HeadConfig("foreground"), pretext="restoration"))
    slow = replace(TRAINING, schedule=replace(QUICK, learning_rate=1e-9))
    model = adapt(source(), target(), strategy("none", training=slow), given=learned).model
    for one, other in zip(model.network.parameters(), learned.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
    assert model.config.pretext == ""
    assert model.config.network == network
    assert model.config.provenance["start"]["pretext"] == "restoration"


@pytest.mark.parametrize("pretext", ["", "restoration"])
def test_a_given_model_of_other_channels_is_refused(given: SegmentationModel, pretext: str) -> None:
    other = given.copy().with_config(pretext=pretext)
    with pytest.raises(UserInputError, match="has 2 channels, the model was trained on 1"):
        adapt(source(channels=2), target(channels=2), PLAIN, given=other)


@pytest.mark.parametrize(
    ("name", "words"), [("attention_y_net", "needs a network of another kind"), ("restoration", "of its own")]
)
def test_strategies_that_can_make_nothing_of_a_given_model(name: str, words: str, given: SegmentationModel) -> None:
    with pytest.raises(UserInputError, match=words):
        adapt(source(), target(), strategy(name), given=given)


# --- images -----------------------------------------------------------------------------------------------------------


def test_images_of_other_pixels_give_a_model_that_enlarges_them() -> None:
    def sized(image: Image, size: float) -> Image:
        return replace(image, pixel_size={"Y": size, "X": size})

    known = [replace(one, image=sized(one.image, 0.5)) for one in source()]
    new = [replace(one, image=sized(one.image, 1.0)) for one in target()]
    result = adapt(known, new, strategy("variation", compare=True))
    assert [run.model.config.scale for run in result.runs if run.model] == [2.0, 2.0]
    plain = adapt(source(), target(), PLAIN).model.config
    config = result.model.config
    assert (config.scale, config.pixel_size) == (2.0, 1.0)
    assert config.object_size == pytest.approx(plain.object_size / 2)
    assert any("enlarged to 2 times" in warning for warning in result.warnings)
    with pytest.raises(UserInputError, match=r"0\.5 µm"):
        adapt(known, new, replace(PLAIN, training=replace(TRAINING, pixel_sizes="refuse")))


def test_training_with_images_without_labels_chooses_by_them() -> None:
    """The same of the usual training."""
    images = [replace(one, image=replace(one.image, pixel_size={"Y": 1.0, "X": 1.0})) for one in target()]
    known = [replace(one, image=replace(one.image, pixel_size={"Y": 0.5, "X": 0.5})) for one in source(3)]
    result = train(known[:2], TRAINING, validation=known[2:], target=images)
    for row in result.history:
        assert {"validation_loss", "objects", "deviation", "criterion", "confidence"} <= row.keys()
    config = result.model.config
    assert config.thresholds == chosen_thresholds(result.model, result.history)
    assert (config.scale, config.pixel_size, result.scored_on) == (2.0, 1.0, "validation")
    assert config.history == tuple(result.history)
    assert config.provenance["score"] == result.score
    assert any("enlarged" in warning for warning in result.warnings)
    with pytest.raises(UserInputError, match="no target image"):
        train(known, TRAINING, target=[Target("flat", Image(np.zeros((9, 9)), "YX"))])


# --- stopping and going on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "stop"),
    [
        (strategy("y_net", compare=True), "Y-Net: epoch 2 of 2"),
        (strategy("attention_y_net", training=replace(TRAINING, schedule=replace(QUICK, epochs=4))), "step 2 of 3"),
    ],
)
def test_a_stopped_adaptation_goes_on(tmp_path: Path, config: AdaptationConfig, stop: str) -> None:
    def heard(messages: list[str], until: str = "") -> Progress:
        stopped = bool(until)
        return Progress(lambda _, m: messages.append(m), lambda: stopped and any(until in m for m in messages))

    def steps(messages: Sequence[str]) -> int:
        return len([m for m in messages if "epoch " in m])

    file = tmp_path / "state"
    straight: list[str] = []
    whole = adapt(source(), target(), config, heard(straight))
    first: list[str] = []
    with pytest.raises(Canceled):
        adapt(source(), target(), config, heard(first, stop), checkpoint=file)
    assert list(tmp_path.iterdir())
    rest: list[str] = []
    result = adapt(source(), target(), config, heard(rest), checkpoint=file)
    assert weights(result.model) == weights(whole.model)
    assert [len(run.history) for run in result.runs] == [len(run.history) for run in whole.runs]
    done = steps(straight) - steps(rest)
    assert done > 0
    assert 0 <= steps(first) - done <= 2 * QUICK.steps, "only the epoch that was not over is trained anew"
    assert not list(tmp_path.iterdir())


def test_progress_rises_and_says_what_is_run() -> None:
    fractions: list[float] = []
    messages: list[str] = []

    def hear(fraction: float, message: str) -> None:
        fractions.append(fraction)
        messages.append(message)

    result: AdaptationResult = adapt(source(), target(), strategy("restoration", compare=True), Progress(hear))
    assert result.device
    assert fractions == sorted(fractions)
    assert 0.9 < fractions[-1] <= 1
    assert any(message.startswith("No adaptation: ") for message in messages)
    assert any(message.startswith("Self-supervised pretraining: ") for message in messages)
