"""The templates are what their script writes, and run from end to end, outside KNIME, as a user would run them."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.scripts import script
from tests.workflows.common import WORKFLOWS, table

from core.io.ome_zarr import open_levels
from core.io.read import read_labels
from core.model import SegmentationModel
from headless.cli import main
from headless.workflow import opened, read_workflow

ZEROTH = WORKFLOWS / "00_Count_with_a_pretrained_model"
FIRST, SECOND = WORKFLOWS / "01_Train_and_count_nuclei", WORKFLOWS / "02_Retrain_with_four_images"
THIRD = WORKFLOWS / "03_Transfer_between_noise_levels"
FOURTH = WORKFLOWS / "04_Count_a_large_image"
FIFTH = WORKFLOWS / "05_Adapt_EM_mitochondria_to_a_new_microscope"
SIXTH = WORKFLOWS / "06_Count_neuromuscular_junctions"
COMPONENTS = WORKFLOWS / "components"
EXAMPLE = COMPONENTS / "Example"


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a workflow but its data."""
    paths = (p for p in folder.rglob("*") if p.is_file() and "data" not in p.relative_to(folder).parts[:1])
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def test_the_folders_are_what_the_script_writes(tmp_path: Path) -> None:
    module = script("workflows/generate.py")
    module.main(tmp_path)
    assert set(module.TEMPLATES) == {p.name for p in WORKFLOWS.iterdir() if p.is_dir() and p.name[0].isdigit()}
    shown = {component.name for component in module.COMPONENTS} | {EXAMPLE.name}
    assert shown == {p.name for p in COMPONENTS.iterdir()}
    for name in (*module.TEMPLATES, COMPONENTS.name):
        assert files(tmp_path / name) == files(WORKFLOWS / name)


def test_archives_hold_the_templates_with_their_data(tmp_path: Path) -> None:
    module = script("workflows/generate.py")
    module.pack(WORKFLOWS, tmp_path / "out" / "knwf")
    for name in module.TEMPLATES:
        with opened(tmp_path / "out" / "knwf" / f"{name}.knwf") as workflow:
            read = read_workflow(WORKFLOWS / name)
            assert (workflow.name, workflow.nodes) == (name, read.nodes)
            assert sizes(workflow.path / "data") == sizes(WORKFLOWS / name / "data")
    with zipfile.ZipFile(tmp_path / "out" / "knwf" / "components.knar") as archive:
        names = set(archive.namelist())
    assert {f"components/{p.name}/workflow.knime" for p in COMPONENTS.iterdir()} <= names


def sizes(folder: Path) -> dict[str, int]:
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "folder", [ZEROTH, FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, COMPONENTS], ids=lambda p: p.name[:2]
)
def test_nothing_of_a_machine_is_in_a_template(folder: Path) -> None:
    for name, content in files(folder).items():
        assert not re.search(rb'value="(/|[A-Za-z]:\\|file:)', content), name


def test_every_sample_image_has_its_labels() -> None:
    for part, count in ((FIRST / "data/train", 24), (FIRST / "data/test", 8), (SECOND / "data/train", 4),
                        (SECOND / "data/test", 4)):  # fmt: skip
        images = sorted(p.stem for p in (part / "images").iterdir())
        assert len(images) == count
        assert images == sorted(p.stem for p in (part / "labels").iterdir())
    train, test = ({p.name for p in (FIRST / "data" / part / "images").iterdir()} for part in ("train", "test"))
    assert not train & test


def test_count_with_a_pretrained_model(tmp_path: Path) -> None:
    assert main(["run", str(ZEROTH), "--out", str(tmp_path)]) == 0
    counts = {row["Name"]: int(row["Object count"]) for row in table(tmp_path / "counts.csv")}
    assert sorted(counts) == sorted(p.stem for p in (ZEROTH / "data/images").iterdir())
    assert len(table(tmp_path / "objects.csv")) == sum(counts.values())
    for name, count in counts.items():
        labels = read_labels(tmp_path / f"{name}.ome.tif")
        drawn = read_labels(tmp_path / f"{name}_rois.zip", (labels.size("Y"), labels.size("X")))
        assert count == len(set(labels.array.ravel().tolist()) - {0}) > 5
        assert np.array_equal(drawn.array > 0, labels.array > 0)


