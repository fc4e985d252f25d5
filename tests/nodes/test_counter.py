import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import disks

from core.image import Image


def squares() -> Image:
    """Three objects: 4 x 4 at the edge, 6 x 6 inside, one pixel."""
    labels = np.zeros((40, 50), np.int32)
    labels[:4, :4], labels[10:16, 10:16], labels[30, 40] = 1, 2, 7
    return Image(labels, "YX", {"Y": 0.5, "X": 0.5}, kind="labels")


def count(session: Any, table: Any, **settings: Any) -> Any:
    node = session.node("InstanceCounter").set(**settings)
    schemas = node.configure(table)
    result = node.execute(table)
    for output, schema in zip(result.outputs, schemas, strict=True):
        assert output.schema == schema
    return result


def test_counts_and_objects(session: Any, table: Callable[..., Any]) -> None:
    result = count(session, table(["a"], Labels=[squares()], Group=["drug"]))
    counts, objects = result[0].to_pandas(), result[1].to_pandas()
    assert counts.loc["a", "Count"] == 3
    assert counts.loc["a", "Group"] == "drug"
    assert counts.loc["a", "Density (1/mm²)"] == pytest.approx(3 / (40 * 50 * 0.25) * 1e6)
    assert counts.loc["a", "Covered area (%)"] == pytest.approx(100 * 53 / 2000)
    assert counts.loc["a", "Mean area (µm²)"] == pytest.approx(53 / 3 / 4)
    assert list(objects.index) == ["a_1", "a_2", "a_7"]
    assert list(objects["Image"]) == ["a"] * 3
    assert list(objects["Group"]) == ["drug"] * 3
    assert list(objects["Area (px)"]) == [16, 36, 1]
    assert list(objects["Area (µm²)"]) == [4, 9, 0.25]
    assert list(objects["Touches edge"]) == [True, False, False]
    assert objects.loc["a_2", "Centroid X (px)"] == pytest.approx(12.5)
    assert "3 objects in 1 image," in result.view_html


@pytest.mark.parametrize(("edge", "expected"), [("ALL", 3), ("EXCLUDE", 2), ("HALF", 2.5)])
def test_edge_rules(session: Any, table: Callable[..., Any], edge: str, expected: float) -> None:
    counts = count(session, table(Labels=[squares()]), limits={"edge": edge})[0].to_pandas()
    assert counts["Count"].tolist() == [expected]


@pytest.mark.parametrize(
    ("limits", "areas"),
    [
        ({"smallest": 2.0}, [16, 36]),
        ({"largest": 16.0}, [16, 1]),
        ({"smallest": 3.0, "largest": 5.0, "unit": "MICROMETRES"}, [16]),
    ],
)
def test_limits(session: Any, table: Callable[..., Any], limits: Any, areas: list[int]) -> None:
    result = count(session, table(Labels=[squares()]), limits=limits)
    assert result[1].to_pandas()["Area (px)"].tolist() == areas
    assert result[0].to_pandas()["Count"].tolist() == [len(areas)]


def test_limits_in_micrometres_need_a_pixel_size(session: Any, table: Callable[..., Any], refused: Any) -> None:
    unknown = replace(squares(), pixel_size={})
    with refused("Row 'Row0': The image has no pixel size"):
        count(session, table(Labels=[unknown]), limits={"smallest": 1.0, "unit": "MICROMETRES"})
    counts = count(session, table(Labels=[unknown]))[0].to_pandas()
    assert counts["Density (1/mm²)"].isna().all()


