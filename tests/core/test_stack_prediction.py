"""Objects of slices become objects in three dimensions."""

import tracemalloc
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import UserInputError
from core.heads import HEADS
from core.image import Image, Labels
from core.inference.predict import Prediction, Predictor
from core.inference.stacks import join_slices, predict_stack
from core.io.read import read_image
from core.normalization import NormalizationConfig
from core.planes import slices
from core.pretrained import load

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test/images"

IN_SLICES = ndimage.generate_binary_structure(3, 1)
IN_SLICES[1] = True
"""Pixels of a slice touch at sides and corners, voxels of neighbouring slices at their face."""


def slicewise(mask: NDArray[np.bool_]) -> Labels:
    """The objects of every slice, numbered through the stack."""
    labels, count = np.zeros(mask.shape, np.int32), 0
    for z, plane in enumerate(mask):
        found, n = ndimage.label(plane, np.ones((3, 3)))
        labels[z] = np.where(found > 0, found + count, 0)
        count += n
    return labels


def touching(seed: int) -> Labels:
    """Stacks of crowded rectangles, which touch and are cut by each other, numbered through the stack from 1."""
    rng = np.random.default_rng(seed)
    stack = np.zeros((5, 24, 30), np.int64)
    for z in range(5):
        for number in range(1, 30):
            y, x, height, width = rng.integers((0, 0, 1, 1), (20, 26, 8, 8))
            stack[z, y : y + height, x : x + width] = number
        stack[z][stack[z] > 0] += 100 * z
    _, numbers = np.unique(stack, return_inverse=True)
    return numbers.reshape(stack.shape).astype(np.int32)


