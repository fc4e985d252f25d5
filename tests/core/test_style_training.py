"""Learning a style: the losses, what is refused, and that results move towards the style."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from core.adaptation.style.cut import train
from core.adaptation.style.cut.config import CutConfig
from core.adaptation.style.cut.data import random_patches
from core.adaptation.style.cut.generator import GeneratorConfig
from core.adaptation.style.cut.losses import Discriminator, Places, contrastive_loss, squared_error
from core.adaptation.style.cut.train import learning_rate, train_style
from core.errors import Canceled, UserInputError
from core.image import Image
from core.progress import Progress

TINY = CutConfig(
    generator=GeneratorConfig(width=4, blocks=1), steps=3, patch_size=32, places=32, embedding=16, device="cpu"
)


def discs(seed: int, sigma: float = 0.0, noise: float = 3.0, side: int = 64) -> NDArray[np.float64]:
    """Discs of different brightness, blurred and noisy, about 30 to 180."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    grey = np.zeros((side, side))
    for _ in range(8):
        cy, cx, radius, bright = *rng.uniform(0, side, 2), rng.uniform(3, 9), rng.uniform(0.5, 1)
        grey = np.maximum(grey, bright * ((y - cy) ** 2 + (x - cx) ** 2 < radius**2))
    grey = ndimage.gaussian_filter(grey, sigma) if sigma else grey
    return 30 + 150 * grey + rng.normal(0, noise, grey.shape)


def images(seeds: Sequence[int], change: Callable[[Any], Any] = lambda grey: grey, **how: float) -> list[Image]:
    return [
        Image(np.clip(change(discs(seed, **how)), 0, 255).astype(np.uint8), "YX")  # type: ignore[arg-type]
        for seed in seeds
    ]


def test_contrastive_loss_against_a_slow_reference() -> None:
    torch.manual_seed(0)
    queries, keys = (torch.nn.functional.normalize(torch.randn(2, 5, 7), dim=2) for _ in range(2))
    for image, loss in enumerate(contrastive_loss(queries, keys, 0.07).tolist()):
        expected = []
        for place in range(5):
            similar = [float(queries[image, place] @ keys[image, other]) / 0.07 for other in range(5)]
            expected.append(np.log(np.exp(similar).sum()) - similar[place])
        assert loss == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_contrastive_loss_knows_the_places() -> None:
    torch.manual_seed(0)
    keys = torch.nn.functional.normalize(torch.randn(1, 64, 32), dim=2)
    assert float(contrastive_loss(keys, keys, 0.07)) < 0.1
    assert float(contrastive_loss(keys.roll(1, 1), keys, 0.07)) > 5
    same = keys[:, :1].expand_as(keys)
    assert float(contrastive_loss(same, same, 0.07)) == pytest.approx(np.log(64), rel=1e-5)


def test_vectors_of_places() -> None:
    torch.manual_seed(0)
    features = [torch.rand(2, 3, 8, 8), torch.rand(2, 5, 4, 4)]
    places = Places([3, 5], 16)
    vectors = places(features, [torch.tensor([0, 9]), torch.tensor([15])])
    assert [tuple(v.shape) for v in vectors] == [(2, 2, 16), (2, 1, 16)]
    assert all(torch.allclose(v.norm(dim=2), torch.ones(())) for v in vectors)
    expected = torch.nn.functional.normalize(places.heads[0](features[0][1, :, 1, 1]), dim=0)
    torch.testing.assert_close(vectors[0][1, 1], expected)


@pytest.mark.parametrize(("size", "field"), [(32, 16), (96, 34), (256, 70)])
def test_the_discriminator_sees_patches(size: int, field: int) -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(1, 8, size)
    image = torch.rand(1, 1, size, size, requires_grad=True)
    for stage in discriminator.stages:
        torch.nn.init.constant_(stage.weight, 0.1)  # type: ignore[arg-type]
    x: torch.Tensor = image
    for stage in discriminator.stages:
        x = stage(x)
    middle = x.shape[2] // 2
    x[0, 0, middle, middle].backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    rows = image.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == field
    assert discriminator(image).shape[1] == 1
    assert float(squared_error(torch.tensor([0.0, 2.0]), 1.0)) == 1.0


