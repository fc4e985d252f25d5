"""Tiles become label images again; what was found in tiles is what is found in the whole."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.nodes.samples import disks

from core.evaluation.matching import match, overlaps
from core.image import Image
from core.io.read import read_image
from core.tensor_cell import decode

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/test/images"


def merge(session: Any, table: Any, **settings: Any) -> Any:
    node = session.node("TileMerger").set(**settings)
    (schema,) = node.configure(table)
    result = node.execute(table)
    assert result[0].schema == schema
    return result


def labels_of(result: Any) -> list[Image]:
    return [decode(cell) for cell in result[0].column_values("Labels")]


def tiled(session: Any, table: Callable[..., Any], labels: Image, **settings: Any) -> Any:
    """Tiles of a label image, as if each had been predicted."""
    node = session.node("LargeImageTiler").set(previews=False, **settings)
    return renamed(session, node.execute(table(["a"], Labels=[labels]))[0])


def renamed(session: Any, tiles: Any) -> Any:
    arrow = tiles.to_pyarrow()
    names = ["Predicted labels" if name == "Tile" else name for name in arrow.column_names]
    return session.make_table(arrow.rename_columns(names), row_ids="keep")


def changed(session: Any, table: Any, change: Callable[[Any], Any]) -> Any:
    return session.make_table(change(table.to_pyarrow()), row_ids="keep")


@pytest.mark.parametrize(("size", "overlap"), [(100, 30), (64, 32), (100, 0), (300, 50)])
def test_tiles_are_joined(session: Any, table: Callable[..., Any], size: int, overlap: int) -> None:
    labels = replace(disks(200, radius=12)[1], pixel_size={"Y": 0.5, "X": 0.5})
    result = merge(session, tiled(session, table, labels, tile_size=size, overlap=overlap))
    assert list(result[0].column_names) == ["Labels", "Image ID", "Path", "Object count", "Label preview"]
    frame = result[0].to_pandas()
    assert list(frame.index) == list(frame["Image ID"]) == ["a"]
    assert frame["Object count"].tolist() == [9]
    (joined,) = labels_of(result)
    assert joined.kind == "labels"
    assert joined.pixel_size == {"Y": 0.5, "X": 0.5}
    assert len(np.unique(np.stack([joined.array.ravel(), labels.array.ravel()]), axis=1).T) == 10
    assert not result.warnings
    counts = session.node("InstanceCounter").execute(result[0])[0].to_pandas()
    assert counts["Count"].tolist() == [9]


def test_several_images_in_any_order(session: Any, table: Callable[..., Any]) -> None:
    images = [disks(150, seed=i)[1] for i in range(3)]
    node = session.node("LargeImageTiler").set(tile_size=64, overlap=20, previews=False)
    tiles = renamed(session, node.execute(table(["a", "b", "c"], Labels=images))[0])
    order = np.random.default_rng(0).permutation(tiles.num_rows)
    result = merge(session, changed(session, tiles, lambda arrow: arrow.take(order)), previews=False)
    fractions = [fraction for fraction, _ in result.progress]
    assert fractions == sorted(fractions)
    joined = dict(zip(result[0].to_pandas()["Image ID"], labels_of(result), strict=True))
    for name, labels in zip("abc", images, strict=True):
        assert ((joined[name].array > 0) == (labels.array > 0)).all()
        assert joined[name].array.max() == 9


def test_objects_larger_than_the_overlap_are_named(session: Any, table: Callable[..., Any]) -> None:
    labels = disks(200, radius=30)[1]
    result = merge(session, tiled(session, table, labels, tile_size=64, overlap=10))
    assert result[0].to_pandas()["Object count"].tolist() == [9]
    assert "Image 'a': 9 objects put together of parts, or cut" in result.warnings[0]
    assert "; ..." in result.warnings[0]


def test_missing_labels_are_background(session: Any, table: Callable[..., Any]) -> None:
    labels = np.zeros((128, 256), np.int32)
    labels[10:30, 10:30] = 4
    tiles = tiled(session, table, Image(labels, "YX", kind="labels"), tile_size=64, overlap=0, empty="SKIP")
    assert [cell is None for cell in tiles.column_values("Predicted labels")].count(True) == 7
    result = merge(session, tiles)
    assert np.array_equal(labels_of(result)[0].array, labels > 0)


def test_missing_tiles(session: Any, table: Callable[..., Any], refused: Any) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=100, overlap=30)
    some = changed(session, tiles, lambda arrow: arrow.slice(1))
    with refused("Image 'a': The tiles are not complete: no tile covers Y 0, X 0, 70 x 70 pixels.*go on with what"):
        merge(session, some)
    result = merge(session, some, incomplete="WARN")
    assert result.warnings == ["Image 'a': no tile covers Y 0, X 0, 70 x 70 pixels."]
    assert not labels_of(result)[0].array[:70, :70].any()


def test_tiles_that_are_there_twice(session: Any, table: Callable[..., Any], refused: Any) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=100, overlap=30)
    number = tiles.num_rows

    def twice(arrow: Any) -> Any:
        import pyarrow as pa

        again = arrow.take([*range(number), 0])
        return again.set_column(0, again.column_names[0], pa.array([f"Row{i}" for i in range(number + 1)]))

    both = changed(session, tiles, twice)
    with refused("several tiles begin at Y 0, X 0"):
        merge(session, both)
    result = merge(session, both, incomplete="WARN")
    assert result[0].to_pandas()["Object count"].tolist() == [9]
    assert result.warnings == ["Image 'a': several tiles begin at Y 0, X 0."]


def with_numbers(name: str, value: int) -> Callable[[Any], Any]:
    """Another number in the first row of a column."""

    def change(arrow: Any) -> Any:
        import pyarrow as pa

        values = [value, *arrow.column(name).to_pylist()[1:]]
        return arrow.set_column(arrow.column_names.index(name), name, pa.array(values, pa.int32()))

    return change


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Image width", 300, "Image 'a': Its tiles are of images of different sizes: 200 x 200 and 200 x 300 pixels"),
        ("Height", 50, "Row 'a_0_0', column 'Predicted labels': The labels are 100 x 100 pixels, the tile is 50 x 100"),
        ("X", 120, "Image 'a': The tile at Y 0, X 120, 100 x 100 pixels reaches out of the image"),
        ("Y", None, "Row 'a_0_0', column 'Y': The place of the tile is missing"),
    ],
)
def test_places_that_cannot_be(
    session: Any, table: Callable[..., Any], refused: Any, name: str, value: Any, message: str
) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=100, overlap=30)
    with refused(message):
        merge(session, changed(session, tiles, with_numbers(name, value)))


def test_an_image_too_large_for_a_cell(session: Any, table: Callable[..., Any], refused: Any) -> None:
    places = {"Y": [0], "X": [0], "Height": [64], "Width": [64]}
    sizes = {"Image ID": ["a"], "Image height": [40_000], "Image width": [40_000]}
    tiles = table(None, None, **{"Predicted labels": [disks()[1]]}, **places, **sizes)
    with refused("Image 'a': The label image of 40000 x 40000 pixels does not fit.*Large Image Predictor"):
        merge(session, tiles)


def test_columns_by_other_names(session: Any, table: Callable[..., Any], refused: Any) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=100, overlap=30)
    other = changed(
        session, tiles, lambda arrow: arrow.rename_columns(["Row" if n == "Y" else n for n in arrow.column_names])
    )
    with refused("The table has no column 'Y'. Choose another column 'Y' of the tiles"):
        merge(session, other)
    assert merge(session, other, places={"y": "Row"})[0].to_pandas()["Object count"].tolist() == [9]
    with refused("'Path' is of the type text"):
        session.node("TileMerger").set(places={"y": "Path"}).configure(tiles)


def test_an_empty_table(session: Any, table: Callable[..., Any]) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=100, overlap=30)
    assert merge(session, changed(session, tiles, lambda arrow: arrow.slice(0, 0)))[0].num_rows == 0


def test_cancel(session: Any, table: Callable[..., Any]) -> None:
    tiles = tiled(session, table, disks(200)[1], tile_size=64, overlap=30)
    with pytest.raises(Exception, match="Canceled"):
        session.node("TileMerger").execute(tiles, cancel=lambda ctx: len(ctx.progress) > tiles.num_rows + 2)


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of nuclei, turned and put together: 512 x 768 pixels that are everywhere of one kind."""
    picture = read_image(sorted(NUCLEI.iterdir())[0]).cyx()[0][:256, :256]
    turned = [np.rot90(picture, i) for i in range(6)]
    path = tmp_path_factory.mktemp("mosaic") / "mosaic.tif"
    tifffile.imwrite(path, np.block([turned[:3], turned[3:]]))
    return path


@pytest.mark.parametrize("storage", ["TABLE", "REFERENCE"])
def test_nuclei_are_those_of_the_whole_picture(
    session: Any, table: Callable[..., Any], mosaic: Path, storage: str
) -> None:
    """But for a few: group normalisation takes its statistics of each tile, which changes doubtful objects."""
    model = session.node("PretrainedSegmentationModel").execute()[0]
    predictor = session.node("SegmentationPredictor").set(computing={"device": "CPU"}, previews=False, shown=0)
    (whole,) = predictor.execute(model, table(Image=[read_image(mosaic)]))[0].column_values("Predicted labels")
    expected = decode(whole).array
    tiler = session.node("LargeImageTiler").set(file=str(mosaic), tile_size=336, overlap=96, storage=storage)
    result = merge(session, predictor.execute(model, tiler.execute(None)[0])[0])
    (joined,) = labels_of(result)
    found = match(overlaps(expected, joined.array), 0.5)
    assert expected.max() > 200
    assert abs(int(joined.array.max()) - int(expected.max())) <= 2
    assert len(found) >= expected.max() - 2
