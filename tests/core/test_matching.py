"""Overlaps and matches: those of plain counting and of SciPy's dense assignment, whatever the labels' names."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from core.errors import UserInputError
from core.evaluation import matching
from core.evaluation.matching import Overlaps, match, overlaps, partners
from core.image import Labels

shapes = array_shapes(min_dims=2, max_dims=2, max_side=8)


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[Labels, Labels]:
    """Two small label images of one shape."""
    shape = draw(shapes)
    names = st.sampled_from([0, 1, 2, 3, 7, 900, 2**31 - 1])
    return draw(arrays(np.int32, shape, elements=names)), draw(arrays(np.int32, shape, elements=names))


thresholds = st.sampled_from([0.01, 0.1, 0.25, 1 / 3, 0.5, 0.6, 1.0])


def dense(truth: Labels, prediction: Labels) -> NDArray[np.float64]:
    """IoU of every true with every predicted object, counted pixel by pixel."""
    true, predicted = ([image == name for name in np.unique(image[image > 0])] for image in (truth, prediction))
    iou = np.zeros((len(true), len(predicted)))
    for i, a in enumerate(true):
        for j, b in enumerate(predicted):
            iou[i, j] = (a & b).sum() / (a | b).sum()
    return iou


def as_table(found: Overlaps) -> NDArray[np.float64]:
    table = np.zeros((found.true_count, found.predicted_count))
    table[found.true, found.predicted] = found.iou
    return table


@settings(max_examples=150, deadline=None)
@given(pair=label_pairs())
def test_overlaps_are_those_counted_pixel_by_pixel(pair: tuple[Labels, Labels]) -> None:
    found = overlaps(*pair)
    np.testing.assert_array_equal(as_table(found), dense(*pair))
    assert len(set(zip(found.true.tolist(), found.predicted.tolist(), strict=True))) == len(found.iou)
    assert (found.iou > 0).all()


@settings(max_examples=150, deadline=None)
@given(pair=label_pairs(), threshold=thresholds)
def test_matches_are_those_of_the_dense_assignment(pair: tuple[Labels, Labels], threshold: float) -> None:
    found, iou = overlaps(*pair), dense(*pair)
    allowed = iou >= threshold
    rows, columns = linear_sum_assignment((10 + iou) * allowed, maximize=True)
    expected = iou[rows, columns][allowed[rows, columns]]
    chosen = match(found, threshold)
    assert len(chosen) == len(expected)
    assert found.iou[chosen].sum() == pytest.approx(expected.sum())
    assert (found.iou[chosen] >= threshold).all()
    assert len(np.unique(found.true[chosen])) == len(np.unique(found.predicted[chosen])) == len(chosen)


def test_many_rivals_are_assigned_exactly() -> None:
    rng = np.random.default_rng(0)
    truth, prediction = (rng.integers(0, 60, (90, 90)).astype(np.int32) for _ in range(2))
    found, iou = overlaps(truth, prediction), dense(truth, prediction)
    for threshold in (0.001, 0.01, 0.012):
        allowed = iou >= threshold
        rows, columns = linear_sum_assignment((100 + iou) * allowed, maximize=True)
        expected = iou[rows, columns][allowed[rows, columns]]
        chosen = match(found, threshold)
        assert len(chosen) == len(expected)
        assert found.iou[chosen].sum() == pytest.approx(expected.sum())


def test_more_matches_are_worth_more_than_better_ones() -> None:
    # true 1 overlaps predicted 1 (IoU 6/10) and 2 (2/10); predicted 1 overlaps true 2 as well (1/10)
    truth = np.array([[1, 1, 1, 1, 1, 1, 1, 1, 2]], np.int32)
    prediction = np.array([[1, 1, 1, 1, 1, 1, 2, 2, 1]], np.int32)
    found = overlaps(truth, prediction)
    chosen = match(found, 0.1)
    assert sorted(zip(found.true[chosen], found.predicted[chosen], strict=True)) == [(0, 1), (1, 0)]
    chosen = match(found, 0.3)
    assert [(found.true[i], found.predicted[i]) for i in chosen] == [(0, 0)]


def test_halves_of_one_object_are_one_match() -> None:
    found = overlaps(np.array([[1, 1, 1, 1]], np.int32), np.array([[1, 1, 2, 2]], np.int32))
    assert found.iou.tolist() == [0.5, 0.5]
    assert len(match(found, 0.5)) == 1


@settings(max_examples=60, deadline=None)
@given(pair=label_pairs(), threshold=thresholds)
def test_matches_do_not_depend_on_which_is_the_truth(pair: tuple[Labels, Labels], threshold: float) -> None:
    one, other = overlaps(*pair), overlaps(*pair[::-1])
    np.testing.assert_array_equal(as_table(one), as_table(other).T)
    assert len(match(one, threshold)) == len(match(other, threshold))
    assert one.iou[match(one, threshold)].sum() == pytest.approx(other.iou[match(other, threshold)].sum())


@settings(max_examples=60, deadline=None)
@given(label_pairs(), thresholds)
def test_partners_are_the_matches_told_by_their_labels(pair: tuple[Labels, Labels], threshold: float) -> None:
    truth, prediction = pair
    found = overlaps(truth, prediction)
    table = dense(truth, prediction)
    chosen = match(found, threshold)
    of_truth, of_prediction = partners(truth, prediction, threshold)
    for labels, others, own, best, matched in [
        (truth, prediction, of_truth, table.max(1, initial=0), found.true),
        (prediction, truth, of_prediction, table.max(0, initial=0), found.predicted),
    ]:
        assert own.labels.tolist() == np.unique(labels[labels > 0]).tolist()
        assert np.flatnonzero(own.partner).tolist() == sorted(matched[chosen])
        assert (own.iou <= best + 1e-12).all()
        assert own.iou[own.partner == 0] == pytest.approx(best[own.partner == 0])
        for label, partner, iou in zip(own.labels, own.partner, own.iou, strict=True):
            if partner:
                one, other = labels == label, others == partner
                assert iou == pytest.approx((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.uint64])
def test_labels_may_be_any_integers(dtype: type) -> None:
    truth: Labels = np.array([[0, 1, 1, 1]], dtype)
    prediction: Labels = np.array([[0, 0, 1, 1]], dtype)
    np.testing.assert_array_equal(as_table(overlaps(truth, prediction)), [[2 / 3]])


def test_images_may_have_three_axes_and_any_memory_layout() -> None:
    rng = np.random.default_rng(1)
    truth, prediction = (rng.integers(0, 4, (3, 5, 6)).astype(np.int32) for _ in range(2))
    expected = dense(truth, prediction)
    np.testing.assert_array_equal(as_table(overlaps(truth, prediction)), expected)
    np.testing.assert_array_equal(as_table(overlaps(truth.T, prediction.T)), expected)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    truth, prediction = (rng.integers(0, 5, (20, 20)).repeat(3, axis=1).astype(np.int32) for _ in range(2))
    whole = overlaps(truth, prediction)
    monkeypatch.setattr(matching, "BLOCK", 7)
    np.testing.assert_array_equal(as_table(overlaps(truth, prediction)), as_table(whole))


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 4)])
def test_nothing_overlaps_where_nothing_is(shape: tuple[int, int]) -> None:
    found = overlaps(np.zeros(shape, np.int32), np.zeros(shape, np.int32))
    assert (found.true_count, found.predicted_count, len(found.iou), len(match(found, 0.5))) == (0, 0, 0, 0)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(UserInputError, match=r"\(2, 3\), the predicted ones \(3, 2\)"):
        overlaps(np.zeros((2, 3), np.int32), np.zeros((3, 2), np.int32))


def test_labels_that_are_no_labels_are_refused() -> None:
    good = np.zeros((2, 2), np.int32)
    with pytest.raises(UserInputError, match="label -1 is negative"):
        overlaps(good - 1, good)
    with pytest.raises(UserInputError, match="float64"):
        overlaps(good, good.astype(float))


def test_33000_objects_on_each_side_take_little_memory() -> None:
    # a grid of 182 x 182 squares of 5 x 5 pixels, shifted by one pixel: IoU 20 / 30
    cells = np.zeros((7, 7), np.int32)
    cells[1:6, 1:6] = 1
    truth = np.kron(np.arange(1, 182 * 182 + 1, dtype=np.int32).reshape(182, 182), cells).astype(np.int32)
    prediction = np.roll(truth, 1, axis=1)
    tracemalloc.start()
    try:
        found = overlaps(truth, prediction)
        chosen = match(found, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(chosen) == found.true_count == 33_124
    np.testing.assert_allclose(found.iou[chosen], 20 / 30)
    assert peak < 200e6, "a dense table would take 8.8 GB"
