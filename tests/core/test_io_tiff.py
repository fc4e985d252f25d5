import logging
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ImageReadError
from core.image import Image
from core.io.pairs import find_pairs
from core.io.read import read_image, read_labels
from core.io.write import write_ome_tiff

RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def _quiet_tifffile() -> None:
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return RNG.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", ">u2", "int16", "uint32", "int32", "float32", "f8"]
)
def test_pixels_of_every_type(tmp_path: Path, dtype: str) -> None:
    array = noise(7, 9, dtype=dtype)
    tifffile.imwrite(tmp_path / "x.tif", array)
    image = read_image(tmp_path / "x.tif")
    assert (image.axes, image.kind, image.pixel_size) == ("YX", "intensity", {})
    np.testing.assert_array_equal(image.array, array)
    assert image.array.dtype.isnative


@pytest.mark.parametrize(
    ("axes", "shape", "expected", "transposed"),
    [
        ("ZCYX", (3, 2, 5, 6), "CZYX", (1, 0, 2, 3)),
        ("TZCYX", (4, 3, 2, 5, 6), "TCZYX", (0, 2, 1, 3, 4)),
        ("TYX", (4, 5, 6), "TYX", (0, 1, 2)),
        ("CYX", (2, 5, 6), "CYX", (0, 1, 2)),
        ("YX", (5, 6), "YX", (0, 1)),
    ],
)
def test_axes_of_imagej(
    tmp_path: Path, axes: str, shape: tuple[int, ...], expected: str, transposed: tuple[int, ...]
) -> None:
    array = noise(*shape)
    tifffile.imwrite(tmp_path / "x.tif", array, imagej=True, metadata={"axes": axes})
    image = read_image(tmp_path / "x.tif")
    assert image.axes == expected
    np.testing.assert_array_equal(image.array, array.transpose(transposed))


