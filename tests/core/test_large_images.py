import logging
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.core.test_io_read import CHANNELS, FORMATS, READABLE, with_formats

from core.errors import ImageReadError, UserInputError
from core.image import RGB, Image
from core.io import regions
from core.io.large import ArrayImage, Damaged, LargeImage, fitting_level, open_large
from core.io.read import read_image, read_labels

RNG = np.random.default_rng(3)
HEIGHT, WIDTH = 150, 133
STACK = RNG.integers(0, 4000, (3, HEIGHT, WIDTH)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)

Array = NDArray[Any]
Writer = Callable[[Path], Array]
"""Writes a file and says what its full resolution is, axes CYX."""


@pytest.fixture(autouse=True)
def _quiet_tifffile() -> None:
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def tiff(array: Array, expected: Array, **options: Any) -> Writer:
    def write(path: Path) -> Array:
        tifffile.imwrite(path.with_suffix(".tif"), array, **options)
        return expected

    return write


def pyramid(path: Path) -> Array:
    with tifffile.TiffWriter(path.with_suffix(".tif"), ome=True, bigtiff=True) as writer:
        sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "Channel": {"Name": ["a", "b", "c"]}}
        options: dict[str, Any] = {"tile": (32, 48), "photometric": "minisblack", "compression": "zlib"}
        writer.write(STACK, subifds=2, metadata={"axes": "CYX", **sizes}, **options)
        writer.write(STACK[:, ::2, ::2], subfiletype=1, **options)
        writer.write(STACK[:, ::4, ::4], subfiletype=1, **options)
    return STACK


