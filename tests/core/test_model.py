"""The model file: what is written comes back, and what is no model is refused in words."""

import contextlib
import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ModelFormatError, OutputError, UserInputError
from core.heads import HeadConfig
from core.model import SCHEMA_VERSION, ModelConfig, SegmentationModel
from core.networks import NetworkConfig


def small_model() -> SegmentationModel:
    torch.manual_seed(0)
    return SegmentationModel(
        ModelConfig(
            network=NetworkConfig(base=4, depth=1),
            head=HeadConfig(n_rays=8),
            channel_names=("DAPI",),
            pixel_size=0.25,
            object_size=19.5,
            thresholds={"prob": 0.4, "nms": 0.3},
            provenance={"seed": 1, "licence": "CC0-1.0"},
            history=({"epoch": 1.0, "train_loss": 0.5},),
        )
    )


CONTENT = small_model().to_bytes()


def test_file_round_trip(tmp_path: Path) -> None:
    model = small_model()
    model.save(tmp_path / "nuclei.microseg")
    again = SegmentationModel.load(tmp_path / "nuclei.microseg")
    assert again.config == model.config
    assert again.thresholds == {"prob": 0.4, "nms": 0.3}
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name
    assert [p.name for p in tmp_path.iterdir()] == ["nuclei.microseg"]


def test_the_same_model_is_the_same_file() -> None:
    assert small_model().to_bytes() == CONTENT


def test_summary_is_json() -> None:
    summary = json.loads(json.dumps(small_model().summary()))
    assert summary["network"]["in_channels"] == 1
    assert "history" not in summary


def rewritten(name: str, content: bytes) -> bytes:
    """The model file with one member replaced."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(CONTENT)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return buffer.getvalue()


def test_a_newer_schema_is_refused_with_advice() -> None:
    config = {**small_model().config.to_dict(), "schema_version": SCHEMA_VERSION + 1, "invention": 7}
    with pytest.raises(ModelFormatError, match=f"schema version {SCHEMA_VERSION + 1}.*Update the extension"):
        SegmentationModel.from_bytes(rewritten("config.json", json.dumps(config).encode()), "new.microseg")


def test_a_file_of_the_first_schema_opens() -> None:
    """Which knew no scale; written again, it is of the present schema."""
    config = {**small_model().config.to_dict(), "schema_version": 1}
    del config["scale"]
    model = SegmentationModel.from_bytes(rewritten("config.json", json.dumps(config).encode()))
    assert model.config == small_model().config
    assert model.to_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"", b"no model", b"[]", b"{}", b"\xff\xfe"])
def test_another_config_is_refused(content: bytes) -> None:
    with pytest.raises(ModelFormatError, match=r"m\.microseg"):
        SegmentationModel.from_bytes(rewritten("config.json", content), "m.microseg")


def test_weights_of_another_architecture_are_refused() -> None:
    config = small_model().config.to_dict()
    config["network"]["base"] = 8
    with pytest.raises(ModelFormatError, match="does not fit together"):
        SegmentationModel.from_bytes(rewritten("config.json", json.dumps(config).encode()))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(CONTENT) - 1))
def test_a_truncated_file_is_refused(cut: int) -> None:
    with pytest.raises(ModelFormatError):
        SegmentationModel.from_bytes(CONTENT[:cut], "cut.microseg")


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
def test_a_damaged_byte_never_crashes(position: int, flip: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[position] ^= flip
    with contextlib.suppress(ModelFormatError):
        SegmentationModel.from_bytes(bytes(damaged))


def test_every_damaged_bit_of_the_directory_is_refused_or_harmless() -> None:
    """Among them flags of encryption and of other compressions."""
    directory = len(CONTENT) - 180
    for position in range(directory, len(CONTENT)):
        for bit in range(8):
            damaged = bytearray(CONTENT)
            damaged[position] ^= 1 << bit
            with contextlib.suppress(ModelFormatError):
                SegmentationModel.from_bytes(bytes(damaged))


def test_a_config_of_other_types_is_refused() -> None:
    config = {**small_model().config.to_dict(), "network": None}
    with pytest.raises(ModelFormatError, match="does not fit together"):
        SegmentationModel.from_bytes(rewritten("config.json", json.dumps(config).encode()))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"gone\.microseg"):
        SegmentationModel.load(tmp_path / "gone.microseg")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nuclei.microseg"
    path.write_bytes(CONTENT)

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"nuclei\.microseg"):
        small_model().save(path)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["nuclei.microseg"]


def test_a_head_refuses_a_grid_that_it_cannot_work_at() -> None:
    with pytest.raises(UserInputError, match="grid is 2"):
        SegmentationModel(ModelConfig(network=NetworkConfig(grid=2), head=HeadConfig(name="foreground")))


def test_half_precision_weights_are_taken() -> None:
    import safetensors.torch

    halves = {name: w.half() if w.is_floating_point() else w for name, w in small_model().state_dict().items()}
    model = SegmentationModel.from_bytes(rewritten("weights.safetensors", safetensors.torch.save(halves)))
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert np.isfinite(model(torch.rand(1, 1, 8, 8)).detach().numpy()).all()
