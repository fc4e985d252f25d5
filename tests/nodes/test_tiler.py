"""Large images become tables of tiles."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow
from tests.nodes.samples import disks

from core.image import Image
from core.normalization import NormalizationConfig, limits, limits_between, normalize
from core.tensor_cell import decode, read_header

PLAIN = ["Tile", "Image ID", "Level", "Y", "X", "Height", "Width", "Overlap", "Image height", "Image width", "Path"]


def tile(session: Any, table: Any = None, **settings: Any) -> Any:
    node = session.node("LargeImageTiler").set(**settings)
    (schema,) = node.configure(table)
    result = node.execute(table)
    assert result[0].schema == schema
    return result


def cells(result: Any) -> list[Any]:
    return list(result[0].column_values("Tile"))


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    """A slide of 300 x 500 pixels with objects on the left and nothing but noise on the right."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(100, 5, (300, 500))
    pixels[:, :200] = np.tile(disks(100)[0].array, (3, 2))
    path = tmp_path / "slide.ome.tif"
    tifffile.imwrite(
        path, pixels.astype(np.uint16), metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    )
    return path


def pasted(result: Any, level: int = 0) -> np.ndarray[Any, Any]:
    frame = result[0].to_pandas()
    shape = (frame["Image height"].iloc[0], frame["Image width"].iloc[0])
    whole = np.full(shape, -1.0)
    for cell, (_, row) in zip(cells(result), frame.iterrows(), strict=True):
        part = decode(cell).array
        y, x = row["Y"], row["X"]
        assert part.shape[-2:] == (row["Height"], row["Width"])
        assert row["Level"] == level
        whole[y : y + row["Height"], x : x + row["Width"]] = part
    return whole


@pytest.mark.parametrize("storage", ["TABLE", "REFERENCE"])
@pytest.mark.parametrize("previews", [True, False])
def test_tiles_cover_the_image(session: Any, mosaic: Path, storage: str, previews: bool) -> None:
    result = tile(session, file=str(mosaic), tile_size=128, overlap=40, storage=storage, previews=previews)
    assert list(result[0].column_names) == PLAIN + ["Tile preview"] * previews
    assert set(result[0].batch_lengths()) == {1}
    frame = result[0].to_pandas()
    assert list(frame.index[:2]) == ["slide_0_0", "slide_0_88"]
    assert set(frame["Image ID"]) == {"slide"}
    assert set(frame["Path"]) == {str(mosaic)}
    assert set(frame["Overlap"]) == {40}
    assert (np.diff(sorted(set(frame["X"]))) == 88).all()
    assert np.array_equal(pasted(result), tifffile.imread(mosaic))
    assert decode(cells(result)[0]).pixel_size == {"Y": 0.5, "X": 0.5}
    small = len(bytes(cells(result)[0])) < 2000
    assert small == (storage == "REFERENCE")
    assert not result.warnings


def test_tiles_are_normalised_as_the_whole_image(session: Any, mosaic: Path) -> None:
    scaling = NormalizationConfig()
    pixels = tifffile.imread(mosaic)[None]
    whole = normalize(pixels, scaling)
    result = tile(session, file=str(mosaic), tile_size=128, overlap=40)
    for cell, (_, row) in zip(cells(result), result[0].to_pandas().iterrows(), strict=True):
        image = decode(cell)
        between = limits_between(image.percentiles, scaling)
        assert np.array_equal(between, limits(pixels, scaling))
        y, x = row["Y"], row["X"]
        expected = whole[:, y : y + row["Height"], x : x + row["Width"]]
        assert np.array_equal(normalize(image.cyx(), scaling, between), expected)


def test_empty_tiles_have_no_pixels(session: Any, mosaic: Path) -> None:
    result = tile(session, file=str(mosaic), tile_size=100, overlap=0, empty="SKIP")
    frame = result[0].to_pandas()
    assert len(frame) == 15
    assert [cell is None for cell in cells(result)] == [x >= 200 for x in frame["X"]]
    assert result.warnings == ["9 of 15 tiles are empty and have no pixels."]


