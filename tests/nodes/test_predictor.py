import errno
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import disks

from core.image import Image
from core.tensor_cell import decode


def apply(session: Any, model: Any, table: Any, **settings: Any) -> Any:
    node = session.node("SegmentationPredictor").set(computing={"engine": "TORCH", "device": "CPU"}).set(**settings)
    (schema,) = node.configure(model, table)
    result = node.execute(model, table)
    assert result[0].schema.column_names == schema.column_names
    assert list(result[0].schema.ktypes) == list(schema.ktypes) if hasattr(schema, "ktypes") else True
    return result


def test_new_columns(session: Any, trained: Any, examples: Any) -> None:
    result = apply(session, trained, examples)
    assert list(result[0].column_names) == [
        "Image", "Labels", "Name", "Predicted labels", "Object count", "Overlay preview",
    ]  # fmt: skip
    assert set(result[0].batch_lengths()) == {1}
    frame = result[0].to_pandas()
    assert list(frame.index) == [f"Row{i}" for i in range(10)]
    for cell, count in zip(result[0].column_values("Predicted labels"), frame["Object count"], strict=True):
        labels = decode(cell)
        assert labels.kind == "labels"
        assert labels.array.shape == (64, 64)
        assert len(np.unique(labels.array[labels.array > 0])) <= count
    assert result[0].column_values("Overlay preview")[0].size == (64, 64)
    assert "Thresholds: " in result.view_html


def test_a_second_predictor_gets_its_own_names(session: Any, trained: Any, examples: Any) -> None:
    twice = apply(session, trained, apply(session, trained, examples)[0])
    assert "Predicted labels (#1)" in twice[0].column_names
    assert "Object count (#1)" in twice[0].column_names


@pytest.mark.parametrize("lengths", [[6], [1, 5], [3, 1, 2]])
def test_batches_of_any_length(session: Any, trained: Any, examples: Any, lengths: list[int]) -> None:
    images = session.make_table(examples.to_pyarrow(), row_ids="keep", batches=lengths)
    result = apply(session, trained, images)
    assert result[0].batch_lengths() == [1] * 6
    assert result[0].to_pandas()["Name"].tolist() == list("abcdef")


