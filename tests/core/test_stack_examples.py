"""Labelled stacks become images to learn from."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from core.errors import UserInputError
from core.image import Image
from core.measurement.mask import mask_doubt
from core.measurement.pieces import pieces
from core.normalization import NormalizationConfig, normalize
from core.planes import fullest, slice_of, slices, to_grey
from core.training.data import check_examples
from core.training.slices import slice_examples


def test_pieces_hang_together_and_have_one_number() -> None:
    rng = np.random.default_rng(0)
    labels = ndimage.zoom(rng.integers(0, 4, (12, 14)), 4, order=0) * 1_000_000_000
    found = pieces(labels)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found > 0, labels > 0)
    np.testing.assert_array_equal(np.unique(found)[1:], np.arange(1, found.max() + 1))
    expected = sum(ndimage.label(labels == number, np.ones((3, 3)))[1] for number in np.unique(labels[labels > 0]))
    assert found.max() == expected
    for number in range(1, found.max() + 1):
        assert len(np.unique(labels[found == number])) == 1
        assert ndimage.label(found == number, np.ones((3, 3)))[1] == 1


def test_pieces_of_whole_objects_and_of_nothing() -> None:
    assert not pieces(np.zeros((3, 4), np.int32)).any()
    assert (pieces(np.full((3, 4), 9, np.int32)) == 1).all()


def branching() -> tuple[Image, np.ndarray]:
    """Two channels, four slices; object 5 shows itself in two places of slice 2; slice 4 is empty."""
    labels = np.zeros((4, 20, 20), np.int32)
    labels[0, 2:8, 2:18], labels[1, 2:8, 2:6], labels[1, 2:8, 12:18], labels[2, 12:18, 3:9] = 5, 5, 5, 8
    pixels = np.random.default_rng(0).random((2, 4, 20, 20)).astype(np.float32)
    return Image(pixels, "CZYX", {"Z": 3.0, "Y": 1.0, "X": 1.0}), labels


def test_slices_of_a_stack() -> None:
    stack, labels = branching()
    examples, doubts = slice_examples("Row 'a'", stack, labels)
    assert [one.name for one in examples] == [f"Row 'a', slice {z}" for z in (1, 2, 3, 4)]
    for z, one in enumerate(examples):
        assert one.image.axes == "CYX"
        assert np.shares_memory(one.image.array, stack.array)
        np.testing.assert_array_equal(one.image.array, stack.array[:, z])
        np.testing.assert_array_equal(one.labels > 0, labels[z] > 0)
    assert [one.labels.max() for one in examples] == [1, 2, 1, 0]
    (doubt,) = doubts
    assert "Row 'a': nothing is labelled in 1 of 4 slices (4)" in doubt
    assert check_examples(examples) == []


def test_a_mask_is_as_good_as_labels() -> None:
    stack, labels = branching()
    of_mask, _ = slice_examples("a", stack, 255 * (labels > 0).astype(np.int32))
    for one, other in zip(of_mask, slice_examples("a", stack, labels)[0], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_a_2d_image_is_taken_as_it_is() -> None:
    image, labels = Image(np.ones((5, 6)), "YX"), np.zeros((5, 6), np.int32)
    (example,), doubts = slice_examples("a", image, labels)
    assert example.image is image
    assert example.labels is labels
    assert not doubts


def test_stacks_without_any_label() -> None:
    stack, labels = branching()
    examples, doubts = slice_examples("a", stack, 0 * labels)
    assert doubts == ["a: no object is labelled in any slice."]
    with pytest.raises(UserInputError, match="No image has a labelled object"):
        check_examples(examples)


@pytest.mark.parametrize("shape", [(3, 20, 20), (4, 20, 19), (20, 20)])
def test_labels_of_another_size(shape: tuple[int, ...]) -> None:
    stack, _ = branching()
    size = " x ".join(map(str, shape[::-1]))
    with pytest.raises(UserInputError, match=f"^a: The labels are {size} pixels, the stack is 20 x 20 x 4"):
        slice_examples("a", stack, np.zeros(shape, np.int32))


def test_slices_and_the_fullest() -> None:
    stack, labels = branching()
    assert slice_of(stack, 2).pixel_size == {"Y": 1.0, "X": 1.0}
    plane = Image(np.zeros((4, 5)), "YX")
    assert slice_of(plane, 0) is plane
    labels[2, 0, 0] = 9
    assert fullest(labels) == 2
    assert fullest(np.zeros((5, 3, 3), np.int32)) == 2
    assert fullest(labels[0]) == 0


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.bool_])
def test_slices_are_normalised_as_the_stack_is(dtype: type) -> None:
    pixels: np.ndarray = (np.random.default_rng(1).random((2, 4, 30, 40)) * [[[[3.0]]], [[[900.0]]]]).astype(dtype)
    pixels[:, 0] = pixels[:, 0] // 8 if dtype == np.uint16 else pixels[:, 0]
    stack, config = Image(pixels, "CZYX"), NormalizationConfig()
    expected = normalize(pixels.reshape(2, 4 * 30, 40), config).reshape(pixels.shape)
    found = slices(stack, "Row 'a'")
    assert [name for name, _ in found] == [f"Row 'a', slice {z}" for z in (1, 2, 3, 4)]
    for z, (_, plane) in enumerate(found):
        np.testing.assert_allclose(plane.normalized(config), expected[:, z], rtol=1e-6)
    examples, _ = slice_examples("a", stack, np.ones((4, 30, 40), np.int32))
    np.testing.assert_array_equal(examples[2].image.normalized(config), found[2][1].normalized(config))
    (again,) = {plane.percentiles for _, plane in slices(replace(stack, percentiles=found[0][1].percentiles))}
    assert again == found[0][1].percentiles


def test_a_slice_with_pixels_that_are_no_numbers_is_named() -> None:
    stack, labels = branching()
    stack.array[1, 2, 3, 4] = np.nan
    with pytest.raises(UserInputError, match=r"^Row 'a', slice 3: 1 pixels are not a number"):
        slice_examples("Row 'a'", stack, labels)
    with pytest.raises(UserInputError, match=r"^slice 3: 1 pixels are not a number"):
        slices(stack)


def test_a_stack_without_slices_is_refused() -> None:
    with pytest.raises(UserInputError, match=r"^slice 1: The image has no pixels"):
        slices(Image(np.zeros((0, 3, 4)), "ZYX"))


def test_a_time_series_of_stacks_has_no_slices() -> None:
    with pytest.raises(UserInputError, match=r"^Row 'a': The image is a time series"):
        slices(Image(np.zeros((2, 3, 4, 5)), "TZYX"), "Row 'a'")


def test_colour_stacks_become_grey_slice_by_slice() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 6)).astype(np.uint8)
    stack = Image(pixels, "CZYX", {"Z": 2.0}, ("red", "green", "blue"))
    grey = to_grey(stack)
    assert (grey.axes, grey.array.shape, grey.pixel_size) == ("ZYX", (4, 5, 6), {"Z": 2.0})
    for z in range(4):
        np.testing.assert_array_equal(grey.array[z], to_grey(slice_of(stack, z)).array)


def test_a_volume_that_is_a_mask_is_doubted() -> None:
    _, labels = branching()
    assert mask_doubt(labels) == ""
    assert "one label, but 2 separate components" in mask_doubt(255 * (labels > 0))
