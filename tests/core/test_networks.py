"""Every backbone keeps the same promises."""

import pytest
import torch

from core.errors import UserInputError
from core.networks import NETWORKS, NetworkConfig, make_network
from core.networks.base import NORMS, convolution
from core.networks.encoder_unet import EncoderUNet


@pytest.fixture(params=[(name, grid) for name in NETWORKS for grid in (1, 2, 4)], ids=str)
def config(request: pytest.FixtureRequest) -> NetworkConfig:
    name, grid = request.param
    depth = 3 if issubclass(NETWORKS[name], EncoderUNet) else 2
    return NetworkConfig(name=name, in_channels=2, base=8, depth=depth, grid=grid, norm="batch")


def test_output_has_the_promised_shape(config: NetworkConfig) -> None:
    network = make_network(config)
    side = 2 * network.multiple
    features = network(torch.rand(3, 2, side, 2 * side))
    assert features.shape == (3, network.out_channels, side // config.grid, 2 * side // config.grid)


def test_margin_is_the_receptive_field(config: NetworkConfig) -> None:
    """No pixel beyond the margin has an influence, and the margin is not twice what is needed."""
    torch.manual_seed(0)
    network = make_network(config).eval().double()
    side = -(-(2 * network.margin + 2) // network.multiple + 1) * network.multiple
    image = torch.rand(1, 2, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2 // config.grid
    network(image)[0, :, middle, middle].sum().backward()
    assert image.grad is not None
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    reach = max(side // 2 - int(rows[0]), int(rows[-1]) - side // 2 - config.grid + 1)
    assert network.margin / 2 < reach <= network.margin


def test_encoder_is_the_way_down(config: NetworkConfig) -> None:
    network = make_network(config)
    down, up = ["stem", "enc0", "enc1", "mid"], ["dec1", "dec0"]
    if isinstance(network, EncoderUNet):  # its depth counts from the image, not from the grid
        down, up = ["stem", "enc0", "enc1"], ["dec2", "dec1", "dec0"][config.grid.bit_length() - 1 :]
    assert list(network.encoder_stages()) == down
    assert list(network.stages()) == down + up


def test_unet_has_the_widths_of_csbdeep() -> None:
    network = make_network(NetworkConfig(base=32, depth=3, grid=1, norm="none"))
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [32, 32, 64, 64, 128, 128, 256, 128, 128, 64, 64, 32, 32, 32]
    # what csbdeep's own U-Net has without its head, 1 406 689 parameters less those of the StarDist head on top
    assert sum(p.numel() for p in network.parameters()) == 1_406_689 - (32 * 9 + 1) * 128 - (128 + 1) * 33


def test_res_unet_has_the_widths_of_the_thesis() -> None:
    network = make_network(NetworkConfig(name="res_unet", base=16, depth=3, grid=1))
    blocks = {name: [len(stage)] for name, stage in network.stages().items() if name != "stem"}  # type: ignore[arg-type]
    assert blocks == {"enc0": [2], "enc1": [3], "enc2": [2], "mid": [2], "dec2": [2], "dec1": [3], "dec0": [2]}
    assert network.out_channels == 64


def test_group_normalisation_takes_every_width() -> None:
    norms = [m for n in range(4, 260, 4) for m in convolution(1, n, 1, "group") if isinstance(m, torch.nn.GroupNorm)]
    groups = {m.num_channels: m.num_groups for m in norms}
    assert len(groups) == 64
    assert all(n % count == 0 and n // count >= 4 for n, count in groups.items())
    assert [groups[n] for n in (4, 8, 12, 20, 24, 28, 32, 64)] == [1, 2, 3, 5, 6, 7, 8, 8], "as in models that exist"


@pytest.mark.parametrize("norm", NORMS)
def test_every_normalisation_trains(norm: str) -> None:
    network = make_network(NetworkConfig(base=4, depth=1, norm=norm))
    network(torch.rand(2, 1, 16, 16)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    "wrong", [{"name": "vnet"}, {"base": 7}, {"depth": 0}, {"grid": 3}, {"in_channels": 0}, {"norm": "layer"}]
)
def test_a_wrong_setting_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(UserInputError, match=str(next(iter(wrong.values())))):
        make_network(NetworkConfig(**wrong))  # type: ignore[arg-type]
