"""Distances and probabilities: equal to their plain twins and to StarDist's, whatever the labels' names and side up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from core.geometry import reference
from core.geometry.boundary import boundary_distances
from core.geometry.rims import contacts, grown, rims
from core.geometry.star_distances import object_probability, star_distances, star_targets
from core.image import Labels


def voronoi(seed: int, shape: tuple[int, int] = (40, 37), count: int = 9) -> Labels:
    """Objects of many shapes that touch each other, the background and the image's edge."""
    rng = np.random.default_rng(seed)
    seeds = rng.uniform(0, 1, (count, 2)) * shape
    rows, columns = np.indices(shape)
    distances = np.hypot(rows - seeds[:, :1, None], columns - seeds[:, 1:, None])
    labels: Labels = distances.argmin(axis=0).astype(np.int32) + np.int32(1)
    labels[distances.min(axis=0) > rng.uniform(3, 12, count)[labels - 1]] = 0
    return labels


small_labels = arrays(np.int32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(labels=small_labels, n_rays=st.sampled_from([8, 12, 32]), grid=st.sampled_from([1, 2, 4]))
def test_the_kernels_equal_their_twins(labels: Labels, n_rays: int, grid: int) -> None:
    np.testing.assert_allclose(boundary_distances(labels), reference.boundary_distances(labels), rtol=1e-6)
    distances = reference.star_distances(labels, n_rays, grid)
    probability = reference.object_probability(labels, grid)
    np.testing.assert_allclose(star_distances(labels, n_rays, grid), distances, rtol=1e-6)
    np.testing.assert_allclose(object_probability(labels, grid), probability, rtol=1e-6)
    np.testing.assert_allclose(star_targets(labels, n_rays, grid), np.concatenate([probability[None], distances]), 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_kernels_equal_their_twins_on_cells(seed: int) -> None:
    labels = voronoi(seed)
    np.testing.assert_allclose(boundary_distances(labels), reference.boundary_distances(labels), rtol=1e-6)
    np.testing.assert_allclose(star_distances(labels, 32, 2), reference.star_distances(labels, 32, 2), rtol=1e-6)


@pytest.mark.parametrize("grid", [1, 2])
def test_distances_are_those_of_stardist(grid: int) -> None:
    geometry = pytest.importorskip("stardist.geometry")
    for seed in range(5):
        labels = voronoi(seed, (120, 131), 60)
        theirs = np.moveaxis(geometry.star_dist(labels, 32, grid=(grid, grid)), -1, 0)
        np.testing.assert_allclose(star_distances(labels, 32, grid), theirs, atol=1e-3)


def test_probability_is_that_of_stardist() -> None:
    utils = pytest.importorskip("stardist.utils")
    labels = voronoi(1, (120, 131), 60)
    np.testing.assert_allclose(object_probability(labels), utils.edt_prob(labels), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), names=st.permutations(range(1, 10)), grid=st.sampled_from([1, 2]))
def test_the_labels_names_do_not_matter(seed: int, names: list[int], grid: int) -> None:
    labels = voronoi(seed)
    renamed = np.array([0, *names], np.int32)[labels]
    huge = np.where(labels > 0, labels * 200_000_000, -1).astype(np.int32)
    for other in (renamed, huge):
        assert np.array_equal(star_targets(labels, 16, grid), star_targets(other, 16, grid))
    assert np.array_equal(rims(labels), rims(renamed))
    assert np.array_equal(contacts(labels), contacts(renamed))


@pytest.mark.parametrize("n_rays", [8, 32, 64])
def test_a_quarter_turn_turns_the_rays(n_rays: int) -> None:
    """Rows count downwards: rot90 brings what a ray of angle a saw to the ray of angle a - 90 degrees."""
    labels = voronoi(5, (31, 44))
    turned = star_targets(np.rot90(labels), n_rays)
    straight = np.rot90(star_targets(labels, n_rays), axes=(1, 2))
    np.testing.assert_allclose(turned[0], straight[0], rtol=1e-6)
    np.testing.assert_allclose(turned[1:], np.roll(straight[1:], -n_rays // 4, axis=0), rtol=1e-5)


def test_values_that_can_be_told_by_hand() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 3:6] = 1
    distances = star_distances(labels, 4)
    assert distances[:, 4, 4].tolist() == [1.5, 2.5, 1.5, 2.5]
    assert distances[:, 2, 3].tolist() == [2.5, 4.5, 0.5, 0.5]
    assert (distances[:, labels == 0] == 0).all()
    assert object_probability(labels)[2:7, 3].tolist() == [0.5] * 5
    assert object_probability(labels)[2:7, 4].tolist() == [0.5, 1.0, 1.0, 1.0, 0.5]


def test_extremes() -> None:
    assert star_targets(np.zeros((0, 0), np.int32), 8).shape == (9, 0, 0)
    assert not star_targets(np.zeros((5, 7), np.int32), 8).any()
    full = star_targets(np.ones((6, 6), np.int32), 8)
    assert full[0].max() == 1 > full[0].min() > 0
    half = 0.5 * 2**0.5
    assert full[1:, 0, 0].tolist() == pytest.approx([5.5, 7 + half, 5.5, half, 0.5, half, 0.5, half])
    one = np.zeros((3, 3), np.int32)
    one[1, 1] = 7
    targets = star_targets(one, 32)
    assert targets[0, 1, 1] == 1
    assert (targets[1:, 1, 1] >= 0.5).all()
    assert (targets[1:, 1, 1] < 0.71).all()
    corner = np.zeros((4, 4), np.int32)
    corner[:2, :2] = 1
    assert object_probability(corner)[0, 0] == 1, "the image's edge is no boundary"


@settings(max_examples=40, deadline=None)
@given(labels=small_labels)
def test_rims_part_all_objects_and_growing_gives_them_back(labels: Labels) -> None:
    rim = rims(labels)
    padded = np.pad(labels, 1, mode="edge")
    for y, x in np.ndindex(*labels.shape):
        window = padded[y : y + 3, x : x + 3]
        others = {int(window[0, 1]), int(window[2, 1]), int(window[1, 0]), int(window[1, 2])} - {int(labels[y, x])}
        assert rim[y, x] == (labels[y, x] > 0 and bool(others))
        around = set(window.ravel().tolist()) - {0, int(labels[y, x])}
        assert contacts(labels)[y, x] == (labels[y, x] > 0 and bool(around))
    inner = np.where(rim, 0, labels)
    assert not contacts(inner).any()
    back = grown(inner)
    assert np.array_equal(back[back > 0], labels[back > 0]), "an object grew beyond itself"
    assert (back[inner > 0] == labels[inner > 0]).all()
