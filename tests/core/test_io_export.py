import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from core.errors import OutputError, UserInputError
from core.image import Image
from core.io.geojson import write_geojson
from core.io.imagej_roi import write_roi_zip
from core.io.read import read_labels

DATA = Path("workflows/01_Train_and_count_nuclei/data/train/labels")


def difficult() -> Image:
    """A ring, an object in two pieces, a single pixel, and one at the edge."""
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:15] = 3
    labels[8:12, 8:12] = 0
    labels[20:25, 5:10] = labels[30:35, 5:10] = 7
    labels[9, 9] = 12
    labels[30:, 40:] = 100_000
    return Image(labels, "YX", {}, (), "labels")


def images() -> list[Image]:
    return [difficult(), *(read_labels(path) for path in sorted(DATA.glob("*.tif"))[:3])]


def even_odd(rings: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rings as x, y."""
    inside = np.zeros(shape, np.bool_)
    for ring in rings:
        inside ^= polygon2mask(shape, np.asarray(ring)[:, ::-1] - 0.5)
    return inside


@pytest.mark.parametrize("image", images())
def test_imagej_regions_cover_the_objects(tmp_path: Path, image: Image) -> None:
    write_roi_zip(tmp_path / "x.zip", image)
    regions = roifile.roiread(tmp_path / "x.zip")
    assert isinstance(regions, list)
    assert [int(region.name) for region in regions] == [i for i in np.unique(image.array) if i > 0]
    for region in regions:
        rings = region.coordinates(multi=True) if region.composite else [region.coordinates()]
        np.testing.assert_array_equal(even_odd(rings, image.array.shape), image.array == int(region.name))
        rows, columns = np.nonzero(image.array == int(region.name))
        box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert (region.top, region.left, region.bottom, region.right) == box


@pytest.mark.parametrize("image", images())
def test_geojson_covers_the_objects(tmp_path: Path, image: Image) -> None:
    ids = [int(i) for i in np.unique(image.array) if i > 0]
    measured: dict[str, Any] = {
        "id": np.array(ids[:-1]),
        "area_um2": np.array([np.nan, *(2.0 * i for i in ids[1:-1])]),
        "class": ["nucleus"] * (len(ids) - 1),
    }
    write_geojson(tmp_path / "x.geojson", image, measured)
    collection = json.loads((tmp_path / "x.geojson").read_text("utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert [feature["properties"]["name"] for feature in collection["features"]] == [str(i) for i in ids]
    assert len({uuid.UUID(feature["id"]) for feature in collection["features"]}) == len(ids)
    for number, feature in zip(ids, collection["features"], strict=True):
        geometry, properties = feature["geometry"], feature["properties"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        rings = [ring for part in parts for ring in part]
        assert all(ring[0] == ring[-1] for ring in rings)
        inside = even_odd([np.array(ring[:-1]) for ring in rings], image.array.shape)
        np.testing.assert_array_equal(inside, image.array == number)
        assert properties["objectType"] == "detection"
        assert properties["measurements"] == ({"area_um2": 2.0 * number} if number in ids[1:-1] else {})


def test_the_same_labels_give_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_roi_zip(tmp_path / folder / "x.zip", difficult())
        write_geojson(tmp_path / folder / "x.geojson", difficult())
    for name in ("x.zip", "x.geojson"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_objects_give_an_empty_file_that_opens(tmp_path: Path) -> None:
    empty = Image(np.zeros((4, 4), np.int32), "YX", {}, (), "labels")
    write_geojson(tmp_path / "x.geojson", empty)
    assert json.loads((tmp_path / "x.geojson").read_text())["features"] == []
    write_roi_zip(tmp_path / "x.zip", empty)
    assert roifile.roiread(tmp_path / "x.zip") == []


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    wide = Image(np.zeros((1, 40_000), np.int32), "YX", {}, (), "labels")
    with pytest.raises(UserInputError, match=r"32,767 px.*GeoJSON"):
        write_roi_zip(tmp_path / "x.zip", wide)
    unequal: list[dict[str, Any]] = [{"area": [1.0]}, {"id": [1], "area": [1.0, 2.0]}]
    for measured in unequal:
        with pytest.raises(UserInputError, match="'id'"):
            write_geojson(tmp_path / "x.geojson", difficult(), measured)
    with pytest.raises(OutputError, match="folder does not exist"):
        write_geojson(tmp_path / "nowhere" / "x.geojson", difficult())
    assert list(tmp_path.iterdir()) == []
