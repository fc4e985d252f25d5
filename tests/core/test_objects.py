"""Measures: those of scikit-image, of plain counting, of discs and of an exact hull."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.spatial import ConvexHull
from skimage.draw import ellipse
from skimage.measure import regionprops
from tests.core.test_geometry_targets import voronoi

from core.errors import UserInputError
from core.image import Image, Labels
from core.measurement.objects import measure
from core.measurement.size import typical_diameter

small_labels = arrays(
    np.int32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 2, 70, 9000])
)


def labelled(array: Any, **more: Any) -> Image:
    return Image(np.asarray(array), "YX", kind="labels", **more)


def compare_with_scikit_image(labels: Labels, pixels: Any) -> None:
    objects = measure(labelled(labels), Image(pixels, "YX"))
    regions = regionprops(labels, pixels)
    assert objects["id"].tolist() == [region.label for region in regions]
    for i, region in enumerate(regions):
        box = tuple(int(objects[side][i]) for side in ("top", "left", "bottom", "right"))
        assert box == tuple(region.bbox)
        for name, value in [
            ("area_px", region.area),
            ("centroid_y", region.centroid[0]),
            ("centroid_x", region.centroid[1]),
            ("diameter_px", region.equivalent_diameter_area),
            ("mean_intensity", region.intensity_mean),
        ]:
            assert float(objects[name][i]) == pytest.approx(float(value)), name
        assert float(objects["eccentricity"][i]) == pytest.approx(region.eccentricity, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(labels=small_labels, seed=st.integers(0, 9))
def test_measures_are_those_of_scikit_image(labels: Labels, seed: int) -> None:
    compare_with_scikit_image(labels, np.random.default_rng(seed).random(labels.shape).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_measures_of_cells_are_those_of_scikit_image(dtype: type) -> None:
    labels = voronoi(0, (120, 131), 60)
    compare_with_scikit_image(labels, np.random.default_rng(0).integers(0, 200, labels.shape).astype(dtype))


def exact_solidity(mask: Any) -> float:
    """From the hull of the corners of all pixels."""
    points = np.argwhere(mask)
    corners = np.concatenate([points + corner for corner in ([0, 0], [0, 1], [1, 0], [1, 1])])
    return float(mask.sum() / ConvexHull(corners).volume)


@settings(max_examples=80, deadline=None)
@given(labels=small_labels)
def test_solidity_is_that_of_the_exact_hull(labels: Labels) -> None:
    objects = measure(labelled(labels))
    for number, solidity in zip(objects["id"], objects["solidity"], strict=True):
        assert solidity == pytest.approx(exact_solidity(labels == number))


def test_solidity_of_cells_is_that_of_the_exact_hull() -> None:
    labels = voronoi(2, (120, 131), 40)
    objects = measure(labelled(labels))
    expected = [exact_solidity(labels == number) for number in objects["id"]]
    np.testing.assert_allclose(objects["solidity"].astype(float), expected)


def test_shapes_that_one_knows() -> None:
    labels = np.zeros((200, 300), np.int32)
    labels[ellipse(60, 60, 40, 40)] = 1
    labels[ellipse(60, 200, 50, 30)] = 2
    labels[120:140, 10:50] = 3
    labels[120:180, 100:110] = labels[120:130, 100:160] = 4
    labels[150, 200:280] = 5
    objects = measure(labelled(labels))
    # an ellipse, and a rectangle: moments are proportional to the squared sides; pixels are points
    expected = [0, np.sqrt(1 - 30**2 / 50**2), np.sqrt(1 - (20**2 - 1) / (40**2 - 1)), 1]
    assert objects["eccentricity"][[0, 1, 2, 4]].astype(float) == pytest.approx(expected, abs=0.02)
    assert objects["solidity"][2:].astype(float) == pytest.approx([1, 1100 / (3600 - 50 * 50 / 2), 1])
    assert objects["solidity"][:2].min() > 0.97
    assert float(objects["diameter_px"][0]) == pytest.approx(80, rel=0.02)


def test_an_object_may_have_parts() -> None:
    objects = measure(labelled([[3, 0, 3], [0, 0, 0], [3, 0, 0]]))
    assert objects["id"].tolist() == [3]
    assert [objects[side].item() for side in ("top", "left", "bottom", "right")] == [0, 0, 3, 3]
    assert objects["solidity"].item() == pytest.approx(3 / 7)


def test_micrometres() -> None:
    array = np.zeros((10, 10), np.int32)
    array[2:4, 3:9] = 1
    objects = measure(labelled(array, pixel_size={"Y": 0.5, "X": 0.25}))
    assert objects["area_um2"].item() == pytest.approx(12 * 0.125)
    assert objects["diameter_um"].item() == pytest.approx(2 * np.sqrt(1.5 / np.pi))
    assert (objects["centroid_y_um"].item(), objects["centroid_x_um"].item()) == pytest.approx((1.25, 5.5 / 4))
    unknown = measure(labelled(array))
    for name in ("area_um2", "diameter_um", "centroid_y_um", "centroid_x_um"):
        assert np.isnan(unknown[name].astype(float)).all()


def test_objects_at_each_edge_touch_it() -> None:
    array = np.zeros((9, 9), np.int32)
    array[0, 4], array[4, 0], array[8, 4], array[4, 8], array[4, 4], array[1, 1] = 1, 2, 3, 4, 5, 6
    assert measure(labelled(array))["touches_edge"].tolist() == [True] * 4 + [False] * 2


def test_channels_get_columns_by_name() -> None:
    labels = labelled([[1, 1, 0], [2, 2, 0]])
    pixels = np.array([[[1, 3, 9], [5, 7, 9]], [[10, 30, np.nan], [50, 70, np.inf]]])
    named = measure(labels, Image(pixels, "CYX", channel_names=("DAPI", "GFP")))
    assert named["mean_intensity_DAPI"].tolist() == [2, 6]
    assert named["mean_intensity_GFP"].tolist() == [20, 60]
    for names in ((), ("GFP", "GFP"), ("", "GFP")):
        numbered = measure(labels, Image(pixels, "CYX", channel_names=names))
        assert [name for name in numbered if "mean" in name] == ["mean_intensity_1", "mean_intensity_2"]
    assert measure(labels, Image(pixels[:1], "CYX", channel_names=("DAPI",)))["mean_intensity"].tolist() == [2, 6]


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (3, 4)])
def test_an_image_without_objects_has_empty_columns(shape: tuple[int, int]) -> None:
    objects = measure(labelled(np.zeros(shape, np.int32)), Image(np.zeros(shape), "YX"))
    assert {len(values) for values in objects.values()} == {0}


def test_the_highest_number_takes_no_memory() -> None:
    assert measure(labelled([[0, 2**31 - 1]]))["id"].tolist() == [2**31 - 1]


def test_full_images_and_single_pixels() -> None:
    whole = measure(labelled(np.full((3, 5), 8)))
    assert (whole["area_px"].item(), whole["solidity"].item(), whole["touches_edge"].item()) == (15, 1, True)
    pixel = measure(labelled(np.full((1, 1), 8)))
    assert (pixel["eccentricity"].item(), pixel["solidity"].item()) == (0, 1)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_shape_does_not_depend_on_how_the_image_lies(turns: int) -> None:
    labels = voronoi(3, (60, 70), 20)
    upright, turned = measure(labelled(labels)), measure(labelled(np.rot90(labels, turns)))
    for name in ("id", "area_px", "eccentricity", "solidity", "touches_edge", "diameter_px"):
        np.testing.assert_allclose(turned[name].astype(float), upright[name].astype(float), atol=1e-6)


def test_what_cannot_be_measured_is_refused() -> None:
    labels = labelled(np.zeros((4, 5), np.int32))
    with pytest.raises(UserInputError, match="5 x 5 pixels, its labels 5 x 4"):
        measure(labels, Image(np.zeros((5, 5)), "YX"))
    with pytest.raises(UserInputError, match="Z-stack"):
        measure(Image(np.zeros((3, 4, 5), np.int32), "ZYX", kind="labels"))
    with pytest.raises(UserInputError, match="label -1 is negative"):
        measure(labelled(np.full((2, 2), -1)))
    with pytest.raises(UserInputError, match="float32"):
        measure(labelled(np.zeros((2, 2), np.float32)))


def test_the_typical_diameter_is_the_median_over_all_images() -> None:
    one, other = np.zeros((20, 20), np.int32), np.zeros((20, 20), np.int32)
    one[:3, :3], one[10:12, :2] = 1, 9
    other[:10, :10] = 4
    assert typical_diameter([one, other]) == pytest.approx(2 * np.sqrt(9 / np.pi))
    assert typical_diameter([one * 0]) == typical_diameter([]) == 0