def test_an_empty_table(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    result = apply(session, trained, table(None, {"Image": Image}, Image=[]))
    assert result[0].num_rows == 0
    assert "Object count" in result[0].column_names


def test_missing_images(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    images = table(Image=[None, disks()[0]])
    result = apply(session, trained, images)
    assert result[0].column_values("Predicted labels")[0] is None
    assert result[0].column_values("Predicted labels")[1] is not None
    assert "No results for 1 row without image: Row0." in result.warnings[0]
    with refused("Row 'Row0', column 'Image': The image is missing"):
        apply(session, trained, images, missing="FAIL")


def test_wrong_channels_fail_before_anything_is_predicted(
    session: Any, trained: Any, table: Callable[..., Any], refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.inference.predict import Predictor

    def never(*args: Any) -> None:
        raise AssertionError("an image was segmented")

    monkeypatch.setattr(Predictor, "predict", never)
    images = [disks()[0]] * 3 + [disks(channels=3)[0]]
    with refused("Row 'Row3', column 'Image': The image has 3 channels, the model was trained on 1"):
        apply(session, trained, table(Image=images))


def test_channels_are_told_by_their_names(session: Any, table: Callable[..., Any]) -> None:
    from tests.nodes.samples import TINY

    image, labels = disks(channels=2)
    image = replace(image, channel_names=("nerve", "receptor"))
    model = session.node("SegmentationLearner").set(**TINY).execute(table(Image=[image], Labels=[labels]), None)[0]
    turned = replace(image, array=image.array[::-1].copy(), channel_names=("receptor", "nerve"))
    result = apply(session, model, table(Image=[image, turned]))
    cells = [decode(cell).array for cell in result[0].column_values("Predicted labels")]
    assert np.array_equal(cells[0], cells[1])
    assert not result.warnings
    strange = replace(image, channel_names=("membrane", "receptor"))
    (warning,) = apply(session, model, table(Image=[strange])).warnings
    assert "named membrane, receptor, those that the model was trained on nerve, receptor" in warning


def test_time_series_are_refused(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row0', column 'Image'.*time series.*Give its time points"):
        apply(session, trained, table(Image=[Image(np.zeros((4, 20, 20), np.uint8), "TYX")]))


def test_pixels_that_are_no_numbers(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row0', column 'Image'.*not a number"):
        apply(session, trained, table(Image=[Image(np.full((20, 20), np.nan, np.float32), "YX")]))


def test_a_constant_image(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    result = apply(session, trained, table(Image=[Image(np.full((40, 40), 9, np.uint8), "YX")]))
    assert "same value" in result.warnings[0]


def test_other_pixel_size(session: Any, table: Callable[..., Any]) -> None:
    from tests.nodes.samples import TINY

    image, labels = disks()
    near, far = ({"Y": size, "X": size} for size in (0.5, 2.0))
    learner = session.node("SegmentationLearner").set(**TINY)
    model = learner.execute(table(Image=[replace(image, pixel_size=near)], Labels=[labels]), None)[0]
    assert not apply(session, model, table(Image=[replace(image, pixel_size=near)])).warnings
    assert "2 µm" in apply(session, model, table(Image=[replace(image, pixel_size=far)])).warnings[0]


def test_bytes_that_are_no_image(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    import pyarrow as pa

    arrow = table(Image=[disks()[0]]).to_pyarrow()
    kind = arrow.column("Image").type
    broken = pa.ExtensionArray.from_storage(kind, pa.array([b"hello"], pa.large_binary()))
    with refused("Row 'Row0', column 'Image'.*no image"):
        apply(session, trained, session.make_table(arrow.set_column(1, "Image", broken), row_ids="keep"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_column": "Name"}, "'Name' is of the type text"),
        ({"image_column": "Gone"}, "no column 'Gone'"),
        ({"output_column": " "}, "no name"),
        ({"computing": {"tile": 10}}, "at least 64"),
    ],
)
def test_settings_that_cannot_be(
    session: Any, trained: Any, examples: Any, refused: Any, settings: Any, message: str
) -> None:
    with refused(message):
        session.node("SegmentationPredictor").set(**settings).configure(trained, examples)


def test_a_table_without_images(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("no column that could be the image column"):
        session.node("SegmentationPredictor").configure(trained, table(Name=["a"]))


def test_manual_thresholds(session: Any, trained: Any, examples: Any) -> None:
    strict = {"source": "MANUAL", "probability": 1.0}
    frame = apply(session, trained, examples, thresholds=strict)[0].to_pandas()
    assert (frame["Object count"] == 0).all()
    html = apply(session, trained, examples, thresholds=strict).view_html
    assert "probability 1.00" in html


def test_cancel(session: Any, trained: Any, examples: Any) -> None:
    node = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"})
    with pytest.raises(Exception, match="Canceled"):
        node.execute(trained, examples, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.3)


def test_no_space_for_the_table(
    session: Any, trained: Any, examples: Any, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("nodes.cells.RowWriter.add", full)
    with refused("The disk that holds the tables .* is full. Free some space"):
        apply(session, trained, examples)


def test_cancel_within_an_image(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    node = session.node("SegmentationPredictor").set(computing={"engine": "TORCH", "tile": 64})
    seen: list[str] = []

    def cancel(ctx: Any) -> bool:
        seen[:] = [message for _, message in ctx.progress if message]
        return seen[-1:] == ["Row0 (1 of 1): tile 2 of 16"]

    with pytest.raises(Exception, match="Canceled"):
        node.execute(trained, table(Image=[disks(256)[0]]), cancel=cancel)
    assert seen[-1] == "Row0 (1 of 1): tile 2 of 16"


def test_the_view_shows_as_many_images_as_asked_for(session: Any, trained: Any, examples: Any) -> None:
    html = apply(session, trained, examples, shown=2, previews=False).view_html
    assert "The first 2 of 10 images. How many" in html
    html = apply(session, trained, examples, shown=2).view_html
    assert "The first 2 of 10 images. All are in KNIME&#x27;s Table View, in a column of previews." in html
    assert html.count('"title":"Row') == 2


CERTAINTY = ["Object count, mean of orientations", "Object count, standard deviation", "Object agreement"]


def test_how_sure_the_count_is(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    """The labels are those of before; the view begins with the image whose objects change most."""
    pairs = [disks(seed=i)[0] for i in range(3)]
    images = table(Image=[pairs[0], None, pairs[1], pairs[2]])
    plain = apply(session, trained, images, previews=False)
    result = apply(session, trained, images, previews=False, uncertainty=True)
    assert list(result[0].column_names) == ["Image", "Predicted labels", "Object count", *CERTAINTY]
    assert result[0].column_values("Predicted labels") == plain[0].column_values("Predicted labels")
    frame = result[0].to_pandas()
    assert frame.loc["Row1", CERTAINTY].isna().all()
    known = frame.drop("Row1")
    assert known["Object agreement"].between(0, 1).all()
    assert (known[CERTAINTY[1]] >= 0).all()
    assert (abs(known[CERTAINTY[0]] - known["Object count"]) <= 7 * known[CERTAINTY[1]] + 1e-9).all()
    sorted_ids = known.sort_values("Object agreement", kind="stable").index.tolist()
    assert titles(result) == sorted_ids
    assert "found again" in result.view_html
    one = apply(session, trained, images, uncertainty=True, shown=1)
    assert titles(one) == sorted_ids[:1]
    assert "The least certain 1 of 3 images" in one.view_html
    assert titles(plain) == ["Row0", "Row2", "Row3"]


def titles(result: Any) -> list[str]:
    """The images of a view, in its order."""
    found = re.search(r'id="data">(.*?)</script>', result.view_html, re.DOTALL)
    assert found
    return [slide["title"] for slide in json.loads(found[1])["slides"]]


def test_how_sure_the_count_in_a_stack_is(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    planes = [disks(seed=i)[0].array for i in range(2)]
    result = apply(session, trained, table(Image=[Image(np.stack(planes), "ZYX")]), uncertainty=True)
    assert decode(result[0].column_values("Predicted labels")[0]).axes == "ZYX"
    assert result[0].to_pandas()[CERTAINTY].notna().all(axis=None)


def test_canceling_between_orientations(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    node = session.node("SegmentationPredictor").set(computing={"engine": "TORCH", "device": "CPU"}, uncertainty=True)
    with pytest.raises(Exception, match="Canceled"):
        node.execute(
            trained,
            table(Image=[disks()[0]]),
            cancel=lambda ctx: any("orientation 3 of 8" in message for _, message in ctx.progress),
        )
