"""Label images that are cut into tiles and joined again are what they were."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.nodes.samples import disks

from core.blockwise.pixels import sampled_percentiles
from core.errors import UserInputError
from core.heads import HeadConfig
from core.image import Image, Labels
from core.inference.places import Place, faults
from core.inference.predict import Predictor
from core.inference.stitching import Stitched, stitch
from core.inference.tiling import overlapping
from core.io.large import ArrayImage
from core.io.read import read_labels
from core.networks import NetworkConfig
from core.training.config import ScheduleConfig, TrainingConfig
from core.training.data import Example
from core.training.train import train

REAL = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test/labels"


def random_ellipses(
    rng: np.random.Generator, shape: tuple[int, int], most: float, gap: int = 0, least: float = 0.6
) -> Labels:
    """Ellipses of any direction, each connected and at most `most` pixels long; they may touch if there is no gap."""
    labels = np.zeros(shape, np.int32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for number in range(1, 1 + int(rng.integers(1, 30))):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        a, b = np.sort(rng.uniform(least, max(least, (most - 1) / 2), 2))
        turn = rng.uniform(0, np.pi)
        u, v = (y - cy) * np.cos(turn) + (x - cx) * np.sin(turn), (x - cx) * np.cos(turn) - (y - cy) * np.sin(turn)
        disk = (u / a) ** 2 + (v / b) ** 2 <= 1
        free = not labels[ndimage.binary_dilation(disk, np.ones((3, 3)), gap) if gap else disk].any()
        if free and ndimage.label(disk, np.ones((3, 3)))[1] == 1:
            labels[disk] = number
    return labels


def cut_up(labels: Labels, tile: int, overlap: int) -> list[Place]:
    return [
        Place(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
        for rows in overlapping(labels.shape[0], tile, overlap)
        for columns in overlapping(labels.shape[1], tile, overlap)
    ]


def renumbered(labels: Labels, rng: np.random.Generator) -> Labels:
    """The same objects under other numbers, with gaps."""
    new = rng.permutation(2 * int(labels.max(initial=0)) + 5).astype(np.int32) + 1
    return np.where(labels > 0, new[labels], 0).astype(np.int32)


def join(
    labels: Labels, tile: int, overlap: int, seed: int = 0, change: Callable[..., Labels] | None = None
) -> Stitched:
    """Cut into tiles, whose numbers and order are random, and joined; `change` is what happens to each tile."""
    rng = np.random.default_rng(seed)
    places = cut_up(labels, tile, overlap)
    parts = [labels[p.y : p.bottom, p.x : p.right] for p in places]
    parts = [renumbered(change(part, rng) if change else part, rng) for part in parts]
    order = rng.permutation(len(places)).tolist()
    assert not faults(labels.shape, places)
    return stitch(labels.shape, [places[i] for i in order], lambda i: parts[order[i]])


def check_equal(joined: Stitched, labels: Labels) -> None:
    """The same objects; numbers consecutive."""
    count = len(np.unique(labels[labels > 0]))
    pairs = np.unique(np.stack([labels.ravel(), joined.labels.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(labels)) == len(np.unique(joined.labels))
    assert joined.count == count
    assert set(np.unique(joined.labels)) - {0} == set(range(1, count + 1))
    assert ((labels == 0) == (joined.labels == 0)).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), height=st.integers(1, 90), width=st.integers(1, 90), tile=st.integers(10, 60),
    share=st.floats(0.1, 0.6),
)  # fmt: skip
def test_objects_smaller_than_the_overlap(seed: int, height: int, width: int, tile: int, share: float) -> None:
    overlap = max(4, int(share * tile))
    labels = random_ellipses(np.random.default_rng(seed), (height, width), overlap - 1)
    joined = join(labels, tile, overlap, seed)
    check_equal(joined, labels)
    assert not joined.cut


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tile=st.integers(16, 40), overlap=st.integers(1, 8), size=st.floats(5, 60))
def test_objects_larger_than_the_overlap(seed: int, tile: int, overlap: int, size: float) -> None:
    """They may be cut several times; those that are whole nowhere are reported."""
    labels = random_ellipses(np.random.default_rng(seed), (70, 83), size)
    joined = join(labels, tile, overlap, seed)
    check_equal(joined, labels)
    places = cut_up(labels, tile, overlap)
    expected = set()
    for number in np.unique(labels[labels > 0]):
        if not any(is_whole(labels == number, place) for place in places):
            ys, xs = np.nonzero(labels == number)
            expected.add(((int(ys.min()) + int(ys.max())) // 2, (int(xs.min()) + int(xs.max())) // 2))
    assert set(joined.cut) == expected


def is_whole(mask: NDArray[np.bool_], place: Place) -> bool:
    """Whether a tile holds an object that touches none of its inner edges."""
    inner = np.zeros_like(mask)
    inner[
        place.y + (place.y > 0) : place.bottom - (place.bottom < mask.shape[0]),
        place.x + (place.x > 0) : place.right - (place.right < mask.shape[1]),
    ] = True
    return bool(inner[mask].all())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), tile=st.integers(12, 40))
def test_convex_objects_are_joined_across_seams_without_overlap(seed: int, tile: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((70, 83), np.int32)
    for number in range(1, 12):
        y, x, height, width = rng.integers(0, 60, 2).tolist() + rng.integers(1, 12, 2).tolist()
        box = (slice(max(0, y - 1), y + height + 1), slice(max(0, x - 1), x + width + 1))
        if not labels[box].any():
            labels[y : y + height, x : x + width] = number
    joined = join(labels, tile, 0, seed)
    check_equal(joined, labels)
    assert not joined.cut


def real_labels() -> Iterator[Labels]:
    """Drawn nuclei, each of one piece, as far as they are smaller than 60 pixels."""
    for path in sorted(REAL.iterdir())[:3]:
        drawn = read_labels(path).array.reshape(read_labels(path).array.shape[-2:])
        pieces = np.zeros(drawn.shape, np.int32)
        for number in np.unique(drawn[drawn > 0]):
            found, _ = ndimage.label(drawn == number, np.ones((3, 3)))
            pieces[found > 0] = found[found > 0] + pieces.max()
        yield pieces


@pytest.mark.parametrize(("tile", "overlap"), [(128, 64), (100, 70), (96, 20), (300, 64), (61, 30)])
def test_nuclei_that_were_drawn(tile: int, overlap: int) -> None:
    for labels in real_labels():
        check_equal(join(labels, tile, overlap), labels)


def eroded_or_dilated(labels: Labels, rng: np.random.Generator) -> Labels:
    """Every object a pixel smaller, a pixel larger, or as it is."""
    result = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        mask = np.pad(labels == number, 1, mode="edge")
        change = rng.integers(3)
        if change == 1 and ndimage.binary_erosion(mask, border_value=1)[1:-1, 1:-1].any():
            mask = ndimage.binary_erosion(mask, border_value=1)
        elif change == 2:
            mask = ndimage.binary_dilation(mask)
        result[mask[1:-1, 1:-1] & (result == 0)] = number
    return result


def without_thin(labels: Labels) -> Labels:
    """The objects of which a pixel along the outline is no more than half: of others too little is left of them."""
    core = np.zeros_like(labels)
    for number in np.unique(labels[labels > 0]):
        core[ndimage.binary_erosion(labels == number, border_value=1)] = number
    area, inner = (np.bincount(of.ravel(), minlength=int(labels.max()) + 1) for of in (labels, core))
    return np.where((2 * inner > area)[labels], labels, 0).astype(np.int32)


def check_alike(joined: Stitched, labels: Labels) -> None:
    """Every object has one counterpart within a pixel of it, and there are no others."""
    twins = []
    for number in np.unique(labels[labels > 0]):
        mask = labels == number
        found = np.bincount(joined.labels[mask])[1:]
        twins.append(int(found.argmax()) + 1)
        twin = joined.labels == twins[-1]
        assert twin[ndimage.binary_erosion(mask, iterations=2, border_value=1)].all()
        assert not twin[~ndimage.binary_dilation(mask, iterations=2)].any()
    assert sorted(twins) == list(range(1, joined.count + 1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tile=st.integers(40, 60), overlap=st.integers(14, 20))
def test_outlines_that_differ_by_a_pixel_from_tile_to_tile(seed: int, tile: int, overlap: int) -> None:
    labels = without_thin(random_ellipses(np.random.default_rng(seed), (90, 110), overlap - 4, gap=3, least=3))
    check_alike(join(labels, tile, overlap, seed, eroded_or_dilated), labels)


@pytest.mark.parametrize("seed", range(3))
def test_drawn_nuclei_that_differ_by_a_pixel(seed: int) -> None:
    for labels in real_labels():
        thick = without_thin(labels)
        check_alike(join(thick, 128, 64, seed, eroded_or_dilated), thick)


def test_the_order_of_tiles_makes_no_difference() -> None:
    labels = random_ellipses(np.random.default_rng(5), (90, 110), 30)
    places = cut_up(labels, 40, 10)
    parts = {p: eroded_or_dilated(labels[p.y : p.bottom, p.x : p.right], np.random.default_rng(p.x)) for p in places}
    first = stitch((90, 110), places, lambda i: parts[places[i]])
    turned = places[::-1]
    assert np.array_equal(first.labels, stitch((90, 110), turned, lambda i: parts[turned[i]]).labels)


def test_what_only_one_tile_found_is_kept() -> None:
    """One whole in the left tile, nothing in the right one; one cut by the right tile's edge, nothing in the left."""
    left, right = np.zeros((30, 40), np.int32), np.zeros((30, 40), np.int32)
    left[2:8, 30:38], right[20:28, 0:9] = 7, 7
    joined = stitch((30, 60), [Place(0, 0, 30, 40), Place(0, 20, 30, 40)], lambda i: (left, right)[i])
    assert joined.count == 2
    assert joined.cut == ((23, 24),)


