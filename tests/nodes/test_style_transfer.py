import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.adaptation.style import FourierConfig, HistogramConfig, StandardizeConfig, StyleConfig, make_style
from core.image import Image
from core.io.read import read_image
from core.tensor_cell import decode

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/train"

CONFIGS: dict[str, StyleConfig] = {
    "STANDARDIZE": StandardizeConfig(),
    "HISTOGRAM": HistogramConfig(),
    "FOURIER": FourierConfig(),
}


def picture(seed: int = 0, dtype: Any = np.uint8, channels: int = 1, scale: float = 1.0, **known: Any) -> Image:
    """An image of noise, no pixel of which is 0."""
    shape = (channels, 40, 50)
    pixels = np.clip(np.random.default_rng(seed).gamma(5, 12, shape) * scale + 1, 1, None).astype(dtype)
    return Image(pixels, "CYX", **known) if channels > 1 else Image(pixels[0], "YX", **known)


def run(session: Any, images: Any, targets: Any, model: Any = None, **settings: Any) -> Any:
    node = session.node("StyleTransfer").set(**settings)
    (schema,) = node.configure(images, targets, model)
    result = node.execute(images, targets, model)
    assert result[0].schema.column_names == schema.column_names
    return result


def styled(result: Any, column: str = "Styled image") -> list[Image]:
    return [decode(cell) for cell in result[0].column_values(column)]


@pytest.fixture(scope="module")
def targets(table: Callable[..., Any]) -> Any:
    return table(Image=[picture(10 + i, scale=0.4 + 0.1 * i) for i in range(3)], Labels=["a", "b", "c"])


@pytest.mark.parametrize("method", CONFIGS)
def test_new_columns(session: Any, table: Callable[..., Any], targets: Any, method: str) -> None:
    images = [picture(i, pixel_size={"Y": 0.5, "X": 0.5}) for i in range(4)]
    labels = [Image(np.eye(40, 50, dtype=np.int32), "YX", kind="labels")] * 4
    source = table(Image=images, Labels=labels, Name=list("abcd"))
    result = run(session, source, targets, style={"method": method})
    assert list(result[0].column_names) == ["Image", "Labels", "Name", "Styled image", "Style preview"]
    assert result[0].to_pandas()["Name"].tolist() == list("abcd")
    assert result[0].to_pyarrow().column("Labels").equals(source.to_pyarrow().column("Labels"))
    assert not result.warnings
    style = make_style(CONFIGS[method], [("", picture(10 + i, scale=0.4 + 0.1 * i)) for i in range(3)])
    for image, found, shown in zip(images, styled(result), result[0].column_values("Style preview"), strict=True):
        assert np.array_equal(found.array, style.apply(image).array)
        assert (found.axes, found.pixel_size, found.kind) == ("YX", {"Y": 0.5, "X": 0.5}, "intensity")
        assert shown.size == (104, 40)