def pages_of_one_file(path: Path) -> Array:
    with tifffile.TiffWriter(path.with_suffix(".tif")) as writer:
        for step in (1, 2, 4):
            picture = COLOUR[: HEIGHT // 4 * 4 : step, : WIDTH // 4 * 4 : step]
            writer.write(picture, tile=(32, 32), photometric="rgb", compression="lzw", metadata=None)
    return COLOUR[: HEIGHT // 4 * 4, : WIDTH // 4 * 4].transpose(2, 0, 1)


def several_files(path: Path) -> Array:
    parts = "".join(
        f'<TiffData IFD="0" FirstC="{c}" PlaneCount="1"><UUID FileName="{path.name}{c}.ome.tif">urn:uuid:{c}</UUID>'
        "</TiffData>"
        for c in range(3)
    )
    size = f'SizeX="{WIDTH}" SizeY="{HEIGHT}" SizeZ="1" SizeC="3" SizeT="1"'
    body = f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {size}>{parts}'
    head = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:'
    for c in range(3):
        name = path.with_name(f"{path.name}{c}.ome.tif")
        description = f'{head}{c}">{body}</Pixels></Image></OME>'
        options: dict[str, Any] = {"compression": "zlib"} if c == 2 else {}
        tifffile.imwrite(name, STACK[c], description=description, metadata=None, **options)
    path.with_name(f"{path.name}0.ome.tif").rename(path.with_suffix(".tif"))
    shutil.copy(path.with_suffix(".tif"), path.with_name(f"{path.name}0.ome.tif"))
    return STACK


def jpeg(path: Path) -> Array:
    tifffile.imwrite(path.with_suffix(".tif"), COLOUR, tile=(32, 32), photometric="rgb", compression="jpeg")
    return read_image(path.with_suffix(".tif")).array


def ome_zarr(
    path: Path,
    array: Array,
    axes: str,
    version: str,
    unit: str = "micrometer",
    levels: int = 2,
    attributes: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """An image as other programs write it."""
    folder = path.with_suffix(".zarr")
    generation: Literal[2, 3] = 2 if version < "0.5" else 3
    datasets = []
    for i in range(levels):
        steps = tuple(slice(None, None, 2**i if axis in "yx" else 1) for axis in axes)
        zarr.create_array(folder / f"s{i}", data=array[steps], zarr_format=generation, **options)
        scale = [float(2**i) if axis in "yx" else 1.0 for axis in axes]
        datasets.append({"path": f"s{i}", "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    kinds = {"t": "time", "c": "channel"}
    named = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
    named = [axis | ({"unit": unit} if unit and axis["type"] == "space" else {}) for axis in named]
    shrink = [{"type": "scale", "scale": [0.25 if axis == "x" else 0.5 for axis in axes]}]
    metadata: dict[str, Any] = {"multiscales": [{"axes": named, "datasets": datasets}]} | (attributes or {})
    if unit:
        metadata["multiscales"][0]["coordinateTransformations"] = shrink
    metadata = {"ome": {"version": version, **metadata}} if generation == 3 else metadata
    zarr.create_group(folder, zarr_format=generation, attributes=metadata)
    return folder


def zarr_of_0_4(path: Path) -> Array:
    omero = {"omero": {"channels": [{"label": "DAPI"}, {}, {"label": "GFP"}]}}
    keys = {"name": "v2", "separator": "/"}
    chunks = (1, 1, 1, 40, 50)
    ome_zarr(path, STACK[None, :, None], "tczyx", "0.4", attributes=omero, chunks=chunks, chunk_key_encoding=keys)
    return STACK


def zarr_of_0_5(path: Path) -> Array:
    ome_zarr(path, STACK.transpose(1, 0, 2), "ycx", "0.5", chunks=(40, 2, 50))
    return STACK


def zarr_in_shards(path: Path) -> Array:
    ome_zarr(path, STACK[0], "yx", "0.5", unit="", chunks=(16, 16), shards=(64, 64))
    return STACK[:1]


def whole_in_memory(path: Path) -> Array:
    tifffile.imwrite(path.with_suffix(".tif"), COLOUR, photometric="rgb")
    from PIL.Image import fromarray

    fromarray(COLOUR).save(path.with_suffix(".png"))
    path.with_suffix(".tif").unlink()
    return COLOUR.transpose(2, 0, 1)


OPAQUE = np.dstack([COLOUR, np.full((HEIGHT, WIDTH), 255, np.uint8)])
MANY: dict[str, Any] = {"photometric": "minisblack"}
WRITERS: dict[str, Writer] = {
    "tiles": tiff(STACK, STACK, tile=(32, 48), compression="zlib", predictor=True, metadata=None, **MANY),
    "raw tiles": tiff(STACK[0], STACK[:1], tile=(32, 48)),
    "strips": tiff(STACK, STACK, rowsperstrip=7, compression="lzw", **MANY),
    "one strip": tiff(STACK, STACK, compression="zstd", **MANY),
    "raw": tiff(STACK, STACK, metadata=None, **MANY),
    "raw, big-endian": tiff(STACK, STACK, byteorder=">", bigtiff=True, rowsperstrip=5, metadata=None, **MANY),
    "tiles, big-endian": tiff(STACK, STACK, byteorder=">", tile=(32, 32), compression="zlib", **MANY),
    "bits": tiff(STACK[0] > 2000, STACK[:1] > 2000),
    "floats": tiff(STACK[0] / np.float32(7), STACK[:1] / np.float32(7), compression="zlib"),
    "ImageJ": tiff(STACK, STACK, imagej=True, metadata={"axes": "CYX"}),
    "ImageJ, colours": tiff(COLOUR, COLOUR.transpose(2, 0, 1), imagej=True),
    "colours": tiff(COLOUR, COLOUR.transpose(2, 0, 1), photometric="rgb", tile=(32, 32), compression="zlib"),
    "colours, planar": tiff(
        COLOUR.transpose(2, 0, 1), COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(32, 32)
    ),
    "colours, planar, raw": tiff(
        COLOUR.transpose(2, 0, 1), COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "colours, alpha": tiff(
        OPAQUE, COLOUR.transpose(2, 0, 1), photometric="rgb", extrasamples=["unassalpha"], tile=(32, 32)
    ),
    "colours, alpha, raw": tiff(OPAQUE, COLOUR.transpose(2, 0, 1), photometric="rgb", extrasamples=["unassalpha"]),
    "channels of colours": tiff(
        np.stack([COLOUR, COLOUR[::-1]]),
        np.concatenate([COLOUR.transpose(2, 0, 1), COLOUR[::-1].transpose(2, 0, 1)]),
        photometric="rgb",
        ome=True,
        tile=(32, 32),
        metadata={"axes": "CYXS"},
    ),
    "JPEG": jpeg,
    "pyramid": pyramid,
    "pyramid of pages": pages_of_one_file,
    "several files": several_files,
    "OME-Zarr 0.4": zarr_of_0_4,
    "OME-Zarr 0.5": zarr_of_0_5,
    "OME-Zarr 0.5, shards": zarr_in_shards,
    "PNG": whole_in_memory,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Array]]:
    written = {}
    for name, writer in WRITERS.items():
        folder = tmp_path_factory.mktemp("large")
        array = writer(folder / "x")
        written[name] = next(folder.glob("x.[tzp]*")), array
    return written


def whole(image: LargeImage, level: int = 0) -> Array:
    return image.read(level, slice(None), slice(None))


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_rectangle_is_that_part_of_the_whole(
    files: dict[str, tuple[Path, Array]], name: str, data: st.DataObject
) -> None:
    path, expected = files[name]
    with open_large(path, "C") as image:
        assert (image.channels, image.dtype) == (len(expected), expected.dtype.newbyteorder("="))
        assert (image.levels[0].height, image.levels[0].width) == expected.shape[1:]
        level = data.draw(st.integers(0, len(image.levels) - 1))
        array = expected[:, :: 2**level, :: 2**level]
        spans = [sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2))) for n in array.shape[1:]]
        assume(all(start < stop for start, stop in spans))
        rows, columns = (slice(*span) for span in spans)
        rectangle = image.read(level, rows, columns)
        np.testing.assert_array_equal(rectangle, array[:, rows, columns])
        assert rectangle.dtype == image.dtype
        assert rectangle.flags.c_contiguous
        assert rectangle.flags.owndata


@pytest.mark.parametrize("name", WRITERS)
def test_threads_pickles_and_copies(files: dict[str, tuple[Path, Array]], name: str, tmp_path: Path) -> None:
    path, expected = files[name]
    with open_large(path, "C") as image, ThreadPoolExecutor(4) as threads:
        bands = [slice(y, y + 13) for y in range(0, expected.shape[1] - 13, 3)]
        for band, read in zip(bands, threads.map(lambda b: image.read(0, b, slice(5, 60)), bands), strict=True):
            np.testing.assert_array_equal(read, expected[:, band, 5:60])
        with pickle.loads(pickle.dumps(image)) as again:
            np.testing.assert_array_equal(whole(again), expected)
            assert (again.levels, again.channel_names) == (image.levels, image.channel_names)
            fingerprint = image.fingerprint()
            assert again.fingerprint() == fingerprint
    copied = tmp_path / f"elsewhere{path.suffix}"
    if name == "several files":
        for part in path.parent.iterdir():
            shutil.copy(part, tmp_path / part.name)
        copied = tmp_path / path.name
    elif path.is_dir():
        shutil.copytree(path, copied)
    else:
        shutil.copy(path, copied)
    with open_large(copied, "C") as copy:
        assert copy.fingerprint() == fingerprint


def test_what_an_image_says_of_itself(files: dict[str, tuple[Path, Array]]) -> None:
    def opened(name: str) -> LargeImage:
        with open_large(files[name][0], "C") as image:
            return image

    image = opened("pyramid")
    assert image.channel_names == ("a", "b", "c")
    assert [(level.height, level.width, level.chunk) for level in image.levels] == [
        (150, 133, (32, 48)),
        (75, 67, (32, 48)),
        (38, 34, (32, 34)),
    ]
    assert image.levels[0].pixel_size == {"Y": 0.25, "X": 0.5}
    assert image.levels[2].pixel_size == pytest.approx({"Y": 0.25 * 150 / 38, "X": 0.5 * 133 / 34})
    assert not image.is_colour
    colour = opened("pyramid of pages")
    assert colour.is_colour
    assert (colour.channel_names, len(colour.levels), colour.levels[0].pixel_size) == (RGB, 3, {})
    assert opened("colours, alpha").channel_names == RGB
    image = opened("OME-Zarr 0.4")
    assert image.channel_names == ("DAPI", "channel 2", "GFP")
    assert image.levels[1].pixel_size == {"Y": 1.0, "X": 0.5}
    assert image.levels[1].chunk == (40, 50)
    assert opened("OME-Zarr 0.5, shards").levels[0].pixel_size == {}
    assert opened("raw").levels[0].chunk == (150, 133)


@pytest.mark.parametrize("name", ["raw", "tiles", "OME-Zarr 0.5", "PNG"])
def test_only_rectangles_within_the_image_are_read(files: dict[str, tuple[Path, Array]], name: str) -> None:
    with open_large(files[name][0], "C") as image:
        for rows in (slice(0, 0), slice(-3, 5), slice(0, 151), slice(5, 4), slice(0, 9, 2)):
            with pytest.raises(ValueError, match="no part of 150 pixels"):
                image.read(0, rows, slice(0, 5))
        with pytest.raises(IndexError):
            image.read(7, slice(0, 5), slice(0, 5))
    if name != "PNG":
        with pytest.raises(IndexError):
            whole(image)


def test_the_level_that_fits_a_model(files: dict[str, tuple[Path, Array]]) -> None:
    with open_large(files["OME-Zarr 0.5"][0]) as image:  # 0.35 and 0.7 µm
        assert [fitting_level(image, size) for size in (0.01, 0.35, 0.49, 0.51, 0.7, 30)] == [0, 0, 0, 1, 1, 1]
    with open_large(files["pyramid of pages"][0]) as image:
        assert fitting_level(image, 5.0) == 0


def test_an_image_in_memory() -> None:
    image = ArrayImage(Image(STACK[0], "YX", {"Y": 0.5, "X": 0.5, "Z": 3.0}), "somewhere.tif")
    assert (image.path, image.channels, image.damaged) == (Path("somewhere.tif"), 1, [])
    assert image.levels[0].pixel_size == {"Y": 0.5, "X": 0.5}
    rectangle = image.read(0, slice(3, 9), slice(0, 133))
    rectangle[:] = 0
    np.testing.assert_array_equal(whole(image)[0], STACK[0])
    changed = STACK[0].copy()
    changed[7, 7] += 1
    assert ArrayImage(Image(changed, "YX")).fingerprint() != image.fingerprint()
    with pytest.raises(UserInputError, match="is a Z-stack"):
        ArrayImage(Image(STACK, "ZYX"))


@pytest.mark.parametrize(
    ("options", "pages", "message"),
    [
        ({"metadata": None}, "Z", r"is a Z-stack.*if the pages of the file are channels"),
        ({"metadata": None}, "T", "is a time series"),
        ({"imagej": True, "metadata": {"axes": "TYX"}}, "C", "is a time series"),
        ({"ome": True, "metadata": {"axes": "ZYX"}}, "C", "is a Z-stack"),
    ],
)
def test_stacks_and_series_are_refused(tmp_path: Path, options: dict[str, Any], pages: Any, message: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", STACK, photometric="minisblack", **options)
    with pytest.raises(ImageReadError, match=rf"x\.tif: .*{message}"):
        open_large(tmp_path / "x.tif", pages)


def test_other_things_that_are_no_large_images(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="There is no such file"):
        open_large(tmp_path / "x.tif")
    with pytest.raises(ImageReadError, match="This is a folder"):
        open_large(tmp_path)
    (tmp_path / "x.czi").write_bytes(b"ZISRAWFILE" + bytes(200))
    with pytest.raises(ImageReadError, match=r"Zeiss CZI.*Export it as OME-TIFF"):
        open_large(tmp_path / "x.czi")
    (tmp_path / "x.tif").write_bytes(b"II*\0" + bytes(50))
    with pytest.raises(ImageReadError, match=r"x\.tif: The TIFF file is damaged"):
        open_large(tmp_path / "x.tif")
    tifffile.imwrite(tmp_path / "c.tif", STACK[0].astype(np.complex64))
    with pytest.raises(ImageReadError, match=r"c\.tif: .*complex64"):
        open_large(tmp_path / "c.tif")


def test_pieces_too_large_to_decode_are_refused(
    files: dict[str, tuple[Path, Array]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "MAX_CHUNK", 30_000)
    with pytest.raises(ImageReadError, match=r"x\.tif: .*stored in pieces.*Save it tiled"):
        open_large(files["one strip"][0], "C")
    with pytest.raises(ImageReadError, match=r"y\.zarr: .*stored in pieces"):
        open_large(ome_zarr(tmp_path / "y", STACK, "cyx", "0.5", chunks=STACK.shape))
    for name in ("raw", "tiles", "OME-Zarr 0.4"):  # mapped, or small enough
        open_large(files[name][0], "C").close()


def with_damaged_tile(path: Path, page: int, tile: int, count: int = 20) -> None:
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[page].dataoffsets[tile]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * count)


@pytest.mark.parametrize("compression", ["zlib", "jpeg"])
def test_a_damaged_tile_is_named_or_read_as_zeros(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "x.tif"
    picture = COLOUR if compression == "jpeg" else STACK[0]
    tifffile.imwrite(path, picture, tile=(32, 48), compression=compression, metadata=None)
    sound = read_image(path).cyx()
    with open_large(path) as image:
        fingerprint = image.fingerprint()
    with_damaged_tile(path, 0, 4)  # three tiles to a row
    with open_large(path) as image:
        assert image.fingerprint() != fingerprint
        np.testing.assert_array_equal(image.read(0, slice(0, 32), slice(None)), sound[:, :32])
        place = r"level 0, tile in row 1, column 1 \(pixels Y 32 to 63, X 48 to 95\) cannot be read"
        with pytest.raises(ImageReadError, match=rf"x\.tif: The image is damaged: {place}.*left out"):
            image.read(0, slice(30, 40), slice(None))
        assert image.damaged == []
    expected = sound.copy()
    expected[:, 32:64, 48:96] = 0
    with open_large(path, damaged="zero") as image, ThreadPoolExecutor(3) as threads:
        for read in threads.map(lambda _: whole(image), range(6)):
            np.testing.assert_array_equal(read, expected)
        np.testing.assert_array_equal(image.read(0, slice(60, 70), slice(90, 100)), expected[:, 60:70, 90:100])
        assert image.damaged == ["level 0, tile in row 1, column 1 (pixels Y 32 to 63, X 48 to 95)"]
        with pickle.loads(pickle.dumps(image)) as again:
            np.testing.assert_array_equal(whole(again), expected)
            assert again.damaged == image.damaged


def test_damage_of_one_channel_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, STACK, compression="zlib", rowsperstrip=50, metadata=None, **MANY)
    with_damaged_tile(path, 1, 2)
    expected = STACK.copy()
    expected[1, 100:] = 0
    with open_large(path, "C", damaged="zero") as image:
        np.testing.assert_array_equal(whole(image), expected)
        assert image.damaged == ["level 0, tile in row 2, column 0 of channel 2 (pixels Y 100 to 149, X 0 to 132)"]


def cut(path: Path, to: Path, left: float) -> Path:
    data = path.read_bytes()
    to.write_bytes(data[: int(left * len(data))])
    return to


@pytest.mark.parametrize("left", [0.9, 0.6, 0.5])
@pytest.mark.parametrize("name", ["colours", "colours, planar", "raw tiles", "pyramid", "pyramid of pages"])
def test_a_cut_file_reads_as_far_as_it_goes(
    files: dict[str, tuple[Path, Array]], tmp_path: Path, name: str, left: float
) -> None:
    path, expected = cut(files[name][0], tmp_path / "cut.tif", left), files[name][1]
    with open_large(path, "C", damaged="zero") as image:
        read = whole(image)
        assert ((read == expected) | (read == 0)).all()
        np.testing.assert_array_equal(read[0, :30], expected[0, :30])
        whole_still = name.startswith("pyramid") and left == 0.9  # the smaller levels come last
        assert bool(image.damaged) != whole_still
        assert (read == expected).all() == whole_still
        for rows in (slice(0, 20), slice(90, 140)):  # a part is what it is in the whole
            np.testing.assert_array_equal(image.read(0, rows, slice(20, 90)), read[:, rows, 20:90])
    if not (whole_still and name == "pyramid"):
        with pytest.raises(ImageReadError, match=r"cut\.tif: The TIFF file is incomplete.*left out"):
            open_large(path, "C")


@pytest.mark.parametrize("damaged", ["fail", "zero"])
@pytest.mark.parametrize("name", ["raw", "ImageJ", "strips", "pyramid"])
def test_a_file_whose_channels_are_cut_off_is_refused(
    files: dict[str, tuple[Path, Array]], tmp_path: Path, name: str, damaged: Damaged
) -> None:
    path = cut(files[name][0], tmp_path / "cut.tif", 0.3)
    with pytest.raises(ImageReadError, match=r"cut\.tif: "):
        open_large(path, "C", damaged)


@pytest.mark.parametrize("name", ["colours", "raw", "strips", "pyramid", "OME-Zarr 0.4", "OME-Zarr 0.5"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_changed_file_is_read_or_refused(
    files: dict[str, tuple[Path, Array]], tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    source = files[name][0]
    path = tmp_path_factory.getbasetemp() / f"changed {name}{source.suffix}"
    parts = sorted(part for part in (source, *source.rglob("*")) if part.is_file())
    if source.is_dir() and not path.exists():
        shutil.copytree(source, path)
    part = data.draw(st.sampled_from(parts))
    content = bytearray(part.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(500, len(content) - 1)))
    content[place] = data.draw(st.integers(0, 255))
    changed = path / part.relative_to(source)
    changed.write_bytes(content)
    try:
        with open_large(path, "C", "zero") as image:
            rows, columns = min(150, image.levels[0].height), min(150, image.levels[0].width)
            assert image.read(0, slice(0, rows), slice(0, columns)).shape == (image.channels, rows, columns)
            assert len(image.fingerprint()) == 64
    except ImageReadError as error:
        assert path.name in str(error)  # noqa: PT017
    finally:
        changed.write_bytes(part.read_bytes())


def test_a_file_that_ends_within_its_last_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.ones((3000, 700), np.uint16), metadata=None)  # pieces of 748 rows
    path.write_bytes(path.read_bytes()[: -700 * 2 * 100])
    with pytest.raises(ImageReadError, match="not all of its pixels are there"):
        open_large(path)
    with open_large(path, damaged="zero") as image:
        read = whole(image)
        assert read[0].any(axis=1).sum() == 3 * 748
        assert image.damaged == [
            "level 0, tile in row 3, column 0 (pixels Y 2244 to 2991, X 0 to 699)",
            "level 0, tile in row 4, column 0 (pixels Y 2992 to 2999, X 0 to 699)",
        ]


def test_an_image_of_many_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    mapped = tifffile.memmap(path, shape=(90_000, 70_000), dtype=np.uint8, bigtiff=True)  # sparse: takes no space
    mapped[-2:, -3:] = 7
    del mapped
    with open_large(path) as image:
        assert len(image.fingerprint()) == 64
        rectangle = image.read(0, slice(89_990, 90_000), slice(69_990, 70_000))
        assert rectangle.sum() == 7 * 6
        assert rectangle[0, -2:, -3:].all()


def test_fingerprints_differ_where_pixels_do(tmp_path: Path) -> None:
    def fingerprint(array: Array, **options: Any) -> str:
        tifffile.imwrite(tmp_path / "x.tif", array, metadata=None, **options)
        with open_large(tmp_path / "x.tif") as image:
            return image.fingerprint()

    for options in ({}, {"tile": (16, 16)}):
        changed = STACK[0].copy()
        changed[0, 0] += 1
        assert fingerprint(STACK[0], **options) != fingerprint(changed, **options)
    assert fingerprint(STACK[0]) != fingerprint(STACK[0].reshape(-1, 150))


def test_tiles_that_were_never_written_are_zero(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, STACK[0], tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        page = tif.pages.first
        for code, values in ((324, page.dataoffsets), (325, page.databytecounts)):
            page.tags[code].overwrite([0, *values[1:]])
    with open_large(path) as image:
        read = whole(image)[0]
        assert image.damaged == []
    assert not read[:32, :32].any()
    np.testing.assert_array_equal(read[32:], STACK[0, 32:])


@pytest.mark.parametrize("damaged", ["fail", "zero"])
def test_a_lost_connection_is_no_damage(
    files: dict[str, tuple[Path, Array]], monkeypatch: pytest.MonkeyPatch, damaged: Damaged
) -> None:
    with open_large(files["tiles"][0], "C", damaged) as image:

        def fail(*_: Any) -> Array:
            raise OSError(107, "Transport endpoint is not connected")

        monkeypatch.setattr(regions.ArrayPixels, "load", fail)
        with pytest.raises(ImageReadError, match=r"x\.tif: The image cannot be read \(Transport"):
            whole(image)
        with pytest.raises(ImageReadError, match=r"x\.tif: .*connection"):
            image.read(0, slice(0, 5), slice(0, 5))
        assert image.damaged == []


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_damaged_chunk(tmp_path: Path, version: str) -> None:
    folder = ome_zarr(tmp_path / "x", STACK, "cyx", version, chunks=(1, 50, 50), fill_value=9)
    broken, missing = ("s0/1.2.0", "s0/0.0.1") if version == "0.4" else ("s0/c/1/2/0", "s0/c/0/0/1")
    (folder / broken).write_bytes(b"\x02\x01")
    (folder / missing).unlink()
    expected = STACK.copy()
    expected[0, :50, 50:100] = 9  # a chunk that is not there is the fill value
    with open_large(folder) as image:
        np.testing.assert_array_equal(image.read(0, slice(0, 100), slice(None)), expected[:, :100])
        with pytest.raises(ImageReadError, match=r"x\.zarr: .*level 0, tile in row 2, column 0 of channel 2 \(pixels"):
            whole(image)
    expected[1, 100:, :50] = 0
    with open_large(folder, damaged="zero") as image:
        np.testing.assert_array_equal(whole(image), expected)
        assert len(image.damaged) == 1
        assert len(image.fingerprint()) == 64
        shutil.rmtree(folder)
        with pytest.raises(ImageReadError, match=r"x\.zarr: The folder is gone"):
            whole(image)


def test_the_largest_series_of_bioformats2raw_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "x.zarr"
    zarr.create_group(root, zarr_format=2, attributes={"bioformats2raw.layout": 3})
    for number, array in enumerate((STACK[:, :40, :40], STACK, STACK[:, :, :90])):
        ome_zarr(root / str(number), array[None, :, None], "tczyx", "0.4").rename(root / str(number))
    for path in (root, root / ".zgroup"):
        np.testing.assert_array_equal(whole(open_large(path)), STACK)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "no metadata of an OME-Zarr image"),
        ({"plate": {}}, "a plate of many images.*A/1/0"),
        ({"well": {}}, "a well of several images"),
        ({"labels": ["nuclei"]}, "a folder of label images"),
        ({"multiscales": [{"datasets": []}]}, "damaged, or stored in a way"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "nowhere"}]}]}, "damaged, or stored in a way"),
        ({"multiscales": [{"axes": ["q", "x"], "datasets": [{"path": "0"}]}]}, "Its axes Q, X are more than"),
        ({"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]}, "have not the axes YX"),
        ({"multiscales": [{"axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}]}, "is a Z-stack"),
    ],
)
@pytest.mark.parametrize("generation", [2, 3])
def test_zarr_folders_that_are_no_image(tmp_path: Path, attributes: Any, message: str, generation: Any) -> None:
    folder = tmp_path / "x.zarr"
    held = {"ome": attributes} if generation == 3 else attributes
    zarr.create_group(folder, zarr_format=generation, attributes=held)
    zarr.create_array(folder / "0", data=STACK, zarr_format=generation)
    with pytest.raises(ImageReadError, match=rf"x\.zarr: .*{message}"):
        open_large(folder)
    with pytest.raises(ImageReadError, match=r"0: .*no metadata of an OME-Zarr image"):
        open_large(folder / "0")
    (folder / ("zarr.json" if generation == 3 else ".zgroup")).write_text("{")
    with pytest.raises(ImageReadError, match=r"x\.zarr: "):
        open_large(folder)


def test_zarr_of_complex_numbers_is_refused(tmp_path: Path) -> None:
    folder = ome_zarr(tmp_path / "x", STACK[0].astype(np.complex64), "yx", "0.5")
    with pytest.raises(ImageReadError, match=r"x\.zarr: .*complex64"):
        open_large(folder)


def test_an_early_zarr_without_axes(tmp_path: Path) -> None:
    zarr.create_group(
        tmp_path / "x", zarr_format=2, attributes={"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}
    )
    zarr.create_array(tmp_path / "x" / "0", data=STACK[None, :, None], zarr_format=2)
    image = open_large(tmp_path / "x")
    np.testing.assert_array_equal(whole(image), STACK)
    assert image.levels[0].pixel_size == {}


def test_readers_of_whole_images_say_who_reads_zarr(tmp_path: Path) -> None:
    folder = ome_zarr(tmp_path / "x", STACK[0], "yx", "0.4")
    for read in (read_image, read_labels):
        with pytest.raises(ImageReadError, match=r"x\.zarr: .*Large Image Tiler or the Large Image Predictor"):
            read(folder)


@with_formats
@pytest.mark.parametrize("name", READABLE)
def test_files_of_other_programs(name: str) -> None:
    expected = read_image(Path(FORMATS, name), "C")
    if set(expected.axes) & {"T", "Z"}:
        with pytest.raises(ImageReadError, match="a 2-D image is needed"):
            open_large(Path(FORMATS, name), "C")
        return
    with open_large(Path(FORMATS, name), "C") as image:
        np.testing.assert_array_equal(whole(image), expected.cyx())
        assert image.channel_names == CHANNELS.get(name, ())
        assert image.levels[0].pixel_size == expected.pixel_size