def test_a_sliver_that_only_one_tile_found_is_dropped() -> None:
    left, right = np.zeros((30, 40), np.int32), np.zeros((30, 40), np.int32)
    left[2:8, 12:20], right[2:9, 0:2] = 1, 1
    joined = stitch((30, 60), [Place(0, 0, 30, 40), Place(0, 20, 30, 40)], lambda i: (left, right)[i])
    assert joined.count == 1


def test_two_halves_in_one_tile_and_one_whole_in_the_other() -> None:
    """The tile decides in which the object lies farther from an edge; nothing is there twice."""
    left, right = np.zeros((30, 40), np.int32), np.zeros((30, 40), np.int32)
    left[10:20, 25:31], left[10:20, 31:37] = 1, 2
    right[10:20, 5:17] = 1
    places = [Place(0, 0, 30, 40), Place(0, 20, 30, 40)]
    joined = stitch((30, 60), places, lambda i: (left, right)[i])
    assert joined.count == 2
    assert (joined.labels > 0).sum() == 120


def test_empty_tiles_and_images() -> None:
    assert stitch((5, 7), [], lambda i: np.zeros((5, 7), np.int32)).labels.shape == (5, 7)
    joined = join(np.zeros((50, 60), np.int32), 20, 5)
    assert joined.count == 0
    assert not joined.cut
    assert not joined.labels.any()


