"""Rescaling keeps places, sizes and brightness; heads decode rescaled maps into the image as it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tests.core.test_heads import SAMPLES, head, maps

from core.evaluation.scores import pooled, score_image
from core.image import Image
from core.inference.predict import Predictor
from core.io.read import read_labels
from core.rescaling import rescale_labels, rescale_pixels


@settings(max_examples=30, deadline=None)
@given(
    scale=st.floats(0.2, 4.0),
    y=st.floats(20, 40),
    x=st.floats(25, 60),
    shape=st.tuples(st.integers(60, 70), st.integers(85, 95)),
)
def test_a_blob_keeps_its_place_size_and_light(scale: float, y: float, x: float, shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2 / 6**2).astype(np.float32)
    scaled = rescale_pixels(blob[None], scale)[0]
    assert scaled.shape == tuple(int(np.ceil(n * scale)) for n in shape)
    centre = (np.array(ndimage.center_of_mass(scaled)) + 0.5) / scale - 0.5
    np.testing.assert_allclose(centre, ndimage.center_of_mass(blob), atol=0.2)
    assert scaled.sum() / scale**2 == pytest.approx(blob.sum(), rel=0.05)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_a_constant_stays_constant(scale: float) -> None:
    np.testing.assert_allclose(rescale_pixels(np.full((2, 31, 17), 0.7, np.float32), scale), 0.7, rtol=1e-6)


def test_fine_stripes_become_grey_instead_of_coarse_stripes() -> None:
    stripes = np.tile(np.arange(90) % 2, (90, 1)).astype(np.float32)
    assert np.ptp(rescale_pixels(stripes[None], 0.35)[0, 5:-5, 5:-5]) < 0.2


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1.0, 5.0), height=st.integers(1, 30), width=st.integers(1, 30), seed=st.integers(0, 99))
def test_enlarged_labels_come_back(scale: float, height: int, width: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 5, (height, width)).astype(np.int32)
    there = rescale_labels(labels, scale)
    assert there.shape == (int(np.ceil(height * scale)), int(np.ceil(width * scale)))
    assert np.array_equal(rescale_labels(there, 1 / scale, labels.shape), labels)


@pytest.mark.parametrize(("name", "grid"), [("stardist", 1), ("stardist", 2), ("foreground", 1), ("distance", 1)])
@pytest.mark.parametrize("scale", [0.5, 0.77, 1.6, 3.0])
def test_perfect_maps_of_a_rescaled_image_give_the_objects_of_the_image(name: str, grid: int, scale: float) -> None:
    """Real nuclei, none lost or doubled; what differs is what pixels of the rescaled image cannot show."""
    one = head(name)
    scores, areas = [], []
    for path in sorted((SAMPLES / "test" / "labels").iterdir()):
        labels = read_labels(path).array
        prediction = one.targets(rescale_labels(labels, scale), grid)[: maps(name)]
        found = one.decode(prediction, labels.shape, grid, one.default_thresholds(), scale)
        assert len(np.unique(found.labels)) - 1 == len(found.scores)
        scores.append(score_image(labels, found.labels))
        areas.append((found.labels > 0).sum() / (labels > 0).sum())
    total = pooled(scores)
    assert total.ap[0] > 0.95
    assert total.mean_matched_iou > (0.85 if scale < 1 else 0.95)
    assert np.mean(areas) == pytest.approx(1, abs=0.02)


def test_many_thresholds_are_decoded_as_one_by_one_at_any_scale() -> None:
    one = head("stardist")
    labels = read_labels(next((SAMPLES / "test" / "labels").iterdir())).array
    prediction = one.targets(rescale_labels(labels, 0.6), 2)[:33]
    thresholds = [{"prob": prob, "nms": 0.4} for prob in (0.3, 0.6)]
    for (found, count), single in zip(
        one.decode_many(prediction, labels.shape, 2, thresholds, 0.6), thresholds, strict=True
    ):
        alone = one.decode(prediction, labels.shape, 2, single, 0.6)
        assert np.array_equal(np.where(found.labels <= count, found.labels, 0), alone.labels)


@pytest.mark.parametrize("scale", [0.4, 1.7])
def test_a_model_that_rescales_finds_what_it_finds_in_the_rescaled_image(scale: float) -> None:
    from tests.core.test_tiling import random_model

    model = random_model("batch", 2)
    pixels = np.random.default_rng(0).random((1, 150, 130)).astype(np.float32)
    expected = Predictor(model, "cpu", "torch").maps(rescale_pixels(pixels, scale))
    model.with_config(scale=scale)
    for tile in (0, 64):
        found = Predictor(model, "cpu", "torch", tile=tile)
        np.testing.assert_allclose(found.maps(pixels), expected, rtol=1e-4, atol=1e-4)
        assert found.predict(Image(pixels, "CYX")).labels.array.shape == (150, 130)
