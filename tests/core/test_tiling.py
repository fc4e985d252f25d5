"""Tiles cover an image exactly, and a tiled prediction is the whole one."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserInputError
from core.heads import HeadConfig
from core.image import Image
from core.inference.engines import TorchEngine
from core.inference.predict import AUTO_TILE, Predictor
from core.inference.tiling import Tile, object_margin, overlapping, owners, tiles
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), core=st.integers(1, 50), margin=st.integers(0, 30),
    multiple=st.sampled_from([1, 2, 4, 8]),
)  # fmt: skip
def test_pasting_every_core_gives_the_image_back(
    height: int, width: int, core: int, margin: int, multiple: int
) -> None:
    """Every pixel has a number of its own, so that one in the wrong place shows."""
    image = np.arange(height * width * multiple**2).reshape(height * multiple, width * multiple)
    pasted = np.full_like(image, -1)
    for tile in tiles(image.shape, core, margin, multiple):
        assert (pasted[tile.core] == -1).all(), "cores overlap"
        pasted[tile.outer(1)] = image[tile.crop][tile.inner(1)]
        assert all(crop.start % multiple == 0 for crop in tile.crop)
        for crop, part, size in zip(tile.crop, tile.core, image.shape, strict=True):
            assert crop.start == 0 or part.start - crop.start >= margin
            assert crop.stop == size or crop.stop - part.stop >= margin
    assert np.array_equal(pasted, image)


def check_tiling(shape: tuple[int, ...], plan: list[Tile], margin: tuple[int, ...]) -> None:
    """Cores partition the image; crops hold them with their margins, except where the image ends."""
    times = np.zeros(shape, int)
    for tile in plan:
        times[tile.core] += 1
        for crop, core, size, wide in zip(tile.crop, tile.core, shape, margin, strict=True):
            assert 0 <= crop.start <= core.start < core.stop <= crop.stop <= size
            assert crop.start == max(0, core.start - wide)
            assert crop.stop == min(size, core.stop + wide)
    assert (times == 1).all()


AXES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40), st.integers(0, 20)), min_size=1, max_size=3)


@given(axes=AXES)
def test_any_number_of_axes_each_with_its_own_core_and_margin(axes: list[tuple[int, int, int]]) -> None:
    shape, core, margin = (tuple(values) for values in zip(*axes, strict=True))
    check_tiling(shape, list(tiles(shape, core, margin)), margin)


@given(axes=AXES, data=st.data())
def test_every_point_has_one_owner(axes: list[tuple[int, int, int]], data: st.DataObject) -> None:
    shape, core, _ = (tuple(values) for values in zip(*axes, strict=True))
    inside = st.tuples(*(st.floats(0, n, exclude_max=True) for n in shape))
    points = data.draw(st.lists(inside, min_size=1, max_size=20))
    plan = list(tiles(shape, core, 0))
    for point, owner in zip(points, owners(points, shape, core), strict=True):
        holders = [
            number
            for number, tile in enumerate(plan)
            if all(c.start <= x < c.stop for c, x in zip(tile.core, point, strict=True))
        ]
        assert holders == [owner]


def test_points_beyond_the_edges_belong_to_the_tile_beside_them() -> None:
    assert owners([[-0.4, 3], [29.6, 30.2], [10, 9.99]], (30, 30), 8, 2).tolist() == [0, 15, 5]


@given(
    size=st.integers(1, 60), core=st.integers(1, 30), reach=st.integers(0, 8), extent=st.floats(0, 12), data=st.data()
)  # fmt: skip
def test_the_owner_sees_its_objects_whole(size: int, core: int, reach: int, extent: float, data: st.DataObject) -> None:
    """An object along one axis, from `first` to `last`, whose point is anywhere in it."""
    first = data.draw(st.floats(0, size - 1))
    last = min(size - 1.0, first + data.draw(st.floats(0, extent)))
    point = data.draw(st.floats(first, last))
    plan = list(tiles((size,), core, object_margin(reach, extent)))
    (crop,) = plan[int(owners([[point]], (size,), core)[0])].crop
    assert crop.start == 0 or crop.start + reach <= first
    assert crop.stop == size or last < crop.stop - reach


@given(size=st.integers(1, 200), tile=st.integers(1, 80), data=st.data())
def test_tiles_that_overlap_cover_the_axis(size: int, tile: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tile - 1))
    parts = overlapping(size, tile, overlap)
    assert (parts[0].start, parts[-1].stop) == (0, size)
    for left, right in pairwise(parts):
        assert left.stop - left.start == tile
        assert left.stop - right.start == overlap
        assert right.stop > left.stop


def random_model(norm: str, grid: int) -> SegmentationModel:
    torch.manual_seed(3)
    model = SegmentationModel(
        ModelConfig(network=NetworkConfig(base=4, depth=2, grid=grid, norm=norm), head=HeadConfig(n_rays=8))
    )
    with torch.no_grad():
        for norm_layer in [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]:
            norm_layer.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            norm_layer.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return model.eval()


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize(("norm", "grid"), [("group", 2), ("batch", 1), ("none", 4)])
def test_tiled_maps_equal_the_whole_ones(norm: str, grid: int, engine: str) -> None:
    if engine == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    model = random_model(norm, grid)
    whole, tiled = Predictor(model, "cpu", engine), Predictor(model, "cpu", engine, tile=64)
    rng = np.random.default_rng(0)
    for shape in [(200, 331), (64, 64), (65, 190), (257, 7), (1, 1)]:
        pixels = rng.random((1, *shape)).astype(np.float32)
        expected = whole.maps(pixels)
        assert expected.shape[1:] == tuple(-(-n // grid) for n in shape)
        np.testing.assert_allclose(tiled.maps(pixels), expected, rtol=1e-4, atol=1e-4)


def test_the_engines_agree() -> None:
    pytest.importorskip("onnxruntime")
    model = random_model("batch", 2)
    pixels = np.random.default_rng(1).random((1, 100, 120)).astype(np.float32)
    reference = model.head.activate(
        model(torch.from_numpy(np.pad(pixels, ((0, 0), (0, 4), (0, 0)), mode="symmetric"))[None])
    )
    expected = reference[0, :, :50].detach().numpy()
    for engine in ("torch", "onnx"):
        np.testing.assert_allclose(Predictor(model, "cpu", engine).maps(pixels), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(height=st.integers(1, 150), width=st.integers(1, 150))
def test_labels_have_the_size_of_the_image(height: int, width: int) -> None:
    model = random_model("batch", 2)
    pixels = np.random.default_rng(height).random((height, width)).astype(np.float32)
    prediction = Predictor(model, "cpu", "torch", tile=64).predict(Image(pixels, "YX"))
    labels = prediction.labels.array
    assert labels.shape == (height, width)
    assert labels.dtype == np.int32
    assert sorted(np.unique(labels[labels > 0])) == list(range(1, len(prediction.scores) + 1))


def test_no_tile_is_larger_than_what_is_predicted_whole() -> None:
    assert Predictor(random_model("batch", 2), "cpu", "torch", tile=65_536).tile == AUTO_TILE


def test_a_full_device_is_named() -> None:
    class Full(torch.nn.Module):
        def forward(self, images: torch.Tensor, inner: torch.Tensor | None) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with pytest.raises(UserInputError, match=r"memory of the device cpu is too small for 20 x 30 pixels.*device cpu"):
        TorchEngine(Full(), "cpu")(np.zeros((1, 20, 30), np.float32))