@pytest.mark.parametrize("missing", [[0], [4], [1, 2, 7]])
def test_missing_tiles_are_background(missing: list[int]) -> None:
    labels = random_ellipses(np.random.default_rng(1), (90, 90), 12)
    places = [p for i, p in enumerate(cut_up(labels, 40, 15)) if i not in missing]
    (message,) = faults((90, 90), places)
    assert message.startswith("no tile covers Y ")
    joined = stitch((90, 90), places, lambda i: labels[places[i].y : places[i].bottom, places[i].x : places[i].right])
    seen = np.zeros((90, 90), bool)
    for p in places:
        seen[p.y : p.bottom, p.x : p.right] = True
    check_equal(joined, np.where(seen, labels, 0))


def test_faults() -> None:
    places = cut_up(np.zeros((90, 90), np.int32), 40, 15)
    assert faults((90, 90), places) == []
    assert faults((90, 90), [*places, places[3], places[0]]) == ["several tiles begin at Y 0, X 0; Y 25, X 0"]
    assert faults((90, 90), places[1:]) == ["no tile covers Y 0, X 0, 25 x 25 pixels"]
    with pytest.raises(UserInputError, match=r"tile at Y 50, X 0, 40 x 40 pixels reaches out of .* 80 x 90"):
        faults((80, 90), places)


def test_tiles_given_twice_change_nothing() -> None:
    labels = random_ellipses(np.random.default_rng(2), (90, 90), 14)
    places = cut_up(labels, 40, 15) * 2
    check_equal(stitch((90, 90), places, lambda i: labels[places[i].y :, places[i].x :][:40, :40]), labels)


def test_labels_of_another_size() -> None:
    with pytest.raises(UserInputError, match="Tile at Y 0, X 0, 20 x 20 pixels: The labels have 10 x 20"):
        stitch((20, 20), [Place(0, 0, 20, 20)], lambda i: np.zeros((10, 20), np.int32))


def test_objects_of_tiles_are_those_of_the_whole_picture() -> None:
    """Exactly, where nothing but a pixel's surroundings matters (no group normalisation) and the overlap holds both an
    object and twice as much as the network sees; tiles begin on its pooling grid."""
    examples = [
        Example(str(i), image, labels.array) for i, (image, labels) in enumerate(map(disks, [64] * 6, range(6)))
    ]
    network = NetworkConfig(base=8, depth=1, grid=2, norm="none")
    schedule = ScheduleConfig(epochs=4, steps=16, batch_size=4, patch_size=48, device="cpu")
    model = train(examples, TrainingConfig(network=network, head=HeadConfig(n_rays=16), schedule=schedule)).model
    pixels = np.block([[disks(96, 10 + 3 * i + j)[0].array for j in range(3)] for i in range(2)])
    image = Image(pixels, "YX")
    predictor = Predictor(model, "cpu", "torch")
    expected = predictor.predict(image).labels.array
    assert expected.max() == 54
    tile, overlap = 128, 64
    assert overlap > 2 * model.network.margin + 20
    percentiles = sampled_percentiles(ArrayImage(image), 0)
    places = cut_up(pixels, tile, overlap)

    def found(number: int) -> Labels:
        p = places[number]
        part = np.ascontiguousarray(pixels[p.y : p.bottom, p.x : p.right])
        return predictor.predict(Image(part, "YX", percentiles=percentiles)).labels.array

    check_equal(stitch((192, 288), places, found), expected)
