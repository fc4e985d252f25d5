"""Tiles put together are the image; objects exactly, the picture nearly; and all within the budget."""

import io
import zlib
from itertools import pairwise, product
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from tests.pyramids import nuclei, reduced, sources

from core.errors import Canceled, UserInputError
from core.progress import Progress
from core.pyramid import Pyramid, PyramidConfig, TileLevel, build_pyramid


def built(picture: NDArray[np.uint8], labels: NDArray[np.int32], **settings: Any) -> Pyramid:
    read_picture, read_labels = sources(picture, labels)
    return build_pyramid(labels.shape[0], labels.shape[1], read_picture, read_labels, PyramidConfig(**settings))


def decoded(code: bytes, height: int, width: int) -> NDArray[np.int64]:
    """Numbers of the objects, as the format of label tiles has them."""
    if not code:
        return np.zeros((height, width), np.int64)
    content = zlib.decompress(code)
    count = int.from_bytes(content[:4], "little")
    ids = np.append(0, np.frombuffer(content, "<i4", count, 4))
    assert (np.diff(ids) > 0).all()
    kind = "<u1" if count < 256 else "<u2" if count < 65536 else "<u4"
    numbers: NDArray[np.int64] = ids[np.frombuffer(content, kind, offset=4 + 4 * count)].reshape(height, width)
    return numbers


