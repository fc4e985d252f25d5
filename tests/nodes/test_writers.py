import errno
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.nodes.samples import disks

from core.image import Image
from core.io.read import read_labels

ALL = {"ome_tiff": True, "roi_zip": True, "geojson": True}


def write(session: Any, table: Any, folder: Path, **settings: Any) -> Any:
    node = session.node("SegmentationLabelWriter").set(folder=str(folder), **settings)
    (schema,) = node.configure(table)
    result = node.execute(table)
    assert result[0].schema == schema
    return result


def test_three_formats(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    labels = disks()[1]
    images = table(["a"], Labels=[labels], Name=["day 1/a:b"])
    result = write(session, images, tmp_path / "new", formats=ALL, name_column="Name")
    frame = result[0].to_pandas()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "day 1_a_b.geojson", "day 1_a_b.ome.tif", "day 1_a_b_rois.zip",
    ]  # fmt: skip
    np.testing.assert_array_equal(read_labels(frame.loc["a", "OME-TIFF file"]).array, labels.array)
    with zipfile.ZipFile(frame.loc["a", "ImageJ ROI file"]) as rois:
        assert len(rois.namelist()) == 9
    geojson = json.loads(Path(frame.loc["a", "GeoJSON file"]).read_text())
    assert len(geojson["features"] if isinstance(geojson, dict) else geojson) == 9


