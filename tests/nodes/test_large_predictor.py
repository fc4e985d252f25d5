"""The Large Image Predictor, as a workflow uses it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from core.blockwise.lock import locked
from core.io.ome_zarr import open_levels
from core.io.read import read_image
from core.measurement.objects import measure

SAMPLES = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test/images"
RESULTS = [
    "Image ID", "Count", "Density (1/mm²)", "Covered area (%)", "Mean area (px)", "Mean area (µm²)", "Width", "Height",
    "Level", "Pixel size (µm)", "Labels folder", "Objects file", "View file", "Preview",
]  # fmt: skip
OBJECTS = [
    "Image", "Object", "Area (px)", "Area (µm²)", "Diameter (px)", "Centroid X (px)", "Centroid Y (px)", "Solidity",
    "Touches edge", "Probability", "Mean intensity",
]  # fmt: skip


@pytest.fixture(scope="module")
def model(session: Any) -> Any:
    return session.node("PretrainedSegmentationModel").set(model="NUCLEI_FLUORESCENCE").execute()[0]


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four real fields side by side, pixels of 0.5 µm."""
    fields = [read_image(path).cyx()[0][:200, :200] for path in sorted(SAMPLES.iterdir())[:4]]
    path = tmp_path_factory.mktemp("slides") / "slide.ome.tif"
    sizes = {f"PhysicalSize{axis}": 0.5 for axis in "XY"} | {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    tifffile.imwrite(path, np.block([fields[:2], fields[2:]]), tile=(64, 64), metadata={"axes": "YX", **sizes})
    return path


def run(session: Any, model: Any, table: Any = None, **settings: Any) -> Any:
    small = {"computing": {"tile": 256}}
    node = session.node("LargeImagePredictor").set(**small).set(**settings)
    schemas = node.configure(model, table)
    result = node.execute(model, table)
    assert [result[0].schema, result[1].schema] == schemas
    return result


@pytest.fixture(scope="module")
def done(session: Any, model: Any, slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("results")
    return run(session, model, file=str(slide), output=str(folder)), folder / "slide"


def test_counts_objects_and_files(done: Any) -> None:
    result, folder = done
    assert list(result[0].column_names) == RESULTS
    assert list(result[1].column_names) == OBJECTS
    counts, objects = result[0].to_pandas(), result[1].to_pandas()
    assert list(counts.index) == ["slide"]
    row = counts.iloc[0]
    assert row["Count"] == len(objects) > 20
    assert (row["Width"], row["Height"], row["Level"], row["Pixel size (µm)"]) == (400, 400, 0, 0.5)
    np.testing.assert_allclose(row["Density (1/mm²)"], len(objects) / (200e-3 * 200e-3))
    np.testing.assert_allclose(row["Mean area (µm²)"], objects["Area (µm²)"].mean())
    labels = np.asarray(open_levels(row["Labels folder"])[0][:])
    np.testing.assert_allclose(row["Covered area (%)"], 100 * (labels > 0).mean())
    assert list(objects["Object"]) == list(range(1, len(objects) + 1))
    assert np.array_equal(objects["Area (px)"], np.bincount(labels.ravel())[1:])
    assert list(objects.index[:2]) == ["slide_1", "slide_2"]
    with Pillow.open(folder / "preview.png") as preview:
        assert preview.size == (400, 400)
    assert "<canvas" in (folder / "view.html").read_text("utf-8")
    assert result.view_html == (folder / "view.html").read_text("utf-8")
    assert sorted(path.name for path in folder.iterdir()) == [
        "labels.ome.zarr", "objects.parquet", "picture.zarr", "preview.png", "run.json", "view.html",
    ]  # fmt: skip
    assert not result.warnings


def test_the_parquet_file_is_the_objects_table(done: Any) -> None:
    result, folder = done
    stored = pq.read_table(folder / "objects.parquet")
    assert stored.column_names == OBJECTS
    shown = result[1].to_pandas()
    for name, values in stored.to_pandas().items():
        np.testing.assert_array_equal(values.to_numpy(), shown[name].to_numpy(), err_msg=str(name))


def test_the_labels_are_an_ome_zarr_image(done: Any, slide: Path) -> None:
    result, folder = done
    group = zarr.open_group(folder / "labels.ome.zarr", mode="r")
    assert group.metadata.zarr_format == 2
    attributes: dict[str, Any] = dict(group.attrs)
    assert attributes["image-label"]["version"] == "0.4"
    (scales,) = attributes["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [0.5, 0.5]}]
    labels = np.asarray(open_levels(folder / "labels.ome.zarr")[0][:])
    image = read_image(slide)
    expected = measure(image.with_array(labels, "YX", "labels"), image)
    np.testing.assert_allclose(result[1].to_pandas()["Mean intensity"], expected["mean_intensity"].astype(float))


def test_executed_again_it_takes_what_is_there(session: Any, model: Any, slide: Path, done: Any) -> None:
    first, folder = done
    stamp = (folder / "view.html").stat().st_mtime_ns
    again = run(session, model, file=str(slide), output=str(folder.parent), objects_table=False)
    assert again[0].to_pandas().drop(columns="Preview").equals(first[0].to_pandas().drop(columns="Preview"))
    assert len(again[1].to_pandas()) == 0
    assert (folder / "view.html").stat().st_mtime_ns == stamp


def test_several_images_of_a_table(
    session: Any, model: Any, slide: Path, table: Callable[..., Any], tmp_path: Path
) -> None:
    other = tmp_path / "slide.png"
    Pillow.fromarray(tifffile.imread(slide)[:150, :180]).save(other)
    files = table(["a", "b"], Path=[str(slide), str(other)], Group=["x", "y"], Count=[1, 2])
    result = run(session, model, files, output=str(tmp_path / "out"), version="V05")
    counts = result[0].to_pandas()
    assert list(counts.index) == ["slide", "slide (#1)"]
    assert list(counts["Group"]) == ["x", "y"]
    assert list(counts["Count"]) == [1, 2]
    assert (counts["Count (#1)"] > 5).all()
    assert np.isnan(counts["Density (1/mm²)"].iloc[1])
    assert result[1].to_pandas()["Image"].value_counts().to_dict() == counts["Count (#1)"].astype(int).to_dict()
    assert zarr.open_group(tmp_path / "out" / "slide" / "labels.ome.zarr", mode="r").metadata.zarr_format == 3


def test_without_rows(session: Any, model: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    empty = table([], {"Path": str}, Path=[])
    result = run(session, model, empty, output=str(tmp_path / "out"))
    assert len(result[0].to_pandas()) == len(result[1].to_pandas()) == 0


def test_thresholds_set_by_hand(session: Any, model: Any, slide: Path, done: Any, tmp_path: Path) -> None:
    strict = {"source": "MANUAL", "probability": 0.8, "overlap": 0.3}
    result = run(session, model, file=str(slide), output=str(tmp_path / "out"), thresholds=strict)
    assert 0 < result[0].to_pandas()["Count"].iloc[0] < done[0][0].to_pandas()["Count"].iloc[0]
    assert "probability 0.80, overlap 0.30" in result.view_html


def test_other_results_stay_unless_they_are_to_be_replaced(
    session: Any, model: Any, slide: Path, tmp_path: Path, refused: Any
) -> None:
    first = run(session, model, file=str(slide), output=str(tmp_path / "out"), largest=80)
    strict = {"source": "MANUAL", "probability": 0.8, "overlap": 0.3}
    with refused(r"other settings \(reach 80 instead of 0, thresholds .*0.8.*\); nothing was changed.*Choose another"):
        run(session, model, file=str(slide), output=str(tmp_path / "out"), thresholds=strict)
    second = run(session, model, file=str(slide), output=str(tmp_path / "out"), thresholds=strict, existing="REPLACE")
    assert second[0].to_pandas()["Count"].iloc[0] < first[0].to_pandas()["Count"].iloc[0]
    (tmp_path / "out" / "slide" / "notes.txt").write_text("mine")
    with refused(r"holds other files too \(notes.txt\)"):
        run(session, model, file=str(slide), output=str(tmp_path / "out"), existing="REPLACE")
    (tmp_path / "out" / "slide" / "view.html").unlink()
    with refused(r"view.html is missing"):
        run(session, model, file=str(slide), output=str(tmp_path / "out"), thresholds=strict)
    assert (tmp_path / "out" / "slide" / "notes.txt").read_text() == "mine"


def test_another_run_in_the_folder(session: Any, model: Any, slide: Path, tmp_path: Path, refused: Any) -> None:
    """The folder is the node's until the last of its files is written."""
    node = session.node("LargeImagePredictor").set(file=str(slide), output=str(tmp_path))
    with locked(tmp_path / "slide"), refused("Another run is writing its results here"):
        node.execute(model, None)
    assert node.execute(model, None)[0].num_rows == 1
    assert not (tmp_path / "slide" / "running.lock").exists()


def test_a_cancelled_node_goes_on(session: Any, model: Any, slide: Path, done: Any, tmp_path: Path) -> None:
    node = session.node("LargeImagePredictor").set(file=str(slide), output=str(tmp_path / "out"))
    node.set(computing={"tile": 256})
    with pytest.raises(Exception, match="Canceled"):
        node.execute(model, None, cancel=lambda run: any("step" in (text or "") for _, text in run.progress))
    assert list((tmp_path / "out" / "slide" / "unfinished").glob("*/plan.json"))
    result = run(session, model, file=str(slide), output=str(tmp_path / "out"))
    assert result[0].to_pandas()["Count"].equals(done[0][0].to_pandas()["Count"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"file": ""}, "No image is chosen"),
        ({"output": ""}, "No output folder is chosen"),
        ({"cluster": {"where": "CLUSTER", "address": " "}}, "The address of the Dask scheduler is missing"),
        ({"file": "/nowhere/slide.tif"}, r"slide.tif: There is no such file"),
        ({"output": "/nowhere/at/all"}, "The folder that should hold it does not exist"),
        ({"level": 7}, "level is 7, it must be 0 to 0"),
    ],
)
def test_settings_that_cannot_be(
    session: Any, model: Any, slide: Path, tmp_path: Path, refused: Any, settings: dict[str, Any], message: str
) -> None:
    with refused(message):
        run(session, model, **{"file": str(slide), "output": str(tmp_path / "out"), **settings})


def test_rows_that_cannot_be(
    session: Any, model: Any, table: Callable[..., Any], tmp_path: Path, refused: Any, slide: Path
) -> None:
    with refused(r"Row 'b', column 'Path': The path is missing"):
        run(session, model, table(["a", "b"], Path=[str(slide), None]), output=str(tmp_path / "out"))
    with refused("no column that could be the column of paths"):
        run(session, model, table(["a"], Number=[1]), output=str(tmp_path / "out"))


def test_a_damaged_slide(session: Any, model: Any, slide: Path, tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "torn.tif"
    tifffile.imwrite(path, tifffile.imread(slide), tile=(64, 64), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages.first.dataoffsets[10], tif.pages.first.databytecounts[10]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * count)
    with refused(r"torn.tif: .*tile in row 1, column 3"):
        run(session, model, file=str(path), output=str(tmp_path / "out"))
    result = run(session, model, file=str(path), output=str(tmp_path / "zero"), damaged="ZERO")
    assert any("row 1, column 3" in warning for warning in result.warnings)
    assert result[0].to_pandas()["Count"].iloc[0] > 10