def same_parts(one: Labels, other: Labels) -> bool:
    """Whether two label images show the same objects under whatever numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(np.unique(row)) == pairs.shape[1] for row in pairs) and bool(((one > 0) == (other > 0)).all())


def by_union_find(labels: Labels, share: float) -> Labels:
    """The same rule, object by object."""
    parent = list(range(labels.max() + 1))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for above, below in pairwise(labels):
        for a in set(above[above > 0].tolist()):
            for b in set(below[below > 0].tolist()):
                shared = int(((above == a) & (below == b)).sum())
                if shared and shared >= share * min((above == a).sum(), (below == b).sum()):
                    parent[root(a)] = root(b)
    return np.array([root(i) for i in range(len(parent))])[labels]


@pytest.mark.parametrize("density", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_any_common_pixel_is_connectivity_in_3d(density: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((6, 30, 40)) < density
    labels = slicewise(mask)
    join_slices(labels, HEADS["foreground"].stacking)
    expected, count = ndimage.label(mask, IN_SLICES)
    assert same_parts(labels, expected)
    assert labels.max() == count
    np.testing.assert_array_equal(np.unique(labels), np.arange(count + 1))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_overlaps_against_a_slow_union_find(share: float, seed: int) -> None:
    labels = touching(seed)
    expected = by_union_find(labels, share)
    before = labels.copy()
    objects = join_slices(labels, share)
    assert same_parts(labels, expected)
    np.testing.assert_array_equal(objects[before], labels)


def test_numbers_in_slices_do_not_matter() -> None:
    labels = touching(7)
    order = np.append(0, 1 + np.random.default_rng(1).permutation(labels.max()))
    other = order[labels].astype(np.int32)
    join_slices(labels, 0.5)
    join_slices(other, 0.5)
    assert same_parts(labels, other)


@pytest.mark.parametrize(("shared", "count"), [(2, 1), (1, 2)])
def test_half_of_the_smaller_object_is_enough(shared: int, count: int) -> None:
    labels = np.zeros((2, 6, 12), np.int32)
    labels[0, 0, :8], labels[1, 0, 8 - shared : 12 - shared] = 1, 2
    join_slices(labels, 0.5)
    assert labels.max() == count


def test_a_stack_without_objects() -> None:
    labels = np.zeros((3, 4, 5), np.int32)
    assert join_slices(labels, 0.5).tolist() == [0]
    assert not labels.any()


def test_joining_takes_the_memory_of_some_slices() -> None:
    labels = np.zeros((60, 300, 300), np.int32)
    for z in range(60):
        labels[z, 10:50, 10:50], labels[z, 200:290, 100:290] = 2 * z + 1, 2 * z + 2
    tracemalloc.start()
    try:
        join_slices(labels, 0.5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert labels.max() == 2
    assert peak < labels.nbytes / 6


class Threshold:
    """Finds what is above 0, with the share of 255 as its score, and remembers what it was given."""

    def __init__(self, share: float) -> None:
        self.model = SimpleNamespace(head=SimpleNamespace(stacking=share), thresholds_with=dict)
        self.seen: list[Image] = []

    def predict(self, image: Image, thresholds: Any = None, progress: Any = None) -> Prediction:
        self.seen.append(image)
        labels, count = ndimage.label(image.cyx()[0] > 0, np.ones((3, 3)))
        scores = ndimage.maximum(image.cyx()[0], labels, np.arange(1, count + 1)) / 255 if count else np.empty(0)
        return Prediction(image.with_array(labels, "YX", "labels"), np.asarray(scores, np.float32), {})


def test_slices_come_as_images_that_share_the_pixels() -> None:
    array = np.zeros((2, 3, 8, 9), np.uint8)
    array[0, :, 2:4, 2:4] = np.array([51, 102, 153])[:, None, None]
    array[0, 1, 6, 6] = 255
    stack = Image(array, "CZYX", {"Z": 2.0, "Y": 0.5, "X": 0.5}, ("a", "b"))
    predictor: Any = Threshold(0.0)
    found = predict_stack(predictor, stack)
    assert [(one.axes, one.channel_names, dict(one.pixel_size)) for one in predictor.seen] == [
        ("CYX", ("a", "b"), {"Y": 0.5, "X": 0.5})
    ] * 3
    assert all(np.shares_memory(one.array, array) for one in predictor.seen)
    dark, bright = (slices(stack)[z][1].normalized(NormalizationConfig())[0, 2, 2] for z in (0, 2))
    assert dark / bright == pytest.approx(51 / 153)
    assert [one.percentiles for one in predictor.seen] == [one.percentiles for _, one in slices(stack)]
    assert (found.labels.axes, found.labels.pixel_size) == ("ZYX", stack.pixel_size)
    assert found.labels.array.max() == 2
    np.testing.assert_allclose(found.scores, [(51 + 102 + 153) / 3 / 255, 1.0], rtol=1e-6)
    apart = predict_stack(predictor, stack, joined=False)
    assert np.unique(apart.labels.array).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(apart.scores, np.array([51, 102, 255, 153]) / 255, rtol=1e-6)


def test_real_slices_are_predicted_as_2d_images_are() -> None:
    predictor = Predictor(load("nuclei-fluorescence"), "cpu", "torch")
    field = read_image(min(NUCLEI.iterdir())).cyx()[0, :128, :160]
    planes = [field, np.roll(field, 3, 0), np.roll(field, 60, 1)]
    flat = [predictor.predict(Image(plane, "YX")) for plane in planes]
    one = predict_stack(predictor, Image(field[None], "ZYX"))
    np.testing.assert_array_equal(one.labels.array, flat[0].labels.array)
    np.testing.assert_array_equal(one.scores, flat[0].scores)
    assert one.labels.axes == "YX"
    whole = predict_stack(predictor, Image(np.stack(planes), "ZYX"), joined=False)
    offset = 0
    for plane, expected in zip(whole.labels.array, flat, strict=True):
        numbers = expected.labels.array
        np.testing.assert_array_equal(plane, np.where(numbers > 0, numbers + offset, 0))
        offset += len(expected.scores)
    np.testing.assert_array_equal(whole.scores, np.concatenate([one.scores for one in flat]))
    assert offset > 20
    joined = predict_stack(predictor, Image(np.stack(planes), "ZYX"))
    assert same_parts(joined.labels.array, by_union_find(whole.labels.array, 0.5))
    assert len(joined.scores) == joined.labels.array.max() < offset


def test_errors_name_the_slice() -> None:
    predictor = Predictor(load("nuclei-fluorescence"), "cpu", "torch")
    with pytest.raises(UserInputError, match=r"^slice 1: The image has 2 channels"):
        predict_stack(predictor, Image(np.zeros((2, 3, 8, 8)), "CZYX"))
