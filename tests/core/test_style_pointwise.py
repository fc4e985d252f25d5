from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from skimage import data
from skimage.exposure import match_histograms

from core.adaptation.style import HistogramConfig, StandardizeConfig, StyleConfig, make_style
from core.adaptation.style import distribution as counting
from core.adaptation.style.distribution import Tally
from core.errors import Canceled, UserInputError
from core.image import Image
from core.progress import Progress

PLAIN = HistogramConfig(padding=False)
CONFIGS: list[StyleConfig] = [
    HistogramConfig(),
    StandardizeConfig(),
    StandardizeConfig(range="percentiles", low=2, high=98),
]
SMALL = arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12)


def give(config: StyleConfig, source: NDArray[Any], *targets: NDArray[Any], axes: str = "YX") -> NDArray[Any]:
    """An array in the style of others."""
    style = make_style(config, [(f"target {i}", Image(one, axes)) for i, one in enumerate(targets)])
    return style.apply(Image(source, axes)).array


def images(dtype: Any) -> Any:
    """Arrays that are not constant."""
    elements = st.integers(0, 12) if np.dtype(dtype).kind in "iu" else st.floats(-1e3, 1e3, width=32)
    return arrays.arrays(dtype, SMALL, elements=elements).filter(lambda a: a.min() < a.max())


def random_image(dtype: Any, seed: int = 0, shape: Sequence[int] = (60, 70), scale: float = 1.0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return np.clip(rng.gamma(4 + seed % 3, 9, shape) * scale, 1, None).astype(dtype)


def matched_slowly(source: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    """Histogram matching as it is defined, level by level, in exact fractions."""
    levels, table = sorted(target.ravel().tolist()), {}
    pixels = source.ravel().tolist()
    for level in set(pixels):
        rank = Fraction(2 * sum(p < level for p in pixels) + sum(p == level for p in pixels), 2 * len(pixels))
        table[level] = next(t for t in levels if Fraction(sum(x <= t for x in levels), len(levels)) >= rank)
    return np.array([table[p] for p in pixels], target.dtype).reshape(source.shape)


@settings(deadline=None, max_examples=60)
@given(images(np.uint8), images(np.uint8))
def test_histograms_are_matched_exactly(source: NDArray[Any], target: NDArray[Any]) -> None:
    assert np.array_equal(give(PLAIN, source, target), matched_slowly(source, target))


@settings(deadline=None, max_examples=30)
@given(images(np.float32), images(np.float32))
def test_so_are_those_of_real_numbers(source: NDArray[Any], target: NDArray[Any]) -> None:
    assert np.array_equal(give(PLAIN, source, target), matched_slowly(source, target))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint64, np.float32, np.float64])
def test_an_image_in_its_own_style_stays(config: StyleConfig, dtype: Any) -> None:
    image = random_image(dtype)
    assert np.allclose(give(config, image, image), image, rtol=1e-6, atol=0)


@settings(deadline=None, max_examples=60)
@given(images(np.uint16), images(np.uint16))
def test_matching_is_monotone_and_idempotent_and_as_near_as_a_table_can_be(
    source: NDArray[Any], target: NDArray[Any]
) -> None:
    found = give(PLAIN, source, target)
    order = np.argsort(source, axis=None)
    assert (np.diff(found.ravel()[order].astype(int)) >= 0).all()
    if found.min() < found.max():
        assert np.array_equal(give(PLAIN, found, target), found)
    levels = np.arange(14)
    cumulative = [np.array([(one <= level).mean() for level in levels]) for one in (found, target)]
    most = np.unique(source, return_counts=True)[1].max() / source.size
    assert np.abs(cumulative[0] - cumulative[1]).max() <= most / 2 + 1e-12


def test_real_images_agree_with_scikit_image() -> None:
    source, target = data.camera(), data.moon()
    ours, theirs = give(PLAIN, source, target), match_histograms(source, target)
    assert np.abs(ours.astype(float) - theirs).mean() < 1.5
    for one, limit in ((ours, 0.03), (source, 1.0)):
        counts = [np.cumsum(np.bincount(a.ravel(), minlength=256)) / a.size for a in (one, target)]
        assert np.abs(counts[0] - counts[1]).max() < limit


@pytest.mark.parametrize("config", CONFIGS)
def test_8_and_16_bits_agree(config: StyleConfig) -> None:
    source, target = random_image(np.uint8), random_image(np.uint8, 1, scale=1.7)
    eight = give(config, source, target)
    sixteen = give(config, source.astype(np.uint16) * 257, target.astype(np.uint16) * 257)
    assert np.abs(sixteen / 257 - eight).max() <= 0.51  # what 8 bits round
    if isinstance(config, HistogramConfig):
        assert np.array_equal(sixteen, eight.astype(np.uint16) * 257)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_targets_bit_depth_is_taken_over_and_said(config: StyleConfig) -> None:
    source, target = random_image(np.uint8), random_image(np.uint16, 1, scale=300)
    style = make_style(config, [("a", Image(target, "YX")), ("b", Image(target, "YX"))])
    assert style.warnings == ()
    found, warnings = style.transfer(Image(source, "YX", {"Y": 2.0, "X": 2.0}))
    assert found.array.dtype == np.uint16
    assert found.pixel_size == {"Y": 2.0, "X": 2.0}
    assert warnings == ["the image has 8-bit grey values, its new look 16-bit ones."]
    assert abs(found.array.mean() / target.mean() - 1) < 0.1
    assert style.transfer(Image(target, "YX"))[1] == []


