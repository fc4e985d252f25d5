"""Objects found window by window are those of the whole, whatever the windows are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.test_heads import head, maps

from core.heads import Head
from core.heads.base import Frame, Piece, SparseMaps, Window
from core.image import Labels
from core.io.read import read_labels

SAMPLES = sorted((Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test/labels").iterdir())


def prediction(one: Head, name: str, labels: Labels, grid: int, seed: int) -> NDArray[np.float32]:
    """What a network that is not quite sure would predict: noise on the truth, so that suppression has to choose."""
    rng = np.random.default_rng(seed)
    exact = one.targets(labels, grid)[: maps(name)]
    noisy = exact * rng.uniform(0.7, 1.3, exact.shape)
    noisy[0] = np.clip(exact[0] + rng.normal(0, 0.1, exact[0].shape), 0, 1)
    return noisy.astype(np.float32)


def cuts(size: int, length: int) -> list[tuple[int, int]]:
    return [(start, min(start + length, size)) for start in range(0, size, length)]


def in_windows(
    one: Head, whole: NDArray[np.float32], frame: Frame, tile: int, reach: float, around: int
) -> tuple[Labels, list[Piece]]:
    """The labels of the image, pasted from the pieces of all tiles; windows grow until nothing is unsure."""
    height, width = whole.shape[1:]
    thresholds = one.default_thresholds()
    cores = [
        Window(y, x, y1, x1).grown(0, height, width) for y, y1 in cuts(height, tile) for x, x1 in cuts(width, tile)
    ]
    found: list[SparseMaps] = []
    for core in cores:
        part = whole[:, core.top : core.bottom, core.left : core.right]
        found.append(one.thin(one.sparse(part, thresholds, (core.top, core.left)), core, frame, thresholds, reach))
    labels, pieces = np.zeros(frame.shape, np.int32), []
    for core in cores:
        grow = around
        while True:
            window = core.grown(grow, height, width)
            piece = one.pick(
                SparseMaps.joined([part.within(window) for part in found]), core, window, frame, thresholds, reach
            )
            if not len(piece.unsure) or not any(window.inner):
                break
            grow *= 2
        y, x = piece.origin
        target = labels[y : y + piece.instances.labels.shape[0], x : x + piece.instances.labels.shape[1]]
        inside = piece.instances.labels > 0
        assert not target[inside].any(), "objects of two tiles overlap"
        target[inside] = piece.instances.labels[inside] + labels.max()
        pieces.append(piece)
    return labels, pieces


def assert_same_objects(first: Labels, second: Labels) -> None:
    """Equal up to the numbers."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    assert not pairs[0, pairs[1] == 0].any()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["stardist", "foreground", "distance"]),
    sample=st.integers(0, len(SAMPLES) - 1),
    crop=st.tuples(st.integers(40, 260), st.integers(40, 260)),
    tile=st.integers(12, 140),
    around=st.integers(1, 60),
    grid=st.sampled_from([1, 2]),
    seed=st.integers(0, 9),
)
def test_windows_give_the_objects_of_the_whole(
    name: str, sample: int, crop: tuple[int, int], tile: int, around: int, grid: int, seed: int
) -> None:
    grid = grid if name == "stardist" else 1
    labels = np.ascontiguousarray(read_labels(SAMPLES[sample]).array[: crop[0], : crop[1]])
    one = head(name)
    whole = prediction(one, name, labels, grid, seed)
    shape = (labels.shape[0], labels.shape[1])
    reach = float(whole[1:].max()) if name == "stardist" else 0.0
    expected = one.decode(whole, shape, grid, one.default_thresholds())
    found, pieces = in_windows(one, whole, Frame(shape, grid), tile, reach, around)
    assert_same_objects(found, expected.labels)
    scores = np.concatenate([piece.instances.scores for piece in pieces])
    np.testing.assert_allclose(np.sort(scores), np.sort(expected.scores), rtol=1e-6)


@pytest.mark.parametrize("scale", [0.6, 1.7])
@pytest.mark.parametrize("name", ["stardist", "foreground", "distance"])
def test_windows_of_a_rescaled_image(name: str, scale: float) -> None:
    labels = read_labels(SAMPLES[0]).array[:200, :230]
    one = head(name)
    whole = prediction(one, name, labels, 1, 0)
    shape = (round(200 / scale), round(230 / scale))
    whole = whole[:, : int(np.ceil(shape[0] * scale)), : int(np.ceil(shape[1] * scale))]
    expected = one.decode(whole, shape, 1, one.default_thresholds(), scale)
    reach = float(whole[1:].max()) / scale if name == "stardist" else 0.0
    assert_same_objects(in_windows(one, whole, Frame(shape, 1, scale), 50, reach, 20)[0], expected.labels)


def test_thinned_maps_are_one_pixel_per_object_but_at_the_seam() -> None:
    one = head("stardist")
    labels = read_labels(SAMPLES[1]).array[:256, :200]
    whole = prediction(one, "stardist", labels, 1, 0)
    frame, thresholds = Frame((256, 256)), one.default_thresholds()
    sparse = one.sparse(whole, thresholds)
    closed, opened = (Window(0, 0, 256, 200, (False, False, False, side)) for side in (False, True))
    count = len(one.decode(whole, (256, 200), 1, thresholds).scores)
    assert len(one.thin(sparse, closed, frame, thresholds, 10.0).points) == count
    thinned = one.thin(sparse, opened, frame, thresholds, 10.0).points
    assert count < len(thinned) < len(sparse.points) / 2


def test_what_may_go_on_is_unsure() -> None:
    """A bar across the seam, seen to its middle only."""
    one = head("foreground")
    whole = np.zeros((1, 40, 80), np.float32)
    whole[0, 18:22, 20:70] = 0.9
    core = Window(0, 0, 40, 40, (False, False, False, True))
    sparse = one.sparse(whole, one.default_thresholds())
    cut = one.pick(sparse.within(core), core, core, Frame((40, 80)), one.default_thresholds(), 0.0)
    assert cut.unsure.tolist() == [[18, 20]]
    wide = core.grown(40, 40, 80)
    seen = one.pick(sparse.within(wide), core, wide, Frame((40, 80)), one.default_thresholds(), 0.0)
    assert not len(seen.unsure)
    assert (seen.instances.labels > 0).sum() == 6 * 52 - 4, "with its rim, beyond the core"


def test_an_object_that_is_never_seen_whole_is_cut_at_the_cores() -> None:
    one = head("foreground")
    whole = np.full((1, 30, 90), 0.9, np.float32)
    sparse, pasted = one.sparse(whole, one.default_thresholds()), np.zeros((30, 90), np.int32)
    for left in (0, 30, 60):
        core = Window(0, left, 30, left + 30)
        window = core.grown(5, 30, 90)
        piece = one.pick(sparse.within(window), core, window, Frame((30, 90)), one.default_thresholds(), 0.0)
        y, x = piece.origin
        inside = piece.instances.labels > 0
        target = pasted[y : y + inside.shape[0], x : x + inside.shape[1]]
        assert len(piece.unsure) == 1
        assert not target[inside].any()
        target[inside] = 1
    assert pasted.all()