def joined(pyramid: Pyramid, level: TileLevel) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Picture and labels of a level; the labels' extra pixels must be those of the neighbouring tiles."""
    high, wide, side = -(-pyramid.height // level.factor), -(-pyramid.width // level.factor), pyramid.tile
    first = PIL.Image.open(io.BytesIO(level.pictures[0]))
    picture = np.zeros((high, wide, len(first.getbands())), np.uint8)
    numbers, seen = np.zeros((high, wide), np.int64), np.zeros((high, wide), bool)
    for place, (row, column) in enumerate(product(range(level.rows), range(level.columns))):
        y, x = row * side, column * side
        target = picture[y : y + side, x : x + side]
        pixels = np.array(PIL.Image.open(io.BytesIO(level.pictures[place])))
        target[:] = pixels.reshape(*pixels.shape[:2], -1)
        area = slice(max(y - 1, 0), min(y + side + 1, high)), slice(max(x - 1, 0), min(x + side + 1, wide))
        tile = decoded(level.labels[place], *numbers[area].shape)
        assert (numbers[area] == tile)[seen[area]].all()
        numbers[area], seen[area] = tile, True
    assert seen.all()
    return picture.squeeze(-1) if picture.shape[-1] == 1 else picture, numbers


@pytest.mark.parametrize(("height", "width"), [(360, 360), (357, 201), (64, 65), (1, 300), (300, 1), (1, 1)])
def test_tiles_put_together_are_the_image(height: int, width: int) -> None:
    picture, labels = nuclei()
    picture, labels = picture[:height, :width], labels[:height, :width]
    pyramid = built(picture, labels, tile=64, quality=90)
    assert [level.factor for level in pyramid.levels] == [2**n for n in reversed(range(len(pyramid.levels)))]
    assert (pyramid.levels[0].rows, pyramid.levels[0].columns, pyramid.finest) == (1, 1, 1)
    for level in pyramid.levels:
        shown, numbers = joined(pyramid, level)
        assert (numbers == labels[:: level.factor, :: level.factor]).all()
        wrong = np.abs(shown.astype(int) - reduced(picture, level.factor))
        assert wrong.mean() < 3
        assert wrong.max() < 20


def test_colours_stay() -> None:
    grey, labels = nuclei()
    picture = 255 - np.stack([grey // 4, grey // 2, grey // 3], axis=-1)
    pyramid = built(picture, labels, tile=128, quality=90)
    shown, _ = joined(pyramid, pyramid.levels[-1])
    assert np.abs(shown.astype(int) - picture).mean() < 2.5


@pytest.mark.parametrize("step", [1, 1 << 24, (1 << 31) // 20])
def test_numbers_are_exact_however_large(step: int) -> None:
    picture, labels = nuclei()
    large = labels * np.int32(step)
    large[labels == labels.max()] = np.iinfo(np.int32).max
    pyramid = built(picture, large, tile=100)
    assert (joined(pyramid, pyramid.levels[-1])[1] == large).all()


@pytest.mark.parametrize(("side", "objects"), [(15, 225), (16, 256), (256, 65536)])
def test_a_tile_may_be_full_of_objects(side: int, objects: int) -> None:
    labels = np.random.default_rng(0).permutation(side**2).astype(np.int32).reshape(side, side) + 1
    pyramid = built(np.zeros((side, side), np.uint8), labels, tile=256)
    assert (joined(pyramid, pyramid.levels[-1])[1] == labels).all()
    assert int.from_bytes(zlib.decompress(pyramid.levels[0].labels[0])[:4], "little") == objects
    assert pyramid.levels[0].object_size == 1


def test_empty_tiles_cost_next_to_nothing() -> None:
    pyramid = built(np.full((640, 640, 3), 240, np.uint8), np.zeros((640, 640), np.int32), tile=64)
    assert pyramid.levels[-1].size / len(pyramid.levels[-1].pictures) < 80
    assert not any(pyramid.levels[-1].labels)
    assert pyramid.levels[-1].object_size == 0
    assert (joined(pyramid, pyramid.levels[-1])[0] == 240).all()


def test_objects_are_as_large_as_they_are() -> None:
    labels = np.zeros((128, 128), np.int32)
    labels[10:30, 10:30], labels[90:110, 60:80] = 3, 7
    pyramid = built(np.zeros((128, 128), np.uint8), labels, tile=64)
    assert [level.object_size for level in pyramid.levels] == [10, pytest.approx(20 * 2**-0.5, rel=0.3)]


def test_the_budget_is_kept_and_used() -> None:
    one, numbers = nuclei()
    picture, labels = np.tile(one, (2, 2)), np.tile(numbers, (2, 2))
    whole = built(picture, labels, tile=64)
    sizes = [level.size for level in whole.levels]
    assert all(a < b for a, b in pairwise(sizes))
    for held in range(2, len(sizes)):
        less = built(picture, labels, tile=64, budget=sum(sizes[:held]) + sizes[held] // 2)
        assert less.levels == whole.levels[: len(less.levels)]
        assert len(less.levels) == held
    assert built(picture, labels, tile=64, budget=2 * sum(sizes)).levels == whole.levels


def test_a_level_that_turns_out_too_large_is_left_out() -> None:
    """The coarse levels are empty, the finest is noise: no estimate can know that."""
    noise = np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8)
    empty = np.zeros((512, 512), np.int32)
    read = []

    def picture(factor: int, rows: slice, columns: slice) -> NDArray[np.uint8]:
        read.append(factor)
        return noise[rows, columns] if factor == 1 else noise[rows, columns] * np.uint8(0)

    _, labels = sources(noise, empty)
    pyramid = build_pyramid(512, 512, picture, labels, PyramidConfig(tile=64, budget=20_000))
    assert pyramid.finest == 2
    assert read.count(1) < 16


def test_the_coarsest_is_there_whatever_the_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (512, 512), np.uint8)
    pyramid = built(noise, np.zeros((512, 512), np.int32), tile=256, budget=10_000)
    assert [level.factor for level in pyramid.levels] == [2]


def test_threads_make_the_same() -> None:
    picture, labels = nuclei()
    alone = built(picture, labels, tile=64)
    assert build_pyramid(360, 360, *sources(picture, labels), PyramidConfig(tile=64), workers=3) == alone


def test_progress_goes_on_and_work_can_be_stopped() -> None:
    picture, labels = nuclei()
    told: list[float] = []
    build_pyramid(
        360, 360, *sources(picture, labels), PyramidConfig(tile=64), Progress(lambda part, text: told.append(part))
    )
    assert told == sorted(told)
    assert len(told) > 40
    assert 0.9 < told[-1] <= 1
    stopped = Progress(is_canceled=lambda: len(told) > 60, report=lambda part, text: told.append(part))
    with pytest.raises(Canceled):
        build_pyramid(360, 360, *sources(picture, labels), PyramidConfig(tile=64), stopped)


@pytest.mark.parametrize("setting", [{"tile": 32}, {"tile": 4096}, {"budget": 100}, {"quality": 0}, {"quality": 100}])
def test_settings_have_bounds(setting: dict[str, int]) -> None:
    with pytest.raises(UserInputError, match=next(iter(setting))):
        PyramidConfig(**setting)


def test_an_image_needs_pixels() -> None:
    with pytest.raises(UserInputError, match="size of the image"):
        build_pyramid(0, 5, *sources(np.zeros((1, 5), np.uint8), np.zeros((1, 5), np.int32)))