@pytest.mark.parametrize(
    ("unit", "factor"), [("micron", 1), ("\\u00B5m", 1), ("um", 1), ("nm", 1e-3), ("mm", 1e3), ("pixel", 0)]
)
def test_pixel_size_of_imagej(tmp_path: Path, unit: str, factor: float) -> None:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 2.5}
    tifffile.imwrite(tmp_path / "x.tif", noise(2, 5, 6), imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    expected = {"Z": 2.5 * factor, "Y": 0.5 * factor, "X": 0.25 * factor} if factor else {}
    assert read_image(tmp_path / "x.tif").pixel_size == pytest.approx(expected)


def test_printing_resolution_in_an_imagej_file_is_ignored(tmp_path: Path) -> None:
    metadata = {"axes": "YX", "unit": "inch"}
    tifffile.imwrite(tmp_path / "x.tif", noise(5, 6), imagej=True, resolution=(72.0, 72.0), metadata=metadata)
    assert read_image(tmp_path / "x.tif").pixel_size == {}


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((20000, 40000), "CENTIMETER", {"X": 0.5, "Y": 0.25}),
        ((25400, 25400), "INCH", {"X": 1.0, "Y": 1.0}),
        ((72, 72), "INCH", {}),
        ((300, 300), "INCH", {}),
        ((1, 1), "NONE", {}),
        ((20000, 20000), "NONE", {}),
    ],
)
def test_resolution_tags_count_where_a_microscope_can_have_them(
    tmp_path: Path, resolution: tuple[int, int], unit: str, expected: dict[str, float]
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", noise(5, 6), resolution=resolution, resolutionunit=unit, metadata=None)
    assert read_image(tmp_path / "x.tif").pixel_size == pytest.approx(expected)


def test_channel_names_of_imagej_labels(tmp_path: Path) -> None:
    def names(labels: list[str]) -> tuple[str, ...]:
        metadata = {"axes": "ZCYX", "Labels": labels}
        tifffile.imwrite(tmp_path / "x.tif", noise(2, 2, 5, 6), imagej=True, metadata=metadata)
        return read_image(tmp_path / "x.tif").channel_names

    assert names(["DAPI", "GFP", "DAPI", "GFP"]) == ("DAPI", "GFP")
    assert names(["z1 c1", "z1 c2", "z2 c1", "z2 c2"]) == ()


@pytest.mark.parametrize(("unit", "factor"), [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("pixel", 0), ("Å", 1e-4)])
def test_ome_metadata(tmp_path: Path, unit: str, factor: float) -> None:
    metadata = {
        "axes": "TCZYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        **{f"PhysicalSize{a}": s for a, s in zip("ZYX", (3.0, 0.5, 0.25), strict=True)},
        **{f"PhysicalSize{a}Unit": unit for a in "ZYX"},
    }
    array = noise(1, 2, 3, 5, 6)
    tifffile.imwrite(tmp_path / "x.ome.tif", array, ome=True, metadata=metadata, photometric="minisblack")
    image = read_image(tmp_path / "x.ome.tif")
    assert (image.axes, image.channel_names) == ("CZYX", ("DAPI", "GFP"))
    expected = {"Z": 3.0 * factor, "Y": 0.5 * factor, "X": 0.25 * factor} if factor else {}
    assert image.pixel_size == pytest.approx(expected)
    np.testing.assert_array_equal(image.array, array[0])


def test_the_largest_of_several_images_is_read_with_its_own_metadata(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.ome.tif", ome=True) as writer:
        for size in (4, 9, 9):
            metadata = {"axes": "YX", "PhysicalSizeX": float(size), "PhysicalSizeY": 1.0}
            writer.write(np.full((size, size), size, np.uint8), metadata=metadata, photometric="minisblack")
    image = read_image(tmp_path / "x.ome.tif")
    assert image.array.shape == (9, 9)
    assert image.pixel_size == {"Y": 1.0, "X": 9.0}


def test_the_pixel_size_is_that_of_the_image_that_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as writer:
        for size, length in ((9, 3.0), (64, 0.5)):  # a thumbnail comes first
            per_cm = (1e4 / length, 1e4 / length)
            writer.write(noise(size, size), resolution=per_cm, resolutionunit="CENTIMETER", metadata=None)
    image = read_image(tmp_path / "x.tif")
    assert image.array.shape == (64, 64)
    assert image.pixel_size == pytest.approx({"Y": 0.5, "X": 0.5})


def test_a_slide_says_its_pixel_size_in_words(tmp_path: Path) -> None:
    description = "Aperio Image Library v11.2.1\r\n64x64 [0,0 64x64] (32x32)|AppMag = 20|MPP = 0.4990"
    with tifffile.TiffWriter(tmp_path / "x.svs") as writer:
        for size in (64, 32):
            writer.write(noise(size, size), tile=(16, 16), description=description, metadata=None)
    image = read_image(tmp_path / "x.svs")
    assert image.array.shape == (64, 64)
    assert image.pixel_size == {"Y": 0.499, "X": 0.499}


def test_a_stack_of_a_zeiss_microscope_is_found_and_read(tmp_path: Path) -> None:
    stack = noise(4, 3, 5, 6)
    size = np.array([2.5e-7, 2.5e-7, 1e-6]).tobytes()  # m
    info = struct.pack("<10i", 67127628, 600, 6, 5, 4, 3, 1, 2, 0, 0) + size  # magic, bytes, X, Y, Z, C, T, uint16
    with tifffile.TiffWriter(tmp_path / "x.lsm") as writer:
        for z, plane in enumerate(stack):
            tags = [(34412, 1, 600, info.ljust(600, b"\0"), True)] if z == 0 else []
            writer.write(plane, planarconfig="separate", photometric="minisblack", metadata=None, extratags=tags)
            writer.write(noise(3, 2, 2, dtype="uint8"), planarconfig="separate", photometric="rgb", subfiletype=1)
    (pair,) = find_pairs(tmp_path)
    image = read_image(pair.image)
    assert (image.axes, image.pixel_size) == ("CZYX", {"Z": 1.0, "Y": 0.25, "X": 0.25})
    np.testing.assert_array_equal(image.array, stack.transpose(1, 0, 2, 3))


def test_a_pyramid_is_read_at_full_resolution(tmp_path: Path) -> None:
    array = noise(64, 64)
    with tifffile.TiffWriter(tmp_path / "x.ome.tif", ome=True) as writer:
        writer.write(array, subifds=1, tile=(32, 32), photometric="minisblack")
        writer.write(array[::2, ::2], subfiletype=1, tile=(32, 32), photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "x.ome.tif").array, array)


def test_colour_pictures_and_fluorescence_stored_like_them(tmp_path: Path) -> None:
    colour = noise(5, 6, 3, dtype="uint8")
    tifffile.imwrite(tmp_path / "rgb.tif", colour, photometric="rgb")
    image = read_image(tmp_path / "rgb.tif")
    assert (image.axes, image.channel_names) == ("CYX", ("red", "green", "blue"))
    np.testing.assert_array_equal(image.array, colour.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "grey.tif", np.repeat(colour[..., :1], 3, axis=2), photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.tif").array, colour[..., 0])
    opaque = np.dstack([colour, np.full((5, 6), 255, np.uint8)])
    tifffile.imwrite(tmp_path / "rgba.tif", opaque, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.tif").array, colour.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "planar.tif", colour.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "planar.tif").array, colour.transpose(2, 0, 1))
    # three equal channels of a composite are channels all the same
    description = "ImageJ=1.54f\nchannels=3\nmode=composite\nunit=micron\n"
    same = np.repeat(colour[..., :1], 3, axis=2).astype(np.uint16)
    tifffile.imwrite(tmp_path / "ij.tif", same, photometric="rgb", description=description, metadata=None)
    image = read_image(tmp_path / "ij.tif")
    assert (image.axes, image.array.shape, image.channel_names) == ("CYX", (3, 5, 6), ())


def test_undeclared_pages_are_what_the_caller_says(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", noise(3, 5, 6), photometric="minisblack", metadata=None)
    assert read_image(tmp_path / "x.tif").axes == "ZYX"
    assert read_image(tmp_path / "x.tif", pages="C").axes == "CYX"
    assert read_image(tmp_path / "x.tif", pages="T").axes == "TYX"
    tifffile.imwrite(tmp_path / "y.tif", noise(2, 3, 5, 6), photometric="minisblack")
    with pytest.raises(ImageReadError, match=r"y\.tif: .*does not say what.*OME-TIFF"):
        read_image(tmp_path / "y.tif")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "lzma", "jpegxl"])
def test_compressions(tmp_path: Path, compression: str) -> None:
    array = noise(32, 32, dtype="uint8")
    tifffile.imwrite(tmp_path / "x.tif", array, compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif").array, array)


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, noise(32, 32), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["Compression"].overwrite(34712 + 1)
    with pytest.raises(ImageReadError, match=r"x\.tif: .*OME-TIFF"):
        read_image(path)


def test_a_set_of_files_is_read_or_its_missing_file_named(tmp_path: Path) -> None:
    planes = noise(2, 5, 6)
    names = ["a.ome.tif", "b.ome.tif"]
    parts = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID></TiffData>'
        for z, name in enumerate(names)
    )
    pixels = 'DimensionOrder="XYZCT" Type="uint16" SizeX="6" SizeY="5" SizeZ="2" SizeC="1" SizeT="1"'
    body = (
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" {pixels}><Channel ID="Channel:0" SamplesPerPixel="1"/>{parts}'
        "</Pixels></Image></OME>"
    )
    head = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:'
    for z, name in enumerate(names):
        tifffile.imwrite(tmp_path / name, planes[z], description=f'{head}{z}">{body}', metadata=None)
    for name in names:
        image = read_image(tmp_path / name)
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(image.array, planes)
    # the same set, its metadata in a companion file
    binary_only = '<BinaryOnly MetadataFile="c.companion.ome" UUID="urn:uuid:c"/></OME>'
    for z, name in enumerate(names):
        tifffile.imwrite(tmp_path / name, planes[z], description=f'{head}{z}">{binary_only}', metadata=None)
    with pytest.raises(ImageReadError, match=r"a\.ome\.tif: .*c\.companion\.ome, which is missing"):
        read_image(tmp_path / "a.ome.tif")
    (tmp_path / "c.companion.ome").write_text(f'{head}c">{body}')
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif").array, planes)
    (tmp_path / "a.ome.tif").unlink()
    with pytest.raises(ImageReadError, match=r"b\.ome\.tif: .*a\.ome\.tif is missing"):
        read_image(tmp_path / "b.ome.tif")


def test_an_image_larger_than_a_cell_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, noise(4, 4), tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages.first.tags["ImageWidth"].overwrite(50_000)
        tif.pages.first.tags["ImageLength"].overwrite(50_000)
    with pytest.raises(ImageReadError, match=r"4\.7 GiB"):
        read_image(path)


WRITERS: dict[str, dict[str, Any]] = {
    "plain": {"photometric": "minisblack"},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX", "unit": "micron"}, "resolution": (4.0, 4.0)},
    "ome": {"ome": True, "compression": "zlib", "metadata": {"axes": "ZYX"}},
    "tiled": {"tile": (16, 16), "compression": "lzw", "photometric": "minisblack", "metadata": None},
}


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_cut_file_is_refused(tmp_path: Path, name: str, cut: float) -> None:
    array = noise(3, 20, 24, dtype="uint16")
    tifffile.imwrite(tmp_path / "whole.tif", array, **WRITERS[name])
    data = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: int(cut * len(data))])
    try:
        image = read_image(tmp_path / "cut.tif")
    except ImageReadError as error:
        assert "cut.tif" in str(error)  # noqa: PT017
    else:  # only what is no pixel was cut off
        np.testing.assert_array_equal(image.array.reshape(array.shape), array)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 2**20), value=st.integers(0, 255))
def test_a_changed_file_is_read_or_refused(tmp_path: Path, name: str, place: int, value: int) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, noise(3, 20, 24), **WRITERS[name])
    data = bytearray(path.read_bytes())
    # mostly in the first bytes, where headers are
    data[place % len(data) if place % 3 == 0 else place % min(500, len(data))] = value
    path.write_bytes(data)
    try:
        image = read_image(path)
    except ImageReadError as error:
        assert "x.tif" in str(error)  # noqa: PT017
    else:
        assert isinstance(image, Image)


def test_labels_of_a_tiff(tmp_path: Path) -> None:
    labels = Image(np.arange(30, dtype=np.int32).reshape(5, 6), "YX", {"Y": 0.5, "X": 0.5}, (), "labels")
    write_ome_tiff(tmp_path / "x.tif", labels)
    back = read_labels(tmp_path / "x.tif")
    assert (back.kind, back.axes, back.pixel_size) == ("labels", "YX", labels.pixel_size)
    assert back.array.dtype == np.int32
    np.testing.assert_array_equal(back.array, labels.array)
