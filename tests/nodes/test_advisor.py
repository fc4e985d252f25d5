from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.nodes.samples import disks

from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A model with random weights, in a folder of its own."""
    torch.manual_seed(0)
    model = SegmentationModel(ModelConfig(network=NetworkConfig(base=4, depth=1), object_size=14.0))
    model.save(tmp_path / "model.microseg")
    return tmp_path / "model.microseg"


def advisor(session: Any, **settings: Any) -> Any:
    return session.node("PretrainingAdvisor").set(device="CPU", **settings)


def test_the_models_of_a_folder_are_ranked(session: Any, trained: Any, model_file: Path, examples: Any) -> None:
    (model_file.parent / "damaged.microseg").write_bytes(model_file.read_bytes()[:-50])
    node = advisor(session, pretrained=False, folder=str(model_file.parent))
    spec, schema = node.configure(examples, trained)
    assert spec.head is None
    result = node.execute(examples, trained)
    assert result[1].schema == schema
    frame = result[1].to_pandas()
    assert sorted(frame["Model"]) == ["Model at the input port", "damaged.microseg", "model.microseg"]
    assert frame["Model"].iloc[-1] == "damaged.microseg"
    assert frame["Problem"].notna().tolist() == [False, False, True]
    assert frame["Transferability"].iloc[0] == pytest.approx(
        (frame["Zero-shot mAP@.50:.95"].iloc[0] + frame["Linear probe"].iloc[0]) / 2
    )
    assert "damaged.microseg: This is no segmentation model" in result.warnings[0]
    assert f"Start from: {frame['Model'].iloc[0]}." in result.view_html
    assert result[0].spec.channels == 1
    found = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"}).execute(result[0], examples)
    assert found[0].num_rows == 10


def test_the_pretrained_models_are_candidates(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks(96, radius=11)
    result = advisor(session).execute(table(Image=[image], Labels=[labels]), None)
    assert set(result[1].to_pandas()["Model"]) == {"nuclei-fluorescence", "nuclei-all", "simulated-mixed"}


def test_without_candidates(session: Any, examples: Any, refused: Any) -> None:
    with refused("There is no candidate. Connect a model"):
        advisor(session, pretrained=False).configure(examples, None)


def test_folders_without_models(session: Any, examples: Any, tmp_path: Path, refused: Any) -> None:
    with refused(r"no model file \(\*\.microseg\) in it. Choose another folder"):
        advisor(session, pretrained=False, folder=str(tmp_path)).execute(examples, None)
    with refused("nowhere: There is no such folder"):
        advisor(session, pretrained=False, folder=str(tmp_path / "nowhere")).execute(examples, None)


def test_no_candidate_for_so_many_channels(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks(channels=3)
    with refused("None of the 1 candidates can be used. Model at the input port: The image has 3 channels"):
        advisor(session, pretrained=False).execute(table(Image=[image], Labels=[labels]), trained)


def test_it_can_be_cancelled(session: Any, trained: Any, examples: Any) -> None:
    with pytest.raises(Exception, match="Canceled"):
        advisor(session, pretrained=False).execute(
            examples, trained, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.3
        )