def test_mean_and_deviation() -> None:
    source = random_image(np.float64)
    targets = [random_image(np.float64, i, scale=2) + 50 * i for i in range(3)]
    found = give(StandardizeConfig(), source, *targets)
    pooled = np.stack(targets)
    assert np.allclose([found.mean(), found.std()], [pooled.mean(), pooled.std()])
    assert np.allclose(np.corrcoef(found.ravel(), source.ravel()), 1)


def test_percentiles() -> None:
    source, target = random_image(np.float64), random_image(np.float64, 1, scale=3)
    found = give(StandardizeConfig(range="percentiles", low=5, high=95), source, target)
    wanted, reached = (np.percentile(one, [5, 95], method="inverted_cdf") for one in (target, found))
    assert np.allclose(wanted, reached)


def test_a_range_without_width_is_that_of_all_pixels() -> None:
    source = np.full((10, 10), 7, np.uint8)
    source[0, :3] = (9, 17, 27)
    found = give(StandardizeConfig(range="percentiles", low=1, high=90, padding=False), source, source * 2)
    assert np.array_equal(found, source * 2)


def test_whole_numbers_are_clipped_not_wrapped() -> None:
    source = random_image(np.uint8)
    found = give(StandardizeConfig(), source, np.tile(np.array([0, 255], np.uint8), (40, 20)))
    assert (found.min(), found.max()) == (0, 255)
    assert (np.diff(found.ravel()[np.argsort(source, axis=None)].astype(int)) >= 0).all()


@pytest.mark.parametrize("config", CONFIGS)
def test_many_targets_count_as_one(config: StyleConfig) -> None:
    source = random_image(np.uint16)
    targets = [random_image(np.uint16, i, scale=1 + i) for i in range(4)]
    whole = give(config, source, np.concatenate(targets))
    assert np.array_equal(give(config, source, *targets), whole)
    assert np.array_equal(give(config, source, *targets[::-1]), whole)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_stack_is_changed_as_a_whole(config: StyleConfig) -> None:
    stack, target = random_image(np.uint8, shape=(4, 20, 30)), random_image(np.uint8, 1)
    stack[2] //= 3
    style = make_style(config, [("a", Image(target, "YX"))])
    found = style.apply(Image(stack, "ZYX")).array
    assert np.array_equal(found.reshape(80, 30), style.apply(Image(stack.reshape(80, 30), "YX")).array)
    with_time = style.apply(Image(np.stack([stack, stack])[:, None], "TCZYX"))
    assert with_time.array.shape == (2, 1, 4, 20, 30)
    assert np.array_equal(with_time.array[1, 0], found)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_channel_has_its_own_style(config: StyleConfig) -> None:
    source = np.stack([random_image(np.uint8, i) for i in range(3)])
    target = np.stack([random_image(np.uint8, 4 + i, scale=1 + i) for i in range(3)])
    found = give(config, source, target, axes="CYX")
    for i in range(3):
        assert np.array_equal(found[i], give(config, source[i], target[i]))


@pytest.mark.parametrize("config", CONFIGS)
def test_padding_counts_nowhere_and_stays_zero(config: StyleConfig) -> None:
    source, target = random_image(np.uint8), random_image(np.uint8, 1)
    source[20, 20:25] = 0
    plain = give(config, source, target)
    assert (plain[20, 20:25] > 0).all()
    found = give(config, np.pad(source, ((9, 0), (4, 30))), np.pad(target, 50), target)
    assert np.array_equal(found[9:, 4:-30], plain)
    assert not found[:9].any()
    assert not found[:, :4].any()
    assert not found[:, -30:].any()


def test_much_padding_is_doubted() -> None:
    image = random_image(np.uint8)
    half, most = (Image(np.pad(image, ((0, rows), (0, 0))), "YX") for rows in (55, 65))
    stack = np.zeros((3, 60, 70), np.uint8)
    stack[1, :, :40] = image[:, :40]
    told = "52% of the image are zeros at its edges, taken for padding and left alone. If they are a real background, "
    told += "switch that off."
    style = make_style(HistogramConfig(), [("a", Image(image, "YX")), ("b", most)])
    assert style.warnings == (f"b: {told}",)
    assert style.transfer(most)[1] == [told]
    assert style.transfer(half)[1] == style.transfer(Image(stack, "ZYX"))[1] == []
    assert make_style(HistogramConfig(padding=False), [("b", most)] * 2).transfer(most)[1] == []