def test_images_of_a_table(session: Any, table: Callable[..., Any]) -> None:
    one, several = disks(150)[0], disks(90, channels=3)[0]
    result = tile(session, table(["a", "b", "c"], Image=[one, None, several]), tile_size=64, overlap=16)
    frame = result[0].to_pandas()
    assert list(dict.fromkeys(frame["Image ID"])) == ["a", "c"]
    assert frame["Path"].isna().all()
    assert result.warnings == ["No tiles for 1 row without image: b."]
    assert decode(cells(result)[-1]).array.shape == (3, 42, 42)


def test_labels_of_a_table_stay_labels(session: Any, table: Callable[..., Any]) -> None:
    result = tile(session, table(Labels=[disks(150)[1]]), tile_size=64, overlap=16)
    image = decode(cells(result)[0])
    assert image.kind == "labels"
    assert not image.percentiles


def test_paths_of_a_table(session: Any, table: Callable[..., Any], mosaic: Path, refused: Any) -> None:
    paths = table(["a", "b"], Path=[str(mosaic), str(mosaic)])
    frame = tile(session, paths, tile_size=256, overlap=64)[0].to_pandas()
    assert list(dict.fromkeys(frame["Image ID"])) == ["a", "b"]
    read = table(Image=[disks()[0]], Path=[str(mosaic)])
    assert tile(session, read, storage="REFERENCE")[0].to_pandas()["Path"].tolist() == [str(mosaic)]
    assert tile(session, read)[0].to_pandas()["Path"].isna().all()
    with refused("Row 'Row0', column 'Path'.*nowhere"):
        tile(session, table(Path=[str(mosaic.parent / "nowhere.tif")]))


def test_levels(session: Any, tmp_path: Path, refused: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (512, 700)).astype(np.uint16)
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(pixels, subifds=1, tile=(64, 64), metadata={"axes": "YX"})
        writer.write(pixels[::2, ::2], subfiletype=1, tile=(64, 64))
    for storage in ("TABLE", "REFERENCE"):
        result = tile(session, file=str(path), tile_size=128, overlap=32, level=1, storage=storage)
        assert np.array_equal(pasted(result, 1), pixels[::2, ::2])
    with refused("no resolution 2, its coarsest is 1"):
        tile(session, file=str(path), level=2)


def test_a_huge_image_by_reference(session: Any, tmp_path: Path) -> None:
    """100,000 x 100,000 pixels of which two chunks are stored: 10 GB in memory."""
    path = tmp_path / "huge.zarr"
    group = zarr.create_group(path, zarr_format=2)
    level = group.create_array("0", shape=(100_000, 100_000), chunks=(2048, 2048), dtype="uint8", fill_value=0)
    for corner in (0, 8192):
        level[corner : corner + 2048, :2048] = np.random.default_rng(0).integers(0, 255, (2048, 2048), np.uint8)
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1, 1]}]
    image: Any = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["multiscales"] = [image]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = tile(session, file=str(path), tile_size=4096, overlap=128, storage="REFERENCE", previews=False)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000
    frame = result[0].to_pandas()
    assert len(frame) == 26**2
    assert frame["Y"].max() + frame["Height"].iloc[-1] == 100_000
    assert read_header(cells(result)[0]).shape == (4096, 4096)
    assert decode(cells(result)[0]).array[:2048, :2048].any()
    assert not decode(cells(result)[-1]).array.any()


