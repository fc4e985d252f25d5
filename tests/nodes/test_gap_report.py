from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from tests.nodes.samples import disks

from core.image import Image


def report(session: Any, source: Any, target: Any, **settings: Any) -> Any:
    node = session.node("DomainGapReport").set(**settings)
    schemas = node.configure(source, target)
    result = node.execute(source, target)
    for output, schema in zip(result.outputs, schemas, strict=True):
        assert output.schema == schema
    return result


@pytest.fixture(scope="module")
def images() -> list[Image]:
    return [disks(seed=i)[0] for i in range(4)]


def changed(images: list[Image], change: Callable[[Any], Any], **known: Any) -> list[Image]:
    return [Image(change(image.array.astype(np.float32)), "YX", **known) for image in images]


def test_tables_and_view(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    soft = changed(images, lambda array: ndimage.gaussian_filter(array, 4), pixel_size={"Y": 0.5, "X": 0.5})
    sharp = [Image(image.array, "YX", {"Y": 0.25, "X": 0.25}) for image in images]
    result = report(session, table(list("abcd"), Image=sharp), table(list("efgh"), Image=soft))
    measures = result[0].to_pandas()
    assert list(measures.columns) == [
        "Measure",
        "Channel",
        "Source",
        "Target",
        "Difference",
        "Unit",
        "Gap",
        "Remark",
    ]
    assert list(measures.index) == list(measures["Measure"])
    edges = measures.loc["Edge width"]
    assert edges["Target"] > 2 * edges["Source"]
    assert edges["Difference"] == pytest.approx(edges["Target"] - edges["Source"])
    assert edges["Gap"]
    assert measures.loc["Magnification (pixel sizes)", "Difference"] == 0.5
    assert measures.loc["Pixel size", "Target"] == 0.5
    assert "float32" in measures.loc["Bits in use", "Remark"]
    each = result[1].to_pandas()
    assert list(each["Set"]) == ["Source"] * 4 + ["Target"] * 4
    assert list(each.index) == [*(f"Source / {one}" for one in "abcd"), *(f"Target / {one}" for one in "efgh")]
    assert each["Edge width (pixels)"][4:].mean() == pytest.approx(edges["Target"])
    assert "Rescale the target images to 2 times their size" in result.view_html
    assert result.view_html.count('<figure class="patch">') == 6
    assert "same scale, by their pixel sizes" in result.view_html


def test_no_gap(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    result = report(session, table(Image=images), table(Image=images))
    assert not result[0].to_pandas()["Gap"].any()
    assert "No gap was found" in result.view_html
    assert "A pixel of an image is a pixel here" in result.view_html


def test_names_from_tables_are_no_html(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    result = report(session, table(["<b>"], Image=images[:1]), table(Image=images))
    assert "<b>" not in result.view_html
    assert "&lt;b&gt;" in result.view_html


def test_colour_pictures(session: Any, table: Callable[..., Any]) -> None:
    names = ("red", "green", "blue")
    pictures = [Image(disks(channels=3, seed=i)[0].array.astype(np.uint8), "CYX", {}, names) for i in range(2)]
    result = report(session, table(list("ab"), Image=pictures), table(list("cd"), Image=pictures))
    each = result[1].to_pandas()
    assert list(each["Channel"][:3]) == list(names)
    assert each.index[0] == "Source / a / red"
    assert list(result[0].to_pandas().loc[["Noise red", "Noise blue"], "Channel"]) == ["red", "blue"]


def test_stacks_depths_and_padding(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    slices = [np.pad(image.array, 8) for image in images]
    stack = Image(np.stack([slices[0], np.zeros_like(slices[0]), *slices[1:]]), "ZYX", {"Y": 1, "X": 1, "Z": 3})
    small = [Image((image.array // 3).astype(np.uint8), "YX") for image in images]
    result = report(session, table(["stack"], Image=[stack]), table(Image=small))
    each = result[1].to_pandas()
    assert each["Padding (%)"].iloc[0] == pytest.approx(100 * (1 - 64**2 / 80**2))
    assert each["Remark"].iloc[0] == "Slices that are the same everywhere: 2."
    assert "row 'stack': Slices that are the same everywhere: 2" in result.warnings[0]
    measures = result[0].to_pandas()
    assert "uint16 in the source, uint8 in the target" in measures.loc["Bits in use", "Remark"]
    assert "One source image only" in measures.loc["Images", "Remark"]
    assert "Unknown in the target" in measures.loc["Pixel size", "Remark"]
    assert "one image of a kind" in result.view_html


def test_rows_that_are_left_out(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    flat = Image(np.full((40, 40), 7, np.uint8), "YX")
    source = table(["a", "b", "none", "flat"], Image=[*images[:2], None, flat])
    result = report(session, source, table(Image=images))
    warned = "\n".join(result.warnings)
    assert "Source images: 1 row without an image left out: none" in warned
    assert "row 'flat': Left out: it is the same everywhere" in warned
    each = result[1].to_pandas()
    assert each.loc["Source / flat", "Remark"].startswith("Left out")
    assert np.isnan(each.loc["Source / flat", "Mean"])
    assert result[0].to_pandas().loc["Images", "Source"] == 2


def test_a_sample_of_large_tables(session: Any, table: Callable[..., Any], images: list[Image]) -> None:
    result = report(session, table(list("abcdefgh"), Image=images * 2), table(Image=images), most_images=3)
    assert [one for one in result[1].to_pandas()["Image"] if len(one) == 1] == ["a", "c", "f"]
    assert "Source images: 3 of 8 rows were measured, evenly spread" in result.warnings[0]


def test_refused(session: Any, table: Callable[..., Any], images: list[Image], refused: Any) -> None:
    good = table(Image=images)
    two = table(Image=[Image(np.stack([image.array] * 2), "CYX") for image in images])
    movie = table(["m"], Image=[Image(np.zeros((2, 20, 20), np.uint8), "TYX")])
    broken = table(["x"], Image=[Image(np.full((20, 20), np.inf), "YX")])
    flat = table(Image=[Image(np.zeros((40, 40), np.uint8), "YX")])
    nothing = table(None, {"Image": Image}, Image=[None])
    for source, target, message in (
        (good, two, "source images have 1 channel and the target images 2.*same channels"),
        (movie, good, "Source images, .*m.*: The image is a time series of 2 points"),
        (good, broken, "Target images, Row 'x': Some pixels are not a number"),
        (good, flat, "Target images: Every image is the same everywhere"),
        (good, table(Image=[disks()[1]]), "Target images, Row 'Row0', column 'Image': The cell holds labels"),
        (nothing, good, "Source images: There is no image"),
        (table(Name=["a"]), good, "no column that could be the source image column"),
        (good, table(Name=["a"]), "no column that could be the target image column"),
    ):
        with refused(message):
            report(session, source, target)
