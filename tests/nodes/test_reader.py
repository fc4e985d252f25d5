import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.nodes.samples import disks

from core.io.imagej_roi import write_roi_zip
from core.tensor_cell import decode

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, two of them with labels."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(3):
        image, labels = disks(seed=i)
        tifffile.imwrite(tmp_path / "images" / f"field {i}.tif", image.array)
        if i < 2:
            tifffile.imwrite(tmp_path / "labels" / f"field {i}.tif", labels.array.astype(np.uint16))
    return tmp_path


def read(session: Any, folder: Path | str, **settings: Any) -> Any:
    node = session.node("MicroscopyImageReader").set(folder=str(folder), **settings)
    (schema,) = node.configure()
    result = node.execute()
    assert result[0].schema == schema
    return result


def tensors(result: Any, column: str) -> list[Any]:
    return [None if cell is None else decode(cell) for cell in result[0].column_values(column)]


def test_the_demo_needs_nothing_but_the_folder(session: Any) -> None:
    result = read(session, NUCLEI)
    frame = result[0].to_pandas()
    assert len(frame) == 8
    assert list(frame.index) == list(frame["Name"])
    assert (frame["Channels"] == 1).all()
    for image, labels, (_, row) in zip(
        tensors(result, "Image"), tensors(result, "Labels"), frame.iterrows(), strict=True
    ):
        assert image.array.shape == labels.array.shape == (row["Height"], row["Width"])
        assert labels.array.dtype == np.int32
        assert labels.array.max() > 0
    assert not result.warnings
    assert result.progress[-1][0] < 1
    assert result[0].column_values("Image preview")[0].size == (frame["Width"].iloc[0], frame["Height"].iloc[0])


def test_one_row_per_batch(session: Any, folder: Path) -> None:
    assert read(session, folder)[0].batch_lengths() == [1, 1, 1]


def test_pixels_arrive_unchanged(session: Any, folder: Path) -> None:
    result = read(session, folder)
    for i, image in enumerate(tensors(result, "Image")):
        np.testing.assert_array_equal(image.array, disks(seed=i)[0].array)
    labels = tensors(result, "Labels")
    np.testing.assert_array_equal(labels[1].array, disks(seed=1)[1].array)


def test_a_missing_label_is_a_missing_cell_with_a_warning(session: Any, folder: Path) -> None:
    result = read(session, folder)
    assert tensors(result, "Labels")[2] is None
    assert "1 of 3 images have no labels" in result.warnings[0]
    assert "field 2" in result.warnings[0]


def test_a_missing_label_can_fail(session: Any, folder: Path, refused: Any) -> None:
    with refused("1 of 3 images have no labels.*field 2"):
        read(session, folder, labels={"missing": "FAIL"})


def test_groups_are_sub_folders(session: Any, tmp_path: Path) -> None:
    for group in ("control", "drug"):
        (tmp_path / group).mkdir()
        tifffile.imwrite(tmp_path / group / "a.tif", disks()[0].array)
    frame = read(session, tmp_path, recursive=True)[0].to_pandas()
    assert list(frame["Group"]) == ["control", "drug"]
    assert list(frame.index) == ["control/a", "drug/a"]


@pytest.mark.parametrize(("handling", "expected"), [("MAXIMUM", 9), ("MIDDLE", 5)])
def test_stacks(session: Any, tmp_path: Path, handling: str, expected: int, refused: Any) -> None:
    stack = np.zeros((3, 20, 30), np.uint8)
    stack[1], stack[2] = 5, 9
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with refused("stack.tif: The file is a Z-stack of 3 slices.*Set in the node's dialog"):
        read(session, tmp_path)
    (image,) = tensors(read(session, tmp_path, pixels={"stacks": handling}), "Image")
    assert image.axes == "YX"
    assert (image.array == expected).all()


def test_time_series_are_refused(session: Any, tmp_path: Path, refused: Any) -> None:
    tifffile.imwrite(tmp_path / "t.tif", np.zeros((3, 20, 30), np.uint8), imagej=True, metadata={"axes": "TYX"})
    with refused(r"t\.tif: The file is a time series of 3 images. Export"):
        read(session, tmp_path, pixels={"stacks": "MAXIMUM"})


def test_colours_and_pixel_size(session: Any, tmp_path: Path) -> None:
    colours = np.zeros((10, 12, 3), np.uint8)
    colours[..., 0], colours[..., 1] = 100, 200
    Pillow.fromarray(colours).save(tmp_path / "rgb.png")
    kept = read(session, tmp_path, pixels={"pixel_size": 0.5})
    assert kept[0].to_pandas()["Channels"].tolist() == [3]
    assert kept[0].to_pandas()["Pixel size (µm)"].tolist() == [0.5]
    (grey,) = tensors(read(session, tmp_path, pixels={"colours": "GREY"}), "Image")
    assert grey.array.shape == (10, 12)
    assert (grey.array == round(0.299 * 100 + 0.587 * 200)).all()


def test_unknown_pixel_size_is_missing(session: Any, folder: Path) -> None:
    assert read(session, folder)[0].to_pandas()["Pixel size (µm)"].isna().all()


def test_without_previews(session: Any, folder: Path) -> None:
    assert "Image preview" not in read(session, folder, previews=False)[0].column_names


