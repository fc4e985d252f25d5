"""Heads: the losses' formulas, what decoding finds in perfect and in odd maps, and thresholds tried all at once."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.test_geometry_targets import voronoi

from core.errors import UserInputError
from core.evaluation.scores import score_image
from core.heads import HEADS, Head, HeadConfig, make_head
from core.image import Labels
from core.io.read import read_labels
from core.training.thresholds import matches

SAMPLES = Path(__file__).parents[2] / "workflows" / "01_Train_and_count_nuclei" / "data"


def head(name: str, n_rays: int = 32, channels: int = 4) -> Head:
    torch.manual_seed(0)
    return make_head(HeadConfig(name=name, n_rays=n_rays, features=16), channels)


def maps(name: str) -> int:
    """Channels of a head's maps, which come first in its targets."""
    return {"stardist": 33, "foreground": 1, "distance": 2}[name]


def perfect(one: Head, name: str, labels: Labels, grid: int = 1, **thresholds: float) -> Labels:
    """What is decoded from a perfect prediction."""
    prediction = one.targets(labels, grid)[: maps(name)]
    shape = (labels.shape[0], labels.shape[1])
    return one.decode(prediction, shape, grid, {**one.default_thresholds(), **thresholds}).labels


def average_precisions(truth: Labels, found: Labels) -> list[float]:
    """TP / (TP + FP + FN) at IoU above .50, .55 ... .95, matched as in the thesis: every found object's best truth."""
    true_names, found_names = np.unique(truth[truth > 0]), np.unique(found[found > 0])
    best = []
    for name in found_names:
        others, common = np.unique(truth[(found == name) & (truth > 0)], return_counts=True)
        size = (found == name).sum()
        ious = [c / (size + (truth == o).sum() - c) for o, c in zip(others, common, strict=True)]
        best.append((others[int(np.argmax(ious))], max(ious)) if ious else (0, 0.0))
    values = []
    for threshold in np.arange(0.5, 0.96, 0.05):
        hits = len({name for name, iou in best if iou > threshold})
        total = len(true_names) + len(found_names) - hits
        values.append(hits / total if total else 1.0)
    return values


def ceiling(name: str, labels: list[Labels]) -> float:
    one = head(name)
    return float(np.mean([average_precisions(truth, perfect(one, name, truth)) for truth in labels]))


@pytest.mark.parametrize(("name", "least"), [("stardist", 0.96), ("foreground", 0.95), ("distance", 0.995)])
def test_perfect_maps_give_the_objects_back(name: str, least: float) -> None:
    """On nuclei of many sizes; the thesis reaches .84 (StarDist) and .45 (foreground) with perfect maps."""
    files = sorted(SAMPLES.glob("*/labels/*"))
    assert len(files) == 32
    assert ceiling(name, [np.asarray(read_labels(file).array, np.int32) for file in files]) >= least


@pytest.mark.skipif("MICROSEG_DSB2018" not in os.environ, reason="MICROSEG_DSB2018 names no folder of label images")
@pytest.mark.parametrize(("name", "least"), [("stardist", 0.96), ("foreground", 0.95), ("distance", 0.995)])
def test_perfect_maps_give_the_objects_of_a_folder_back(name: str, least: float) -> None:
    files = sorted(Path(os.environ["MICROSEG_DSB2018"]).rglob("*.tif"))[::10]
    assert ceiling(name, [np.asarray(read_labels(file).array, np.int32) for file in files]) >= least


@pytest.mark.parametrize("grid", [2, 4])
def test_a_coarser_grid_still_finds_the_polygons(grid: int) -> None:
    labels = voronoi(3, (120, 121), 20)
    found = perfect(head("stardist"), "stardist", labels, grid)
    assert found.shape == labels.shape
    assert average_precisions(labels, found)[0] > 0.85


@pytest.mark.parametrize("name", HEADS)
def test_odd_labels(name: str) -> None:
    one = head(name)
    empty = np.zeros((12, 9), np.int32)
    assert not perfect(one, name, empty).any()
    single = empty.copy()
    single[4, 4] = 3
    found = perfect(one, name, single)
    assert found[4, 4] == 1
    assert found.sum() <= 5, "one pixel and at most its neighbours"
    edges = np.zeros((20, 20), np.int32)
    edges[:8, :7], edges[12:, 3:9], edges[5:15, 14:] = 1, 2, 3
    assert average_precisions(edges, perfect(one, name, edges))[3] == 1
    full = np.ones((8, 8), np.int32)
    assert perfect(one, name, full).max() == 1


@pytest.mark.parametrize("name", ["foreground", "distance"])
def test_touching_objects_stay_apart(name: str) -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[5:15, 5:15], labels[5:15, 15:25], labels[15:25, 15:25] = 1, 2, 3
    found = perfect(head(name), name, labels)
    assert found.max() == 3
    assert np.mean((found > 0) == (labels > 0)) > 0.97


