"""Training learns, repeats itself, and goes on after a stop."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from core.errors import Canceled, UserInputError
from core.evaluation.scores import Score
from core.heads import HeadConfig, make_head
from core.image import Image, Labels
from core.inference.predict import Predictor
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.progress import Progress
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example, Prepared, prepare
from core.training.loop import learning_rate
from core.training.thresholds import fit_thresholds
from core.training.train import split, train


def discs(count: int, seed: int, *, channels: int = 1, dark: bool = False) -> list[Example]:
    """Images of bright (or dark) discs."""
    examples = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        labels = np.zeros((64, 64), np.int32)
        rows, columns = np.mgrid[:64, :64]
        for identity, (y, x) in enumerate([(14, 15), (16, 46), (45, 18), (47, 48)], start=1):
            centre, radius = np.array([y, x]) + rng.uniform(-3, 3, 2), rng.uniform(6, 9)
            labels[np.hypot(rows - centre[0], columns - centre[1]) <= radius] = identity
        pixels = rng.normal(100, 5, (channels, 64, 64)) + (-60 if dark else 60) * (labels > 0)
        examples.append(Example(f"Row{number}", Image(pixels.astype(np.float32), "CYX"), labels))
    return examples


def quick(epochs: int = 2, steps: int = 3, **changes: object) -> ScheduleConfig:
    defaults: dict[str, object] = {"batch_size": 2, "patch_size": 32, "device": "cpu"}
    return ScheduleConfig(epochs=epochs, steps=steps, **{**defaults, **changes})  # type: ignore[arg-type]


def config(schedule: ScheduleConfig, **network: object) -> TrainingConfig:
    sizes: dict[str, object] = {"base": 8, "depth": 2, "norm": "batch", **network}
    return TrainingConfig(network=NetworkConfig(**sizes), head=HeadConfig(n_rays=16), schedule=schedule)  # type: ignore[arg-type]


def weights(model: SegmentationModel) -> torch.Tensor:
    return torch.cat([w.flatten().double() for w in model.state_dict().values()])


@pytest.fixture(scope="module")
def trained() -> SegmentationModel:
    """A model that has learned the bright discs."""
    return train(discs(10, 1), config(quick(8, 12, batch_size=4, learning_rate=3e-3))).model


def test_it_learns_to_find_the_discs(trained: SegmentationModel) -> None:
    for example in discs(3, 99):
        prediction = Predictor(trained, "cpu").predict(example.image)
        assert len(prediction.scores) == 4
        truth = example.labels > 0
        found = prediction.labels.array > 0
        assert (truth & found).sum() / (truth | found).sum() > 0.8


def test_the_model_knows_where_it_comes_from(trained: SegmentationModel) -> None:
    provenance = trained.config.provenance
    assert provenance["training"]["schedule"]["seed"] == 0
    assert provenance["versions"]["torch"] == torch.__version__
    assert provenance["images"] == 8
    assert provenance["scored_on"] == "validation"
    assert trained.config.object_size == pytest.approx(15, abs=1.5)
    assert len(trained.config.history) == 8


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (train(discs(3, 1), config(quick())).model for _ in range(2))
    assert torch.equal(weights(first), weights(second))
    other = train(discs(3, 1), config(quick(seed=1))).model
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("head", ["stardist", "foreground", "distance"])
@pytest.mark.parametrize("network", ["unet", "res_unet"])
def test_every_network_trains_with_every_head(network: str, head: str) -> None:
    settings = TrainingConfig(
        network=NetworkConfig(name=network, base=4, depth=1, grid=1), head=HeadConfig(name=head), schedule=quick()
    )
    result = train(discs(2, 1, channels=2), settings)
    assert [row["epoch"] for row in result.history] == [1, 2]
    assert result.model.config.network.in_channels == 2
    assert SegmentationModel.from_bytes(result.model.to_bytes()).config == result.model.config


def test_a_canceled_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    asked = 0

    def stop_in_the_second_epoch() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    settings = config(quick(3))
    with pytest.raises(Canceled):
        train(discs(3, 1), settings, Progress(is_canceled=stop_in_the_second_epoch), checkpoint=checkpoint)
    assert checkpoint.exists()
    fractions: list[float] = []
    resumed = train(discs(3, 1), settings, Progress(lambda f, _: fractions.append(f)), checkpoint=checkpoint)
    assert not checkpoint.exists()
    assert fractions[0] > 0.3, "the first epoch is not done again"
    straight = train(discs(3, 1), settings)
    assert torch.equal(weights(resumed.model), weights(straight.model))


def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    checkpoint.write_bytes(b"something else")
    result = train(discs(3, 1), config(quick(1)), checkpoint=checkpoint)
    assert torch.equal(weights(result.model), weights(train(discs(3, 1), config(quick(1))).model))


def test_a_checkpoint_outlives_a_cancel_while_thresholds_are_fitted(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    messages: list[str] = []
    progress = Progress(lambda _, m: messages.append(m), lambda: messages[-1:] == [] or "thresholds" in messages[-1])
    settings = config(quick(2))
    messages.append("start")
    with pytest.raises(Canceled):
        train(discs(3, 1), settings, progress, checkpoint=checkpoint)
    assert checkpoint.exists()
    messages.clear()
    resumed = train(discs(3, 1), settings, Progress(lambda _, m: messages.append(m)), checkpoint=checkpoint)
    assert not any(message.startswith("epoch") for message in messages)
    assert len(resumed.history) == 2
    assert not checkpoint.exists()


def test_a_tensor_in_the_checkpoint_file_is_no_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    torch.save(torch.zeros(3), checkpoint)
    assert len(train(discs(3, 1), config(quick(1)), checkpoint=checkpoint).history) == 1


def test_a_training_that_diverges_is_told_to_learn_more_slowly() -> None:
    with pytest.raises(UserInputError, match=r"diverged in epoch \d.*lower learning rate than 1e\+30"):
        train(discs(3, 1), config(quick(3, learning_rate=1e30), norm="none"))


def test_batch_normalisation_needs_more_than_one_value() -> None:
    with pytest.raises(UserInputError, match="batch_size is 1, it must be 2 or more for batch normalisation"):
        train(discs(3, 1), config(quick(batch_size=1), depth=4))
    train(discs(3, 1), config(quick(1, 1, batch_size=1), depth=4, norm="group"))


def test_objects_on_validation_images_only_are_refused() -> None:
    blank = [Example(e.name, e.image, np.zeros_like(e.labels)) for e in discs(2, 1)]
    with pytest.raises(UserInputError, match="none is left to learn from"):
        train(blank, config(quick()), validation=discs(1, 2))


def test_progress_rises_to_one_and_tells_where_the_training_stands() -> None:
    fractions: list[float] = []
    messages: list[str] = []

    def hear(fraction: float, message: str) -> None:
        fractions.append(fraction)
        messages.append(message)

    train(discs(10, 1), config(quick()), Progress(hear))
    epochs = [message for message in messages if message.startswith("epoch")]
    assert re.fullmatch(r"epoch 1 of \d+, loss \d\.\d{3}, about \d+ s left", epochs[0])
    assert re.fullmatch(r"epoch (\d+) of \1, loss .*, validation loss \d\.\d{3}, about 0 s left", epochs[-1])
    assert fractions == sorted(fractions)
    assert 0.9 < fractions[-1] <= 1


def test_training_stops_early_without_progress() -> None:
    settings = config(quick(50, 1, patience=2, learning_rate=1e-9, average=0.0))
    history = train(discs(10, 1), settings).history
    assert len(history) < 50


def test_learning_rate_rises_and_falls() -> None:
    schedule = ScheduleConfig(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, schedule) for step in range(100)]
    assert int(np.argmax(rates)) in (9, 10)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert (np.diff(rates[10:]) <= 0).all()


def test_few_examples_are_not_split() -> None:
    assert [len(part) for part in split(discs(9, 1), [], 0.5, 0, 10)] == [9, 0]
    assert [len(part) for part in split(discs(10, 1), [], 0.1, 0, 10)] == [9, 1]
    assert [len(part) for part in split(discs(5, 1), discs(2, 2), 0.5, 0, 2)] == [5, 2]


def test_thresholds_that_change_nothing_stay_the_heads_own(trained: SegmentationModel) -> None:
    """An untrained model without any match: all thresholds are equally bad."""
    model = trained.copy().with_config(thresholds={})
    torch.nn.init.constant_(model.head.get_submodule("probability").bias, -1e4)  # type: ignore[arg-type]
    thresholds, score = fit_thresholds(Predictor(model, "cpu"), prepare(discs(1, 3), model.config.normalization))
    assert score == 0
    assert thresholds == model.head.default_thresholds()


def precision(value: float) -> Score:
    """A score of this average precision, to nine digits."""
    objects = 10**10
    return Score(objects, objects, (round(2 * objects * value / (1 + value)),) * 10, 0.0)


def test_images_without_objects_do_not_outweigh_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thresholds up to .5 two of three objects are found, with higher ones a third; and one stray, or none."""
    head = make_head(HeadConfig("foreground"), 4)
    grid = head.threshold_grid()["prob"]

    def matches(truth: Labels, found: object) -> list[Score]:
        if truth.any():
            return [Score(3, 2, (2,) * 10, 2.0) if p <= 0.5 else Score(3, 1, (1,) * 10, 1.0) for p in grid]
        return [Score(0, 1 if p <= 0.5 else 0, (0,) * 10, 0.0) for p in grid]

    monkeypatch.setattr("core.training.thresholds.matches", matches)
    config = SimpleNamespace(network=SimpleNamespace(grid=1), scale=1.0, thresholds={})
    maps = np.zeros((1, 8, 8), np.float32)
    predictor: Any = SimpleNamespace(model=SimpleNamespace(head=head, config=config), maps=lambda pixels: maps)
    pixels = np.zeros((1, 8, 8), np.float32)
    full, empty = (Prepared(pixels, np.full((8, 8), number, np.int32), []) for number in (1, 0))
    thresholds, score = fit_thresholds(predictor, [full, empty])
    assert thresholds["prob"] <= 0.5
    assert score == pytest.approx((2 / 3 + 0) / 2)
    assert fit_thresholds(predictor, [full, empty, empty, empty, empty])[0]["prob"] > 0.5, "four strays are many"
    assert fit_thresholds(predictor, [empty])[0]["prob"] > 0.5