def test_patches_by_number() -> None:
    known = [np.arange(40 * 50, dtype=np.float32).reshape(1, 40, 50)]
    first, again = (random_patches(known, 32, 4, np.random.default_rng([1, 2])) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (4, 1, 32, 32)
    assert random_patches(known, 64, 1, np.random.default_rng(0)).shape == (1, 1, 64, 64)
    padded = np.zeros((1, 80, 80), np.float32)
    padded[:, :50, :50] = np.random.default_rng(0).random((50, 50))
    assert all(np.ptp(patch) > 0 for patch in random_patches([padded], 32, 20, np.random.default_rng(0)))


def test_the_learning_rate_falls_in_the_second_half() -> None:
    config = CutConfig(steps=100, learning_rate=1e-3)
    rates = [learning_rate(step, config) for step in range(100)]
    assert set(rates[:51]) == {1e-3}
    assert rates[51:] == sorted(rates[51:], reverse=True)
    assert rates[-1] == pytest.approx(2e-5)


def test_a_run_and_its_history() -> None:
    messages: list[tuple[float, str]] = []
    given, style = images(range(3)), images(range(10, 13))
    result = train_style(given, style, TINY, Progress(lambda *one: messages.append(one)))
    assert [row["step"] for row in result.history] == [1, 2, 3]
    assert set(result.history[0]) == {
        "step",
        "discriminator_loss",
        "generator_loss",
        "contrastive_loss",
        "identity_loss",
        "learning_rate",
        "seconds",
    }
    assert all(np.isfinite(list(row.values())).all() for row in result.history)
    assert result.device.startswith("CPU")
    assert result.warnings == []
    assert messages[-1][0] == 1
    assert "step 3 of 3" in messages[-1][1]
    assert "left" in messages[0][1] or "left" in messages[1][1]
    summary = result.model.summary()
    assert summary["dtype"] == "uint8"
    assert (summary["provenance"]["images"], summary["provenance"]["style_images"]) == (3, 3)


def test_the_history_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "ROWS", 5)
    config = replace(TINY, steps=11, places=4, identity=False)
    history = train_style(images([0]), images([1]), config).history
    assert [row["step"] for row in history] == [3, 6, 9, 11]
    assert "identity_loss" not in history[0]


def test_the_same_seed_gives_the_same_model() -> None:
    given, style = images(range(2)), images(range(10, 12))
    torch.manual_seed(1)
    weights = [
        train_style(given, style, replace(TINY, seed=seed)).model.generator.state_dict()["encoder.0.0.weight"]
        for seed in (3, 3, 4)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


TOY = CutConfig(
    generator=GeneratorConfig(width=8, blocks=1),
    steps=80,
    patch_size=32,
    learning_rate=2e-3,
    contrast=0.1,
    places=64,
    embedding=32,
    average=0.9,
    device="cpu",
)


def test_the_same_style_changes_little() -> None:
    given = images(range(6))
    model = train_style(given, images(range(10, 16)), replace(TOY, steps=30)).model
    for image in given[:3]:
        styled = model.apply(image).array
        assert np.corrcoef(styled.ravel(), image.array.ravel())[0, 1] > 0.97


def test_dark_on_bright_becomes_bright() -> None:
    """Another histogram: the mode of the grey values moves, and the objects stay where they are."""
    given = images(range(6))
    style = images(range(10, 16), lambda grey: 255 * ((grey - 20) / 180).clip(0, 1) ** 0.4)
    model = train_style(given, style, replace(TOY, steps=100, batch_size=2)).model
    from_, to = (np.median([np.median(i.array) for i in kind]) for kind in (given, style))
    styled = [model.apply(image).array for image in given]
    moved = np.median([np.median(array) for array in styled])
    start = np.median([np.median(_alike(image.array, style)) for image in given])
    assert abs(moved - to) < 0.7 * abs(start - to), (from_, start, moved, to)
    for image, array in zip(given, styled, strict=True):
        assert np.corrcoef(array.ravel(), image.array.ravel())[0, 1] > 0.7


def _alike(array: NDArray[Any], style: Sequence[Image]) -> NDArray[np.float64]:
    """An image scaled to the percentiles of a style, which any model begins with."""
    low, high = np.median([np.percentile(image.array, [0.5, 99.5]) for image in style], axis=0)
    mine = np.percentile(array, [0.5, 99.5])
    scaled: NDArray[np.float64] = (array - mine[0]) / (mine[1] - mine[0]) * (high - low) + low
    return scaled


def test_noisy_becomes_smooth() -> None:
    """Another power spectrum: the share of fine details moves."""
    given, style = images(range(6), noise=20.0), images(range(10, 16), noise=1.0)

    def fine(arrays: Sequence[NDArray[Any]]) -> float:
        return float(np.mean([np.abs(ndimage.laplace(array.astype(float))).mean() / array.std() for array in arrays]))

    model = train_style(given, style, replace(TOY, steps=100, patch_size=64)).model
    start, wanted = (fine([image.array for image in kind]) for kind in (given, style))
    moved = fine([model.apply(image).array for image in given])
    assert start - moved > 0.25 * (start - wanted), (start, moved, wanted)


def test_cancel() -> None:
    calls = iter(range(1000))
    with pytest.raises(Canceled):
        train_style(images([0, 1]), images([2, 3]), TINY, Progress(is_canceled=lambda: next(calls) > 3))


def test_a_training_that_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "TIMED_SECONDS", 0.0)
    config = replace(TINY, steps=1_000_000, limit_minutes=0.5)
    with pytest.raises(
        UserInputError, match=r"would take about [\d.]+ (min|h) \(1,000,000 steps of .* limit is 0\.5 min"
    ):
        train_style(images([0, 1]), images([2, 3]), config)


