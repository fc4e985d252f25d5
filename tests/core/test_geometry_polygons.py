"""Suppression and painting of polygons: equal to their plain twins, to StarDist and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import draw

from core.geometry import reference
from core.geometry.polygon_nms import common_area, suppress
from core.geometry.rays import directions, outlines
from core.geometry.render import render_polygons

Polygons = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def random_polygons(seed: int, count: int, n_rays: int = 32, side: float = 60, rough: float = 0.3) -> Polygons:
    """Distances, points and scores of polygons that overlap a lot."""
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(2, 12, (count, 1)) * (1 + rough * rng.uniform(-1, 1, (count, n_rays)))
    return sizes.astype(np.float32), rng.integers(0, int(side), (count, 2)), rng.random(count).astype(np.float32)


def candidates(seed: int, objects: int, per_object: int = 25) -> Polygons:
    """What a network makes of round objects: many candidates in each, the better the nearer to its middle."""
    rng = np.random.default_rng(seed)
    centres, radii = rng.uniform(0, 40 * objects**0.5, (objects, 2)), rng.uniform(8, 15, objects)
    number = np.repeat(np.arange(objects), per_object)
    shift = rng.normal(0, 0.3, (len(number), 2)) * radii[number, None]
    shift *= np.minimum(1, 0.7 * radii[number] / np.linalg.norm(shift, axis=1))[:, None]
    points = np.rint(centres[number] + shift).astype(np.int64)
    rays, offset = directions(32), points - centres[number]
    along = offset @ rays.T
    distances = np.sqrt(np.maximum(along**2 - (offset**2).sum(1)[:, None] + radii[number, None] ** 2, 1)) - along
    distances = np.maximum(distances * (1 + 0.04 * rng.standard_normal(distances.shape)), 1)
    scores = 1 - np.linalg.norm(offset, axis=1) / (1.3 * radii[number]) + rng.normal(0, 0.03, len(number))
    return distances.astype(np.float32), points, scores.astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), n_rays=st.sampled_from([8, 11, 16]), rough=st.sampled_from([0.0, 0.5, 0.99]))
def test_common_area_equals_that_of_all_triangles(seed: int, n_rays: int, rough: float) -> None:
    distances, points, _ = random_polygons(seed, 2, n_rays, 14, rough)
    corners, rays = outlines(distances, points), directions(n_rays)
    expected = reference.common_area(corners[0], points[0], corners[1], points[1])
    for one, other in [(0, 1), (1, 0)]:
        area = common_area(distances[one], corners[other] - points[one], rays)
        assert area == pytest.approx(expected, rel=1e-6, abs=1e-6)
        itself = common_area(distances[one], corners[one] - points[one], rays)
        assert itself == pytest.approx(reference.polygon_area(corners[one]), rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_survivors_are_those_of_the_twin(seed: int, threshold: float) -> None:
    distances, points, scores = random_polygons(seed, 12, 8, 25)
    scores = np.round(scores, 1)
    kept = suppress(distances, points, scores, threshold)
    assert kept.tolist() == reference.suppress(distances, points, scores, threshold).tolist()
    assert (np.diff(scores[kept]) <= 0).all()


@pytest.mark.parametrize("threshold", [0.3, 0.4, 0.5])
def test_survivors_are_those_of_stardist(threshold: float) -> None:
    """It rounds corners down to whole pixels, we do not: a few overlaps differ."""
    nms = pytest.importorskip("stardist.nms")
    distances, points, scores = candidates(7, 150)
    ours, theirs = np.zeros(len(scores), bool), np.zeros(len(scores), bool)
    ours[suppress(distances, points, scores, threshold)] = True
    theirs[nms.non_maximum_suppression_sparse(distances, scores, points, nms_thresh=threshold)[3]] = True
    assert np.mean(ours == theirs) >= 0.995
    assert np.sum(ours & theirs) / np.sum(ours | theirs) >= 0.95


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.floats(0.05, 0.9))
def test_no_two_survivors_overlap_too_much_and_whoever_goes_has_a_better_one(seed: int, threshold: float) -> None:
    distances, points, scores = random_polygons(seed, 60)
    kept = suppress(distances, points, scores, threshold)
    corners, rays = outlines(distances, points), directions(32)

    def overlap(one: int, other: int) -> float:
        smaller = min(reference.polygon_area(corners[one]), reference.polygon_area(corners[other]))
        return common_area(distances[one], corners[other] - points[one], rays) / smaller

    for index in range(60):
        better = [other for other in kept if scores[other] > scores[index]]
        above = [overlap(other, index) for other in better]
        assert (index in kept) == all(value <= threshold + 1e-6 for value in above)
        assert (index not in kept) == any(value > threshold - 1e-6 for value in above)


def test_the_candidates_order_does_not_matter() -> None:
    distances, points, scores = candidates(3, 40)
    order = np.random.default_rng(0).permutation(len(scores))
    kept = suppress(distances, points, scores, 0.4)
    assert order[suppress(distances[order], points[order], scores[order], 0.4)].tolist() == kept.tolist()


def test_a_higher_score_threshold_keeps_the_first_survivors() -> None:
    distances, points, scores = candidates(4, 40)
    kept, above = suppress(distances, points, scores, 0.4), np.flatnonzero(scores > 0.8)
    again = above[suppress(distances[above], points[above], scores[above], 0.4)]
    assert again.tolist() == kept[scores[kept] > 0.8].tolist()


def test_odd_polygons_do_no_harm() -> None:
    distances = np.full((6, 32), 5, np.float32)
    distances[0], distances[1], distances[2], distances[3] = 0, 1e6, np.nan, np.inf
    points = np.array([[10, 10], [10, 12], [30, 30], [31, 30], [-500, 4], [40, 10**6]])
    scores = np.linspace(1, 0.5, 6).astype(np.float32)
    assert suppress(distances, points, scores, 0.4).tolist() == [0, 4, 5]
    labels = render_polygons(distances, points, scores, (50, 50))
    assert set(np.unique(labels).tolist()) == {2}, "one polygon has no extent, the next one covers all"
    assert suppress(np.empty((0, 32), np.float32), np.empty((0, 2)), np.empty(0, np.float32), 0.4).tolist() == []
    assert not render_polygons(np.empty((0, 32), np.float32), np.empty((0, 2)), np.empty(0, np.float32), (5, 4)).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_rays=st.sampled_from([8, 32]), rough=st.sampled_from([0.0, 0.3, 0.99]))
def test_painting_equals_its_twin(seed: int, n_rays: int, rough: float) -> None:
    distances, points, scores = random_polygons(seed, 12, n_rays, 40, rough)
    scores = np.round(scores, 1)
    ours = render_polygons(distances, points, scores, (33, 41))
    assert np.array_equal(ours, reference.render_polygons(distances, points, scores, (33, 41)))


def test_the_pixels_are_those_of_scikit_image() -> None:
    distances, points, scores = random_polygons(11, 300, side=200)
    labels = np.zeros((200, 210), np.int32)
    corners = outlines(distances, points)
    for index in np.argsort(scores):
        inside = draw.polygon(corners[index, :, 0], corners[index, :, 1], (200, 210))
        labels[inside] = index + 1
    assert np.mean(render_polygons(distances, points, scores, (200, 210)) != labels) < 1e-4


def test_painting_is_that_of_stardist() -> None:
    geometry = pytest.importorskip("stardist.geometry")
    distances, points, scores = candidates(2, 30)
    theirs = geometry.polygons_to_label(distances, points, shape=(220, 220), prob=scores)
    assert np.mean(render_polygons(distances, points, scores, (220, 220)) != theirs) < 1e-4
