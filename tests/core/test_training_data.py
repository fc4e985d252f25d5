"""What training is fed with: checks, normalisation, patches."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserInputError
from core.image import Image
from core.normalization import PERCENTAGES, NormalizationConfig, normalize, percentiles_of
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig, random_patch, vary_intensity
from core.training.data import Example, check_examples, fingerprint, prepare


def example(name: str = "a", channels: int = 1, size: int = 40) -> Example:
    """Two squares of different brightness on a ramp."""
    pixels = np.tile(np.linspace(0, 10, size), (channels, size, 1))
    labels = np.zeros((size, size), np.int32)
    labels[5:15, 5:15], labels[20:35, 22:30] = 7, 3
    pixels += 100 * (labels == 7) + 200 * (labels == 3)
    return Example(name, Image(pixels, "CYX"), labels)


def test_good_examples_give_no_warning() -> None:
    assert check_examples([example(), example("b")]) == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "no labelled image"),
        ([Example("Row7", example().image, example(size=20).labels)], "Row7: The labels are 20 x 20 pixels"),
        ([example(), example("Row2", channels=3)], "Row2: The image has 3 channels, but a has 1 channel"),
        ([Example("Row3", example().image, np.zeros((40, 40), np.int32))], "No image has a labelled object"),
        ([Example("Row6", example().image, example().labels - 1)], "Row6: Labels are whole numbers of 0 or more"),
        ([Example("Row7", example().image, example().labels * 0.5)], "Row7: Labels are whole numbers"),  # type: ignore[arg-type]
        ([Example("Row8", example().image, example().labels[None])], "Row8: The labels are 40 x 40 x 1 pixels"),
        ([Example("Row9", Image(np.zeros((0, 9)), "YX"), np.zeros((0, 9), np.int32))], "Row9: The image has no pixels"),
        ([Example("Row4", Image(np.zeros((3, 40, 40)), "ZYX"), example().labels)], "Row4: The image is a Z-stack"),
    ],
)
def test_what_cannot_be_learned_from_is_named(bad: list[Example], message: str) -> None:
    with pytest.raises(UserInputError, match=message):
        check_examples(bad)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_counted(value: float) -> None:
    broken = example("Row5")
    broken.image.array[0, 3, :2] = value
    with pytest.raises(UserInputError, match="Row5: 2 pixels"):
        check_examples([broken])


def test_doubtful_examples_are_warned_of() -> None:
    binary = Example("mask", example().image, (example().labels > 0).astype(np.int32))
    empty = Example("empty", example().image, np.zeros((40, 40), np.int32))
    constant = Example("flat", Image(np.full((40, 40), 3), "YX"), example().labels)
    warnings = check_examples([binary, empty, constant])
    assert len(warnings) == 3
    assert "mask: one label, but 2 separate components" in warnings[0]
    assert "empty: no object" in warnings[1]
    assert "flat: all pixels" in warnings[2]


def test_prepare_numbers_objects_from_one_and_keeps_them_apart() -> None:
    labels = prepare([example()], NormalizationConfig())[0].labels
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert (labels == 1).sum() == 15 * 8
    assert (labels == 2).sum() == 100


def test_a_part_is_normalised_as_the_whole() -> None:
    """As it is when objects are looked for in it (`Predictor.predict`)."""
    one, scaling = example(), NormalizationConfig()
    grey = one.image.cyx()
    known = percentiles_of(grey.reshape(len(grey), -1), grey.max(axis=(1, 2)))
    part = replace(one.image, array=one.image.array[..., :10], percentiles=known)
    (whole,), (cut,) = (prepare([each], scaling) for each in (one, Example("part", part, one.labels[:, :10])))
    assert np.allclose(cut.pixels, whole.pixels[..., :10], atol=1e-4)
    (alone,) = prepare([Example("alone", replace(part, percentiles=()), one.labels[:, :10])], scaling)
    assert not np.allclose(alone.pixels, cut.pixels, atol=1e-2)


def test_prepare_keeps_an_image_without_background() -> None:
    full = Example("full", example().image, np.where(example().labels == 3, 9, 4).astype(np.int32))
    assert sorted(np.unique(prepare([full], NormalizationConfig())[0].labels)) == [1, 2]


@given(st.integers(0, 2**31), st.floats(0.01, 1000), st.floats(-1e4, 1e4))
def test_normalisation_undoes_gain_and_offset(seed: int, gain: float, offset: float) -> None:
    pixels = np.random.default_rng(seed).random((2, 30, 20))
    config = NormalizationConfig()
    np.testing.assert_allclose(normalize(pixels * gain + offset, config), normalize(pixels, config), atol=2e-2)


def test_normalised_percentiles_are_zero_and_one() -> None:
    pixels = np.random.default_rng(0).normal(500, 30, (2, 200, 200)).astype(np.uint16)
    for channel in normalize(pixels, NormalizationConfig()):
        np.testing.assert_allclose(np.percentile(channel, [1, 99.8]), [0, 1], atol=1e-6)


def test_percentiles_of_a_large_image_come_from_a_grid() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.gamma(2.0, 100.0, (1, 3000, 3000)).astype(np.float32)
    for value, target in zip(np.percentile(normalize(pixels, NormalizationConfig()), [1, 99.8]), [0, 1], strict=True):
        assert value == pytest.approx(target, abs=5e-3)


def test_a_constant_image_becomes_zero() -> None:
    assert not normalize(np.full((1, 5, 5), 77, np.uint8), NormalizationConfig()).any()


def test_a_binary_image_becomes_zero_and_one() -> None:
    assert set(np.unique(normalize(np.eye(20, dtype=bool)[None], NormalizationConfig()))) == {0, 1}


def test_a_range_wider_than_float16_is_no_infinite_one() -> None:
    pixels = np.linspace(-65_504, 65_504, 900).reshape(1, 30, 30).astype(np.float16)
    expected = normalize(pixels.astype(np.float32), NormalizationConfig())
    np.testing.assert_allclose(normalize(pixels, NormalizationConfig()), expected, atol=1e-3)


def test_a_sparse_image_keeps_its_objects() -> None:
    """Fewer bright pixels than the percentiles see: the brightest one becomes 1."""
    pixels = np.zeros((1, 100, 100))
    pixels[0, 50, 50] = 9
    assert normalize(pixels, NormalizationConfig()).max() == 1


@given(st.integers(0, 2**31))
def test_flips_and_turns_move_image_and_labels_alike(seed: int) -> None:
    prepared = prepare([example()], NormalizationConfig(0, 100))
    config = AugmentationConfig(rotate=False, scale=1, brightness=0, contrast=1, gamma=1, noise=0, blur=0)
    pixels, labels = random_patch(prepared, 32, config, np.random.default_rng(seed))
    assert pixels.shape == (1, 32, 32)
    assert labels.dtype == np.int32
    assert (pixels[0][labels == 1] > 0.8).all(), "the brighter object"
    assert (pixels[0][labels == 2] < 0.6).all()
    assert (pixels[0][labels == 0] < 0.1).all()


@given(st.integers(0, 2**31))
def test_rotated_labels_are_still_labels_of_the_image(seed: int) -> None:
    prepared = prepare([example()], NormalizationConfig(0, 100))
    config = AugmentationConfig(brightness=0, contrast=1, gamma=1, noise=0, blur=0)
    pixels, labels = random_patch(prepared, 32, config, np.random.default_rng(seed))
    assert set(np.unique(labels)) <= {0, 1, 2}
    assert np.isfinite(pixels).all()
    if (labels == 1).sum() > 60:
        assert np.median(pixels[0][labels == 1]) > 0.8


def test_images_smaller_than_a_patch_are_mirrored() -> None:
    prepared = prepare([example(size=40)], NormalizationConfig())
    pixels, labels = random_patch(prepared, 96, NO_AUGMENTATION, np.random.default_rng(0))
    assert labels.shape == (96, 96)
    assert np.array_equal(pixels[0, 28:68, 28:68], prepared[0].pixels[0])


def test_most_patches_show_an_object() -> None:
    lonely = Example("a", Image(np.zeros((400, 400)), "YX"), np.zeros((400, 400), np.int32))
    lonely.labels[3, 3] = 1
    prepared = prepare([lonely], NormalizationConfig())
    rng = np.random.default_rng(0)
    hits = sum(random_patch(prepared, 32, NO_AUGMENTATION, rng)[1].any() for _ in range(100))
    assert hits >= 80


def test_intensity_stays_finite_and_float32() -> None:
    strong = AugmentationConfig(brightness=1, contrast=4, gamma=4, noise=1, blur=5)
    for seed in range(30):
        varied = vary_intensity(np.zeros((2, 8, 8), np.float32), strong, np.random.default_rng(seed))
        assert varied.dtype == np.float32
        assert np.isfinite(varied).all()


def test_inverting_exchanges_bright_and_dark() -> None:
    pixels = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8)

    def share(invert: float) -> float:
        varied = [
            vary_intensity(pixels, replace(NO_AUGMENTATION, invert=invert), np.random.default_rng(i)) for i in range(50)
        ]
        assert all(np.array_equal(v, pixels) or np.array_equal(v, 1 - pixels) for v in varied)
        return float(np.mean([v[0, 0, 0] for v in varied]))

    assert (share(0), share(1)) == (0, 1)
    assert 0.3 < share(0.5) < 0.7
    with pytest.raises(UserInputError, match="invert is 2"):
        AugmentationConfig(invert=2)


def test_fingerprint_sees_every_pixel() -> None:
    changed = example()
    changed.labels[0, 0] = 1
    assert fingerprint([example()]) == fingerprint([example("other name")])
    assert fingerprint([example()]) != fingerprint([changed])
    part = replace(example(), image=replace(example().image, percentiles=((0.0,) * len(PERCENTAGES),)))
    assert fingerprint([example()]) != fingerprint([part])
