import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import disks

from core.image import Image


def score(session: Any, table: Any, **settings: Any) -> Any:
    node = session.node("SegmentationScorer").set(**settings)
    schemas = node.configure(table)
    result = node.execute(table)
    for output, schema in zip(result.outputs, schemas, strict=True):
        assert output.schema == schema
    return result


def without(labels: Image, *ids: int) -> Image:
    return replace(labels, array=np.where(np.isin(labels.array, ids), 0, labels.array).astype(np.int32))


def test_scores_of_known_errors(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    predicted = without(labels, 1, 2, 3)
    result = score(session, table(["a"], Image=[image], Labels=[labels], **{"Predicted labels": [predicted]}))
    names = list(result[0].column_names)
    assert names[:6] == ["Image", "Method", "True count", "Predicted count", "Count error", "AP@0.5"]
    row = result[0].to_pandas().iloc[0]
    assert (row["Image"], row["Method"]) == ("a", "Predicted labels")
    assert (row["True count"], row["Predicted count"], row["Count error"]) == (9, 6, -3)
    assert row["AP@0.5"] == pytest.approx(6 / 9)
    assert row["mAP@.50:.95"] == pytest.approx(6 / 9)
    assert row["F1@0.5"] == pytest.approx(12 / 15)
    assert row["PQ@0.5"] == pytest.approx(12 / 15)
    assert (row["Precision@0.5"], row["Recall@0.5"]) == pytest.approx((1, 6 / 9))
    summary = result[1].to_pandas().iloc[0]
    assert summary["AP@0.5"] == pytest.approx(6 / 9)
    assert summary["AP@0.95 pooled"] == pytest.approx(6 / 9)
    assert summary["Mean absolute count error (%)"] == pytest.approx(100 / 3)
    assert (summary["Images"], summary["True count"], summary["Predicted count"]) == (1, 9, 6)
    assert "Drawn by hand" in result.view_html


def test_pooled_over_images(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    empty = without(labels, *range(1, 10))
    result = score(session, table(Labels=[labels, empty], **{"Predicted labels": [labels, labels]}))
    assert result[1].to_pandas()["AP@0.5"].iloc[0] == pytest.approx(9 / 18)


def test_two_methods_side_by_side(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    images = table(Labels=[labels, labels], before=[without(labels, 1), labels], after=[labels, labels])
    result = score(session, images, truth_column="Labels", predicted_column="before", second_column="after")
    frame = result[0].to_pandas()
    assert list(frame.index) == ["Row0 / before", "Row0 / after", "Row1 / before", "Row1 / after"]
    summary = result[1].to_pandas()
    assert list(summary["Method"]) == ["before", "after"]
    assert summary["AP@0.5"].tolist() == pytest.approx([17 / 18, 1])


def slides(page: str) -> list[Any]:
    data = re.search(r'id="data">(.*?)</script>', page)
    return list(json.loads(data[1])["slides"]) if data else []


def test_the_worst_images_are_shown(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    missed = [(), (1,), (), (1, 2, 3), (4,), None]
    predicted = [None if ids is None else without(labels, *ids) for ids in missed]
    images = table(list("abcdef"), Image=[image] * 6, Labels=[labels] * 6, P=predicted, Q=[labels] * 6)
    result = score(session, images, predicted_column="P", second_column="Q", shown=2)
    assert [one["title"] for one in slides(result.view_html)] == ["d", "b"]
    assert slides(result.view_html)[0]["caption"] == (
        "P: 9 drawn, 6 predicted, AP@0.5 0.67; Q: 9 drawn, 9 predicted, AP@0.5 1.00"
    )
    listed = re.findall(r'<tr>.*?data-row="(.)".*?<td>(.*?)</td><td>(.)</td>', result.view_html)
    assert [(name, method) for name, _, method in listed] == [(name, method) for name in "dbeac" for method in "PQ"]
    assert [re.findall('data-slide="(.)"', cell) for _, cell, _ in listed] == [["0"]] * 2 + [["1"]] * 2 + [[]] * 6
    assert "The worst 2 of 5 images." in result.view_html
    assert "column of previews" not in result.view_html
    assert "the worst first by AP@0.5 of P" in result.view_html
    assert not slides(score(session, images, predicted_column="P", second_column="Q", shown=0).view_html)


def test_the_worst_images_are_kept_where_not_all_fit(
    session: Any, table: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nodes.views.slides import Album

    image, labels = disks()
    images = table(list("abc"), Image=[image] * 3, Labels=[labels] * 3, P=[labels, without(labels, 1), labels])
    whole = score(session, images, predicted_column="P").view_html
    size = len(json.dumps(slides(whole)[0], ensure_ascii=False, separators=(",", ":")).encode())
    monkeypatch.setattr("nodes.scorer.Album", partial(Album, budget=size))
    assert [one["title"] for one in slides(score(session, images, predicted_column="P").view_html)] == ["b"]


def test_a_curve_has_the_colour_of_its_outlines(session: Any, table: Callable[..., Any]) -> None:
    from nodes.views.overlay import COLORS

    labels = disks()[1]
    images = table(Labels=[labels], P=[without(labels, 1)], Q=[labels])
    page = score(session, images, predicted_column="P", second_column="Q").view_html
    lines = re.findall(r'<polyline[^>]*stroke="(.*?)"', page)
    assert lines == [COLORS["first"], COLORS["second"]]


def test_sizes_that_differ(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row0': The labels in 'Labels' and 'Predicted labels' have different sizes: 64 x 64 and 32 x 32"):
        score(session, table(Labels=[disks()[1]], **{"Predicted labels": [disks(32, radius=3)[1]]}))


def test_a_binary_mask_gets_a_warning(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    mask = replace(labels, array=(labels.array > 0).astype(np.int32))
    (warning,) = score(session, table(Labels=[mask], **{"Predicted labels": [labels]})).warnings
    assert warning.startswith("Row 'Row0', column 'Labels': one label, but 9 separate components, taken as one object")


def test_a_text_column_named_image(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    assert score(session, table(Labels=[labels], P=[labels], Image=["a.tif"]))[0].num_rows == 1


def test_missing_cells(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    result = score(session, table(Labels=[labels, None], **{"Predicted labels": [labels, labels]}))
    assert result[0].num_rows == 1
    assert "Left out 1 row without labels or prediction: Row1." in result.warnings[0]


def test_an_empty_table(session: Any, table: Callable[..., Any]) -> None:
    types = {"Labels": Image, "Predicted labels": Image}
    result = score(session, table(None, types, Labels=[], **{"Predicted labels": []}))
    assert result[0].num_rows == 0
    assert result[1].to_pandas()["Images"].tolist() == [0]


def test_nothing_is_wrong_where_nothing_is(session: Any, table: Callable[..., Any]) -> None:
    empty = without(disks()[1], *range(1, 10))
    frame = score(session, table(Labels=[empty], **{"Predicted labels": [empty]}))[0].to_pandas()
    assert frame["Count error"].tolist() == [0]
    assert frame["AP@0.5"].tolist() == [1]
    assert np.isnan(frame["Mean matched IoU"].iloc[0])


def test_the_same_column_twice(session: Any, table: Callable[..., Any], refused: Any) -> None:
    labels = disks()[1]
    with refused("chosen twice"):
        score(session, table(Labels=[labels], p=[labels]), truth_column="Labels", predicted_column="Labels")


def test_wrong_columns(session: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Labels=[disks()[1]], P=[disks()[1]], Name=["a"])
    with refused(
        "'Name' is of the type text, which the column of predicted labels cannot have. These can: 'Labels', 'P'"
    ):
        score(session, images, predicted_column="Name")
    with refused("no column 'Gone'. Choose another second column of predicted labels"):
        score(session, images, second_column="Gone")


def test_one_pixel_objects(session: Any, table: Callable[..., Any]) -> None:
    specks = np.diag(np.arange(30)).astype(np.int32)
    labels = Image(specks, "YX", kind="labels")
    frame = score(session, table(Labels=[labels], P=[labels]))[0].to_pandas()
    assert frame[["True count", "AP@0.5"]].to_numpy().tolist() == [[29, 1]]


def test_one_column_only(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("no column that could be the column of predicted labels"):
        score(session, table(Labels=[disks()[1]]))


def test_cancel(session: Any, table: Callable[..., Any]) -> None:
    labels = disks()[1]
    node = session.node("SegmentationScorer")
    with pytest.raises(Exception, match="Canceled"):
        node.execute(table(Labels=[labels] * 3, P=[labels] * 3), cancel=lambda ctx: len(ctx.progress) > 1)
