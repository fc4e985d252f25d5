"""The Fragment Grouper as a workflow uses it."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest

from core.image import Image
from core.tensor_cell import decode

SIZE = {"Y": 0.5, "X": 0.5}


def junctions() -> tuple[Image, Image]:
    """Five fragments, of which a nerve connects the first two, and an image of muscle and nerve."""
    labels, nerve = np.zeros((30, 60), np.int32), np.zeros((30, 60), np.uint16)
    for number, left in enumerate((5, 12, 20, 40, 47), start=1):
        labels[10:14, left : left + 4] = number
    nerve[11, 0:14] = 900  # from the first into the second
    nerve += np.random.default_rng(0).integers(0, 50, nerve.shape).astype(np.uint16)
    image = Image(np.stack([labels.astype(np.uint16), nerve]), "CYX", SIZE, ("muscle", "nerve"))
    return image, Image(labels, "YX", SIZE, kind="labels")


def group(session: Any, table: Any, **settings: Any) -> Any:
    node = session.node("FragmentGrouper").set(**settings)
    (schema,) = node.configure(table)
    result = node.execute(table)
    assert result[0].schema == schema
    return result


def grouped(result: Any, row: int = 0) -> Any:
    return decode(result[0].column_values("Grouped labels")[row])


def test_by_the_gap(session: Any, table: Callable[..., Any]) -> None:
    image, labels = junctions()
    result = group(session, table(Image=[image], Labels=[labels], Name=["a"]), gap=2.0)
    assert list(result[0].column_names) == [
        "Image", "Labels", "Name", "Grouped labels", "Fragment count", "Grouped object count", "Grouping preview",
    ]  # fmt: skip
    found = grouped(result)
    assert (found.kind, dict(found.pixel_size)) == ("labels", SIZE)
    # gaps of 1.5, 2, 8 and 1.5 µm
    assert [found.array[12, x] for x in (6, 13, 21, 41, 48)] == [1, 1, 1, 2, 2]
    frame = result[0].to_pandas()
    assert frame[["Fragment count", "Grouped object count"]].to_numpy().tolist() == [[5, 2]]
    assert group(session, table(Labels=[labels]), gap=1.9)[0].to_pandas()["Grouped object count"].tolist() == [3]
    assert "gap of at most 2 µm" in result.view_html
    assert "5 fragments, 2 objects" in result.view_html
    assert not result.warnings


def test_what_is_too_small_is_left_out(session: Any, table: Callable[..., Any]) -> None:
    _, labels = junctions()
    # 8, 4 and 8 µm²
    for smallest, count in ((0.0, 3), (4.0, 3), (4.1, 2), (9.0, 0)):
        result = group(session, table(Labels=[labels]), gap=1.9, smallest=smallest)
        assert result[0].to_pandas()[["Fragment count", "Grouped object count"]].to_numpy().tolist() == [[5, count]]
        assert len(np.unique(grouped(result).array)) == count + 1
        assert (f"Objects below {smallest:g} µm²" in result.view_html) == (smallest > 0)


def test_by_a_nerve(session: Any, table: Callable[..., Any]) -> None:
    image, labels = junctions()
    images = table(Image=[image], Labels=[labels])
    by = {"criterion": "WAY", "channel": 2}
    result = group(session, images, gap=2.0, connection=by)
    assert [grouped(result).array[12, x] for x in (6, 13, 21, 41, 48)] == [1, 1, 2, 3, 4]
    assert "Above the threshold" in result.view_html
    assert "5 fragments, 4 objects, threshold " in result.view_html
    result = group(session, images, connection={**by, "source": "MANUAL", "threshold": 2000.0})
    assert result[0].to_pandas()["Grouped object count"].tolist() == [5]
    assert "no pixel is bright, threshold 2,000, so nothing connects fragments" in result.warnings[0]


def test_stacks(session: Any, table: Callable[..., Any]) -> None:
    array = np.zeros((4, 20, 20), np.int32)
    array[0, 4:8, 4:8], array[2, 4:8, 4:8] = 1, 2
    image = Image((array > 0).astype(np.uint8), "ZYX", {**SIZE, "Z": 3.0})
    labels = image.with_array(array, "ZYX", "labels")
    images = table(Image=[image], Labels=[labels])
    assert group(session, images, gap=2.9)[0].to_pandas()["Grouped object count"].tolist() == [2]
    result = group(session, images, gap=3.0)
    assert grouped(result).array.max() == 1
    assert "slice 3 of 4" in result.view_html


def test_the_preview_shows_both(session: Any, table: Callable[..., Any]) -> None:
    image, labels = junctions()
    result = group(session, table(Image=[image], Labels=[labels]))
    picture = result[0].column_values("Grouping preview")[0]
    assert picture.size == (2 * 60 + 4, 30)
    pixels = np.asarray(picture)
    assert (pixels[10, 12] != pixels[10, 20]).any()
    assert (pixels[10, 64 + 12] == pixels[10, 64 + 20]).all()
    plain = group(session, table(Labels=[labels]), previews=False, shown=0)
    assert "Grouping preview" not in plain[0].column_names


def test_names_that_are_taken(session: Any, table: Callable[..., Any]) -> None:
    _, labels = junctions()
    twice = group(session, group(session, table(Labels=[labels]))[0], label_column="Labels", gap=1.9)
    assert decode(twice[0].column_values("Grouped labels (#1)")[0]).array.max() == 3
    assert twice[0].to_pandas()["Grouped object count (#1)"].tolist() == [3]


def test_a_picture_of_labels_has_no_pixel_size(session: Any, table: Callable[..., Any], refused: Any) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(junctions()[1].array.astype(np.uint8)).save(buffer, "PNG")
    with refused("Row 'Row0', column 'Mask': The labels have no pixel size.*in the Microscopy Image Reader"):
        group(session, table(Mask=[buffer.getvalue()]))


def test_missing_cells(session: Any, table: Callable[..., Any]) -> None:
    image, labels = junctions()
    images = table(Image=[image, None, image], Labels=[labels, labels, None])
    result = group(session, images, connection={"criterion": "WAY"})
    assert [cell is None for cell in result[0].column_values("Grouped labels")] == [False, True, True]
    assert "No results for 2 rows without labels or image: Row1, Row2." in result.warnings[0]
    result = group(session, images)
    assert [cell is None for cell in result[0].column_values("Grouped labels")] == [False, False, True]
    assert "No results for 1 row without labels: Row2." in result.warnings[0]


def test_a_mask_is_one_fragment(session: Any, table: Callable[..., Any]) -> None:
    _, labels = junctions()
    mask = labels.with_array((labels.array > 0).astype(np.int32), "YX", "labels")
    result = group(session, table(Labels=[mask]))
    assert "is this a binary mask" in result.warnings[0]
    assert result[0].to_pandas()["Fragment count"].tolist() == [1]


def test_what_is_refused(session: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = junctions()
    images = table(Image=[image], Labels=[labels], Name=["a"])
    by = {"criterion": "WAY"}
    with refused("Row 'Row0', column 'Image': The channel is 3, it must be 1 to 2"):
        group(session, images, connection={**by, "channel": 3})
    small = Image(np.zeros((5, 5), np.uint8), "YX")
    with refused("Row 'Row0', column 'Image': The image is 5 x 5 pixels, its labels 60 x 30"):
        group(session, table(Image=[small], Labels=[labels]), connection=by)
    with refused("no column 'Gone'"):
        group(session, images, connection={**by, "image_column": "Gone"})
    with refused("'Name' is of the type text"):
        group(session, images, label_column="Name")
    with refused("no name"):
        group(session, images, output_column=" ")


def test_cancel(session: Any, table: Callable[..., Any]) -> None:
    _, labels = junctions()
    with pytest.raises(Exception, match="Canceled"):
        session.node("FragmentGrouper").execute(
            table(Labels=[labels] * 3), cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.3
        )
