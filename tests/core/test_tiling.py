"""Tiles cover an image exactly, and a tiled prediction is the whole one."""

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
from core.inference.tiling import tiles
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