def test_thresholds_keep_away_from_a_cliff(trained: SegmentationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best value of few images lies beside values at which nothing is found; its neighbour is nearly as good."""
    model = trained.copy().with_config(thresholds={})
    score = {0.6: 0.60, 0.65: 0.62, 0.7: 0.66}

    def matches(truth: object, found: object) -> list[Score]:
        probabilities = trained.head.threshold_grid()["prob"]
        overlaps = trained.head.threshold_grid()["nms"]
        return [precision(score.get(p, 0.5 if p < 0.6 else 0.1)) for p in probabilities for _ in overlaps]

    monkeypatch.setattr("core.training.thresholds.matches", matches)
    examples = prepare(discs(1, 3), trained.config.normalization)
    thresholds, best = fit_thresholds(Predictor(model, "cpu"), examples)
    assert thresholds["prob"] == 0.65
    assert best == pytest.approx(0.62)


def test_thresholds_of_sparse_objects_are_almost_one() -> None:
    """A distance model gives what surrounds sparse objects a probability of .9 and more."""
    labels = np.zeros((60, 60), np.int32)
    labels[10:15, 10:15], labels[40:46, 30:35] = 1, 2
    head = make_head(HeadConfig("distance"), 4)
    maps = head.targets(ndimage.grey_dilation(labels, size=5), 1)
    maps[0] = np.where(labels > 0, 0.995, 0.96 * maps[0])
    config = SimpleNamespace(network=SimpleNamespace(grid=1), scale=1.0, thresholds={})
    predictor: Any = SimpleNamespace(model=SimpleNamespace(head=head, config=config), maps=lambda pixels: maps)
    thresholds, score = fit_thresholds(predictor, [Prepared(np.zeros((1, 60, 60), np.float32), labels, [])])
    assert thresholds["prob"] >= 0.98
    assert score == 1


@pytest.mark.parametrize(("better", "stays"), [((0.1, 0.1), False), ((0.2, -0.1), True), ((0.1,), True)])
def test_fitted_thresholds_stay_unless_others_are_clearly_better(
    trained: SegmentationModel, monkeypatch: pytest.MonkeyPatch, better: tuple[float, ...], stays: bool
) -> None:
    """Others must be better on two images at least, and by more than the images differ."""
    known = {"prob": 0.37, "nms": 0.4}
    gains = iter(better)
    grid = [p for p in trained.head.threshold_grid()["prob"] for _ in trained.head.threshold_grid()["nms"]]

    def matches(truth: object, found: object) -> list[Score]:
        gain = next(gains)
        return [precision(0.5 + gain * (0.5 < p < 0.7)) for p in grid] + [precision(0.5)]

    monkeypatch.setattr("core.training.thresholds.matches", matches)
    model = trained.copy().with_config(thresholds=known)
    examples = prepare(discs(len(better), 3), trained.config.normalization)
    thresholds, score = fit_thresholds(Predictor(model, "cpu"), examples)
    assert (thresholds == known) == stays
    assert score == pytest.approx(0.5 if stays else 0.6)


@pytest.mark.parametrize("numbers", ["32-true", "bf16-mixed"])
def test_a_training_in_either_number_format_learns(numbers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.loop.precision", lambda device: numbers)
    history = train(discs(4, 1), config(quick(6, 12, average=0.0, learning_rate=3e-3))).history
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]


def test_number_formats_agree_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from the same weights: losses differ by rounding, a bfloat16 has eight bits."""
    losses = []
    for numbers in ("32-true", "bf16-mixed"):
        monkeypatch.setattr("core.training.loop.precision", lambda device, numbers=numbers: numbers)
        losses.append(train(discs(4, 1), config(quick(1, 1))).history[0]["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=2**-6)
    assert losses[0] != losses[1]


def test_a_trained_model_has_its_weights_in_the_usual_order(trained: SegmentationModel) -> None:
    assert all(weight.is_contiguous() for weight in trained.state_dict().values())