def test_real_images_get_the_look_of_the_others_either_way(session: Any, table: Callable[..., Any]) -> None:
    pixels = [read_image(path).cyx()[0] for path in sorted(NUCLEI.glob("images/*"))[:4]]
    dim = [Image((image // 4 + 20).astype(image.dtype), "YX") for image in pixels[2:]]
    bright = [Image(image, "YX") for image in pixels[:2]]
    for one, other in ((bright, dim), (dim, bright)):
        result = run(session, table(Image=one), table(Image=other), style={"method": "HISTOGRAM", "padding": False})
        found, wanted = (np.sort(np.concatenate([i.array.ravel() for i in these])) for these in (styled(result), other))
        assert abs(found.mean() / wanted.mean() - 1) < 0.1
        assert "Before" in result.view_html
        assert result.view_html.count("<svg") == 2
        assert result.view_html.count("data:image/png") >= 4


def test_settings_reach_the_library(session: Any, table: Callable[..., Any], targets: Any) -> None:
    shown = [picture(10 + i, scale=0.4 + 0.1 * i) for i in range(3)]
    for settings, config in (
        (
            {"method": "STANDARDIZE", "measure": "PERCENTILES", "low": 10.0, "high": 80.0},
            StandardizeConfig(range="percentiles", low=10, high=80),
        ),
        (
            {"method": "FOURIER", "beta": 0.1, "reference": "IMAGE", "seed": 3},
            FourierConfig(beta=0.1, seed=3),
        ),
        ({"method": "FOURIER", "beta": 0.1, "reference": "MEAN"}, FourierConfig(beta=0.1, reference="mean")),
    ):
        result = run(session, table(Image=[picture()]), targets, style=settings, previews=False, output_column="New")
        assert list(result[0].column_names) == ["Image", "New"]
        expected = make_style(config, [("", one) for one in shown]).apply(picture())
        assert np.array_equal(styled(result, "New")[0].array, expected.array)


def test_padding_is_a_setting(session: Any, table: Callable[..., Any], targets: Any) -> None:
    image = Image(np.pad(picture().array, 9), "YX")
    images = table(Image=[image])
    found = styled(run(session, images, targets))[0].array
    assert np.array_equal(found == 0, image.array == 0)
    assert found[9:-9, 9:-9].mean() == pytest.approx(30, abs=3)
    assert styled(run(session, images, targets, style={"padding": False}))[0].array[0, 0] > 0


def test_stacks_and_colours(session: Any, table: Callable[..., Any]) -> None:
    stack = Image(np.stack([picture(i).array for i in range(3)]), "ZYX", {"Z": 1.0, "Y": 0.2, "X": 0.2})
    colours = replace(picture(channels=3), channel_names=("red", "green", "blue"))
    for method in CONFIGS:
        (found,) = styled(run(session, table(Image=[stack]), table(Image=[stack] * 2), style={"method": method}))
        assert (found.axes, found.pixel_size) == (stack.axes, stack.pixel_size)
        assert method == "FOURIER" or np.array_equal(found.array, stack.array)
        (found,) = styled(run(session, table(Image=[colours]), table(Image=[colours] * 2), style={"method": method}))
        assert found.channel_names == colours.channel_names
        assert np.array_equal(found.array, colours.array)


def test_a_second_column_gets_its_own_name(session: Any, table: Callable[..., Any], targets: Any) -> None:
    once = run(session, table(Image=[picture()]), targets)[0]
    twice = run(session, once, targets, image_column="Image")
    assert list(twice[0].column_names)[3:] == ["Styled image (#1)", "Style preview (#1)"]


def test_missing_images(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images, others = table(Image=[None, picture()]), table(Image=[picture(1), None, picture(2)])
    result = run(session, images, others)
    assert result[0].column_values("Styled image")[0] is None
    assert result[0].column_values("Style preview")[0] is None
    assert result[0].column_values("Styled image")[1] is not None
    assert result.warnings[0].splitlines() == [
        "Target images: 1 row without image skipped: Row1.",
        "No results for 1 row without image: Row0.",
    ]
    with refused("Row 'Row0', column 'Image': The image is missing"):
        run(session, images, table(Image=[picture(1)]), missing="FAIL")
    with refused("Target images, Row 'Row1', column 'Image': The image is missing"):
        run(session, images, others, missing="FAIL")


def test_tables_without_rows(session: Any, table: Callable[..., Any], targets: Any, refused: Any) -> None:
    nothing = table(None, {"Image": Image}, Image=[])
    assert run(session, nothing, targets)[0].num_rows == 0
    for empty in (nothing, table(None, {"Image": Image}, Image=[None, None])):
        with refused("Target images: There is no target image"):
            run(session, table(Image=[picture()]), empty)


def test_other_channels_fail_before_anything_is_changed(
    session: Any, table: Callable[..., Any], refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.adaptation.style.method import Style

    monkeypatch.setattr(Style, "transfer", lambda *_: pytest.fail("an image was changed"))
    images = table(Image=[picture(), picture(channels=3)])
    with refused("Row 'Row1', column 'Image': The image has 3 channels, not 1 as the target image of Row 'Row0'"):
        run(session, images, table(Image=[picture(1)] * 2))
    with refused("Target images, Row 'Row1', column 'Image': .*2 channels, but Row 'Row0'.* has 1 channel"):
        run(session, table(Image=[picture()]), table(Image=[picture(1), picture(channels=2)]))


def test_other_bit_depths_are_converted_and_said(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Image=[picture(0), picture(1), picture(2, np.uint16, scale=40)])
    targets = [picture(i, np.uint16, scale=60) for i in range(2)]
    result = run(session, images, table(Image=targets))
    assert {image.array.dtype for image in styled(result)} == {np.dtype(np.uint16)}
    assert result.warnings == ["Rows 'Row0', 'Row1': the image has 8-bit grey values, its new look 16-bit ones."]
    result = run(session, images, table(Image=targets), style={"method": "FOURIER"})
    assert "Rows 'Row0', 'Row1': its grey values are multiplied by 257 for that." in result.warnings[0]
    real = table(Image=[picture(i, np.float32) for i in range(2)])
    assert styled(run(session, images, real, style={"method": "HISTOGRAM"}))[0].array.dtype == np.float32
    with refused("Row 'Row0', column 'Image': .*8-bit.*32-bit floating-point.*Choose another method"):
        run(session, images, real, style={"method": "FOURIER"})
    with refused("Target images, Row 'Row1'.*16-bit grey values, but Row 'Row0'.* has 8-bit ones"):
        run(session, images, table(Image=[picture(), targets[0]]))


@pytest.mark.parametrize(("size", "warned"), [(0.50, False), (0.51, False), (0.53, True), (0.2, True), (0.0, False)])
def test_other_pixel_sizes(session: Any, table: Callable[..., Any], size: float, warned: bool) -> None:
    known = {"Y": 0.5, "X": 0.5}
    images = table(Image=[picture(), picture(1, pixel_size={"Y": size, "X": size} if size else {})])
    result = run(session, images, table(Image=[picture(2), picture(3, pixel_size=known)]))
    assert bool(result.warnings) == warned
    if warned:
        expected = f"Row 'Row1': pixels of {size} µm, 0.5 µm in the target image.*not sizes.*one pixel size before"
        assert re.search(expected, result.warnings[0])


def test_one_target_image_works_and_warns(session: Any, table: Callable[..., Any]) -> None:
    result = run(session, table(Image=[picture()]), table(Image=[picture(1)]))
    assert result.warnings == [
        "Target images: There is one target image only: its own content counts as style. Give ten or more."
    ]


@pytest.mark.parametrize("method", CONFIGS)
def test_images_without_contrast(session: Any, table: Callable[..., Any], refused: Any, method: str) -> None:
    flat, black = Image(np.full((9, 9), 7, np.uint8), "YX"), Image(np.zeros((9, 9), np.uint8), "YX")
    good = [picture(1), picture(2)]
    result = run(session, table(Image=[flat, picture(), black]), table(Image=[*good, flat]), style={"method": method})
    assert np.array_equal(styled(result)[0].array, flat.array)
    assert np.array_equal(styled(result)[2].array, black.array)
    assert result.warnings[0].splitlines() == [
        "Target images: Row 'Row2', column 'Image': all pixels of the image have the same value; it is left out.",
        "Rows 'Row0', 'Row2': all pixels of the image have the same value; it stays as it is.",
    ]
    with refused("Target images: No target image has a style"):
        run(session, table(Image=[picture()]), table(Image=[flat, black]), style={"method": method})


def test_black_slices(session: Any, table: Callable[..., Any]) -> None:
    slices = [picture(i).array for i in range(3)]
    stack = Image(np.stack([slices[0], np.zeros_like(slices[0]), slices[2]]), "ZYX")
    result = run(session, table(Image=[stack]), table(Image=[stack, picture(5)]))
    assert "Row 'Row0', column 'Image': 1 of 3 slices are black or of one value" in result.warnings[0]
    assert not styled(result)[0].array[1].any()


def test_tiles_are_changed_one_by_one_and_that_is_said(session: Any, table: Callable[..., Any], targets: Any) -> None:
    from core.normalization import PERCENTAGES

    tile = picture(percentiles=(tuple(float(p) for p in PERCENTAGES),))
    result = run(session, table(Image=[tile]), targets)
    assert "Row 'Row0': the image is a part of a larger one" in result.warnings[0]
    assert styled(result)[0].percentiles == ()


def broken(session: Any, images: Any) -> Any:
    """The table with bytes that are no image in its first row."""
    import pyarrow as pa

    arrow = images.to_pyarrow()
    cells = [b"hello", *(cell.as_py() for cell in arrow.column("Image").combine_chunks().storage[1:])]
    column = pa.ExtensionArray.from_storage(arrow.column("Image").type, pa.array(cells, pa.large_binary()))
    return session.make_table(arrow.set_column(1, "Image", column), row_ids="keep")


def test_damaged_cells(session: Any, table: Callable[..., Any], refused: Any) -> None:
    good = table(Image=[picture(), picture(1)])
    with refused("^Row 'Row0', column 'Image'.*no image"):
        run(session, broken(session, good), good)
    with refused("^Target images, Row 'Row0', column 'Image'.*no image"):
        run(session, good, broken(session, good))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((9, 9), np.nan, np.float32), "81 pixels are not a number"),
        (np.zeros((0, 9), np.uint8), "no pixels"),
        (np.eye(9, dtype=bool), "mask of true and false"),
    ],
)
def test_pixels_that_cannot_be(
    session: Any, table: Callable[..., Any], refused: Any, array: NDArray[Any], message: str
) -> None:
    bad, good = table(Image=[picture(), Image(array, "YX")]), table(Image=[picture(1), picture(2)])
    with refused(f"^Row 'Row1', column 'Image': .*{message}"):
        run(session, bad, good)
    with refused(f"^Target images, Row 'Row1', column 'Image': .*{message}"):
        run(session, good, bad)


def test_labels_have_no_style(session: Any, table: Callable[..., Any], targets: Any, refused: Any) -> None:
    labels = Image(np.eye(9, dtype=np.int32), "YX", kind="labels")
    with refused("Row 'Row0', column 'Labels': The image is labels.*Choose the column of images"):
        run(session, table(Image=[picture()], Labels=[labels]), targets, image_column="Labels")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_column": "Name"}, "'Name' is of the type text"),
        ({"target_column": "Gone"}, "Target images: The table has no column 'Gone'"),
        ({"output_column": " "}, "no name"),
        ({"style": {"measure": "PERCENTILES", "low": 60.0, "high": 40.0}}, "dark percentile .60. is not below"),
        ({"style": {"method": "MODEL"}}, "No style model is connected"),
    ],
)
def test_settings_that_cannot_be(
    session: Any, table: Callable[..., Any], targets: Any, refused: Any, settings: Any, message: str
) -> None:
    with refused(message):
        session.node("StyleTransfer").set(**settings).configure(table(Image=[picture()], Name=["a"]), targets, None)


