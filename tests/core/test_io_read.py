import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.io.read import read_image, read_labels
from core.io.units import micrometres, plausible

SAMPLES = Path("workflows/01_Train_and_count_nuclei/data")
FORMATS = os.environ.get("MICROSEG_FORMATS", "")
"""A folder of files from many programs, too large to be kept here."""

READABLE = {
    "imagej_hyperstack_tzcyx.tif": ("TCZYX", (4, 2, 10, 77, 79), "uint16", {"Z": 0.38, "Y": 0.21667, "X": 0.21667}),
    "imagej_xyc_16bit__hela-cells.tif": ("CYX", (3, 512, 672), "uint16", {"Y": 0.051493, "X": 0.051493}),
    "imagej_xyt_calibrated_16bit__golgi.tif": ("TYX", (30, 137, 147), "float32", {"Y": 0.351435, "X": 0.351435}),
    "imagej_xyzc_16bit__dna_conf_wf.tif": (
        "CZYX",
        (2, 45, 130, 133),
        "uint16",
        {"Z": 0.499413, "Y": 0.511878, "X": 0.511878},
    ),
    "neocortex-3Ch.tiff": ("CYX", (3, 1112, 402), "uint16", {"Y": 1.0, "X": 1.0}),
    "neuron-4Ch.tiff": ("CYX", (4, 623, 502), "uint16", {"Y": 0.1241, "X": 0.1241}),
    "scratch-assay-labeled-10T-2Ch.tiff": ("TCYX", (10, 4, 210, 576), "uint16", {"Y": 0.619, "X": 0.619}),
    "small_HE.svs": ("CYX", (3, 2967, 2220), "uint8", {"Y": 0.499, "X": 0.499}),
    "viv_multi-channel.ome.tif": ("CYX", (3, 167, 439), "int8", {}),
}

CHANNELS = {
    "neocortex-3Ch.tiff": ("CTIP2", "BRN2", "ROR"),
    "neuron-4Ch.tiff": ("AF647", "AF568", "AF488", "DAPI"),
    "scratch-assay-labeled-10T-2Ch.tiff": ("H3342", "oblique", "nuclei", "cyto"),
    "small_HE.svs": ("red", "green", "blue"),
}

REFUSED = {
    "CD_s_1_t_3_c_2_z_5.czi": "Zeiss CZI",
    "RGB-8bit.czi": "Zeiss CZI",
    "mosaic_test.czi": "Zeiss CZI",
    "xyz__multiple_images.czi": "Zeiss CZI",
    "LeicaLASX_wavelength-sweep_example.lif": "Leica LIF",
    "testdata_2channel_xz.lif": "Leica LIF",
    "cluster.nd2": "Nikon ND2",
    **{f"multifile-Z{i}.ome.tiff": r"multifile\.companion\.ome, which is missing" for i in range(1, 6)},
    "ome-zarr/blobs_image_v04.ome.zarr": "OME-Zarr",
    "ome-zarr/blobs_image_v05.ome.zarr": "OME-Zarr",
    "bioformats-zarr/data.zarr": "OME-Zarr",
    "ome-zarr": "a folder, not an image",
    "README.md": "no image of a supported format",
}

with_formats = pytest.mark.skipif(not FORMATS, reason="MICROSEG_FORMATS names no folder")


@with_formats
@pytest.mark.parametrize("name", READABLE)
def test_files_of_other_programs_open(name: str) -> None:
    axes, shape, dtype, pixel_size = READABLE[name]
    image = read_image(Path(FORMATS, name))
    assert (image.axes, image.array.shape, str(image.array.dtype)) == (axes, shape, dtype)
    assert image.pixel_size == pytest.approx(pixel_size, rel=1e-4)
    assert image.channel_names == CHANNELS.get(name, ())


@with_formats
@pytest.mark.parametrize("name", REFUSED)
def test_files_of_other_programs_are_refused_by_name(name: str) -> None:
    with pytest.raises(ImageReadError, match=REFUSED[name]) as caught:
        read_image(Path(FORMATS, name))
    assert caught.value.where == str(Path(FORMATS, name))
    assert caught.value.todo


@with_formats
def test_the_list_of_other_programs_files_is_complete() -> None:
    skipped = {"ome-zarr", "bioformats-zarr"}
    names = {path.name for path in Path(FORMATS).iterdir()} - skipped
    assert names <= READABLE.keys() | REFUSED.keys()


def test_the_sample_images_open() -> None:
    for part, count in (("train", 24), ("test", 8)):
        paths = sorted((SAMPLES / part / "images").glob("*.png"))
        assert len(paths) == count
        for path in paths:
            image = read_image(path)
            labels = read_labels(SAMPLES / part / "labels" / f"{path.stem}.tif")
            assert (image.axes, str(image.array.dtype)) == ("YX", "uint8")
            assert (labels.kind, labels.axes, str(labels.array.dtype)) == ("labels", "YX", "int32")
            assert labels.array.shape == image.array.shape
            assert labels.array.max() > 1


