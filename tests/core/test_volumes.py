import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import UserInputError
from core.image import Image
from core.measurement.objects import measure
from core.measurement.volumes import measure_volumes

SIZES = {"Z": 2.0, "Y": 0.5, "X": 0.25}


def blobs(seed: int = 0) -> NDArray[np.int32]:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(14, 40, 50)), 1.5)
    labels, _ = ndimage.label(smooth > 0.12)
    numbers: NDArray[np.int32] = (labels * 3).astype(np.int32)
    return numbers


def test_against_scipy() -> None:
    labels = blobs()
    image = np.random.default_rng(1).random((2, *labels.shape)).astype(np.float32)
    found = measure_volumes(Image(labels, "ZYX", SIZES, kind="labels"), Image(image, "CZYX", SIZES, ("a", "b")))
    ids = np.unique(labels[labels > 0])
    assert len(ids) > 10
    np.testing.assert_array_equal(found["id"], ids)
    volumes = ndimage.sum_labels(labels > 0, labels, ids)
    np.testing.assert_array_equal(found["volume_px"], volumes)
    np.testing.assert_allclose(np.asarray(found["volume_um3"], float), volumes * 0.25)
    centres = np.array(ndimage.center_of_mass(labels > 0, labels, ids))
    np.testing.assert_allclose(np.array([found[f"centroid_{axis}"] for axis in "zyx"], float).T, centres)
    for name, channel in zip(("a", "b"), image, strict=True):
        np.testing.assert_allclose(
            np.asarray(found[f"mean_intensity_{name}"], float), ndimage.mean(channel, labels, ids), rtol=1e-5
        )
    boxes = [box for box in ndimage.find_objects(labels) if box]
    assert found["slices"].tolist() == [box[0].stop - box[0].start for box in boxes]
    at_edge = [any(s.start == 0 or s.stop == n for s, n in zip(box, labels.shape, strict=True)) for box in boxes]
    assert found["touches_edge"].tolist() == at_edge
    assert 0 < sum(at_edge) < len(at_edge)


@pytest.mark.parametrize("axes", ["YX", "ZYX"])
def test_an_image_is_a_stack_of_one_slice(axes: str) -> None:
    plane = blobs()[4]
    pixels = np.random.default_rng(1).random(plane.shape)
    flat = measure(Image(plane, "YX", kind="labels"), Image(pixels, "YX"))
    shape = (1, *plane.shape) if axes == "ZYX" else plane.shape
    found = measure_volumes(Image(plane.reshape(shape), axes, kind="labels"), Image(pixels, "YX"))
    np.testing.assert_array_equal(found["volume_px"], flat["area_px"])
    for name in ("id", "centroid_y", "centroid_x", "touches_edge", "mean_intensity"):
        np.testing.assert_array_equal(found[name], flat[name])
    assert (found["slices"] == 1).all()
    assert np.isnan(np.asarray(found["volume_um3"], float)).all()


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_intensities_do_not_depend_on_how_pixels_are_added_up(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Image(blobs(), "ZYX", kind="labels")
    image = Image(np.random.default_rng(2).integers(0, 60_000, labels.array.shape).astype(np.uint16), "ZYX")
    expected = measure_volumes(labels, image)["mean_intensity"]
    monkeypatch.setattr("core.measurement.objects.BLOCK", block)
    np.testing.assert_array_equal(measure_volumes(labels, image)["mean_intensity"], expected)


def test_measuring_takes_less_memory_than_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.measurement.objects.BLOCK", 1 << 16)
    labels = np.zeros((40, 200, 200), np.int32)
    labels[5:30, 20:90, 20:90], labels[10:, 100:190, 100:190] = 1, 2
    image = Image(np.ones(labels.shape, np.uint8), "ZYX")
    tracemalloc.start()
    try:
        measure_volumes(Image(labels, "ZYX", kind="labels"), image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < labels.nbytes


def test_a_stack_without_objects() -> None:
    found = measure_volumes(Image(np.zeros((2, 3, 4), np.int32), "ZYX", kind="labels"))
    assert all(len(values) == 0 for values in found.values())


def test_images_of_another_depth_are_refused() -> None:
    labels = Image(np.ones((2, 3, 4), np.int32), "ZYX", kind="labels")
    with pytest.raises(UserInputError, match="The image is 4 x 3 x 5 pixels, its labels 4 x 3 x 2"):
        measure_volumes(labels, Image(np.zeros((5, 3, 4)), "ZYX"))
    with pytest.raises(UserInputError, match="its labels 4 x 3 x 2"):
        measure_volumes(labels, Image(np.zeros((3, 4)), "YX"))
    with pytest.raises(UserInputError, match="one channel"):
        measure_volumes(Image(np.ones((2, 2, 3, 4), np.int32), "CZYX", kind="labels"))
