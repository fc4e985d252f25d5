import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile

from core.errors import ImageReadError
from core.image import Image
from core.io.geojson import write_geojson
from core.io.imagej_roi import write_roi_zip
from core.io.pairs import find_pairs
from core.io.read import read_labels

DATA = Path(__file__).resolve().parents[2] / "workflows/01_Train_and_count_nuclei/data/test/labels"


def numbered(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The objects numbered from 1, in the same order."""
    return np.searchsorted(np.unique(labels[labels > 0]), labels) + (labels > 0)


def square(name: str, left: int, top: int, side: int) -> roifile.ImagejRoi:
    corners = np.array([(left, top), (left + side, top), (left + side, top + side), (left, top + side)])
    return roifile.ImagejRoi.frompoints(corners, name=name)


def archive(path: Path, *regions: roifile.ImagejRoi) -> Path:
    with zipfile.ZipFile(path, "w") as bundle:
        for region in regions:
            bundle.writestr(f"{region.name}.roi", region.tobytes())
    return path


@pytest.mark.parametrize("source", sorted(DATA.glob("*.tif"))[:4], ids=lambda p: p.stem[:6])
def test_what_was_written_is_read_pixel_by_pixel(tmp_path: Path, source: Path) -> None:
    labels = read_labels(source)
    write_roi_zip(tmp_path / "x.zip", labels)
    write_geojson(tmp_path / "x.geojson", labels)
    height, width = labels.array.shape
    for name in ("x.zip", "x.geojson"):
        again = read_labels(tmp_path / name, (height, width))
        assert (again.axes, again.kind) == ("YX", "labels")
        assert again.array.dtype == np.int32
        np.testing.assert_array_equal(again.array, numbered(labels.array))


def test_objects_with_holes_and_in_pieces(tmp_path: Path) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:15] = 3
    labels[8:12, 8:12] = 0
    labels[9, 9] = 8
    labels[20:25, 5:10] = labels[30:35, 5:10] = 5
    image = Image(labels, "YX", {}, (), "labels")
    write_roi_zip(tmp_path / "x.zip", image)
    write_geojson(tmp_path / "x.geojson", image)
    for name in ("x.zip", "x.geojson"):
        np.testing.assert_array_equal(read_labels(tmp_path / name, (40, 50)).array, numbered(labels))


def test_no_regions_are_no_objects(tmp_path: Path) -> None:
    empty = Image(np.zeros((4, 5), np.int32), "YX", {}, (), "labels")
    write_roi_zip(tmp_path / "x.zip", empty)
    write_geojson(tmp_path / "x.geojson", empty)
    for name in ("x.zip", "x.geojson"):
        assert not read_labels(tmp_path / name, (4, 5)).array.any()


def test_the_tools_of_imagej(tmp_path: Path) -> None:
    """A freehand line between pixels, a rectangle, an oval; a single region in a file of its own."""
    line = np.array([(2.6, 2.4), (9.4, 2.4), (9.4, 6.6), (2.6, 6.6)], np.float32)
    freehand = roifile.ImagejRoi.frompoints(line, name="hand")
    freehand.roitype = roifile.ROI_TYPE.FREEHAND
    rectangle = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="box", left=20, top=10, right=26, bottom=14)
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, name="oval", left=40, top=20, right=60, bottom=40)
    expected = np.zeros((50, 70), np.int32)
    expected[2:7, 3:9] = 1  # pixels whose centres lie inside
    expected[10:14, 20:26] = 2
    found = read_labels(archive(tmp_path / "x.zip", freehand, rectangle, oval), (50, 70)).array
    np.testing.assert_array_equal(np.where(found == 3, 0, found), expected)
    rows, columns = np.nonzero(found == 3)
    assert ((rows + 0.5 - 30) ** 2 + (columns + 0.5 - 50) ** 2).max() <= 100
    assert len(rows) == pytest.approx(np.pi * 100, rel=0.03)
    (tmp_path / "one.roi").write_bytes(rectangle.tobytes())
    np.testing.assert_array_equal(read_labels(tmp_path / "one.roi", (50, 70)).array, expected == 2)


def test_annotations_of_qupath(tmp_path: Path) -> None:
    """A list of features, or one alone; what lies outside the image is cut off."""
    ring = [[-3, 1], [4, 1], [4, 3], [-3, 3], [-3, 1]]
    feature = {
        "type": "Feature",
        "id": "PathAnnotationObject",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"objectType": "annotation", "classification": {"name": "Cell", "color": [1, 2, 3]}},
    }
    expected = np.zeros((5, 6), np.int32)
    expected[1:3, :4] = 1
    for content in (feature, [feature], {"type": "FeatureCollection", "features": [feature]}):
        (tmp_path / "x.geojson").write_text(json.dumps(content))
        np.testing.assert_array_equal(read_labels(tmp_path / "x.geojson", (5, 6)).array, expected)


def test_the_later_one_is_on_top(tmp_path: Path) -> None:
    found = read_labels(archive(tmp_path / "x.zip", square("a", 0, 0, 6), square("b", 4, 4, 6)), (12, 12)).array
    assert (found == 2).sum() == 36
    assert (found == 1).sum() == 32


def test_regions_that_cannot_be_labels(tmp_path: Path) -> None:
    point = roifile.ImagejRoi.frompoints([(3, 3)], name="spot")
    point.roitype = roifile.ROI_TYPE.POINT
    line = {"type": "LineString", "coordinates": [[0, 0], [3, 3]]}
    (tmp_path / "line.geojson").write_text(
        json.dumps({"type": "Feature", "geometry": line, "properties": {"name": "axon"}})
    )
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "damaged.roi").write_bytes(b"Iout")
    (tmp_path / "other.geojson").write_text('{"type": "Topology"}')
    (tmp_path / "binary.geojson").write_bytes(bytes(range(256)))
    nothing = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}, "properties": {"name": "nothing"}}
    (tmp_path / "nothing.geojson").write_text(json.dumps(nothing), "utf-8-sig")
    two = roifile.ImagejRoi.frompoints(np.array([(1, 1), (5, 5)]), name="two")
    with zipfile.ZipFile(tmp_path / "thesis.zip", "w") as bundle:
        bundle.writestr("thesis.doc", b"...")
    for path, message in (
        (archive(tmp_path / "point.zip", point), "spot is a point"),
        (tmp_path / "line.geojson", "axon is a LineString"),
        (tmp_path / "nothing.geojson", "nothing covers no pixel"),
        (archive(tmp_path / "two.zip", two), "two covers no pixel"),
        (archive(tmp_path / "out.zip", square("far", 40, 0, 5)), r"far covers no pixel.*12 rows, 12 columns"),
        (archive(tmp_path / "twice.zip", square("a", 1, 1, 5), square("b", 0, 0, 9)), "a is covered by later ones"),
        (tmp_path / "damaged.zip", "no regions that can be read"),
        (tmp_path / "damaged.roi", "no regions that can be read"),
        (tmp_path / "other.geojson", "no regions that can be read"),
        (tmp_path / "binary.geojson", "no regions that can be read"),
        (tmp_path / "thesis.zip", "holds no regions of ImageJ"),
        (tmp_path / "missing.zip", "cannot be read"),
    ):
        with pytest.raises(ImageReadError) as caught:
            read_labels(path, (12, 12))
        assert re.search(message, caught.value.what), caught.value.what
        assert str(path) not in caught.value.what
        assert caught.value.where == str(path)
        assert caught.value.todo or path.name == "missing.zip"


def test_they_are_found_beside_their_images(tmp_path: Path) -> None:
    for name in ("images/a.tif", "images/b.tif", "labels/a.zip", "labels/b.geojson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [pair.labels for pair in find_pairs(tmp_path)] == [tmp_path / "labels/a.zip", tmp_path / "labels/b.geojson"]
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in ("a.tif", "a.roi", "b.png", "b.zip", "c.png", "c_labels.zip"):
        (flat / name).touch()
    assert [pair.labels and pair.labels.name for pair in find_pairs(flat)] == ["a.roi", "b.zip", "c_labels.zip"]
