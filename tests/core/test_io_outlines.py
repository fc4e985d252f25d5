import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from skimage.measure import label, regionprops

from core.errors import UserInputError
from core.image import Image
from core.io.outlines import Outline, Ring, outlines, polygons
from core.io.read import read_labels

DATA = Path("workflows/01_Train_and_count_nuclei/data/train/labels")


def fill(ring: Ring, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside, by an independent even-odd rule."""
    inside: NDArray[np.bool_] = polygon2mask(shape, ring - 0.5)
    return inside


def render(drawn: list[Outline], shape: tuple[int, ...]) -> NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    for outline in drawn:
        for part in outline.parts:
            inside = fill(part.shell, shape)
            for hole in part.holes:
                inside &= ~fill(hole, shape)
            labels[inside] = outline.id
    return labels


def assert_simple(ring: Ring) -> None:
    assert len(ring) >= 4
    assert len(np.unique(ring, axis=0)) == len(ring)  # touches itself nowhere
    steps = np.roll(ring, -1, axis=0) - ring
    assert ((steps == 0).sum(axis=1) == 1).all()  # level or upright
    turned = np.sign(np.roll(steps, -1, axis=0)) * np.sign(steps)
    assert (turned == 0).all()  # every vertex is a corner


@settings(deadline=None)  # the first call compiles
@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)))
def test_filled_outlines_are_the_labels(labels: NDArray[np.int32]) -> None:
    drawn = outlines(labels)
    np.testing.assert_array_equal(render(drawn, labels.shape), labels)
    assert [outline.id for outline in drawn] == [i for i in np.unique(labels) if i > 0]
    for outline in drawn:
        pieces, n = label(labels == outline.id, connectivity=1, return_num=True)
        assert len(outline.parts) == n
        holes = sum(1 - region.euler_number for region in regionprops(pieces))
        assert sum(len(part.holes) for part in outline.parts) >= holes  # holes that touch at corners may be two
        for part in outline.parts:
            for ring in (part.shell, *part.holes):
                assert_simple(ring)


def test_one_pixel() -> None:
    ((number, ring),) = polygons(np.array([[0, 0], [0, 5]]))
    assert number == 5
    assert {tuple(p) for p in ring.tolist()} == {(1, 1), (1, 2), (2, 2), (2, 1)}


def test_an_island_in_a_hole_and_a_hole_in_the_island() -> None:
    labels = np.ones((9, 9), np.int32)
    labels[1:8, 1:8] = 0
    labels[2:7, 2:7] = 1
    labels[4, 4] = 0
    (outline,) = outlines(labels)
    assert [len(part.holes) for part in outline.parts] == [1, 1]
    assert sorted(part.holes[0].min() for part in outline.parts) == [1, 4]


def test_real_nuclei_come_back_pixel_for_pixel() -> None:
    for path in sorted(DATA.glob("*.tif"))[:4]:
        image = read_labels(path)
        np.testing.assert_array_equal(render(outlines(image), image.array.shape), image.array)


def test_only_flat_label_images_have_outlines() -> None:
    with pytest.raises(UserInputError, match="2-D"):
        outlines(np.zeros((2, 3, 4), np.int32))
    stack: NDArray[Any] = np.zeros((2, 3, 4), np.int32)
    with pytest.raises(UserInputError, match="Z-stack"):
        outlines(Image(stack, "ZYX", kind="labels"))
    assert outlines(np.zeros((0, 4), np.int32)) == []
    with pytest.raises(UserInputError, match="whole numbers"):
        outlines(np.full((2, 2), 2**31, np.uint32))  # never lost without a word
    with pytest.raises(UserInputError, match="whole numbers"):
        outlines(np.full((2, 2), 0.5))


def test_a_large_image_is_drawn_quickly() -> None:
    y, x = np.mgrid[:2048, :2048]
    disc = (y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 200
    labels = np.where(disc, y // 32 * 64 + x // 32 + 1, 0).astype(np.int32)
    outlines(labels[:64, :64])
    start = time.perf_counter()
    assert len(outlines(labels)) == 4096
    assert time.perf_counter() - start < 5  # 0.3 s on an idle laptop


def test_a_mask_of_many_pieces_and_holes_is_drawn_quickly() -> None:
    mask = (np.random.default_rng(0).random((250, 250)) < 0.55).astype(np.int32)
    outlines(mask[:5])
    start = time.perf_counter()
    (outline,) = outlines(mask)
    assert time.perf_counter() - start < 8  # 0.3 s on an idle laptop
    assert len(outline.parts) > 2000
