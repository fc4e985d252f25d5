"""Parts of an image are scaled as the whole is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.blockwise.pixels import sampled_percentiles
from core.errors import UserInputError
from core.image import Image
from core.inference.predict import Predictor
from core.io.large import ArrayImage
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.normalization import PERCENTAGES, NormalizationConfig, limits, limits_between, percentiles_of

PIXELS = st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.bool_]).flatmap(
    lambda dtype: hnp.arrays(
        dtype, st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
        elements=st.floats(-1e6, 1e6, width=32) if dtype == np.float32 else None,
    )
)  # fmt: skip


@given(pixels=PIXELS, low=st.sampled_from(PERCENTAGES[:9]), high=st.sampled_from(PERCENTAGES[9:]))
def test_limits_by_the_percentiles_are_those_of_the_pixels(pixels: NDArray[Any], low: float, high: float) -> None:
    config = NormalizationConfig(low, high)
    percentiles = percentiles_of(pixels.reshape(len(pixels), -1), pixels.max(axis=(1, 2)))
    assert np.array_equal(limits_between(percentiles, config), limits(pixels, config))


def test_between_the_percentages_is_interpolated() -> None:
    pixels = np.arange(1001.0).reshape(1, 1, -1)
    config = NormalizationConfig(3, 99.65)
    percentiles = percentiles_of(pixels[0], pixels.max(axis=(1, 2)))
    np.testing.assert_allclose(limits_between(percentiles, config), limits(pixels, config))


def test_a_mostly_dark_channel_reaches_to_its_brightest_pixel() -> None:
    pixels = np.zeros((1, 50, 50), np.uint8)
    pixels[0, 3, 4] = 200
    percentiles = percentiles_of(pixels.reshape(1, -1), pixels.max(axis=(1, 2)))
    assert limits_between(percentiles, NormalizationConfig()).tolist() == [[0, 200]]


def test_pixels_that_are_no_numbers() -> None:
    with pytest.raises(UserInputError, match="not a number"):
        percentiles_of(np.array([[1.0, np.nan]]), np.array([1.0]))


def test_the_sample_of_a_large_image_is_that_of_its_limits() -> None:
    """5 million pixels: of more than 4 million every second is taken."""
    pixels = np.random.default_rng(0).integers(0, 60_000, (2100, 2500)).astype(np.uint16)
    found = limits_between(sampled_percentiles(ArrayImage(Image(pixels, "YX")), 0), NormalizationConfig())
    assert np.array_equal(found, limits(pixels[None], NormalizationConfig()))


def test_the_predictor_scales_a_part_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(SegmentationModel(ModelConfig(network=NetworkConfig(base=4, depth=1))).eval(), "cpu", "torch")
    seen: list[NDArray[np.float32]] = []
    maps = predictor.maps

    def watched(pixels: NDArray[np.float32], *rest: Any) -> NDArray[np.float32]:
        seen.append(pixels)
        return maps(pixels, *rest)

    monkeypatch.setattr(predictor, "maps", watched)
    pixels = np.random.default_rng(1).integers(0, 99, (60, 80)).astype(np.uint8) * np.linspace(0, 9, 80)
    whole = Image(pixels, "YX")
    percentiles = sampled_percentiles(ArrayImage(whole), 0)
    predictor.predict(whole)
    predictor.predict(Image(np.ascontiguousarray(pixels[20:, 30:]), "YX", percentiles=percentiles))
    assert np.array_equal(seen[1], seen[0][:, 20:, 30:])