@pytest.mark.parametrize("name", ["foreground", "distance"])
def test_thin_objects_are_not_lost(name: str) -> None:
    labels = np.zeros((12, 20), np.int32)
    labels[5:7, 2:18] = 1
    assert perfect(head(name), name, labels).max() == 1


def test_objects_of_few_pixels_that_touch_are_found_by_their_depth() -> None:
    """Rows of squares side by side, and of single pixels; where nothing of an object is free of contacts, they join."""
    labels = np.zeros((12, 40), np.int32)
    for number in range(5):
        labels[1:4, 3 * number : 3 * number + 3] = number + 1
        labels[6:8, 2 * number : 2 * number + 2] = number + 6
        labels[10, 8 * number] = number + 11
    found = perfect(head("distance"), "distance", labels)
    assert np.array_equal(found > 0, labels > 0)
    assert average_precisions(labels[:5], found[:5])[-1] == average_precisions(labels[9:], found[9:])[-1] == 1
    assert len(np.unique(found[6:8])) == 1 + 3, "the three in the middle touch others with all of their pixels"


@pytest.mark.parametrize("wide", [1, 2, 5])
def test_an_object_of_any_shape_has_one_peak(wide: int) -> None:
    """Two discs of unlike size and a narrow bridge, a ring, and a spiral."""
    y, x = np.mgrid[:120, :120]
    labels = np.zeros((120, 120), np.int32)
    labels[(y - 30) ** 2 + (x - 25) ** 2 < 20**2] = labels[(y - 30) ** 2 + (x - 85) ** 2 < 15**2] = 1
    labels[30 : 30 + wide, 25:85] = 1
    radius, angle = np.hypot(y - 85, x - 60), np.arctan2(y - 85, x - 60)
    labels[np.abs(radius - 8) < wide / 2 + 0.5] = 2
    turn = (angle + np.pi) / (2 * np.pi)
    labels[(np.abs(radius - 16 - 6 * turn) < wide / 2 + 0.2) & (turn > 0.05)] = 3
    found = perfect(head("distance"), "distance", labels, separation=0.05)
    assert found.max() == 3
    assert average_precisions(labels, found)[-1] == 1


def test_a_faint_dent_is_no_valley_and_a_faint_rise_is_no_object() -> None:
    one = head("distance")
    prediction = np.zeros((2, 9, 30), np.float32)
    prediction[0, 2:7, 2:28] = 0.8
    prediction[1, 4, 2:28] = 0.9
    prediction[1, 4, 12], prediction[1, 4, 13] = 0.65, 0.65
    prediction[0, 0, 0] = 0.9
    for separation, objects in ((0.2, 2), (0.3, 1)):
        thresholds = {"prob": 0.5, "separation": separation}
        found = one.decode(prediction, (9, 30), 1, thresholds)
        assert len(found.scores) == objects
        assert found.labels[0, 0] == 0, "an island without depth"
    assert found.scores == pytest.approx([0.8])
    assert len(one.decode(prediction, (9, 30), 1, {"prob": 0.5, "separation": 0.0}).scores) == 2, (
        "a plateau is one peak"
    )


def test_rims_weigh_more_in_the_foreground_and_contacts_most() -> None:
    labels = np.zeros((30, 40), np.int32)
    labels[5:25, 5:20], labels[5:25, 20:35] = 1, 2
    interior, weight = head("foreground").targets(labels, 1)
    assert interior[15, 18:22].tolist() == [1, 0, 0, 1]
    assert weight[15, [1, 12]] == pytest.approx(1, abs=0.01)
    assert 1 < weight[15, 5] < 7 < weight[15, 19] < 27