def test_limits_the_wrong_way_round(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("below the smallest"):
        count(session, table(Labels=[squares()]), limits={"smallest": 5.0, "largest": 2.0})


def test_intensities_of_channels(session: Any, table: Callable[..., Any]) -> None:
    image = Image(np.stack([np.full((40, 50), 10.0), np.full((40, 50), 20.0)]).astype(np.float32), "CYX")
    images = table(Image=[image], Labels=[squares()])
    objects = count(session, images, image_column="Image", channels=3)[1].to_pandas()
    assert objects["Mean intensity 1"].tolist() == [10] * 3
    assert objects["Mean intensity 2"].tolist() == [20] * 3
    assert objects["Mean intensity 3"].isna().all()
    assert "Mean intensity" in count(session, images, image_column="Image")[1].column_names


def test_image_of_another_size(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row0': The image is 64 x 64 pixels, its labels 50 x 40. Measure"):
        count(session, table(Image=[disks()[0]], Labels=[squares()]), image_column="Image")


def test_missing_and_empty_labels(session: Any, table: Callable[..., Any]) -> None:
    empty = replace(squares(), array=np.zeros((40, 50), np.int32))
    result = count(session, table(Labels=[None, empty, squares()]))
    counts = result[0].to_pandas()["Count"]
    assert np.isnan(counts.iloc[0])
    assert counts.tolist()[1:] == [0, 3]
    assert "No counts for 1 row without labels: Row0." in result.warnings[0]


def test_a_binary_mask_gets_a_warning(session: Any, table: Callable[..., Any]) -> None:
    one, many = squares(), squares()
    mask = replace(one, array=(one.array > 0).astype(np.int32))
    whole = replace(one, array=np.where(one.array == 2, 9, 0).astype(np.int32))
    (warning,) = count(session, table(Labels=[mask, whole, many])).warnings
    assert warning.startswith("Row 'Row0', column 'Labels': one label, but 3 separate components, taken as one object")
    assert "Give every object its own number." in warning
    assert "Row1" not in warning


def test_one_object_held_by_a_corner_is_no_mask(session: Any, table: Callable[..., Any]) -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[2:5, 2:5], labels[5, 5] = 1, 1
    assert not count(session, table(Labels=[replace(squares(), array=labels)])).warnings


def test_an_intensity_image_is_not_counted_unasked(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Image=[squares()])
    with refused("no column that could be the label column.*or choose one in the node's dialog"):
        session.node("InstanceCounter").configure(images)
    assert count(session, images, label_column="Image")[0].to_pandas()["Count"].tolist() == [3]


def test_a_missing_image_to_measure(session: Any, table: Callable[..., Any]) -> None:
    images = table(None, {"Image": Image}, Image=[None], Labels=[squares()])
    result = count(session, images, image_column="Image")
    assert result.warnings == ["No intensities for 1 row without image: Row0."]
    assert result[1].to_pandas()["Mean intensity"].isna().all()


def test_an_empty_table(session: Any, table: Callable[..., Any]) -> None:
    result = count(session, table(None, {"Labels": Image, "Name": str}, Labels=[], Name=[]))
    assert result[0].num_rows == result[1].num_rows == 0


def test_no_object_at_all(session: Any, table: Callable[..., Any]) -> None:
    empty = replace(squares(), array=np.zeros((40, 50), np.int32))
    assert count(session, table(Labels=[empty]))[1].num_rows == 0


def test_names_that_are_taken(session: Any, table: Callable[..., Any]) -> None:
    result = count(session, table(Labels=[squares()], Count=["mine"], Image=["x"]))
    assert result[0].to_pandas().loc["Row0", "Count"] == "mine"
    assert result[0].to_pandas().loc["Row0", "Count (#1)"] == 3
    assert "Image (#1)" in result[1].column_names


def test_wrong_columns(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Labels=[squares()], Name=["a"])
    with refused("'Name' is of the type text"):
        count(session, images, label_column="Name")
    with refused("no column 'Gone'"):
        count(session, images, image_column="Gone")


def test_cancel(session: Any, table: Callable[..., Any]) -> None:
    node = session.node("InstanceCounter")
    with pytest.raises(Exception, match="Canceled"):
        node.execute(table(Labels=[squares()] * 3), cancel=lambda ctx: len(ctx.progress) > 1)


def test_counts_are_shown_by_group(session: Any, table: Callable[..., Any]) -> None:
    empty = replace(squares(), array=np.zeros((40, 50), np.int32))
    images = table(
        Labels=[squares(), squares(), empty, None, squares()],
        Condition=["drug <b>", "control", "control", "control", None],
        Day=[1, 2, 1, 2, 1],
    )
    plain = count(session, images)
    by_text, by_number = (count(session, images, group_column=name) for name in ("Condition", "Day"))
    for grouped in (by_text, by_number):
        for one, other in zip(plain.outputs, grouped.outputs, strict=True):
            assert one.to_pyarrow().equals(other.to_pyarrow())
    rows = re.findall(r"<tr>(.*?)</tr>", by_text.view_html)
    cells = [re.sub("<[^>]+>", "|", row).strip("|").split("||") for row in rows]
    assert cells[0][0] == "Condition"
    assert cells[1] == ["drug &lt;b&gt;", "1", "3", "3", "?", "?", "?", "6,000"]
    assert cells[2][:5] == ["control", "2", "3", "1.5", "2.121"]
    assert cells[2][5:] == ["0", "20.559", "3,000"]
    assert "95 % confidence interval" in by_number.view_html
    assert "95 % confidence interval" not in plain.view_html


def test_images_without_a_group_are_not_left_out_unsaid(session: Any, table: Callable[..., Any]) -> None:
    def grouped(*names: str | None) -> tuple[list[str], str]:
        images = table(None, {"G": str}, Labels=[squares()] * len(names), G=names)
        result = count(session, images, group_column="G")
        return result.warnings, result.view_html

    for names, note in [
        (("a", None, "b", " ", ""), "3 images without a group are left out of the summary by group."),
        (("a", None), "1 image without a group is left out of the summary by group."),
        ((None, ""), "No image has a group in the column 'G': there is no summary by group."),
    ]:
        warnings, page = grouped(*names)
        assert warnings == [note]
        assert escape(note) in page
        assert (">an image<" in page) == ("a" in names)
    warnings, page = grouped("a", "b")
    assert not warnings
    assert "without a group" not in page


def test_many_images_are_listed(session: Any, table: Callable[..., Any]) -> None:
    page = count(session, table(Labels=[squares()] * 201)).view_html
    assert page.count("data-row=") == 201
    assert "The first 40 of 201." in page


def test_columns_that_are_no_groups(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Labels=[squares()], Weight=[1.5])
    for column, message in [
        ("Gone", "no column 'Gone'"),
        ("Weight", "'Weight' is of the type number"),
        ("Labels", "image"),
    ]:
        with refused(message):
            session.node("InstanceCounter").set(group_column=column).configure(images)
