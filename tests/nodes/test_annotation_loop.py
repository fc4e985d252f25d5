"""The least certain images are written, corrected in ImageJ, and read back for the next training."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
from tests.nodes.samples import TINY, disks

from core.image import Image
from core.io.read import read_image
from core.tensor_cell import decode

SIZE = {"Y": 0.5, "X": 0.5}
ROIS = {"ome_tiff": False, "roi_zip": True}
LEAST = {"which": "LEAST_CERTAIN", "most": 2}


@pytest.fixture
def images(table: Callable[..., Any]) -> Any:
    """Five images with labels, of different certainty; one without a number, one without labels."""
    pairs = [disks(seed=i) for i in range(5)]
    return table(
        list("abcde"),
        Image=[Image(image.array, "YX", SIZE) for image, _ in pairs],
        Labels=[None if i == 4 else labels for i, (_, labels) in enumerate(pairs)],
        **{"Object agreement": [0.9, 0.4, None, 0.7, 0.0], "Spread": [1, 0, 3, 3, 9]},
    )


def write(session: Any, table: Any, folder: Path, **settings: Any) -> Any:
    node = session.node("SegmentationLabelWriter").set(folder=str(folder), **settings)
    (schema,) = node.configure(table)
    result = node.execute(table)
    assert result[0].schema == schema
    return result


@pytest.mark.parametrize(
    ("selection", "written"),
    [
        ({}, "abcd"),
        (LEAST, "bd"),
        ({**LEAST, "most": 4}, "abcd"),
        ({**LEAST, "most": 3}, "abd"),
        ({**LEAST, "column": "Spread", "order": "LARGEST"}, "cd"),
        ({**LEAST, "column": "Spread", "most": 1}, "b"),
    ],
)
def test_which_are_written(session: Any, images: Any, tmp_path: Path, selection: Any, written: str) -> None:
    result = write(session, images, tmp_path, selection=selection)
    assert list(result[0].to_pandas().index) == list(written)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.ome.tif" for name in written]
    assert "Nothing written for 1 row without labels: e." in result.warnings[0]


def test_images_beside_their_labels(session: Any, images: Any, tmp_path: Path) -> None:
    everything = {"ome_tiff": True, "roi_zip": True, "geojson": True}
    result = write(session, images, tmp_path, image_column="Image", formats=everything, selection=LEAST)
    assert list(result[0].column_names) == ["Image file", "OME-TIFF file", "ImageJ ROI file", "GeoJSON file"]
    endings = (".geojson", ".ome.tif", "_labels.ome.tif", "_rois.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}{end}" for name in "bd" for end in endings]
    image = read_image(Path(result[0].to_pandas().loc["b", "Image file"]))
    np.testing.assert_array_equal(image.array, disks(seed=1)[0].array)
    assert dict(image.pixel_size) == SIZE


def test_corrected_regions_come_back(session: Any, trained: Any, images: Any, tmp_path: Path) -> None:
    """One region deleted, one moved, one drawn; the rest is as it was, and a model learns from it."""
    write(session, images, tmp_path, image_column="Image", formats=ROIS, selection=LEAST)
    before = disks(seed=1)[1].array
    file = tmp_path / "b_rois.zip"
    with zipfile.ZipFile(file) as archive:
        regions = {name: roifile.ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()}
    del regions["0001.roi"]
    regions["0005.roi"].top += 3
    regions["0005.roi"].bottom += 3
    corners = np.array([[1, 1], [6, 1], [6, 4], [1, 4]])
    regions["new.roi"] = roifile.ImagejRoi.frompoints(corners, name="new")
    with zipfile.ZipFile(file, "w") as archive:
        for name, region in regions.items():
            archive.writestr(name, region.tobytes())

    (table,) = session.node("MicroscopyImageReader").set(folder=str(tmp_path)).execute().outputs[:1]
    assert table.to_pandas()["Name"].tolist() == ["b", "d"]
    read, untouched = (decode(cell) for cell in table.column_values("Labels"))
    assert dict(read.pixel_size) == SIZE
    expected = np.where(np.isin(before, (1, 5)), 0, before) > 0
    expected[3:] |= (before == 5)[:-3]
    expected[1:4, 1:6] = True
    np.testing.assert_array_equal(read.array > 0, expected)
    assert len(np.unique(read.array)) == 1 + 9
    kept = [number for number in range(2, 10) if number != 5]
    assert all(len(np.unique(read.array[before == number])) == 1 for number in kept)
    np.testing.assert_array_equal(untouched.array, disks(seed=3)[1].array)
    assert session.node("SegmentationRetrainer").set(training=TINY["training"]).execute(trained, table, None)[0]


def test_label_images_are_read_as_pairs(session: Any, images: Any, tmp_path: Path) -> None:
    write(session, images, tmp_path, image_column="Image")
    (table,) = session.node("MicroscopyImageReader").set(folder=str(tmp_path)).execute().outputs[:1]
    assert table.to_pandas()["Name"].tolist() == list("abcd")
    for i, cell in enumerate(table.column_values("Labels")):
        np.testing.assert_array_equal(decode(cell).array, disks(seed=i)[1].array)


def test_what_is_refused(session: Any, table: Callable[..., Any], images: Any, tmp_path: Path, refused: Any) -> None:
    image, labels = disks()
    with refused("no column that could be the certainty column"):
        write(session, table(Image=[image], Labels=[labels]), tmp_path, selection=LEAST)
    with refused("'Image' is of the type image, which the certainty column cannot have. These can: 'Object agreement'"):
        write(session, images, tmp_path, selection={**LEAST, "column": "Image"})
    with refused("no column 'Gone'"):
        write(session, images, tmp_path, image_column="Gone")
    with refused(
        r"Row 'Row0', column 'Image': The image has the axes YX and the shape \(64, 64\), its labels \(48, 48\)"
    ):
        write(session, table(Image=[image], Labels=[disks(48)[1]]), tmp_path, image_column="Image")
    pair = table(["a", "a_labels"], Image=[image] * 2, Labels=[labels] * 2)
    with refused(r"Two files would have the same name: a_labels\.ome\.tif"):
        write(session, pair, tmp_path, image_column="Image")
    assert not list(tmp_path.iterdir())


def test_missing_images(session: Any, table: Callable[..., Any], tmp_path: Path) -> None:
    image, labels = disks()
    result = write(session, table(Image=[None, image], Labels=[labels] * 2), tmp_path, image_column="Image")
    assert list(result[0].to_pandas().index) == ["Row1"]
    assert "Nothing written for 1 row without labels or image: Row0." in result.warnings[0]