def numpy_sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_stardist_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw, truth = rng.normal(0, 3, (2, 9, 5, 6)), rng.uniform(0, 8, (2, 9, 5, 6))
    truth[:, 0] = rng.uniform(0, 1, (2, 5, 6)) * (rng.random((2, 5, 6)) < 0.5)
    p, mask = numpy_sigmoid(raw[:, 0]), truth[:, 0]
    expected = -np.mean(mask * np.log(p) + (1 - mask) * np.log(1 - p))
    errors = np.abs(raw[:, 1:] - truth[:, 1:]).mean(axis=1)
    expected += 0.2 * (mask * errors).sum() / mask.sum()
    expected += 0.2 * 1e-4 * ((1 - mask) * np.abs(raw[:, 1:]).mean(axis=1)).mean()
    loss = head("stardist", 8).loss(torch.from_numpy(raw), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_foreground_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw, truth = rng.normal(0, 3, (2, 1, 5, 6)), rng.uniform(1, 9, (2, 2, 5, 6))
    truth[:, 0] = truth[:, 0] > 5
    p, y, w = numpy_sigmoid(raw[:, 0]), truth[:, 0], truth[:, 1]
    expected = -(w * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum() / w.sum()
    loss = head("foreground").loss(torch.from_numpy(raw), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_distance_loss(seed: int) -> None:
    """Kullback-Leibler divergences; those on objects count once more."""
    rng = np.random.default_rng(seed)
    raw, truth = rng.normal(0, 3, (2, 2, 5, 6)), rng.uniform(0.01, 0.99, (2, 2, 5, 6))
    truth[:, 0] = truth[:, 0] > 0.4
    truth[:, 1] *= truth[:, 0]
    p = numpy_sigmoid(raw)
    parts = [np.where(t > 0, t * np.log(np.maximum(t, 1e-9) / q), 0) for t, q in ((truth, p), (1 - truth, 1 - p))]
    divergence = (parts[0] + parts[1]).sum(axis=1)
    expected = divergence.mean() + divergence[truth[:, 0] > 0].mean()
    loss = head("distance").loss(torch.from_numpy(raw), torch.from_numpy(truth))
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_the_distance_loss_of_a_perfect_prediction_is_0() -> None:
    one = head("distance")
    truth = torch.from_numpy(one.targets(voronoi(5, (40, 40), 9), 1))[None]
    raw = torch.logit(truth.double().clamp(1e-12, 1 - 1e-12))
    assert 0 <= float(one.loss(raw, truth.double())) < 1e-6


@pytest.mark.parametrize("name", HEADS)
def test_the_loss_of_a_batch_is_the_mean_of_its_shares(name: str) -> None:
    """Of shares that differ in their number of objects, each with the mean of what the loss divides by."""
    one = head(name, channels=4)
    truth = torch.from_numpy(np.stack([one.targets(voronoi(n, (16, 16), n), 1) for n in (2, 3, 20, 30)]))
    raw = one(torch.randn(4, 4, 16, 16)).detach()
    shares = [(raw[:2], truth[:2]), (raw[2:], truth[2:])]
    sums: list[torch.Tensor] = []
    for share in shares:
        one.loss(*share, lambda number: sums.append(number) or number)  # type: ignore[func-returns-value]
    shared = torch.stack([one.loss(*share, lambda _: sum(sums) / len(sums)) for share in shares])  # type: ignore[arg-type, return-value]
    assert float(shared.mean()) == pytest.approx(float(one.loss(raw, truth)), rel=1e-5)
    alone = torch.stack([one.loss(*share) for share in shares])
    assert float(alone.mean()) != pytest.approx(float(one.loss(raw, truth)), rel=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_learns_the_maps_of_an_image_by_heart(name: str) -> None:
    """Gradients lead every output to its target: features of their own for every pixel."""
    one = head(name, channels=24)
    labels = voronoi(8, (16, 16), 3)
    truth = torch.from_numpy(one.targets(labels, 1))[None]
    features = torch.nn.Parameter(torch.randn(1, 24, 16, 16))
    optimizer = torch.optim.Adam([features, *one.parameters()], lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = one.loss(one(features), truth)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", HEADS)
def test_an_imitation_is_best_where_it_says_the_same(name: str) -> None:
    """Of what the other one is sure of; of the rest nothing counts."""
    one, sure = head(name), torch.zeros(2, 8, 8)
    sure[:, :, :4] = 1
    raw, other = one(torch.randn(2, 4, 8, 8)).detach(), one(torch.randn(2, 4, 8, 8)).detach()
    said = one.activate(raw)
    raw[:, 1:] = said[:, 1:] if name == "stardist" else raw[:, 1:]
    elsewhere = torch.where(sure[:, None] > 0, raw, other)
    assert float(one.imitation(other, said, sure)) > float(one.imitation(raw, said, sure))
    assert float(one.imitation(elsewhere, said, sure)) == pytest.approx(float(one.imitation(raw, said, sure)), rel=1e-6)
    assert float(one.imitation(other, said, torch.zeros_like(sure))) == 0


@pytest.mark.parametrize("name", HEADS)
def test_outputs(name: str) -> None:
    one = head(name)
    raw = one(torch.randn(2, 4, 8, 6))
    assert raw.shape == (2, maps(name), 8, 6)
    assert one.targets(voronoi(0), 1).shape[0] >= maps(name)
    active = one.activate(raw.to(torch.bfloat16))
    assert active.dtype == torch.float32
    assert (active > 0).all()
    calm = one.activate(one(torch.zeros(1, 4, 3, 3)))[:, 0].detach()
    assert 0.02 < float(calm.mean()) < 0.3, "an untrained head answers about the prior"


@pytest.mark.parametrize("name", HEADS)
def test_the_loss_of_an_empty_image_is_finite(name: str) -> None:
    one = head(name)
    truth = torch.from_numpy(one.targets(np.zeros((8, 8), np.int32), 1))[None]
    assert torch.isfinite(one.loss(one(torch.randn(1, 4, 8, 8)), truth))


def noisy(name: str, grid: int) -> tuple[Head, NDArray[np.float32], tuple[int, int]]:
    """Maps as of a network that has learned something."""
    one, labels, rng = head(name), voronoi(21, (90, 101), 30), np.random.default_rng(1)
    prediction = one.targets(labels, grid)[: maps(name)]
    prediction[0] = np.clip(prediction[0] * 0.8 + rng.normal(0.1, 0.1, prediction[0].shape), 0, 1)
    prediction[1:] = np.maximum(prediction[1:] * rng.uniform(0.8, 1.2, prediction[1:].shape), 1e-3)
    return one, prediction, (labels.shape[0], labels.shape[1])


@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
def test_the_chance_of_a_pixel_is_what_it_was_before_the_loss_weighed_it(share: float) -> None:
    """Where half of some pixels are objects, the loss is lowest at a probability whose chance is one half."""
    one = head("distance")
    objects = int(10_000 * share)
    targets = torch.zeros(1, 2, 100, 100)
    targets[0, 0].ravel()[:objects] = 1
    alike = torch.zeros(10_000, dtype=torch.bool)
    alike[objects // 2 : objects // 2 + 2 * (objects - objects // 2)] = True  # as many objects as background
    probability = 1 / (1 + 1 / (1 + 1 / share))
    assert one.chance(np.array([probability], np.float32), share) == pytest.approx([0.5], rel=1e-3)
    logit = torch.tensor(np.log(probability / (1 - probability)), dtype=torch.float64, requires_grad=True)
    raw = torch.where(alike, logit, torch.tensor(0.0, dtype=torch.float64)).reshape(1, 1, 100, 100)
    loss = one.loss(torch.cat([raw, torch.zeros_like(raw)], 1), targets.double())
    (slope,) = torch.autograd.grad(loss, logit)
    assert abs(float(slope)) < 1e-9


@pytest.mark.parametrize(("name", "grid"), [("stardist", 1), ("stardist", 2), ("foreground", 1), ("distance", 1)])
def test_decoding_for_many_thresholds_is_decoding_for_each(name: str, grid: int) -> None:
    one, prediction, shape = noisy(name, grid)
    names, values = zip(*one.threshold_grid().items(), strict=True)
    assert set(names) == set(one.default_thresholds())
    thresholds = [dict(zip(names, combination, strict=True)) for combination in product(*values)][::-1]
    together = one.decode_many(prediction, shape, grid, thresholds)
    for (found, count), single in zip(together, thresholds, strict=True):
        alone = one.decode(prediction, shape, grid, single)
        assert np.array_equal(np.where(found.labels <= count, found.labels, 0), alone.labels)
        assert np.array_equal(found.scores[:count], alone.scores)
        assert alone.labels.dtype == np.int32
        assert alone.scores.dtype == np.float32
        assert np.array_equal(np.unique(alone.labels[alone.labels > 0]), np.arange(1, count + 1))
        assert ((alone.scores > single["prob"]) & (alone.scores <= 1)).all()


@pytest.mark.parametrize(("name", "grid"), [("stardist", 1), ("stardist", 2), ("foreground", 1), ("distance", 1)])
def test_the_score_of_thresholds_is_that_of_their_objects(name: str, grid: int) -> None:
    one, prediction, shape = noisy(name, grid)
    truth = voronoi(21, shape, 30)
    names, values = zip(*one.threshold_grid().items(), strict=True)
    thresholds = [dict(zip(names, combination, strict=True)) for combination in product(*values)]
    together = [found.map_50_95 for found in matches(truth, one.decode_many(prediction, shape, grid, thresholds))]
    alone = [score_image(truth, one.decode(prediction, shape, grid, t).labels).map_50_95 for t in thresholds]
    assert together == alone
    assert len(set(alone)) > 3


def test_undefined_predictions_give_no_objects() -> None:
    one, prediction, shape = noisy("stardist", 1)
    assert one.decode(np.full_like(prediction, np.nan), shape, 1, one.default_thresholds()).labels.max() == 0
    prediction[5] = np.inf
    assert one.decode(prediction, shape, 1, one.default_thresholds()).labels.max() == 0


@pytest.mark.parametrize("settings_", [{"n_rays": 3}, {"features": 0}, {"n_rays": 1000}])
def test_settings_out_of_bounds_are_refused(settings_: dict[str, int]) -> None:
    with pytest.raises(UserInputError, match=next(iter(settings_))):
        HeadConfig(**settings_)  # type: ignore[arg-type]


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(UserInputError, match="stardist, foreground, distance"):
        make_head(HeadConfig(name="mask"), 4)
