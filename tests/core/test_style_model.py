"""The model of a style: its network, its file, and the images it makes."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from core.adaptation.style import model as module
from core.adaptation.style.cut.generator import STRIDE, Generator, GeneratorConfig, InstanceNorm
from core.adaptation.style.model import SCHEMA_VERSION, StyleModel, StyleModelConfig
from core.errors import Canceled, ModelFormatError, OutputError, UserInputError
from core.image import Image
from core.progress import Progress


def changing(**config: object) -> StyleModel:
    """A model of random weights, which changes images."""
    torch.manual_seed(0)
    model = StyleModel(StyleModelConfig(generator=GeneratorConfig(width=4, blocks=2), **config))  # type: ignore[arg-type]
    torch.nn.init.normal_(model.generator.decoder[-1].weight, 0, 0.1)  # type: ignore[arg-type]
    return model


def texture(height: int = 50, width: int = 67, seed: int = 0) -> Image:
    grey = np.random.default_rng(seed).integers(100, 3000, (height, width)).astype(np.uint16)
    return Image(grey, "YX", {"Y": 0.1, "X": 0.1}, ())


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("blocks", [1, 2, 9])
def test_shapes(residual: bool, blocks: int) -> None:
    generator = Generator(GeneratorConfig(channels=2, width=4, blocks=blocks, residual=residual))
    images = torch.rand(2, 2, 32, 40)
    assert generator(images).shape == images.shape
    features = generator.features(images)
    assert [feature.shape[1] for feature in features] == generator.depths
    assert torch.equal(features[0], images)
    assert {images.shape[2] // feature.shape[2] for feature in features} == {1, 2, STRIDE}


def test_a_residual_network_starts_by_changing_nothing() -> None:
    images = torch.rand(1, 1, 32, 32)
    assert torch.equal(Generator(GeneratorConfig(width=4))(images), images)
    assert not torch.allclose(Generator(GeneratorConfig(width=4, residual=False))(images), images, atol=0.1)


def test_no_pixel_beyond_the_margin_counts() -> None:
    """With statistics held; and the margin is not much too large."""
    generator = changing().generator
    images = torch.rand(1, 1, 160, 160)
    generator.take_statistics(images)
    images.requires_grad_(True)
    generator(images)[0, 0, 80, 80].backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(1).nonzero().flatten()
    reach = int(max(80 - rows.min(), rows.max() - 80))
    assert generator.margin - 3 * STRIDE <= reach <= generator.margin


def test_normalisation_is_that_of_pytorch_until_statistics_are_held() -> None:
    norm, images = InstanceNorm(), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(norm(images), torch.nn.functional.instance_norm(images))
    norm.taking = True
    together = norm(images)
    torch.testing.assert_close(together.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-6, rtol=0)
    norm.taking = False
    torch.testing.assert_close(norm(images[:, :, :4]), together[:, :, :4])


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same statistics the result is the same, whatever the tiles."""
    model, image = changing(), texture(301, 402)
    results = []
    for tile in (64, 128, 1024):
        monkeypatch.setattr(module, "WHOLE", 300 * 300)
        monkeypatch.setattr(module, "_sample", lambda planes: planes[:, :, :300, :300])
        monkeypatch.setattr(module, "TILE", tile)
        results.append(model.apply(image).array.astype(int))
    assert np.abs(results[0] - results[2]).max() <= 1
    assert np.abs(results[1] - results[2]).max() <= 1


def test_a_large_image_by_its_sample_is_nearly_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = changing(dtype="float32", low=(0.0,), high=(1.0,)), texture(512, 520)
    whole = model.apply(image).array
    monkeypatch.setattr(module, "WHOLE", 2**18)
    monkeypatch.setattr(module, "TILE", 128)
    sampled = model.apply(image).array
    assert np.corrcoef(whole.ravel(), sampled.ravel())[0, 1] > 0.99
    assert np.abs(whole - sampled).mean() < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (9, 100), (50, 67)])
def test_any_size(shape: tuple[int, int]) -> None:
    styled = changing().apply(texture(*shape))
    assert styled.array.shape == shape
    assert styled.array.dtype == np.uint8


def test_grey_values_and_type_are_those_of_the_style() -> None:
    image = texture()
    for dtype, low, high in (("uint8", 20.0, 200.0), ("uint16", 1000.0, 9000.0), ("float32", 0.2, 0.4)):
        model = StyleModel(StyleModelConfig(generator=GeneratorConfig(width=4), dtype=dtype, low=(low,), high=(high,)))
        styled = model.apply(image)
        assert styled.array.dtype == dtype
        assert styled.pixel_size == image.pixel_size
        found = np.percentile(styled.array, [0.5, 99.5])
        np.testing.assert_allclose(found, [low, high], atol=max(1.0 if high > 1 else 0, (high - low) / 1000))


