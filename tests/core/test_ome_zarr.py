import errno
import itertools
import json
import multiprocessing
import os
import pickle
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
import zarr.storage._local
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import OutputError, UserInputError
from core.image import Labels
from core.io.large import open_large
from core.io.ome_zarr import (
    SMALLEST,
    Version,
    create_labels,
    downsample,
    open_levels,
    remove_leftovers,
    write_labels,
)
from core.io.read import read_labels

VERSIONS: tuple[Version, ...] = ("0.4", "0.5")
SAMPLE = Path("workflows/01_Train_and_count_nuclei/data/test/labels")
SIZES = {"Y": 0.25, "X": 0.5}


@pytest.fixture(scope="module")
def labels() -> Labels:
    """Real nuclei, 4 × 5 times beside each other, each with its own number; an empty corner."""
    tile = read_labels(min(SAMPLE.glob("*.tif"))).array
    count, (height, width) = int(tile.max()), tile.shape
    mosaic = np.zeros((4 * height, 5 * width), np.int32)
    for i in range(19):
        y, x = i // 5 * height, i % 5 * width
        mosaic[y : y + height, x : x + width] = np.where(tile > 0, tile + i * count, 0)
    return mosaic[:-3, :-7]


def write_all(path: Path, labels: Labels, chunk: int) -> None:
    for level in open_levels(path):
        for y in range(0, labels.shape[0], chunk):
            for x in range(0, labels.shape[1], chunk):
                write_labels(level, y, x, labels[y : y + chunk, x : x + chunk])
        labels = downsample(labels)


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_are_read_back_at_every_level(tmp_path: Path, labels: Labels, version: Version) -> None:
    path = tmp_path / "nuclei.zarr"
    height, width = labels.shape
    create_labels(path, height, width, SIZES, chunk=128, version=version)
    write_all(path, labels, 128)
    with open_large(path) as image:
        assert (image.channels, image.channel_names, image.dtype) == (1, (), np.dtype(np.int32))
        assert max(image.levels[-1].height, image.levels[-1].width) <= SMALLEST
        for i, level in enumerate(image.levels):
            assert level.pixel_size == {"Y": 0.25 * 2**i, "X": 0.5 * 2**i}
            assert level.chunk == (128, 128)
            expected = labels[:: 2**i, :: 2**i]
            np.testing.assert_array_equal(image.read(i, slice(None), slice(None))[0], expected)
    stored = {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}
    prefix = "0/" if version == "0.4" else "0/c/"
    assert f"{prefix}0/0" in stored
    last = tuple((n - 1) // 128 for n in labels.shape)
    assert f"{prefix}{last[0]}/{last[1]}" not in stored  # background alone


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 5000), width=st.integers(1, 5000))
def test_levels_are_what_downsampling_makes(tmp_path_factory: pytest.TempPathFactory, height: int, width: int) -> None:
    path = tmp_path_factory.mktemp("labels") / "x.zarr"
    create_labels(path, height, width, {}, version="0.5")
    shapes = [level.shape for level in open_levels(path)]
    assert shapes[0] == (height, width)
    for larger, smaller in itertools.pairwise(shapes):
        assert max(larger) > SMALLEST
        assert downsample(np.broadcast_to(np.int32(0), larger)).shape == smaller
    assert max(shapes[-1]) <= SMALLEST
    with open_large(path) as image:
        assert all(level.pixel_size == {} for level in image.levels)


def test_downsampling_takes_every_second_pixel() -> None:
    labels = np.arange(35, dtype=np.int32).reshape(5, 7)
    np.testing.assert_array_equal(downsample(labels), [[0, 2, 4, 6], [14, 16, 18, 20], [28, 30, 32, 34]])
    assert downsample(labels).dtype == np.int32


def metadata(path: Path, version: Version) -> dict[str, Any]:
    if version == "0.4":
        held: dict[str, Any] = json.loads((path / ".zattrs").read_text())
        return held
    group: dict[str, Any] = json.loads((path / "zarr.json").read_text())
    assert (group["zarr_format"], group["node_type"]) == (3, "group")
    held = group["attributes"]["ome"]
    assert held["version"] == "0.5"
    return held


@pytest.mark.parametrize("version", VERSIONS)
def test_the_metadata_are_those_of_the_specification(tmp_path: Path, version: Version) -> None:
    path = tmp_path / "nuclei.ome.zarr"
    create_labels(path, 1500, 700, SIZES, version=version, source="../../")
    held = metadata(path, version)
    assert held["image-label"] == {"version": version, "source": {"image": "../../"}}
    (scales,) = held["multiscales"]
    assert (scales["name"], scales["type"]) == ("nuclei", "nearest")
    assert isinstance(scales["metadata"], dict)
    assert scales.get("version", version) == version
    unit = {"type": "space", "unit": "micrometer"}
    assert scales["axes"] == [{"name": "y", **unit}, {"name": "x", **unit}]
    assert [dataset["path"] for dataset in scales["datasets"]] == ["0", "1", "2"]
    for i, dataset in enumerate(scales["datasets"]):
        scale = [0.25 * 2**i, 0.5 * 2**i]
        assert dataset["coordinateTransformations"] == [{"type": "scale", "scale": scale}]
        mark = ".zarray" if version == "0.4" else "zarr.json"
        array = json.loads((path / str(i) / mark).read_text())
        if version == "0.4":
            assert (array["zarr_format"], array["dimension_separator"], array["dtype"]) == (2, "/", "<i4")
            assert array["compressor"]["id"] == "blosc"
        else:
            assert (array["zarr_format"], array["dimension_names"], array["data_type"]) == (3, ["y", "x"], "int32")
            assert array["codecs"][-1]["name"] == "blosc"


