import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import UserInputError
from core.image import Image, Kind
from core.io.large import open_large
from core.normalization import PERCENTAGES
from core.source import Source
from core.tensor_cell import ALIGNMENT, DTYPES, MAGIC, decode, encode, is_tensor_cell, read_header

AXES_CHOICES = ["YX", "CYX", "ZYX", "TYX", "CZYX", "TCYX", "TZYX", "TCZYX"]


@st.composite
def images(draw: st.DrawFn) -> Image:
    axes = draw(st.sampled_from(AXES_CHOICES))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    if draw(st.booleans()):
        dtype = dtype.newbyteorder(">")
    array = draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=len(axes), max_dims=len(axes), max_side=5)))
    kind: Kind = draw(st.sampled_from(["intensity", "labels", "probability"]))
    size = draw(st.dictionaries(st.sampled_from("ZYX"), st.floats(1e-3, 1e3)))
    names = tuple(draw(st.text()) for _ in range(array.shape[axes.index("C")])) if "C" in axes else ()
    return Image(array, axes, size, names, kind)


@settings(deadline=None)
@given(images())
def test_an_image_survives(image: Image) -> None:
    cell = encode(image)
    back = decode(cell)
    assert len(cell) % ALIGNMENT == 0
    assert is_tensor_cell(cell)
    np.testing.assert_array_equal(back.array, image.array)
    assert back.array.dtype == image.array.dtype.newbyteorder("<")
    assert (back.axes, back.kind, back.channel_names) == (image.axes, image.kind, image.channel_names)
    assert back.pixel_size == dict(image.pixel_size)
    header = read_header(cell)
    assert (header.shape, header.dtype, header.axes) == (image.array.shape, back.array.dtype, image.axes)


@pytest.mark.parametrize("kind", ["intensity", "labels"])
@settings(deadline=None)
@given(position=st.integers(0, 10_000), data=st.data())
def test_a_cut_or_changed_cell_is_refused_or_read(kind: Kind, position: int, data: st.DataObject) -> None:
    cell = encode(Image(np.arange(600, dtype=np.uint16).reshape(20, 30), "YX", {"X": 0.5}, (), kind))
    end = read_header(cell).stop
    with pytest.raises(UserInputError):
        decode(cell[: position % end])
    changed = bytearray(cell)
    changed[position % len(cell)] = data.draw(st.integers(0, 255))
    with contextlib.suppress(UserInputError):
        assert isinstance(decode(changed), Image)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    assert is_tensor_cell(data) == data.startswith(MAGIC)
    for cell in (data, MAGIC + data):
        with pytest.raises(UserInputError):
            decode(cell)


def test_a_newer_version_asks_for_an_update() -> None:
    cell = bytearray(encode(Image(np.zeros((2, 2)), "YX")))
    cell[8] = 2
    with pytest.raises(UserInputError, match=r"version 2.*Update the extension"):
        decode(cell)


def test_what_does_not_fit_is_refused_with_advice() -> None:
    huge = np.broadcast_to(np.uint16(0), (40_000, 30_000))
    with pytest.raises(UserInputError, match=r"2\.24 GiB.*Crop it"):
        encode(Image(huge, "YX"))
    with pytest.raises(UserInputError, match="complex"):
        encode(Image(np.zeros((2, 2), complex), "YX"))


def test_a_lying_header_does_not_fill_the_memory() -> None:
    cell = encode(Image(np.zeros((8, 8), np.int32), "YX", kind="labels"))
    lying = cell.replace(b"[8, 8]", b"[8, 1]")
    with pytest.raises(UserInputError, match="damaged"):
        decode(lying)


def test_raw_pixels_are_not_copied_and_labels_shrink() -> None:
    pixels = np.frombuffer(os.urandom(2048 * 2048 * 2), np.uint16).reshape(2048, 2048)
    cell = encode(Image(pixels, "YX"))
    image = decode(cell)
    assert np.shares_memory(image.array, np.frombuffer(cell, np.uint8))
    assert not image.array.flags.writeable
    start = time.perf_counter()
    for _ in range(100):
        decode(cell)
    assert time.perf_counter() - start < 1.0
    labels = np.zeros((512, 512), np.int32)
    labels[100:200, 100:200] = 7
    assert len(encode(Image(labels, "YX", kind="labels"))) < labels.nbytes / 50


def test_a_cell_at_an_odd_address_gives_aligned_numbers() -> None:
    cell = encode(Image(np.arange(6, dtype=np.float32).reshape(2, 3), "YX"))
    shifted = memoryview(bytes(1) + cell)[1:]
    array = decode(shifted).array
    assert array.flags.aligned
    np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3))


def test_percentiles_of_the_whole_travel_with_a_part() -> None:
    percentiles = (tuple(float(i) / 3 for i in range(len(PERCENTAGES))),) * 2
    image = Image(np.zeros((2, 3, 4), np.uint8), "CYX", percentiles=percentiles)
    assert decode(encode(image)).percentiles == percentiles
    assert read_header(encode(image)).percentiles == percentiles
    assert b"percentiles" not in encode(Image(np.zeros((3, 4), np.uint8), "YX"))
    assert not image.with_array(np.zeros((3, 4), np.int32), "YX", "labels").percentiles
    with pytest.raises(UserInputError, match="Percentiles are 17 for each of 1 channels"):
        Image(np.zeros((3, 4), np.uint8), "YX", percentiles=percentiles)


def test_pixels_by_reference(tmp_path: Path) -> None:
    pixels = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels)
    with open_large(path) as large:
        source = Source(str(path), 0, 10, 5, 8, 12, "Z", large.fingerprint())
    cell = encode(Image(np.broadcast_to(np.zeros((), np.uint16), (8, 12)), "YX", {"Y": 0.5, "X": 0.5}), source)
    assert len(cell) < 1024
    assert read_header(cell).source == source
    image = decode(cell)
    assert np.array_equal(image.array, pixels[10:18, 5:17])
    assert image.pixel_size == {"Y": 0.5, "X": 0.5}
    with pytest.raises(UserInputError, match="header cannot be read"):
        decode(cell.replace(b'"level": 0', b'"level":""'))
    other = encode(Image(np.zeros((8, 12), np.float32), "YX"), source)
    with pytest.raises(UserInputError, match=r"image\.tif: The image in this cell is damaged: the file holds other"):
        decode(other)
    tifffile.imwrite(path, pixels[::-1])
    with pytest.raises(UserInputError, match=r"image\.tif: The image has changed since the tiles were made"):
        decode(cell)
    path.unlink()
    with pytest.raises(UserInputError, match=r"image\.tif: The image that these pixels lie in is not there"):
        decode(cell)
