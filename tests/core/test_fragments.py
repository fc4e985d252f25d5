"""Fragments grouped, against distances and ways that are looked for one by one."""

import heapq
from dataclasses import replace
from itertools import combinations, product
from time import process_time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import Canceled, UserInputError
from core.image import Image
from core.measurement.fragments import group_fragments
from core.measurement.ways import bright_pixels
from core.progress import Progress

SIZES = {"Z": 0.7, "Y": 0.3, "X": 0.2}


def image_of(array: NDArray[Any], sizes: dict[str, float] = SIZES) -> Image:
    axes = "ZYX"[-array.ndim :]
    return Image(array.astype(np.int32), axes, {axis: sizes[axis] for axis in axes}, kind="labels")


def specks(shape: tuple[int, ...], count: int, seed: int) -> NDArray[np.int32]:
    """Fragments of a few pixels each, with numbers from 1 on that do not follow their places."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for number in rng.permutation(np.arange(1, count + 1)):
        corner = [int(rng.integers(0, size)) for size in shape]
        labels[tuple(slice(c, c + int(rng.integers(1, 4))) for c in corner)] = number
    return labels


def partition(labels: NDArray[Any], fragments: NDArray[Any]) -> set[frozenset[int]]:
    """Which fragments have one number."""
    return {frozenset(fragments[labels == number].tolist()) for number in np.unique(labels[labels > 0])}


def joined(numbers: list[int], pairs: list[tuple[int, int]]) -> set[frozenset[int]]:
    """Whatever hangs together by pairs, one by one."""
    groups = {number: {number} for number in numbers}
    for a, b in pairs:
        if groups[a] is not groups[b]:
            groups[a] |= groups[b]
            for member in groups[b]:
                groups[member] = groups[a]
    return {frozenset(group) for group in groups.values()}


def by_every_gap(labels: Image, gap: float) -> set[frozenset[int]]:
    """The groups by the distances of all pixels of all pairs of fragments."""
    size = np.array([labels.pixel_size[axis] for axis in labels.axes])
    numbers = np.unique(labels.array[labels.array > 0]).tolist()
    places = {number: np.argwhere(labels.array == number) for number in numbers}
    pairs = []
    for a, b in combinations(numbers, 2):
        apart = np.abs(places[a][:, None] - places[b][None]) - 1
        if np.sqrt(((apart.clip(0) * size) ** 2).sum(-1)).min() <= gap + 1e-9:
            pairs.append((a, b))
    return joined(numbers, pairs)


def by_every_way(labels: Image, through: NDArray[np.bool_], gap: float) -> set[frozenset[int]]:
    """The groups by the shortest way from every fragment to every other, found pixel by pixel."""
    array, size = labels.array, np.array([labels.pixel_size[axis] for axis in labels.axes])
    steps = [step for step in product((-1, 0, 1), repeat=array.ndim) if any(step)]
    numbers = np.unique(array[array > 0]).tolist()
    pairs = []
    for start in numbers:
        far = {tuple(p): 0.0 for p in np.argwhere(array == start).tolist()}
        heap = [(0.0, p) for p in far]
        while heap:
            length, here = heapq.heappop(heap)
            if length > far[here]:
                continue
            for step in steps:
                there = tuple(a + b for a, b in zip(here, step, strict=True))
                if not all(0 <= n < m for n, m in zip(there, array.shape, strict=True)):
                    continue
                own, other = array[here], array[there]
                if other == start or (other == 0 and not through[there]):
                    continue
                whole = float(np.sqrt(((np.array(step) * size) ** 2).sum()))
                total = length + whole * (1 - (own > 0) / 2 - (other > 0) / 2)
                if other > 0:  # a way ends at the next fragment
                    if total <= gap + 1e-9:
                        pairs.append((start, int(other)))
                elif total < far.get(there, np.inf):
                    far[there] = total
                    heapq.heappush(heap, (total, there))
    return joined(numbers, pairs)


SHAPES = [((40, 50), 30), ((1, 60), 12), ((60, 1), 12), ((7, 12, 14), 25), ((1, 20, 20), 12)]


@pytest.mark.parametrize(("shape", "count"), SHAPES)
@pytest.mark.parametrize("gap", [0.0, 0.2, 0.3, 0.65, 1.4, 50.0])
def test_gaps_are_those_of_all_pixels(shape: tuple[int, ...], count: int, gap: float) -> None:
    labels = image_of(specks(shape, count, seed=count))
    found = group_fragments(labels, gap)
    assert partition(found.labels.array, labels.array) == by_every_gap(labels, gap)
    assert found.before == len(np.unique(labels.array)) - 1
    assert found.after == found.labels.array.max()
    assert ((found.labels.array > 0) == (labels.array > 0)).all()


@pytest.mark.parametrize(("shape", "count"), [((20, 24), 12), ((1, 40), 8), ((4, 7, 8), 9), ((1, 12, 12), 7)])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_ways_are_the_shortest(shape: tuple[int, ...], count: int, share: float) -> None:
    labels = image_of(specks(shape, count, seed=count))
    through = np.random.default_rng(0).random(shape) < share
    for gap in (0.0, 0.35, 0.8, 2.0):
        found = group_fragments(labels, gap, through)
        assert partition(found.labels.array, labels.array) == by_every_way(labels, through, gap)


def test_a_way_is_never_shorter_than_the_gap_and_needs_bright_pixels() -> None:
    labels = image_of(specks((40, 50), 30, seed=3))
    nothing = np.zeros(labels.array.shape, bool)
    touching = partition(group_fragments(labels, 0.0).labels.array, labels.array)
    assert partition(group_fragments(labels, 5.0, nothing).labels.array, labels.array) == touching
    for gap in (0.3, 0.7, 1.5):
        straight = partition(group_fragments(labels, gap).labels.array, labels.array)
        led = partition(group_fragments(labels, gap, ~nothing).labels.array, labels.array)
        assert all(any(small <= large for large in straight) for small in led)


def test_gaps_in_micrometres() -> None:
    array = np.zeros((9, 9), np.int32)
    array[4, 4], array[4, 7], array[7, 4], array[1, 1] = 1, 2, 3, 4
    labels = image_of(array, {"Y": 1.0, "X": 0.1})
    # two pixels between: 0.2 µm along X, 2 µm along Y
    assert partition(group_fragments(labels, 0.1).labels.array, array) == {frozenset([n]) for n in (1, 2, 3, 4)}
    assert frozenset([1, 2]) in partition(group_fragments(labels, 0.2).labels.array, array)
    assert frozenset([1, 2, 3]) in partition(group_fragments(labels, 2.0).labels.array, array)
    assert group_fragments(labels, 2.01).after == 1  # from corner to corner: 2 µm and 0.2 µm


def test_three_pixels_of_a_tenth_are_three_tenths() -> None:
    array = np.array([[1, 0, 0, 0, 2]])
    assert group_fragments(image_of(array, {"Y": 1.0, "X": 0.1}), 0.3).after == 1
    assert group_fragments(image_of(array, {"Y": 1.0, "X": 0.1}), 0.3, np.ones((1, 5), bool)).after == 1


def test_the_way_along_a_bent_nerve_counts() -> None:
    array = np.zeros((12, 5), np.int32)
    array[0, 0], array[0, 4] = 1, 2
    bent = np.zeros(array.shape, bool)
    bent[1:11, 0], bent[10, 1:4], bent[1:11, 4] = True, True, True
    labels = image_of(array, {"Y": 1.0, "X": 1.0})
    assert group_fragments(labels, 3.0).after == 1
    assert group_fragments(labels, 3.0, bent).after == 2
    # half a step out of each fragment, 8 along either side, the two corners cut, 2 across
    length = 2 * 0.5 + 2 * 8 + 2 * np.sqrt(2) + 2
    assert group_fragments(labels, length - 0.01, bent).after == 2
    assert group_fragments(labels, length + 0.01, bent).after == 1


def test_grouping_hands_on() -> None:
    array = np.array([[7, 0, 0, 3, 0, 0, 9, 0, 0, 0, 5]])
    found = group_fragments(image_of(array, {"Y": 1.0, "X": 1.0}), 2.0)
    np.testing.assert_array_equal(found.labels.array, [[1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 2]])
    assert (found.before, found.after) == (4, 2)


def test_numbers_of_fragments_do_not_matter() -> None:
    array = specks((40, 50), 30, seed=1)
    names = np.append(0, np.random.default_rng(0).permutation(10**6)[: array.max()] + 1).astype(np.int32)
    through = np.random.default_rng(0).random(array.shape) < 0.5
    for bright in (None, through):
        one, other = (group_fragments(image_of(labels), 0.5, bright) for labels in (array, names[array]))
        np.testing.assert_array_equal(one.labels.array, other.labels.array)


def test_turning_changes_no_group() -> None:
    array = specks((40, 50), 30, seed=2)
    turned = image_of(np.rot90(array), {"Y": SIZES["X"], "X": SIZES["Y"]})
    for gap in (0.3, 0.9):
        found = group_fragments(image_of(array), gap).labels.array
        assert partition(found, array) == partition(group_fragments(turned, gap).labels.array, turned.array)


def test_a_fragment_in_two_pieces_is_one() -> None:
    array = np.array([[1, 0, 0, 0, 0, 0, 1, 2]])
    assert group_fragments(image_of(array), 0.0).after == 1


def test_no_fragments() -> None:
    for through in (None, np.ones((5, 5), bool)):
        found = group_fragments(image_of(np.zeros((5, 5))), 1.0, through)
        assert (found.before, found.after, int(found.labels.array.max())) == (0, 0, 0)


@pytest.mark.parametrize("way", [False, True])
def test_five_thousand_fragments_take_seconds(way: bool) -> None:
    rng = np.random.default_rng(0)
    seeds = np.zeros((2048, 2048), bool)
    seeds[tuple((rng.integers(0, 128, (2, 9000)) * 16) + 8)] = True
    labels, count = ndimage.label(ndimage.binary_dilation(seeds, iterations=4))
    assert count > 5000
    through = ndimage.gaussian_filter(rng.normal(size=seeds.shape), 4) > 0 if way else None
    started = process_time()
    found = group_fragments(image_of(labels, {"Y": 0.2, "X": 0.2}), 2.0, through)
    assert process_time() - started < 10
    assert 1 <= found.after < count


def test_what_is_refused() -> None:
    labels = image_of(specks((5, 20, 20), 5, seed=0))
    with pytest.raises(UserInputError, match=r"no pixel size.*Set the pixel size when reading"):
        group_fragments(replace(labels, pixel_size={"Z": 1.0, "X": 1.0}), 1.0)
    with pytest.raises(UserInputError, match=r"no distance of slices.*Set the distance of slices when reading"):
        group_fragments(replace(labels, pixel_size={"Y": 1.0, "X": 1.0}), 1.0)
    assert group_fragments(replace(labels, array=labels.array[:1], pixel_size={"Y": 1.0, "X": 1.0}), 1.0).before
    for gap in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UserInputError, match=r"gap is .* it must be 0 µm or more"):
            group_fragments(labels, gap)
    with pytest.raises(UserInputError, match="what connects them"):
        group_fragments(labels, 1.0, np.zeros((5, 20, 21), bool))
    with pytest.raises(UserInputError, match="negative"):
        group_fragments(replace(labels, array=-labels.array), 1.0)


def test_canceling() -> None:
    labels = image_of(specks((40, 50), 30, seed=0))
    for through in (None, np.ones(labels.array.shape, bool)):
        with pytest.raises(Canceled):
            group_fragments(labels, 1.0, through, Progress(is_canceled=lambda: True))


class TestBrightPixels:
    def test_by_otsu(self) -> None:
        rng = np.random.default_rng(0)
        nerve = np.zeros((40, 40), bool)
        nerve[:, 10:14] = True
        pixels = (rng.normal(100, 5, nerve.shape) + 300 * nerve).astype(np.uint16)
        bright, threshold = bright_pixels(Image(np.stack([pixels * 0, pixels]), "CYX"), 1)
        np.testing.assert_array_equal(bright, nerve)
        assert pixels[~nerve].max() <= threshold < pixels[nerve].min()

    def test_by_a_value(self) -> None:
        pixels = np.arange(24.0).reshape(2, 3, 4)
        bright, threshold = bright_pixels(Image(pixels, "ZYX"), 0, 10.0)
        np.testing.assert_array_equal(bright, pixels > 10)
        assert threshold == 10

    def test_an_image_of_one_value_has_none(self) -> None:
        assert not bright_pixels(Image(np.full((4, 4), 7, np.uint8), "YX"))[0].any()

    def test_what_is_refused(self) -> None:
        with pytest.raises(UserInputError, match="channel is 3, it must be 1 to 2: the image has 2 channels"):
            bright_pixels(Image(np.zeros((2, 4, 4)), "CYX"), 2)
        with pytest.raises(UserInputError, match="not a number"):
            bright_pixels(Image(np.full((4, 4), np.nan), "YX"))
        with pytest.raises(UserInputError, match="time series"):
            bright_pixels(Image(np.zeros((2, 4, 4)), "TYX"))


@pytest.mark.parametrize("shape", [(30, 40), (6, 20, 20)])
def test_what_is_too_small_is_left_out_and_all_else_stays(shape: tuple[int, ...]) -> None:
    labels = image_of(specks(shape, 25, 4))
    brick = float(np.prod([SIZES[axis] for axis in labels.axes]))
    whole = group_fragments(labels, 0.5)
    areas = np.bincount(whole.labels.array.ravel()) * brick
    limit = float(np.median(areas[1:]))
    left = group_fragments(labels, 0.5, smallest=limit)
    kept = np.where(areas[whole.labels.array] >= limit * (1 - 1e-6), whole.labels.array, 0)
    assert 0 < left.after < whole.after
    assert left.before == whole.before
    assert np.unique(left.labels.array).tolist() == list(range(left.after + 1))
    assert partition(left.labels.array, labels.array) == partition(kept, labels.array)
    assert np.array_equal(left.labels.array > 0, kept > 0)
    with pytest.raises(UserInputError, match="smallest"):
        group_fragments(labels, 0.5, smallest=-1.0)