def test_an_unknown_pixel_size_has_no_unit_and_no_source_is_named(tmp_path: Path) -> None:
    create_labels(tmp_path / "x.zarr", 10, 12, {}, name="cells")
    held = metadata(tmp_path / "x.zarr", "0.4")
    assert held["image-label"] == {"version": "0.4"}
    (scales,) = held["multiscales"]
    assert scales["name"] == "cells"
    assert scales["axes"] == [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    assert scales["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1.0, 1.0]}]


def write_row(level: "zarr.Array[Any]", row: int, labels: Labels) -> int:
    write_labels(level, row, 0, labels)
    return os.getpid()


@pytest.mark.parametrize("version", VERSIONS)
def test_threads_and_processes_write_beside_each_other(tmp_path: Path, labels: Labels, version: Version) -> None:
    path = tmp_path / "x.zarr"
    height, width = labels.shape
    create_labels(path, height, width, {}, chunk=100, version=version)
    level = open_levels(path)[0]
    rows = range(0, height, 100)
    context = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, context) as processes:
        jobs = [
            (processes if i % 2 else threads).submit(write_row, level, row, labels[row : row + 100])
            for i, row in enumerate(rows)
        ]
        assert len({job.result() for job in jobs}) > 1
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(level))[:], labels)
    write_labels(level, 0, 0, np.zeros((100, 100), np.int32))
    assert not (path / "0" / ("0/0" if version == "0.4" else "c/0/0")).exists()
    assert not np.asarray(level[:100, :100]).any()


def write_for_ever(path: Path) -> None:
    level, number = open_levels(path)[0], 0
    while True:
        number += 1
        noise = np.random.default_rng(number).integers(0, 2**31 - 1, (1000, 1000), np.int32)
        noise[0, 0] = noise[-1, -1] = number
        write_labels(level, 0, 0, noise)


def test_a_killed_process_leaves_whole_chunks(tmp_path: Path) -> None:
    path = tmp_path / "x.zarr"
    create_labels(path, 1000, 1000, {}, chunk=1000)
    for delay in (0.0, 0.013, 0.051):
        (path / "0/0/0").unlink(missing_ok=True)
        process = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(path,))
        process.start()
        while not (path / "0/0/0").exists():
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
        process.join()
        process.close()
        read = np.asarray(open_levels(path)[0][:])
        assert read[0, 0] == read[-1, -1] > 0
    (path / "0/0/0.left.partial").touch()
    remove_leftovers(path)
    assert not list(path.rglob("*.partial"))


def test_only_whole_chunks_are_written(tmp_path: Path) -> None:
    create_labels(tmp_path / "x.zarr", 250, 130, {}, chunk=100)
    (level,) = open_levels(tmp_path / "x.zarr")
    for row, column, shape in [(0, 0, (50, 100)), (10, 0, (90, 130)), (200, 100, (100, 30)), (0, 0, (0, 100))]:
        with pytest.raises(ValueError, match="no whole chunks"):
            write_labels(level, row, column, np.ones(shape, np.int32))
    write_labels(level, 200, 100, np.ones((50, 30), np.int32))
    write_labels(level, 0, 0, np.ones((200, 130), np.int32))


def test_a_full_disk_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_labels(tmp_path / "x.zarr", 200, 100, {}, chunk=100)
    (level,) = open_levels(tmp_path / "x.zarr")
    write_labels(level, 0, 0, np.ones((100, 100), np.int32))

    def full(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zarr.storage._local, "_put", full)
    with pytest.raises(OutputError, match=r"x\.zarr.*the disk is full.*Free some space"):
        write_labels(level, 100, 0, np.ones((100, 100), np.int32))
    with pytest.raises(OutputError, match=r"y\.zarr: .*the disk is full"):
        create_labels(tmp_path / "y.zarr", 200, 100, {})
    monkeypatch.undo()
    assert np.asarray(level[:]).sum() == 100 * 100


def test_what_cannot_be_made_or_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="There is something of this name already"):
        create_labels(tmp_path / "file", 10, 10, {})
    with pytest.raises(OutputError, match="file"):
        create_labels(tmp_path / "file" / "x.zarr", 10, 10, {})
    create_labels(tmp_path / "a" / "x.zarr", 10, 10, {})
    with pytest.raises(OutputError, match=r"x\.zarr: There is something.*delete"):
        create_labels(tmp_path / "a" / "x.zarr", 10, 10, {})
    for height, chunk in ((0, 10), (10, 0), (10, 2**15)):
        with pytest.raises(UserInputError, match="No label image has"):
            create_labels(tmp_path / "y.zarr", height, 10, {}, chunk)
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserInputError, match="no OME-Zarr label image"):
            open_levels(path)
    (tmp_path / "a" / "x.zarr" / ".zattrs").unlink()  # killed before the metadata came
    with pytest.raises(UserInputError, match="making was interrupted"):
        open_levels(tmp_path / "a" / "x.zarr")
