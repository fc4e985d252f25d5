"""The attention U-Net: gates weigh the skips, and keep the promises of every network."""

import numpy as np
import pytest
import torch

from core.heads import HeadConfig
from core.inference.engines import make_engine
from core.inference.predict import Predictor
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig, make_network
from core.networks.attention_unet import AttentionUNet, Gate
from core.networks.base import NORMS


def model(norm: str = "batch", grid: int = 1) -> SegmentationModel:
    torch.manual_seed(0)
    network = NetworkConfig("attention_unet", in_channels=2, base=4, depth=2, grid=grid, norm=norm)
    made = SegmentationModel(ModelConfig(network=network, head=HeadConfig("stardist", n_rays=8, features=8)))
    if norm == "batch":
        made.train()(torch.rand(4, 2, 32, 32))  # statistics that are not those of nothing
    return made.eval()


def pixels(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.mark.parametrize("norm", NORMS)
def test_a_gate_weighs_the_skip_and_leaves_the_rest(norm: str) -> None:
    torch.manual_seed(0)
    gate = Gate(6, 8, norm).eval()
    x = torch.randn(2, 14, 9, 7)
    out = gate(x)
    assert torch.equal(out[:, :6], x[:, :6])
    weights = out[:, 6:] / x[:, 6:]
    assert torch.allclose(weights, weights[:, :1].expand_as(weights), atol=1e-5), "one weight for all channels"
    assert 0 < weights.min() < weights.max() < 1


def test_a_closed_gate_keeps_the_skip_out_and_an_open_one_lets_it_through() -> None:
    gate = Gate(4, 4, "none").eval()
    x = torch.randn(1, 8, 6, 6)
    torch.nn.init.zeros_(gate.weight.weight)
    for bias, share in ((-1e3, 0.0), (1e3, 1.0), (0.0, 0.5)):
        torch.nn.init.constant_(gate.weight.bias, bias)  # type: ignore[arg-type]
        assert torch.allclose(gate(x)[:, 4:], share * x[:, 4:])


def test_a_network_with_closed_gates_does_not_see_its_skips() -> None:
    network = make_network(NetworkConfig("attention_unet", base=4, depth=2, grid=1, norm="none")).eval()
    gates = [m for m in network.modules() if isinstance(m, Gate)]
    assert len(gates) == 2
    encoded = network.encode(torch.rand(1, 1, 16, 16))
    others = [torch.rand_like(skip) for skip in encoded[:-1]]
    assert not torch.allclose(network.decode(encoded), network.decode([*others, encoded[-1]]))
    for gate in gates:
        torch.nn.init.constant_(gate.weight.bias, -1e4)  # type: ignore[arg-type]
    assert torch.allclose(network.decode(encoded), network.decode([*others, encoded[-1]]))


def test_open_gates_make_it_a_unet() -> None:
    """Beside the gates it has the layers of a U-Net, and no others."""
    torch.manual_seed(0)
    sizes = {"base": 4, "depth": 2, "grid": 1, "norm": "none"}
    attentive = make_network(NetworkConfig(name="attention_unet", **sizes)).eval()  # type: ignore[arg-type]
    plain = make_network(NetworkConfig(name="unet", **sizes)).eval()  # type: ignore[arg-type]
    for gate in (m for m in attentive.modules() if isinstance(m, Gate)):
        torch.nn.init.constant_(gate.weight.bias, 1e4)  # type: ignore[arg-type]
    weights = {
        name.replace("dec0.1.", "dec0.").replace("dec1.1.", "dec1."): weight
        for name, weight in attentive.state_dict().items()
        if not name.startswith(("dec0.0.", "dec1.0."))
    }
    plain.load_state_dict(weights)
    image = torch.rand(1, 1, 16, 16)
    assert torch.allclose(attentive(image), plain(image), atol=1e-6)
    assert isinstance(attentive, AttentionUNet)
    assert attentive.margin == plain.margin


@pytest.mark.parametrize(("norm", "grid"), [("batch", 1), ("batch", 2), ("none", 1)])
def test_tiled_equals_whole(norm: str, grid: int) -> None:
    made, image = model(norm, grid), pixels(2, 200, 136)
    whole, tiled = (Predictor(made, "cpu", "torch", tile).maps(image) for tile in (0, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiled_equals_whole_with_group_normalisation() -> None:
    made, image = model("group"), pixels(2, 200, 136)
    whole, tiled = (Predictor(made, "cpu", "torch", tile).maps(image) for tile in (0, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


@pytest.mark.parametrize("norm", NORMS)
def test_onnx_runtime_computes_the_same(norm: str) -> None:
    pytest.importorskip("onnxruntime")
    made = model(norm)
    first, second = (make_engine(made, engine, "cpu") for engine in ("torch", "onnx"))
    image = pixels(2, 96, 64)
    np.testing.assert_allclose(first(image, (0, 0, 0, 0)), second(image, (0, 0, 0, 0)), atol=1e-4)
    margin = made.network.tile_margin
    large = pixels(2, 4 * margin, 4 * margin)
    np.testing.assert_allclose(first(large, (1, 1, 0, 1)), second(large, (1, 1, 0, 1)), atol=1e-4)