def test_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "squared_error", lambda judged, wanted: (judged * 1e30).square().mean())
    with pytest.raises(UserInputError, match=r"diverged in step 1: .*lower learning rate than 0\.0005"):
        train_style(images([0, 1]), images([2, 3]), TINY)


def test_images_that_nothing_can_be_learned_from() -> None:
    good, flat = images([0, 1]), Image(np.zeros((64, 64), np.uint8), "YX")
    two = Image(np.stack([good[0].array] * 2), "CYX")
    labels = Image(np.ones((64, 64), np.int32), "YX", kind="labels")
    film = Image(np.stack([good[0].array] * 2), "TYX")
    broken = Image(np.where(np.eye(64) > 0, np.nan, discs(0)), "YX")
    for given, style, message in (
        ([], good, "^Images: There is no image"),
        (good, [], "^Target images: There is no image"),
        (
            good,
            [good[0], two],
            r"Target images, image 2: The image has 2 channels, .*\(Images, image 1\) has 1 channel",
        ),
        ([flat], good, "^Images: Every image has the same value everywhere"),
        (good, [flat, flat], "^Target images: Every image has the same value"),
        (good, [labels], "image 1: This is a label image"),
        ([film], good, "^Images, image 1: The image is a time series"),
        (good, [good[0], broken], "Target images, image 2: 64 pixels are not a number"),
    ):
        with pytest.raises(UserInputError, match=message):
            train_style(given, style, TINY)


def test_warnings() -> None:
    good, flat = images([0, 1]), Image(np.zeros((64, 64), np.uint8), "YX")
    wide = Image((discs(3, side=40) * 200).astype(np.uint16), "YX", {"Y": 0.3, "X": 0.3})
    fine = [Image(image.array, "YX", {"Y": 0.1, "X": 0.1}) for image in good]
    small = Image(discs(4, side=64)[:20].astype(np.uint8), "YX")
    result = train_style([*fine, flat], [wide], TINY, names=["a", "b", "c"], style_names=["d"])
    assert [w for w in result.warnings if w.startswith("Images: left out") and w.endswith("c.")]
    assert any("one image only" in w for w in result.warnings)
    assert any("are uint8" in w and "results will be uint16" in w for w in result.warnings)
    assert any("Pixel sizes differ: 0.1 µm and 0.3 µm" in w for w in result.warnings)
    assert result.model.apply(good[0]).array.dtype == np.uint16
    mixed = train_style([*good, small], [*good, wide], TINY)
    assert any("smaller than a patch of 32 pixels" in w and "image 3" in w for w in mixed.warnings)
    assert any("different types (uint8, uint16)" in w for w in mixed.warnings)
    assert mixed.model.config.high[0] < 256


def test_stacks_are_learned_from_slice_by_slice() -> None:
    stack = Image(np.stack([discs(seed).astype(np.uint8) for seed in range(3)]), "ZYX")
    result = train_style([stack], [stack], TINY)
    assert result.warnings == []
    assert result.model.apply(stack).array.shape == stack.array.shape


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("patch_size", 30), ("patch_size", 34), ("learning_rate", 0.0), ("limit_minutes", 0)],
)
def test_settings_out_of_bounds(name: str, value: float) -> None:
    with pytest.raises(UserInputError, match=name):
        CutConfig(**{name: value})  # type: ignore[arg-type]


def test_the_published_size() -> None:
    config = CutConfig.published(steps=7)
    assert (config.generator.width, config.generator.blocks, config.patch_size, config.steps) == (64, 9, 256, 7)
    assert not config.generator.residual