def write(path: Path, array: NDArray[np.generic]) -> Path:
    tifffile.imwrite(path, array)
    return path


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "uint32", "int64", "float32", "float64"])
def test_whole_numbers_of_any_type_are_labels(tmp_path: Path, dtype: str) -> None:
    array = np.arange(30).reshape(5, 6) % (2 if dtype == "bool" else 99)
    labels = read_labels(write(tmp_path / "x.tif", array.astype(dtype)))
    assert (labels.kind, labels.axes, str(labels.array.dtype)) == ("labels", "YX", "int32")
    np.testing.assert_array_equal(labels.array, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[0, -1]], np.int16), r"negative, the least is -1"),
        (np.array([[0, 2**31]], np.uint32), "2147483647, this image has 2147483648"),
        (np.array([[0, 0.5]], np.float32), "whole numbers"),
        (np.array([[0, np.nan]], np.float32), "whole numbers"),
        (np.array([[0, 3e9]], np.float64), "this image has 3000000000"),
        (np.array([[0, 2**31]], np.float32), "this image has 2147483648"),
        (np.arange(90, dtype=np.uint8).reshape(5, 6, 3), r"are colours.*16-bit grey"),
        (np.zeros((2, 5, 6), np.uint16), r"has ZYX.*one label image per file"),
    ],
)
def test_what_cannot_be_labels_is_refused(tmp_path: Path, array: NDArray[np.generic], message: str) -> None:
    path = write(tmp_path / "x.tif", array)
    with pytest.raises(ImageReadError, match=message) as caught:
        read_labels(path)
    assert caught.value.where == str(path)
    assert caught.value.todo


def test_a_mask_saved_as_grey_colours_is_read(tmp_path: Path) -> None:
    mask = (np.arange(30).reshape(5, 6) % 2 * 255).astype(np.uint8)
    PIL.Image.fromarray(mask).convert("RGB").save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "x.png").array, mask)


STARTS = {
    b"ZISRAWFILE\0": "Zeiss CZI",
    b"\xda\xce\xbe\x0a": "Nikon ND2",
    b"\x70\0\0\0": "Leica LIF",
    b"\xd0\xcf\x11\xe0": "Olympus OIB",
    b"\x89HDF\r\n\x1a\n": "HDF5",
    bytes(128) + b"DICM": "DICOM",
    b"\x93NUMPY": "NumPy",
    b"GIF89a": "GIF",
    b"PK\x03\x04": "ZIP",
}


@pytest.mark.parametrize(("start", "name"), STARTS.items())
def test_other_formats_are_refused_by_name(tmp_path: Path, start: bytes, name: str) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(start + bytes(500))
    with pytest.raises(ImageReadError, match=rf"x\.tif: This is .*{name}.*Export it as OME-TIFF"):
        read_image(path)


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageReadError, match=r"x\.tif: There is no such file"):
        read_image(tmp_path / "x.tif")
    with pytest.raises(ImageReadError, match="This is a folder"):
        read_image(tmp_path)
    (tmp_path / "stack.zarr").mkdir()
    with pytest.raises(ImageReadError, match=r"stack\.zarr: This is an OME-Zarr folder"):
        read_image(tmp_path / "stack.zarr")
    (tmp_path / ".zgroup").touch()
    with pytest.raises(ImageReadError, match="OME-Zarr"):
        read_labels(tmp_path)
    (tmp_path / "x.tif").touch()
    with pytest.raises(ImageReadError, match=r"x\.tif: The file is empty"):
        read_image(tmp_path / "x.tif")
    (tmp_path / "x.tif").write_text("id,count\n1,2\n")
    with pytest.raises(ImageReadError, match="whatever its name says"):
        read_image(tmp_path / "x.tif")
    with pytest.raises(ImageReadError, match="cannot be read"):
        read_image("a\0b.tif")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageReadError, match=r"x\.tif: The file may not be read.*permission"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (2, "µm", 2.0),
        ("2", "\u03bcm", 2.0),
        (2, "\\u00B5m", 2.0),
        (1, "Å", 1e-4),
        (1, "inch", 25400.0),
        (1, "pixel", None),
        ("?", "µm", None),
        (0, "µm", None),
        (-1, "µm", None),
        (float("nan"), "µm", None),
        (float("inf"), "µm", None),
    ],
)
def test_lengths(value: str | float, unit: str, expected: float | None) -> None:
    assert micrometres(value, unit) == expected


def test_a_printers_resolution_is_no_pixel_size() -> None:
    assert [plausible(25400 / dpi) for dpi in (72, 96, 300, 600, 2540, 25400)] == [False] * 4 + [True] * 2
    assert not plausible(None)