@pytest.mark.parametrize("path", ["nuclei", "knime://knime.workflow/data/nuclei"])
def test_paths_in_the_data_area(session: Any, folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nodes.paths import resolve

    class Context:
        @staticmethod
        def get_workflow_data_area_dir() -> str:
            return str(folder)

    (folder / "images").rename(folder / "nuclei")
    monkeypatch.setattr("nodes.image_reader.resolve", lambda ctx, text, what: resolve(Context, text, what))
    assert read(session, path)[0].num_rows == 3


@pytest.mark.parametrize("path", ["../secret", "knime://knime.workflow/data/../secret", "https://example.org/x", "  "])
def test_bad_paths(session: Any, path: str, refused: Any) -> None:
    with refused("absolute path|No folder"):
        read(session, path)


def test_no_images(session: Any, tmp_path: Path, refused: Any) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with refused(rf"{tmp_path}: There is no image that fits '\*' in this folder. Check the folder"):
        read(session, tmp_path)


def test_no_folder(session: Any, tmp_path: Path, refused: Any) -> None:
    with refused("nowhere: There is no such folder. Check the path"):
        read(session, tmp_path / "nowhere")


def test_truncated_tiff(session: Any, folder: Path, refused: Any) -> None:
    path = folder / "images" / "field 1.tif"
    path.write_bytes(path.read_bytes()[:3000])
    with refused(r"images/field 1\.tif: The TIFF file ends before its pixels do: it is incomplete. Copy it again"):
        read(session, folder)


def test_unsupported_compression(session: Any, tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, np.zeros((32, 32), np.uint8))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(32809)
    with refused(r"odd\.tif: The TIFF file is .* not supported.*OME-TIFF without compression.* always works"):
        read(session, tmp_path)


def test_folder_without_permission(session: Any, folder: Path, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", forbidden)
    monkeypatch.setattr(os, "listdir", forbidden)
    monkeypatch.setattr(Path, "iterdir", forbidden)
    with refused(f"{folder}: The folder cannot be read .*Permission denied.*Check the permission"):
        read(session, folder)


def test_file_without_permission(session: Any, folder: Path, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = Path.open

    def forbidden(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "field 1.tif":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return open_file(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", forbidden)
    with refused(r"field 1\.tif: The file may not be read. Ask for the permission"):
        read(session, folder)


def test_labels_of_another_size(session: Any, folder: Path, refused: Any) -> None:
    tifffile.imwrite(folder / "labels" / "field 1.tif", np.ones((48, 32), np.uint8))
    with refused(
        r"labels/field 1\.tif: The labels are 32 x 48 pixels, the image .*images/field 1\.tif is 64 x 64. Give"
    ):
        read(session, folder)


def test_labels_that_are_nowhere_get_a_warning_if_their_place_is_set(session: Any, folder: Path) -> None:
    (folder / "labels").rename(folder / "elsewhere")
    assert not read(session, folder).warnings
    (warning,) = read(session, folder, labels={"pattern": "../truth/{name}.tif"}).warnings
    assert "3 of 3 images have no labels" in warning
    assert "Check where the labels are: '../truth/{name}.tif'" in warning


def test_a_path_in_quotation_marks(session: Any, folder: Path) -> None:
    assert read(session, f' "{folder}" ')[0].num_rows == 3


def test_cancel(session: Any, folder: Path) -> None:
    node = session.node("MicroscopyImageReader").set(folder=str(folder))
    with pytest.raises(Exception, match="Canceled"):
        node.execute(cancel=lambda ctx: len(ctx.progress) > 1)


def test_labels_by_pattern(session: Any, tmp_path: Path, table: Callable[..., Any]) -> None:
    image, labels = disks()
    (tmp_path / "truth").mkdir()
    tifffile.imwrite(tmp_path / "a_dapi.tif", image.array)
    tifffile.imwrite(tmp_path / "truth" / "a.tif", labels.array.astype(np.uint8))
    result = read(session, tmp_path, pattern="{name}_dapi", labels={"pattern": "truth/{name}"})
    assert tensors(result, "Labels")[0].array.max() == 9


def test_what_the_label_writer_wrote_is_found(session: Any, folder: Path) -> None:
    """Regions for Fiji beside the image: corrected there, they are labels."""
    labels = tensors(read(session, folder), "Labels")
    table = read(session, folder)[0]
    session.node("SegmentationLabelWriter").set(
        folder=str(folder / "images"), label_column="Labels", formats={"ome_tiff": False, "roi_zip": True}
    ).execute(table)
    shutil.rmtree(folder / "labels")
    assert {p.name for p in (folder / "images").glob("*.zip")} == {"field 0_rois.zip", "field 1_rois.zip"}
    for found, expected in zip(tensors(read(session, folder), "Labels"), labels, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            np.testing.assert_array_equal(found.array, expected.array)


def test_labels_drawn_in_fiji(session: Any, folder: Path) -> None:
    """The ROI Manager's file in place of the label image."""
    expected = tensors(read(session, folder), "Labels")[0]
    (folder / "labels/field 0.tif").unlink()
    write_roi_zip(folder / "labels/field 0.zip", expected)
    found = tensors(read(session, folder), "Labels")[0]
    np.testing.assert_array_equal(found.array, expected.array)
    assert found.pixel_size == expected.pixel_size
