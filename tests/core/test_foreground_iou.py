import math

import numpy as np
import pytest

from core.errors import UserInputError
from core.evaluation.foreground import foreground, together


def stack() -> tuple[np.ndarray, np.ndarray]:
    """Slices with IoU 1/2, 0, 1, and one without any foreground."""
    truth, found = np.zeros((2, 4, 3, 4), np.int32)
    truth[0, 0, :2], found[0, 0, 1:3] = 7, 1
    truth[0, 1, :2], found[0, 1, :2] = 7, 9
    found[0, 1, 3] = 0
    truth[1, 0, 0] = 1
    truth[2], found[2] = 3, 255
    return truth, found


def test_per_slice_and_pooled() -> None:
    score = foreground(*stack())
    assert score.shared.tolist() == [3, 0, 12, 0]
    assert score.covered.tolist() == [5, 1, 12, 0]
    assert score.pooled == pytest.approx(15 / 18)
    assert score.mean_of_slices() == pytest.approx((3 / 5 + 0 + 1) / 3)
    assert score.mean_of_slices("zero") == pytest.approx((3 / 5 + 0 + 1) / 4)


def test_against_masks_of_all_pixels() -> None:
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 3, (2, 6, 20, 30))
    a, b = truth > 0, found > 0
    score = foreground(truth, found)
    assert score.pooled == pytest.approx((a & b).sum() / (a | b).sum())
    slices = [(x & y).sum() / (x | y).sum() for x, y in zip(a, b, strict=True)]
    assert score.mean_of_slices() == pytest.approx(np.mean(slices))


def test_an_image_is_a_stack_of_one_slice() -> None:
    truth, found = (one[0] for one in stack())
    score = foreground(truth, found)
    assert score.pooled == score.mean_of_slices() == pytest.approx(3 / 5)


def test_without_foreground_there_is_no_score() -> None:
    empty = foreground(np.zeros((2, 3, 4), int), np.zeros((2, 3, 4), int))
    assert math.isnan(empty.pooled)
    assert math.isnan(empty.mean_of_slices())
    assert empty.mean_of_slices("zero") == 0
    assert math.isnan(together([]).mean_of_slices("zero"))


def test_images_together_are_their_slices() -> None:
    truth, found = stack()
    whole = foreground(truth, found)
    parts = together([foreground(truth[:1], found[:1]), foreground(truth[1:], found[1:])])
    assert parts.pooled == whole.pooled
    assert parts.mean_of_slices() == whole.mean_of_slices()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(UserInputError, match="shape"):
        foreground(np.zeros((2, 3, 4), int), np.zeros((3, 4), int))
