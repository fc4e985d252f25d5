import contextlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import ImageReadError
from core.io.read import read_image, read_labels

RNG = np.random.default_rng(2)
COLOUR = RNG.integers(0, 256, (5, 6, 3)).astype(np.uint8)
GREY = COLOUR[..., 0].copy()


def save(path: Path, array: NDArray[Any], mode: str = "") -> Path:
    picture = PIL.Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path)
    return path


@pytest.mark.parametrize("name", ["x.png", "x.bmp"])
def test_grey_and_colour(tmp_path: Path, name: str) -> None:
    image = read_image(save(tmp_path / name, GREY))
    assert (image.axes, image.pixel_size, image.channel_names) == ("YX", {}, ())
    np.testing.assert_array_equal(image.array, GREY)
    image = read_image(save(tmp_path / name, COLOUR))
    assert (image.axes, image.channel_names) == ("CYX", ("red", "green", "blue"))
    np.testing.assert_array_equal(image.array, COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(read_image(save(tmp_path / name, GREY > 99)).array, GREY > 99)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_stay(tmp_path: Path, channels: int) -> None:
    pixels = RNG.integers(0, 65536, (5, 6, channels)).astype(np.uint16)
    if channels in (2, 4):
        pixels[..., -1] = 65535  # opaque
    path = tmp_path / "x.png"
    path.write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    image = read_image(path)
    assert image.array.dtype == np.uint16
    np.testing.assert_array_equal(
        image.array.reshape(-1, 5, 6), pixels[..., : channels - (channels in (2, 4))].T.swapaxes(1, 2)
    )


def test_alpha_is_dropped_where_it_says_nothing(tmp_path: Path) -> None:
    def read(alpha: NDArray[np.uint8], colour: NDArray[np.uint8] = COLOUR) -> tuple[str, ...]:
        image = read_image(save(tmp_path / "x.png", np.dstack([colour, alpha])))
        return image.channel_names if image.axes == "CYX" else (image.axes,)

    assert read(np.full((5, 6), 255, np.uint8)) == ("red", "green", "blue")
    assert read(np.zeros((5, 6), np.uint8)) == ("red", "green", "blue")
    assert read(GREY) == ("red", "green", "blue", "alpha")
    grey = np.repeat(GREY[..., None], 3, axis=2)
    assert read(np.full((5, 6), 255, np.uint8), grey) == ("YX",)
    assert read(GREY // 2, grey) == ("grey", "alpha")


def test_a_palette_gives_colours_to_images_and_numbers_to_labels(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray((GREY % 3).astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    picture.save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").array.shape == (3, 5, 6)
    np.testing.assert_array_equal(read_labels(tmp_path / "x.png").array, GREY % 3)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    path = tmp_path / "x.jpg"
    exif = PIL.Image.Exif()
    exif[274] = 6  # to be shown turned: stays as it is stored
    PIL.Image.fromarray(smooth).convert("RGB").save(path, quality=95, exif=exif, dpi=(72, 72))
    image = read_image(path)
    assert (image.axes, image.array.shape, image.pixel_size) == ("YX", (32, 64), {})
    assert np.abs(image.array.astype(int) - smooth).max() < 5
    with pytest.raises(ImageReadError, match=r"JPEG changes pixels.*TIFF or PNG"):
        read_labels(path)
    PIL.Image.fromarray(smooth).convert("CMYK").save(path)
    with pytest.raises(ImageReadError, match=r"x\.jpg: .*CMYK"):
        read_image(path)


def test_a_name_does_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "x.png", GREY).rename(tmp_path / "x.tif")
    np.testing.assert_array_equal(read_image(str(tmp_path / "x.tif")).array, GREY)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", GREY)
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(data)
    with pytest.raises(ImageReadError, match=r"x\.png"):
        read_image(path)


@pytest.mark.parametrize("name", ["grey.png", "colour16.png", "x.jpg"])
def test_large_pictures_are_welcome_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(ENCODED[name])
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 20)  # Pillow warns above it, refuses above twice as many
    assert read_image(path).array.shape[-2:] == GREY.shape
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ImageReadError, match=r"x\.png: .*179 million pixels.*TIFF"):
        read_image(path)


ENCODED = {
    "grey.png": imagecodecs.png_encode(GREY),
    "colour16.png": imagecodecs.png_encode(COLOUR.astype(np.uint16) * 257),
    "x.jpg": imagecodecs.jpeg_encode(np.ascontiguousarray(COLOUR)),
}


@pytest.mark.parametrize("name", ENCODED)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 10_000), place=st.none() | st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, name: str, cut: int, place: int | None, value: int) -> None:
    data = bytearray(ENCODED[name])
    if place is not None:
        data[place % len(data)] = value
    else:
        data = data[: cut % len(data)]
    path = tmp_path / name
    path.write_bytes(data)
    for read in (read_image, read_labels):
        try:
            image = read(path)
        except ImageReadError as error:
            assert name in str(error)  # noqa: PT017
        else:
            assert image.array.size > 0


@pytest.mark.parametrize("name", ENCODED)
def test_missing_pixels_never_come_as_zeros(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ENCODED[name])
    whole = read_image(path).array
    for cut in range(1, len(ENCODED[name])):
        path.write_bytes(ENCODED[name][:-cut])
        with contextlib.suppress(ImageReadError):
            np.testing.assert_array_equal(read_image(path).array, whole)