def test_target_images_are_needed(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Image=[picture()])
    with refused("No target images are connected"):
        session.node("StyleTransfer").configure(images, None, None)
    with refused("Target images: The table has no column that could be the target image column"):
        session.node("StyleTransfer").configure(images, table(Name=["a"]), None)


def test_the_view_says_how_many_images_it_shows(session: Any, table: Callable[..., Any], targets: Any) -> None:
    images = table(Image=[picture(i) for i in range(3)])
    result = run(session, images, targets, shown=2, style={"method": "HISTOGRAM"})
    assert "Histogram matching." in result.view_html
    assert "The first 2 of 3 images." in result.view_html
    assert "3 images." in run(session, images, targets).view_html
    assert "The first 0 of 3 images." in run(session, images, targets, shown=0).view_html


def test_before_and_after_are_shown_in_one_contrast() -> None:
    from nodes.views.styled import alike

    before = picture(0)
    dark = Image(before.array // 2, "YX")
    left, right = alike([before, dark])
    assert abs(float(left.mean()) / float(right.mean()) - 2) < 0.4
    wide = Image(before.array.astype(np.uint16) * 257, "YX")
    assert np.abs(np.subtract(*(one.astype(int) for one in alike([before, wide])))).max() <= 1
    real = Image(before.array / 255, "YX")
    assert np.abs(np.subtract(*(one.astype(int) for one in alike([before, real])))).max() <= 1


@pytest.fixture(scope="module")
def learned(session: Any, table: Callable[..., Any]) -> Any:
    """A style model that was trained for a moment on 16-bit images with pixels of 0.5 µm."""
    tiny = {"size": "OWN", "width": 4, "blocks": 1, "patch_size": 32, "steps": 2, "device": "CPU"}
    known = {"Y": 0.5, "X": 0.5}
    images = table(Image=[picture(i, pixel_size=known) for i in range(2)])
    others = table(Image=[picture(i, np.uint16, scale=30, pixel_size=known) for i in range(2)])
    return session.node("StyleTransferLearner").set(**tiny).execute(images, others)[0]


MODEL = {"method": "MODEL", "device": "CPU"}


def test_a_style_model_needs_no_target_images(session: Any, table: Callable[..., Any], learned: Any) -> None:
    stack = np.stack([picture(1).array, np.zeros((40, 50), np.uint8)])
    images = [
        picture(0, pixel_size={"Y": 0.5, "X": 0.5}),
        Image(np.pad(picture(1).array, 9), "YX"),
        Image(stack, "ZYX"),
    ]
    result = run(session, table(Image=images), None, learned, style=MODEL)
    found = styled(result)
    expected = learned.load().load().apply(images[0], device="cpu")
    assert np.array_equal(found[0].array, expected.array)
    assert (found[0].array.dtype, found[0].pixel_size) == (np.dtype(np.uint16), images[0].pixel_size)
    assert not found[1].array[:9].any()
    assert found[2].array.shape == stack.shape
    assert not found[2].array[1].any()
    assert result.warnings == [
        "Rows 'Row0', 'Row1', 'Row2': the image has 8-bit grey values, its new look 16-bit ones."
    ]
    assert "Style model, computed on" in result.view_html


def test_what_a_style_model_refuses(session: Any, table: Callable[..., Any], learned: Any, refused: Any) -> None:
    with refused("Row 'Row1', column 'Image': The image has 3 channels, not 1 as the images of the style model"):
        run(session, table(Image=[picture(), picture(channels=3)]), None, learned, style=MODEL)
    with refused("Row 'Row0', column 'Image': .*not a number"):
        run(session, table(Image=[Image(np.full((40, 40), np.nan), "YX")]), None, learned, style=MODEL)
    far = picture(0, pixel_size={"Y": 0.8, "X": 0.8})
    result = run(session, table(Image=[far]), None, learned, style=MODEL)
    assert "pixels of 0.8 µm, 0.5 µm in the images of the style model" in result.warnings[0]


def test_a_style_model_that_is_not_used_is_said(
    session: Any, table: Callable[..., Any], targets: Any, learned: Any
) -> None:
    result = run(session, table(Image=[picture()]), targets, learned)
    assert result.warnings == ["The style model is not used, because the method is Standardise."]
