from pathlib import Path
from typing import Any

import pytest

from core.model import SegmentationModel
from core.pretrained import NAMES, card_of, load
from core.tensor_cell import decode

COLUMNS = [
    "Name", "Trained on", "Training images", "Training objects", "Object size (px)", "Pixel size (µm)", "Licence",
    "Tested on", "AP@0.5", "mAP@.50:.95",
]  # fmt: skip


def written(session: Any, model: Any, folder: Path) -> SegmentationModel:
    """A model at a port, through a file."""
    session.node("ModelWriter").set(folder=str(folder), name="model").execute(model)
    return SegmentationModel.load(folder / "model.microseg")


def option(name: str) -> str:
    return name.upper().replace("-", "_")


def test_the_menu_is_the_library(session: Any) -> None:
    from nodes.pretrained import Model

    assert [choice.name for choice in Model] == [option(name) for name in NAMES]
    for name, choice in zip(NAMES, Model, strict=True):
        low, high = card_of(name).object_sizes
        assert f"{low:.0f} to {high:.0f} pixels across" in choice.value[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_chosen_model(session: Any, tmp_path: Path, name: str) -> None:
    node = session.node("PretrainedSegmentationModel").set(model=option(name))
    spec, schema = node.configure()
    card = card_of(name)
    assert (spec.channels, spec.head, spec.pixel_size) == (1, "stardist", card.pixel_size)
    assert spec.summary["object_size"] == card.object_size
    assert "history" not in spec.summary
    result = node.execute()
    assert result[1].schema == schema
    assert spec.summary["provenance"]["name"] == name
    assert written(session, result[0], tmp_path).config.to_dict() == load(name).config.to_dict()
    for text in (name, card.purpose, card.trained_on, card.licence, *(score.on for score in card.scores)):
        assert text in result.view_html
    assert not result.warnings


def test_one_row_per_model(session: Any) -> None:
    frame = session.node("PretrainedSegmentationModel").execute()[1].to_pandas()
    assert list(frame.columns) == COLUMNS
    assert list(frame.index) == list(frame["Name"]) == list(NAMES)
    for name, row in frame.iterrows():
        card = card_of(str(name))
        assert row["Trained on"] == card.trained_on
        assert row["Training objects"] == card.objects > row["Training images"] == card.images
        assert row["Object size (px)"] == card.object_size
        assert row["Licence"] == "BSD-3-Clause"
        assert row["Tested on"] == card.scores[0].on
        assert [row["AP@0.5"], row["mAP@.50:.95"]] == [card.scores[0].ap_50, card.scores[0].map_50_95]
    assert frame["Pixel size (µm)"].isna().all()


def test_it_predicts_and_can_be_retrained(session: Any, examples: Any, tmp_path: Path) -> None:
    model = session.node("PretrainedSegmentationModel").execute()[0]
    found = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"}).execute(model, examples)
    counts = [len(set(decode(cell).array.ravel())) - 1 for cell in found[0].column_values("Predicted labels")]
    assert all(7 <= count <= 11 for count in counts), "nine disks each"
    short = {"epochs": 1, "steps": 1, "batch_size": 1, "patch_size": 32, "device": "CPU"}
    again = session.node("SegmentationRetrainer").set(training=short).execute(model, examples, None, None)[0]
    assert "nuclei-fluorescence" in str(written(session, again, tmp_path).config.provenance)


def test_a_missing_file(session: Any, refused: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pretrained.__file__", str(tmp_path / "__init__.py"))
    node = session.node("PretrainedSegmentationModel")
    with refused(r"nuclei-fluorescence\.microseg: This model is missing or damaged\. Install the extension again"):
        node.configure()
    with refused("Install the extension again"):
        node.execute()
