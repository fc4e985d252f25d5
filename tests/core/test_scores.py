"""Scores: derived by hand, equal to StarDist's and the thesis's, and blind to what does not matter."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.test_geometry_targets import voronoi
from tests.core.test_matching import dense, label_pairs

from core.errors import UserInputError
from core.evaluation.matching import overlaps
from core.evaluation.scores import IOU_THRESHOLDS, Score, ap_dsb2018, ap_interp11, pooled, score_image
from core.image import Labels


def shifted(labels: Labels, by: int) -> Labels:
    """As predicted by somebody who misses a few objects, and all by some pixels."""
    moved = np.roll(labels, by, axis=1)
    moved[np.isin(moved, [2, 5])] = 0
    return moved


PAIRS = [(voronoi(seed, (80, 90), 25), shifted(voronoi(seed, (80, 90), 25), seed % 3)) for seed in range(6)]


def thesis_ap(images: list[tuple[Labels, Labels]]) -> float:
    """As in Wilhelm 2019: true objects that are the best of a predicted one with an IoU above the threshold."""
    means = []
    for threshold in IOU_THRESHOLDS:
        values = []
        for truth, prediction in images:
            iou = dense(truth, prediction)
            best = {int(iou[:, j].argmax()) for j in range(iou.shape[1]) if iou[:, j].max(initial=0) > threshold}
            tp, fp, fn = len(best), iou.shape[1] - len(best), iou.shape[0] - len(best)
            values.append(tp / (tp + fp + fn) if sum(iou.shape) else 1.0)
        means.append(np.mean(values))
    return float(np.mean(means))


def test_an_example_by_hand() -> None:
    truth, prediction = np.zeros((2, 20), np.int32), np.zeros((2, 20), np.int32)
    truth[0, :10], prediction[0, :8] = 5, 9  # IoU .8
    truth[1, :4], prediction[1, 1:5] = 7, 3  # IoU 3 / 5
    truth[1, 8:10] = 8  # missed
    prediction[0, 15:] = prediction[1, 19] = 40  # invented
    score = score_image(truth, prediction)
    assert (score.true_count, score.pred_count, score.count_error, score.relative_count_error) == (3, 3, 0, 0)
    assert score.tp == (2, 2, 2, 1, 1, 1, 1, 0, 0, 0)
    assert score.fp == score.fn == (1, 1, 1, 2, 2, 2, 2, 3, 3, 3)
    assert score.ap == pytest.approx([2 / 4] * 3 + [1 / 5] * 4 + [0] * 3)
    assert score.ap_strict == pytest.approx([2 / 4] * 2 + [1 / 5] * 4 + [0] * 4)
    assert score.map_50_95 == pytest.approx((3 * 0.5 + 4 * 0.2) / 10)
    assert score.precision == score.recall == score.f1 == pytest.approx(2 / 3)
    assert score.mean_matched_iou == pytest.approx(0.7)
    assert score.mean_true_iou == pytest.approx(1.4 / 3)
    assert score.pq == pytest.approx(1.4 / 3)


def test_every_word_for_images_together() -> None:
    right, half = np.array([[1, 2, 3, 4]], np.int32), np.array([[1, 2, 0, 0]], np.int32)
    one = np.array([[1, 0, 0, 0]], np.int32)
    scores = [score_image(right, half), score_image(one, one)]
    together = pooled(scores)
    assert together.ap[0] == pytest.approx(3 / 5)
    assert ap_dsb2018(scores) == pytest.approx((2 / 4 + 1) / 2)
    assert together.count_error == -2
    assert together.relative_count_error == pytest.approx(2 / 5)
    assert (together.precision, together.recall, together.f1) == pytest.approx((1, 3 / 5, 6 / 8))


@pytest.mark.parametrize("threshold", IOU_THRESHOLDS)
def test_an_iou_at_the_threshold_counts_pooled_but_not_in_dsb2018(threshold: float) -> None:
    truth, prediction = np.zeros((1, 100), np.int32), np.zeros((1, 100), np.int32)
    truth[:], prediction[0, : round(100 * threshold)] = 1, 1
    score, place = score_image(truth, prediction), IOU_THRESHOLDS.index(threshold)
    assert score.tp[place] == 1
    assert score.ap_strict[place] == 0
    assert sum(score.tp) == sum(ap > 0 for ap in score.ap_strict) + 1


def test_where_nothing_is_nothing_is_wrong() -> None:
    nothing, one = np.zeros((3, 3), np.int32), np.eye(3, dtype=np.int32)
    empty = score_image(nothing, nothing)
    assert empty.ap == empty.ap_strict == (1.0,) * 10
    assert (empty.precision, empty.recall, empty.f1, empty.pq, empty.relative_count_error) == (1, 1, 1, 1, 0)
    invented = score_image(nothing, one)
    assert (invented.ap[0], invented.precision, invented.recall, invented.f1, invented.pq) == (0, 0, 1, 0, 0)
    assert (invented.count_error, invented.relative_count_error, invented.mean_matched_iou) == (1, 1, 0)
    missed = score_image(one, nothing)
    assert (missed.ap[0], missed.precision, missed.recall, missed.f1, missed.pq) == (0, 1, 0, 0, 0)
    assert ap_dsb2018([empty, missed]) == 0.5
    assert ap_dsb2018([]) == pooled([]).map_50_95 == 1


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(label_pairs(), min_size=1, max_size=3))
def test_ap_dsb2018_is_that_of_the_thesis(pairs: list[tuple[Labels, Labels]]) -> None:
    assert ap_dsb2018([score_image(*pair) for pair in pairs]) == pytest.approx(thesis_ap(pairs))


def test_scores_are_those_of_stardist() -> None:
    theirs = pytest.importorskip("stardist.matching")
    for truth, prediction in PAIRS:
        score = score_image(truth, prediction)
        for place, threshold in enumerate(IOU_THRESHOLDS):
            one = theirs.matching(truth, prediction, thresh=threshold)
            assert (score.tp[place], score.fp[place], score.fn[place]) == (one.tp, one.fp, one.fn)
            assert score.ap[place] == pytest.approx(one.accuracy)
        half = theirs.matching(truth, prediction, thresh=0.5)
        assert (score.precision, score.recall, score.f1) == pytest.approx((half.precision, half.recall, half.f1))
        assert score.pq == pytest.approx(half.panoptic_quality)
        assert score.mean_matched_iou == pytest.approx(half.mean_matched_score)
        assert score.mean_true_iou == pytest.approx(half.mean_true_score)


def test_pooled_scores_are_those_of_stardist() -> None:
    theirs = pytest.importorskip("stardist.matching")
    truths, predictions = zip(*PAIRS, strict=True)
    together = pooled([score_image(*pair) for pair in PAIRS])
    for place, one in enumerate(theirs.matching_dataset(truths, predictions, IOU_THRESHOLDS, show_progress=False)):
        assert together.ap[place] == pytest.approx(one.accuracy)
    half = theirs.matching_dataset(truths, predictions, 0.5, show_progress=False)
    assert (together.f1, together.pq) == pytest.approx((half.f1, half.panoptic_quality))
    assert together.mean_matched_iou == pytest.approx(half.mean_matched_score)
    assert (together.true_count, together.pred_count) == (half.n_true, half.n_pred)


def numbers(score: Score) -> list[float]:
    return [*score.tp, *score.ap, score.true_count, score.pred_count, score.f1, score.pq, score.mean_matched_iou]


def renamed(labels: Labels) -> Labels:
    names = np.random.default_rng(3).permutation(1000)[: labels.max() + 1].astype(np.int32) + np.int32(1)
    names[0] = 0
    return names[labels]


CHANGES: dict[str, Callable[[Labels], Labels]] = {
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "turned": np.rot90,
    "padded": lambda labels: np.pad(labels, ((3, 0), (1, 7))),
    "transposed": np.transpose,
    "enlarged": lambda labels: labels.repeat(2, axis=0).repeat(2, axis=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_scores_do_not_depend_on_how_the_image_lies(change: str) -> None:
    alter = CHANGES[change]
    for truth, prediction in PAIRS[:3]:
        changed = score_image(alter(truth), alter(prediction))
        assert numbers(changed) == pytest.approx(numbers(score_image(truth, prediction)))


def test_scores_do_not_depend_on_the_names_of_labels() -> None:
    for truth, prediction in PAIRS[:3]:
        plain = pytest.approx(numbers(score_image(truth, prediction)))
        assert numbers(score_image(renamed(truth), prediction)) == plain
        assert numbers(score_image(truth, renamed(prediction))) == plain


@settings(max_examples=60, deadline=None)
@given(pair=label_pairs())
def test_bounds_and_symmetry(pair: tuple[Labels, Labels]) -> None:
    score, back = score_image(*pair), score_image(*pair[::-1])
    assert (score.f1, score.ap, score.precision, score.recall) == (back.f1, back.ap, back.recall, back.precision)
    assert score.pq == pytest.approx(back.pq)
    assert list(score.ap) == sorted(score.ap, reverse=True)
    assert all(0 <= value <= 1 for value in (*score.ap, *score.ap_strict, score.pq, score.mean_true_iou))
    assert all(strict <= loose for strict, loose in zip(score.ap_strict, score.ap, strict=True))
    same = score_image(pair[0], pair[0])
    assert (same.map_50_95, same.pq, ap_dsb2018([same])) == (1, 1, 1)


def interp11(images: list[tuple[Labels, Labels, NDArray[np.float32]]]) -> float:
    """Straight from the definition, with lists."""
    total = sum(len(np.unique(truth[truth > 0])) for truth, *_ in images)
    values = []
    for threshold in IOU_THRESHOLDS:
        ranked = sorted((-s, k, j) for k, (*_, scores) in enumerate(images) for j, s in enumerate(scores))
        tables = [dense(truth, prediction) for truth, prediction, _ in images]
        right, curve = 0, []
        for rank, (_, k, j) in enumerate(ranked, start=1):
            column = tables[k][:, j]
            if column.max(initial=0) >= threshold:
                tables[k][column.argmax()] = 0
                right += 1
            curve.append((right, right / rank))
        values += [max((p for n, p in curve if 10 * n >= r * total), default=0.0) for r in range(11)]
    return float(np.mean(values))


def test_interpolated_precision_by_hand() -> None:
    truth = np.arange(1, 11, dtype=np.int32)[None].repeat(4, axis=0)
    prediction = truth.copy()
    prediction[:, 3:] = 0
    prediction = np.concatenate([prediction, np.full((4, 1), 4, np.int32)], axis=1)
    truth = np.pad(truth, ((0, 0), (0, 1)))
    found = overlaps(truth, prediction)
    # three of ten are found, then one is invented: precision 1 at the recalls 0, .1, .2 and .3
    assert ap_interp11([(found, np.array([0.9, 0.8, 0.7, 0.1], np.float32))]) == pytest.approx(4 / 11)
    # the invented one first: 3 of 4 are right
    assert ap_interp11([(found, np.array([0.3, 0.2, 0.1, 0.9], np.float32))]) == pytest.approx(4 / 11 * 3 / 4)


def test_of_two_halves_that_of_the_higher_score_is_right() -> None:
    found = overlaps(np.array([[1, 1, 1, 1]], np.int32), np.array([[1, 1, 2, 2]], np.int32))
    for scores in ([0.9, 0.8], [0.8, 0.9]):
        assert ap_interp11([(found, np.array(scores, np.float32))]) == pytest.approx(1 / 10)


@settings(max_examples=60, deadline=None)
@given(pairs=st.lists(label_pairs(), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_interpolated_precision_is_that_of_its_definition(pairs: list[tuple[Labels, Labels]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [overlaps(*pair) for pair in pairs]
    scores = [rng.random(one.predicted_count).astype(np.float32) for one in found]
    if any(one.true_count for one in found):
        expected = interp11([(*pair, s) for pair, s in zip(pairs, scores, strict=True)])
        assert ap_interp11(list(zip(found, scores, strict=True))) == pytest.approx(expected)


def test_interpolated_precision_of_nothing() -> None:
    nothing, one = np.zeros((2, 2), np.int32), np.eye(2, dtype=np.int32)
    score = np.ones(1, np.float32)
    assert ap_interp11([(overlaps(nothing, nothing), score[:0])]) == 1
    assert ap_interp11([(overlaps(nothing, one), score)]) == 0
    assert ap_interp11([(overlaps(one, nothing), score[:0])]) == 0
    with pytest.raises(UserInputError, match="Image 2: There are 0 scores for 1 predicted"):
        ap_interp11([(overlaps(one, one), score), (overlaps(one, one), score[:0])])