def test_whole_numbers_stay_in_their_range() -> None:
    model = StyleModel(StyleModelConfig(generator=GeneratorConfig(width=4), low=(0.0,), high=(255.0,)))
    image = texture()
    image.array[:2] = 60_000
    image.array[2:4] = 0
    styled = model.apply(image).array
    assert styled[0].min() == 255
    assert styled[2].max() == 0


def test_axes_stay() -> None:
    stack = Image(np.stack([texture(seed=i).array for i in range(3)])[None], "CZYX")
    model = changing()
    styled = model.apply(stack)
    assert (styled.axes, styled.array.shape) == ("CZYX", stack.array.shape)
    model.config = replace(model.config, generator=GeneratorConfig(2, 4, 2), low=(0.0, 10.0), high=(100.0, 200.0))
    model = StyleModel(model.config)
    both = Image(np.stack([stack.array[0], stack.array[0]]), "CZYX", channel_names=("a", "b"))
    styled = model.apply(both)
    assert styled.channel_names == ("a", "b")
    np.testing.assert_allclose(styled.array[0] + 10.0, styled.array[1], atol=100)
    assert styled.array[0].max() < styled.array[1].max()


def test_images_that_cannot_be_translated() -> None:
    model, pixels = changing(), np.zeros((8, 8), np.float32)
    with pytest.raises(UserInputError, match=r"2 channels, the style model was trained on 1"):
        model.apply(Image(np.stack([pixels] * 2), "CYX"))
    with pytest.raises(UserInputError, match="time series"):
        model.apply(Image(np.stack([pixels] * 2), "TYX"))
    with pytest.raises(UserInputError, match="1 pixels are not a number"):
        model.apply(Image(np.where(np.eye(8) * np.arange(8) == 3, np.nan, pixels), "YX"))
    with pytest.raises(UserInputError, match="no pixels"):
        model.apply(Image(pixels[:0], "YX"))
    assert np.isfinite(model.apply(Image(pixels, "YX")).array).all()


def test_cancel() -> None:
    calls = iter(range(100))
    with pytest.raises(Canceled):
        changing().apply(texture(), Progress(is_canceled=lambda: next(calls) > 5))


def test_file_round_trip(tmp_path: Path) -> None:
    model = changing(channel_names=("SEM",), history=({"step": 1.0},), provenance={"seed": 1})
    model.save(tmp_path / "a.microseg-style")
    again = StyleModel.load(tmp_path / "a.microseg-style")
    assert again.config == model.config
    assert np.array_equal(again.apply(texture()).array, model.apply(texture()).array)
    assert again.to_bytes() == model.to_bytes()
    summary = json.loads(json.dumps(model.summary()))
    assert summary["generator"]["channels"] == 1
    assert "history" not in summary


def rewritten(name: str, content: bytes) -> bytes:
    """A model file with one member replaced."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(changing().to_bytes())) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return buffer.getvalue()


def test_newer_and_damaged_files(tmp_path: Path) -> None:
    newer = {**changing().config.to_dict(), "schema_version": SCHEMA_VERSION + 1, "invention": 7}
    with pytest.raises(ModelFormatError, match=f"schema version {SCHEMA_VERSION + 1}.*Update the extension"):
        StyleModel.from_bytes(rewritten("config.json", json.dumps(newer).encode()))
    content = changing().to_bytes()
    for broken in (b"", b"no zip", content[: len(content) // 2], content[:-100]):
        with pytest.raises(ModelFormatError, match="no style model, or it is damaged"):
            StyleModel.from_bytes(broken, "x")
    for name, part in (
        ("weights.safetensors", b"nothing"),
        ("config.json", b'{"schema_version": 1, "generator": {}, "dtype": "nonsense"}'),
        ("config.json", b'{"schema_version": 1, "generator": {}, "low": [1, 2]}'),
        ("config.json", b'{"schema_version": 1, "generator": {"width": 8}}'),
    ):
        with pytest.raises(ModelFormatError, match="does not fit together"):
            StyleModel.from_bytes(rewritten(name, part), "x")
    with pytest.raises(ModelFormatError, match=r"cannot be read \(No such file"):
        StyleModel.load(tmp_path / "none.microseg-style")
    with pytest.raises(OutputError):
        changing().save(tmp_path / "no folder" / "a.microseg-style")


def test_a_segmentation_model_is_no_style() -> None:
    from core.model import ModelConfig, SegmentationModel

    with pytest.raises(ModelFormatError, match="no style model: it has no generator"):
        StyleModel.from_bytes(SegmentationModel(ModelConfig()).to_bytes())