def test_a_channel_without_contrast_stays_and_that_is_said() -> None:
    source = np.stack([random_image(np.uint8), np.full((60, 70), 255, np.uint8)])
    style = make_style(HistogramConfig(), [("a", Image(source[:, ::-1] // 2, "CYX"))] * 2)
    assert style.warnings == ("Channel 2 of the target images has one value only: it is left as it is.",)
    found, warnings = style.transfer(Image(source, "CYX"))
    assert warnings == ["channel 2 has one value only; it stays as it is."]
    assert np.array_equal(found.array, np.stack([source[0] // 2, source[1]]))


@pytest.mark.parametrize("value", [0, 9])
def test_an_image_without_contrast_stays(value: int) -> None:
    style = make_style(HistogramConfig(), [("a", Image(random_image(np.uint16), "YX"))])
    found, warnings = style.transfer(Image(np.full((20, 20), value, np.uint8), "YX"))
    assert (found.array == value * 257).all()
    assert "all pixels of the image have the same value; it stays as it is." in warnings


def test_targets_without_contrast_are_left_out() -> None:
    good = random_image(np.uint8)
    stack = np.stack([good, np.zeros_like(good), np.full_like(good, 4)])
    flat = Image(np.full_like(good, 200), "YX")
    style = make_style(HistogramConfig(), [("a", flat), ("b", Image(stack, "ZYX"))])
    assert style.targets == 1
    assert style.warnings == (
        "a: all pixels of the image have the same value; it is left out.",
        "b: 2 of 3 slices are black or of one value; they are left out.",
        "There is one target image only: its own content counts as style. Give ten or more.",
    )
    assert np.array_equal(style.apply(Image(good, "YX")).array, good)


NAN = np.array([[1, np.nan], [0, 1]], np.float32)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([], "There is no target image"),
        ([Image(np.full((9, 9), 3, np.uint8), "YX")] * 2, "No target image has a style"),
        ([Image(np.zeros((2, 9, 9), np.uint8), "ZYX")], "No target image has a style"),
        ([Image(np.eye(9, dtype=bool), "YX")], "0: The image is a mask of true and false"),
        ([Image(np.eye(9, dtype=np.int32), "YX", kind="labels")], "0: The image is labels"),
        ([Image(np.zeros((0, 9), np.uint8), "YX")], "0: The image has no pixels"),
        ([Image(NAN, "YX")], "0: 1 pixels are not a number"),
        (
            [Image(np.eye(9), "YX"), Image(np.ones((2, 9, 9)), "CYX")],
            "1: The image has 2 channels, but 0 has 1 channel",
        ),
        ([Image(np.eye(9), "YX"), Image(np.eye(9, dtype=np.int16), "YX")], "1: .*signed 16-bit .* 0 has 64-bit float"),
    ],
)
def test_targets_that_cannot_be(targets: list[Image], message: str) -> None:
    with pytest.raises(UserInputError, match=message):
        make_style(HistogramConfig(), [(str(i), one) for i, one in enumerate(targets)])


def test_images_that_cannot_be_changed() -> None:
    style = make_style(HistogramConfig(), [("a", Image(random_image(float), "YX"))])
    with pytest.raises(UserInputError, match="The image has 2 channels, the target images have 1 channel"):
        style.apply(Image(np.ones((2, 9, 9)), "CYX"))
    with pytest.raises(UserInputError, match="1 pixels are not a number"):
        style.apply(Image(NAN, "YX"))
    with pytest.raises(UserInputError, match="labels"):
        style.apply(Image(np.eye(9, dtype=np.int32), "YX", kind="labels"))


@pytest.mark.parametrize(
    "values", [{"range": "sd"}, {"low": 50, "high": 50}, {"low": -1}, {"range": "percentiles", "high": 101}]
)
def test_settings_out_of_bounds(values: dict[str, Any]) -> None:
    with pytest.raises(UserInputError):
        StandardizeConfig(**values)


def test_work_can_be_stopped() -> None:
    image = Image(random_image(np.uint8), "YX")
    style = make_style(HistogramConfig(), [("a", image)])
    canceled = Progress(is_canceled=lambda: True)
    with pytest.raises(Canceled):
        style.apply(image, canceled)
    with pytest.raises(Canceled):
        make_style(HistogramConfig(), [("a", image)], canceled)


def test_real_values_without_end_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PIECE", 1000)
    monkeypatch.setattr(counting, "LEVELS", 500)
    values = np.random.default_rng(0).normal(5, 2, 30_011)
    tally = Tally(values.dtype)
    tally.add(values[:7000].reshape(70, 100))
    tally.add(values[7000:])
    found = tally.distribution()
    assert len(found.values) <= 2500
    assert found.pixels == len(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.deviation == pytest.approx(values.std(), rel=2e-3)
    ranks = np.linspace(0.01, 0.99, 50)
    assert np.interp(found.at(ranks), np.sort(values), np.linspace(0, 1, len(values))) == pytest.approx(
        ranks, abs=0.003
    )