def test_equal_names_are_numbered(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    labels = disks()[1]
    write(session, table(Labels=[labels] * 3, Name=["a", "A", "nul"]), tmp_path, name_column="Name")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["A (#1).ome.tif", "_nul.ome.tif", "a.ome.tif"]


def test_existing_files(session: Any, table: Callable[..., Any], tmp_path: Path, refused: Any) -> None:
    labels = disks()[1]
    (tmp_path / "b.ome.tif").write_text("precious")
    images = table(["a", "b"], Labels=[labels, labels])
    with refused("1 of the files exist already: b.ome.tif"):
        write(session, images, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["b.ome.tif"]
    write(session, images, tmp_path, existing="OVERWRITE")
    assert tifffile.imread(tmp_path / "b.ome.tif").max() == 9


def test_only_one_folder_is_created(session: Any, table: Callable[..., Any], tmp_path: Path, refused: Any) -> None:
    with refused("The folder that should hold it does not exist"):
        write(session, table(Labels=[disks()[1]]), tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_missing_labels(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    result = write(session, table(Labels=[None, disks()[1]]), tmp_path)
    assert list(result[0].to_pandas().index) == ["Row1"]
    assert "Nothing written for 1 row without labels: Row0." in result.warnings[0]


@pytest.mark.parametrize("objects", [0, 16])
def test_no_objects_and_objects_of_one_pixel(
    session: Any, table: Callable[..., Any], tmp_path: Path, objects: int
) -> None:
    specks = np.zeros((12, 12), np.int32)
    specks[::3, ::3] = np.arange(1, 17).reshape(4, 4)
    labels = replace(disks()[1], array=specks if objects else np.zeros_like(specks))
    write(session, table(["a"], Labels=[labels]), tmp_path, formats=ALL)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.ome.tif").array, labels.array)
    with zipfile.ZipFile(tmp_path / "a_rois.zip") as rois:
        assert len(rois.namelist()) == objects
    assert len(json.loads((tmp_path / "a.geojson").read_text())["features"]) == objects


def test_an_empty_table(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    assert write(session, table(None, {"Labels": Image}, Labels=[]), tmp_path)[0].num_rows == 0


def test_settings_that_cannot_be(session: Any, table: Callable[..., Any], tmp_path: Path, refused: Any) -> None:
    images = table(Labels=[disks()[1]], Size=[1.0])
    with refused("No format is chosen"):
        write(session, images, tmp_path, formats={"ome_tiff": False})
    with refused("'Size' is of the type number, which the label column cannot have. These can: 'Labels'"):
        write(session, images, tmp_path, label_column="Size")
    with refused("'Size' is of the type number, which the column of file names cannot have"):
        write(session, images, tmp_path, name_column="Size")
    with refused("No folder"):
        session.node("SegmentationLabelWriter").configure(images)


def full_disk(monkeypatch: pytest.MonkeyPatch, reason: int = errno.ENOSPC) -> None:
    """Every flush to the disk fails, as when it is full, or for another reason."""

    def fail(file: int) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("suffix", [".ome.tif", "_rois.zip", ".geojson"])
def test_a_full_disk_leaves_the_old_file_whole(
    session: Any, table: Callable[..., Any], tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    old = tmp_path / f"Row0{suffix}"
    old.write_text("old")
    full_disk(monkeypatch)
    chosen = {key: suffix == ending for key, ending in zip(ALL, (".ome.tif", "_rois.zip", ".geojson"), strict=True)}
    with refused(f"Row0{suffix}: The file could not be written: the disk is full. Free some space"):
        write(session, table(Labels=[disks()[1]]), tmp_path, formats=chosen, existing="OVERWRITE")
    assert [p.name for p in tmp_path.iterdir()] == [old.name]
    assert old.read_text() == "old"


@pytest.mark.parametrize(
    ("reason", "message"),
    [(errno.EACCES, "it may not be written. Close"), (errno.EROFS, "the disk is read-only. Choose")],
)
def test_an_unwritable_folder_leaves_the_old_file_whole(
    session: Any,
    table: Callable[..., Any],
    trained: Any,
    tmp_path: Path,
    refused: Any,
    monkeypatch: pytest.MonkeyPatch,
    reason: int,
    message: str,
) -> None:
    files = [tmp_path / "Row0.ome.tif", tmp_path / "a.microseg"]
    for file in files:
        file.write_text("old")
    full_disk(monkeypatch, reason)
    with refused(rf"Row0\.ome\.tif: The file could not be written: {message}"):
        write(session, table(Labels=[disks()[1]]), tmp_path, existing="OVERWRITE")
    with refused(rf"a\.microseg: The file could not be written: {message}"):
        session.node("ModelWriter").set(folder=str(tmp_path), name="a", existing="OVERWRITE").execute(trained)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert {file.read_text() for file in files} == {"old"}


def test_cancel_keeps_what_was_written(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    node = session.node("SegmentationLabelWriter").set(folder=str(tmp_path))
    with pytest.raises(Exception, match="Canceled"):
        node.execute(table(Labels=[disks()[1]] * 3), cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Row0.ome.tif", "Row1.ome.tif"]


def test_a_model_travels_through_a_file(session: Any, trained: Any, examples: Any, tmp_path: Path) -> None:
    writer = session.node("ModelWriter").set(folder=str(tmp_path), name="nuclei")
    writer.configure(trained)
    writer.execute(trained)
    path = tmp_path / "nuclei.microseg"
    reader = session.node("ModelReader").set(path=str(path))
    (spec,) = reader.configure()
    assert spec.channels == 1
    assert spec.head == "stardist"
    again = reader.execute()[0]
    predict = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"})
    one, two = (predict.execute(model, examples)[0].column_values("Predicted labels") for model in (trained, again))
    assert one == two


def test_a_model_file_is_not_overwritten_unasked(session: Any, trained: Any, tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "a.microseg"
    path.write_text("old")
    with refused("exists already"):
        session.node("ModelWriter").set(folder=str(tmp_path), name="a").execute(trained)
    assert path.read_text() == "old"
    session.node("ModelWriter").set(folder=str(tmp_path), name="a", existing="OVERWRITE").execute(trained)
    assert zipfile.is_zipfile(path)


def test_a_full_disk_leaves_the_old_model_whole(
    session: Any, trained: Any, tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.microseg"
    path.write_text("old")
    full_disk(monkeypatch)
    with refused("disk is full"):
        session.node("ModelWriter").set(folder=str(tmp_path), name="a", existing="OVERWRITE").execute(trained)
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04"])
def test_damaged_models(session: Any, tmp_path: Path, refused: Any, content: bytes) -> None:
    path = tmp_path / "a.microseg"
    path.write_bytes(content)
    reader = session.node("ModelReader").set(path=str(path))
    (spec,) = reader.configure()
    assert spec.channels is None
    with refused(r"a\.microseg"):
        reader.execute()


def test_no_model_file(session: Any, trained: Any, tmp_path: Path, refused: Any) -> None:
    with refused(r"gone\.microseg"):
        session.node("ModelReader").set(path=str(tmp_path / "gone.microseg")).execute()
    with refused("No model file"):
        session.node("ModelReader").configure()
    with refused("No folder for the model"):
        session.node("ModelWriter").configure(trained)
    with refused("'a/b' cannot be a file name"):
        session.node("ModelWriter").set(folder=str(tmp_path), name="a/b").configure(trained)
