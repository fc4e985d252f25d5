import io
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Image
from core.io.read import read_image, read_labels
from core.visual import color_labels, outline_overlay, outlines, png_bytes, to_display

DATA = Path("workflows/01_Train_and_count_nuclei/data/train")


def neighbours(labels: NDArray[np.int32]) -> set[tuple[int, int]]:
    pairs = np.concatenate(
        [
            np.stack([labels[1:].ravel(), labels[:-1].ravel()], axis=1),
            np.stack([labels[:, 1:].ravel(), labels[:, :-1].ravel()], axis=1),
        ]
    )
    return {(min(a, b), max(a, b)) for a, b in pairs[pairs[:, 0] != pairs[:, 1]].tolist()}


@settings(deadline=None)
@given(
    st.sampled_from(["YX", "CYX", "ZYX", "TCZYX"]),
    st.sampled_from(["bool", "uint8", "uint16", "int32", "float16", "float32", "float64"]),
    st.data(),
)
def test_every_image_has_a_picture(axes: str, dtype: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=len(axes), max_dims=len(axes), max_side=5))
    elements = (
        st.floats(-65_504, 65_504, width=16) | st.sampled_from([np.nan, np.inf, -np.inf]) if "f" in dtype else None
    )
    image = Image(data.draw(hnp.arrays(dtype, shape, elements=elements)), axes)
    picture = to_display(image)
    assert picture.dtype == np.uint8
    assert picture.shape == shape[-2:] + ((3,) if image.size("C") > 1 else ())


def test_contrast_is_stretched_per_channel_and_colours_alike() -> None:
    ramp = np.tile(np.linspace(0, 1, 200), (20, 1))
    grey = to_display(Image((1000 + ramp * 50).astype(np.uint16), "YX"))
    assert grey.min() == 0
    assert grey.max() == 255
    two = to_display(Image(np.stack([ramp * 10, ramp[:, ::-1] * 60_000]).astype(np.float32), "CYX"))
    assert two[0, -1].tolist() == [255, 0, 255]  # magenta
    assert two[0, 0].tolist() == [0, 255, 0]
    tissue = np.stack([ramp * 200, ramp * 100, ramp * 50]).astype(np.uint8)
    shown = to_display(Image(tissue, "CYX", {}, ("red", "green", "blue")))
    assert shown[0, 150, 0] > shown[0, 150, 1] > shown[0, 150, 2]  # the colour stays


def test_a_colour_picture_has_its_colours_with_alpha_and_under_other_names_too() -> None:
    colours = np.random.default_rng(0).integers(0, 255, (4, 9, 9)).astype(np.uint8)
    shown = to_display(Image(colours[:3], "CYX", {}, ("red", "green", "blue")))
    for channels, names in ((4, ("red", "green", "blue", "alpha")), (3, ("Red", "Green", "Blue"))):
        np.testing.assert_array_equal(to_display(Image(colours[:channels], "CYX", {}, names)), shown)


def test_missing_pixels_cost_no_contrast() -> None:
    array = np.random.default_rng(0).uniform(30_000, 31_000, (40, 40)).astype(np.float32)
    array[:10] = np.nan
    picture = to_display(Image(array, "YX"))
    assert not picture[:10].any()
    assert picture[10:].std() > 50


def test_of_a_stack_the_middle_is_shown_and_of_a_series_the_start() -> None:
    array = np.zeros((2, 3, 4, 4))
    array[0, 1, 2, 2] = 1
    assert to_display(Image(array, "TZYX"))[2, 2] == 255


def test_probabilities_are_shown_as_they_are() -> None:
    picture = to_display(Image(np.array([[0.0, 0.5, 1.0]], np.float32), "YX", kind="probability"))
    assert picture.tolist() == [[0, 128, 255]]


def test_neighbours_have_colours_that_differ() -> None:
    for path in sorted((DATA / "labels").glob("*.tif")):
        labels = read_labels(path).array
        colours = color_labels(np.arange(labels.max() + 1, dtype=np.int32)[None])[0].astype(int)
        np.testing.assert_array_equal(color_labels(labels), colours[labels])
        assert not colours[0].any()
        assert all(np.abs(colours[a] - colours[b]).sum() > 25 for a, b in neighbours(labels))
    line = np.arange(1, 5000, dtype=np.int32)[None]
    colours = color_labels(line).astype(int)[0]
    for distance in range(1, 60):
        assert np.abs(colours[distance:] - colours[:-distance]).sum(axis=1).min() >= 25


def test_a_number_has_one_colour_everywhere() -> None:
    few = np.array([[0, 3], [70_000_000, 9]], np.int32)
    many = np.arange(10, dtype=np.int32)[None]
    np.testing.assert_array_equal(color_labels(few)[0, 1], color_labels(many)[0, 3])
    np.testing.assert_array_equal(color_labels(few)[1, 1], color_labels(many)[0, 9])
    assert color_labels(few)[1, 0].any()


def test_outlines_are_the_rim_of_objects() -> None:
    labels = np.zeros((7, 9), np.int32)
    labels[1:6, 1:5], labels[1:6, 5:8] = 1, 2
    rim = outlines(labels)
    assert not rim[labels == 0].any()
    assert not rim[2:5, 2:4].any()
    assert rim[3, [1, 4, 5, 7]].all()
    overlay = outline_overlay(Image(np.zeros((7, 9), np.uint8), "YX"), labels, (9, 8, 7))
    np.testing.assert_array_equal((overlay == (9, 8, 7)).all(axis=-1), rim)
    with pytest.raises(UserInputError, match=r"\(7, 9\).*\(3, 3\)"):
        outline_overlay(Image(np.zeros((7, 9), np.uint8), "YX"), labels[:3, :3])


def test_pictures_survive_as_png() -> None:
    path = sorted((DATA / "images").glob("*.png"))[0]
    image = read_image(path)
    picture = outline_overlay(image, read_labels(DATA / "labels" / f"{path.stem}.tif").array)
    with PIL.Image.open(io.BytesIO(png_bytes(picture))) as read:
        np.testing.assert_array_equal(np.array(read), picture)


def test_large_images_are_quick() -> None:
    image = Image(np.random.default_rng(0).integers(0, 4000, (3, 2048, 2048)).astype(np.uint16), "CYX")
    labels = (np.arange(2048 * 2048, dtype=np.int32) // 500).reshape(2048, 2048)
    start = time.perf_counter()
    outline_overlay(image, labels)
    color_labels(labels)
    assert time.perf_counter() - start < 8  # half a second on an idle laptop
