import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import Canceled, MicrosegError, OutputError, UserInputError
from core.image import Image
from core.io.read import read_image, read_labels
from core.io.write import atomic, make_folder, write_ome_tiff

AXES_CHOICES = ["YX", "CYX", "ZYX", "TYX", "CZYX", "TCYX", "TZYX", "TCZYX"]
DTYPES = ["bool", "u1", "i1", "u2", ">u2", "i2", "u4", "i4", "f2", "f4", "f8"]


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")
    with atomic(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), Canceled(), UserInputError("x")])
def test_what_was_there_stays_when_writing_fails(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")

    def fail_halfway() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "the disk is full. Free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may not be written. Close the program"),
        (errno.EROFS, "read-only"),
        (errno.EIO, r"Input/output error|I/O error"),
    ],
)
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_fault_of_the_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, message: str, where: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "x.txt"
    path.write_text("old")
    monkeypatch.setattr(os, where, fail)
    with pytest.raises(OutputError, match=message) as caught, atomic(path) as temporary:
        temporary.write_text("new")
    assert caught.value.where == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_bad_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, message in [
        (tmp_path / "nowhere" / "x.txt", "folder does not exist"),
        (tmp_path / "folder", "a folder of this name"),
        (tmp_path / "file" / "x.txt", "its folder is a file"),
    ]:
        with pytest.raises(OutputError, match=message), atomic(path):
            pytest.fail("nothing can be written there")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b").is_dir()
    for path in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(OutputError):
            make_folder(path)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_keeps_pointing_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "x.txt"
    link.symlink_to(tmp_path / "real" / "y.txt")
    with atomic(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert (tmp_path / "real" / "y.txt").read_text() == "new"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(AXES_CHOICES), st.sampled_from(DTYPES), st.data())
def test_ome_tiff_and_back(tmp_path: Path, axes: str, dtype: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=len(axes), max_dims=len(axes), min_side=1, max_side=5))
    array = data.draw(hnp.arrays(dtype, shape))
    sizes = data.draw(st.dictionaries(st.sampled_from([a for a in axes if a in "ZYX"]), st.floats(0.01, 100)))
    names = tuple(f"stain {i}" for i in range(shape[axes.index("C")])) if "C" in axes else ()
    write_ome_tiff(tmp_path / "x.ome.tif", Image(array, axes, sizes, names))
    back = read_image(tmp_path / "x.ome.tif")
    kept = [a for a, n in zip(axes, shape, strict=True) if n > 1 or a in "YX"]
    assert back.axes == "".join(kept)
    np.testing.assert_array_equal(back.array, array.reshape(back.array.shape))
    assert back.pixel_size == pytest.approx({a: s for a, s in sizes.items() if a in kept})
    assert back.channel_names == (names if "C" in kept else ())


@pytest.mark.parametrize(("largest", "stored"), [(0, "uint16"), (65_535, "uint16"), (65_536, "int32")])
def test_labels_are_stored_so_that_every_program_opens_them(tmp_path: Path, largest: int, stored: str) -> None:
    labels = np.array([[0, largest]], np.int32)
    write_ome_tiff(tmp_path / "x.tif", Image(labels, "YX", {"Y": 0.5, "X": 0.25}, (), "labels"))
    assert str(tifffile.imread(tmp_path / "x.tif").dtype) == stored
    back = read_labels(tmp_path / "x.tif")
    np.testing.assert_array_equal(back.array, labels)
    assert back.pixel_size == {"Y": 0.5, "X": 0.25}


def test_numbers_that_fit_no_type_are_refused(tmp_path: Path) -> None:
    write_ome_tiff(tmp_path / "x.tif", Image(np.array([[0, 2**32 - 1]]), "YX"))
    assert read_image(tmp_path / "x.tif").array.max() == 2**32 - 1
    (tmp_path / "x.tif").unlink()
    for array in (np.array([[-1, 2**40]]), np.zeros((2, 2), complex), np.zeros((0, 3))):
        with pytest.raises(UserInputError, match=r"x\.tif"):
            write_ome_tiff(tmp_path / "x.tif", Image(array, "YX"))
    with pytest.raises(MicrosegError, match="folder does not exist"):
        write_ome_tiff(tmp_path / "nowhere" / "x.tif", Image(np.zeros((2, 2)), "YX"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [1e-9, 1e12])
def test_pixels_of_any_size_are_written(tmp_path: Path, size: float) -> None:
    write_ome_tiff(tmp_path / "x.ome.tif", Image(np.zeros((2, 2)), "YX", {"Y": size, "X": size}))
    assert read_image(tmp_path / "x.ome.tif").pixel_size == pytest.approx({"Y": size, "X": size})