def test_train_and_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A training far too short to find much: everything but the quality is as in the demo."""
    before = files(FIRST)
    short = ("-option=3,training/epochs,1,int", "-option=3,training/steps,2,int", "-option=3,model/base,8,int")
    assert main(["run", str(FIRST), "--out", str(tmp_path), *short]) == 0
    names = sorted(p.stem for p in (FIRST / "data/test/images").iterdir())
    scores = table(tmp_path / "scores.csv")
    assert sorted(row["Image"] for row in scores) == names
    for row in scores:
        truth = read_labels(FIRST / f"data/test/labels/{row['Image']}.tif").array
        found = read_labels(tmp_path / f"{row['Image']}.ome.tif").array
        assert int(row["True count"]) == len(set(truth.ravel().tolist()) - {0})
        assert int(row["Predicted count"]) == len(set(found.ravel().tolist()) - {0})
        assert 0 <= float(row["AP@0.5"]) <= 1
    counts = {row["RowID"]: float(row["Count"]) for row in table(tmp_path / "counts.csv")}
    assert counts == {row["Image"]: float(row["Predicted count"]) for row in scores}
    assert len(table(tmp_path / "objects.csv")) == sum(counts.values())
    assert len(SegmentationModel.load(tmp_path / "model.microseg").config.history) == 1
    report = (tmp_path / "report.html").read_text()
    assert all(name in report for name in names)
    assert "Training curve" in report
    printed = capsys.readouterr()
    assert "AP@0.5" in printed.out.split("Compare with the truth: Scores")[1]
    assert files(FIRST) == before


def test_retrain_beside_a_random_start(tmp_path: Path) -> None:
    short = [f"-option={node},training/{name},{value},int" for node in (4, 5)
             for name, value in (("epochs", 1), ("steps", 1), ("batch_size", 1))]  # fmt: skip
    assert main(["run", str(SECOND), "--out", str(tmp_path), *short, "-option=5,model/base,8,int"]) == 0
    summary = table(tmp_path / "summary.csv")
    assert [row["Method"] for row in summary] == ["Retrained", "Random start"]
    assert len(table(tmp_path / "scores.csv")) == 8
    provenance = SegmentationModel.load(tmp_path / "model.microseg").config.provenance
    assert "nuclei-all" in str(provenance)


def test_transfer_between_noise_levels(tmp_path: Path) -> None:
    """Both directions: each scores two methods on eight images of its own light."""
    short = [f"-option={node},training/{name},{value},int" for node in (4, 5, 6, 13, 14, 15)
             for name, value in (("epochs", 1), ("steps", 1), ("batch_size", 1))]  # fmt: skip
    narrow = [f"-option={node},model/base,8,int" for node in (4, 6, 13, 15)]
    small = [f"-option={node},{side},192,int" for node in (1, 2, 3, 10, 11, 12) for side in ("width", "height")]
    assert main(["run", str(THIRD), "--out", str(tmp_path), *short, *narrow, *small]) == 0
    for scorer, light in ((9, "very_low"), (18, "high")):
        summary = table(tmp_path / f"summary_{scorer}.csv")
        assert [row["Method"] for row in summary] == ["Retrained", "Random start"]
        names = {row["Image"] for row in table(tmp_path / f"scores_{scorer}.csv")}
        assert names == {f"hl60_seed3_{i:04d}_{light}_light" for i in range(1, 9)}


def test_adapt_to_a_new_microscope(tmp_path: Path) -> None:
    """Trainings far too short to find much; every strategy is there, and both models are scored."""
    short = [f"-option={node},training/{name},{value},int" for node in (4, 5)
             for name, value in (("epochs", 1), ("steps", 2), ("batch_size", 1))]  # fmt: skip
    narrow = [f"-option={node},model/base,4,int" for node in (4, 5)]
    assert main(["run", str(FIFTH), "--out", str(tmp_path), *short, *narrow]) == 0
    strategies = table(tmp_path / "strategies.csv")
    assert [row["Chosen"] for row in strategies].count("true") == 1
    assert len(strategies) == 5
    assert [row["Method"] for row in table(tmp_path / "summary.csv")] == ["Adapted", "Usual"]
    assert "adaptation" in SegmentationModel.load(tmp_path / "model.microseg").config.provenance


def test_count_neuromuscular_junctions(tmp_path: Path) -> None:
    """Trainings far too short to find much: a guess without labels and a result, counts by animal, files to correct."""
    short = [f"-option={node},training/{name},{value},int" for node in (4, 5)
             for name, value in (("epochs", 1), ("steps", 2), ("batch_size", 2), ("patch_size", 32))]  # fmt: skip
    assert main(["run", str(SIXTH), "--out", str(tmp_path), *short, "-option=4,network/base,4,int"]) == 0
    counts = table(tmp_path / "counts.csv")
    assert [row["Group"] for row in counts] == ["pig_1"] * 5 + ["pig_2"] * 5
    assert all(0 <= float(row["Object agreement"]) <= 1 for row in counts)
    assert [row["Method"] for row in table(tmp_path / "summary.csv")] == ["Junctions", "Guess"]
    assert sum(int(row["True count"]) for row in table(tmp_path / "scores.csv")) == 2 * 2 * (4 + 5 + 6 + 6 + 7)
    assert SegmentationModel.load(tmp_path / "model.microseg").config.provenance["start"]["pretext"] == "magnification"
    report = (tmp_path / "report.html").read_text()
    assert "These objects are guesses" in report


def test_count_a_large_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tiles and the whole agree but for what group normalisation sees: a tile, or a sample of the image."""
    assert main(["run", str(FOURTH), "--out", str(tmp_path)]) == 0
    (row,) = table(tmp_path / "results.csv")
    tiled, whole = float(row["Count"]), float(row["Count (#1)"])
    assert 2500 < whole < 2800
    assert abs(tiled - whole) < 0.02 * whole
    labels = open_levels(tmp_path / "mosaic" / "labels.ome.zarr")[0]
    assert labels.shape == (int(row["Height"]), int(row["Width"])) == (2600, 2784)
    assert np.unique(np.asarray(labels[:])).tolist() == list(range(int(whole) + 1))
    objects = table(tmp_path / "objects_6.csv")
    assert len(objects) == whole
    assert (tmp_path / "mosaic" / "view.html").stat().st_size > 10**6