def test_a_file_that_is_gone_or_changed(session: Any, trained: Any, mosaic: Path, refused: Any) -> None:
    result = tile(session, file=str(mosaic), tile_size=256, overlap=64, storage="REFERENCE")
    predictor = session.node("SegmentationPredictor").set(computing={"engine": "TORCH", "device": "CPU"})
    assert predictor.execute(trained, result[0])[0].num_rows == result[0].num_rows
    tifffile.imwrite(mosaic, np.random.default_rng(9).integers(0, 99, (300, 500)).astype(np.uint16))
    with refused("Row 'slide_0_0', column 'Tile', .*slide.ome.tif: The image has changed since"):
        predictor.execute(trained, result[0])
    mosaic.unlink()
    with refused("Row 'slide_0_0', column 'Tile', .*slide.ome.tif: The image .* is not there"):
        predictor.execute(trained, result[0])


def test_settings_that_cannot_be(session: Any, table: Callable[..., Any], refused: Any) -> None:
    node = session.node("LargeImageTiler")
    with refused("No image file is chosen"):
        node.configure(None)
    with refused("more than half of the tile size. Enter at most 50"):
        session.node("LargeImageTiler").set(file="a.tif", tile_size=100, overlap=51).configure(None)
    with refused("lie in the table, not in files"):
        session.node("LargeImageTiler").set(storage="REFERENCE").configure(table(Image=[disks()[0]]))
    with refused("no column that could be the column of images or paths"):
        session.node("LargeImageTiler").configure(table(Number=[1]))


def test_files_that_cannot_be_cut(session: Any, tmp_path: Path, table: Callable[..., Any], refused: Any) -> None:
    with refused("nowhere.tif"):
        tile(session, file=str(tmp_path / "nowhere.tif"))
    with refused("Row 'Row0', column 'Image'.*stack"):
        tile(session, table(Image=[Image(np.zeros((4, 20, 20), np.uint8), "ZYX")]))
    with refused("Row 'Row0', column 'Image'.*not a number"):
        tile(session, table(Image=[Image(np.full((20, 20), np.nan, np.float32), "YX")]))


def test_a_format_that_is_read_as_a_whole(session: Any, tmp_path: Path, refused: Any) -> None:
    path = tmp_path / "plain.png"
    Pillow.fromarray(np.arange(100 * 150, dtype=np.uint16).reshape(100, 150).astype(np.uint8)).save(path)
    assert tile(session, file=str(path), tile_size=64, overlap=16)[0].num_rows == 6
    with refused("plain.png: .*PNG.* are read as a whole"):
        tile(session, file=str(path), tile_size=64, overlap=16, storage="REFERENCE")


def test_an_empty_table(session: Any, table: Callable[..., Any]) -> None:
    assert tile(session, table(None, {"Image": Image}, Image=[]))[0].num_rows == 0


def test_cancel(session: Any, mosaic: Path) -> None:
    node = session.node("LargeImageTiler").set(file=str(mosaic), tile_size=64, overlap=16)
    seen: list[str] = []

    def cancel(ctx: Any) -> bool:
        seen[:] = [message for _, message in ctx.progress if message]
        return seen[-1:] == ["slide (1 of 1): tile 3 of 66"]

    with pytest.raises(Exception, match="Canceled"):
        node.execute(None, cancel=cancel)
    assert seen[-1] == "slide (1 of 1): tile 3 of 66"


@pytest.mark.parametrize("storage", ["TABLE", "REFERENCE"])
def test_damaged_parts(session: Any, tmp_path: Path, refused: Any, storage: str) -> None:
    path = tmp_path / "torn.tif"
    pixels = np.random.default_rng(0).integers(1, 255, (256, 256), np.uint8)
    tifffile.imwrite(path, pixels, tile=(64, 64), compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages.first.dataoffsets[5], tif.pages.first.databytecounts[5]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * count)
    settings = {"file": str(path), "tile_size": 128, "overlap": 0, "storage": storage, "previews": False}
    with refused(r"torn.tif: .*tile in row 1, column 1"):
        tile(session, **settings)
    result = tile(session, **settings, damaged="ZERO")
    assert any("taken as black" in warning and "row 1, column 1" in warning for warning in result.warnings)
    expected = pixels.copy()
    expected[64:128, 64:128] = 0
    assert np.array_equal(pasted(result), expected)
