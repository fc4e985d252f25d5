import base64
import io
import re
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from tests.nodes.samples import disks

from core.image import Image
from core.visual import outlines


@pytest.fixture(autouse=True)
def _loaded(session: Any) -> None:
    """The nodes can be imported once the extension is loaded."""


def test_lines_lie_where_their_points_are() -> None:
    from nodes.views.charts import line_chart

    svg = ElementTree.fromstring(line_chart({"a <b>": [(1, 0.0), (2, 4.0)]}, "x", "y & z", (2, "best")))
    line = next(e for e in svg.iter() if e.tag.endswith("polyline"))
    (x1, y1), (x2, y2) = ([float(n) for n in point.split(",")] for point in line.attrib["points"].split())
    assert x1 < x2
    assert y1 > y2
    texts = [e.text for e in svg.iter() if e.text]
    assert {"a <b>", "y & z", "best", "0", "4"} <= set(texts)


@pytest.mark.parametrize("points", [[], [(1, 0.5)], [(1, float("nan")), (2, 1e-9)], [(1, 1e6), (300, 2.0)]])
def test_charts_of_odd_data(points: Any) -> None:
    from nodes.views.charts import bar_chart, line_chart

    ElementTree.fromstring(line_chart({"a": points}, "x", "y"))
    ElementTree.fromstring(bar_chart([(str(x), y) for x, y in points], "n"))


def test_ticks_are_plain_numbers() -> None:
    from nodes.views.charts import line_chart

    def ticks(points: Any) -> list[str]:
        chart = ElementTree.fromstring(line_chart({"a": points}, "x", "y"))
        return [e.text for e in chart.iter() if e.text and re.fullmatch(r"[0-9.e-]+", e.text)]

    assert ticks([(0.5, 0.0), (1.0, 0.0)])[:6] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert ticks([(1, 0.0), (3, 1.0)])[6:] == ["1", "2", "3"]


def test_numbers_are_readable() -> None:
    from nodes.views.html import number

    values = [None, float("nan"), 3, 0.0, 0.12345, 0.0092, 12.0, 12345.6, 1e-5, "text"]
    assert [number(v) for v in values] == ["?", "?", "3", "0", "0.123", "0.0092", "12", "12,346", "1.0e-05", "text"]


def test_texts_are_escaped() -> None:
    from nodes.views.html import page, table

    html = page("<a>", table(["<b>"], [["<i>&"]]))
    assert "<i>" not in html
    assert "&lt;i&gt;&amp;" in html


def test_a_table_that_sorts_links_and_selects() -> None:
    from nodes.views.html import table

    rows: list[list[Any]] = [["a", 0.5], ["<b>", None]]
    html = table(["Image", "AP"], rows, ids=['x"', "y"], slides=[3, None], sortable=True)
    assert html.count("data-slide=") == 1
    assert '<button type="button" class="link" data-slide="3" title="Show the image">a</button>' in html
    assert 'data-row="x&quot;"' in html
    assert 'data-v="0.5"' in html
    assert html.count("data-sort") == 2
    assert "data-" not in table(["Image", "AP"], rows)


def test_tables_say_what_they_leave_out() -> None:
    from nodes.views.html import table

    rows = [[i] for i in range(5)]
    assert "<p>The first 3 of 5 rows. Sorting covers these rows.</p>" in table(["n"], rows, 3, sortable=True)
    assert "<p>The first 3 of 5 rows.</p>" in table(["n"], rows, 3)
    assert "<p>" not in table(["n"], rows, 5, sortable=True)


def test_charts_say_what_they_leave_out() -> None:
    from core.measurement.groups import groups
    from nodes.views.charts import bar_chart, group_chart

    names = [f"a rather long name & number {i}" for i in range(60)]
    bars = bar_chart([(name, 1.0) for name in names], "n")
    by_group = group_chart(groups([(name, 1.0, None) for name in names]), "n")
    for chart, shown, line in [(bars, 40, "The first 40 of 60."), (by_group, 24, "The first 24 of 60 groups.")]:
        svg = ElementTree.fromstring(chart)
        assert [e.text for e in svg.iter() if e.tag.endswith("title")] == names[:shown]
        (said,) = (e for e in svg.iter() if e.text == line)
        assert float(said.attrib["y"]) < float(svg.attrib["height"])
    for chart in (bar_chart([("a", 1.0)] * 40, "n"), group_chart(groups([("a", 1.0, None)]), "n")):
        assert "The first" not in chart
        assert "<title>" not in chart


def test_groups_lie_where_their_counts_are() -> None:
    from core.measurement.groups import groups
    from nodes.views.charts import group_chart

    found = groups([("a & b", 2.0, None), ("a & b", 4.0, None), ("c", 8.0, None)])
    svg = ElementTree.fromstring(group_chart(found, "Objects"))
    points = [(float(e.attrib["cx"]), float(e.attrib["cy"])) for e in svg.iter() if e.attrib.get("fill-opacity")]
    assert len(points) == 3
    assert points[0][1] > points[1][1] > points[2][1]
    assert max(points[0][0], points[1][0]) < points[2][0]
    assert {"a & b", "c"} <= {e.text for e in svg.iter()}
    ElementTree.fromstring(group_chart([], "Objects"))


def decoded(channel: Any) -> Any:
    return np.array(PIL.Image.open(io.BytesIO(base64.b64decode(channel["picture"]))))


def values(channel: Any) -> Any:
    """The image's values back from a channel's picture."""
    part = (decoded(channel) / 255) ** channel["power"]
    return channel["low"] + (channel["high"] - channel["low"]) * part


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
def test_pictures_of_channels_hold_the_values(dtype: Any) -> None:
    from nodes.views.slides import Layer, draft

    image, labels = disks()
    pixels = {np.uint8: image.array // 3, bool: image.array > 300}.get(dtype, image.array).astype(dtype)
    (channel,) = draft("a", "", replace(image, array=pixels), [Layer(labels)], ["#ff0000"]).slide().data["channels"]
    span = channel["high"] - channel["low"]
    assert np.abs(values(channel) - pixels).max() <= span / 128
    if dtype == np.uint16:
        assert np.abs(values(channel) - pixels)[pixels < 120].max() < span / 500
    assert channel["low"] <= channel["auto"][0] < channel["auto"][1] <= channel["high"]


def test_odd_pixels_are_shown() -> None:
    from nodes.views.slides import Layer, draft

    _, labels = disks()
    for array in (np.full((64, 64), np.nan, np.float32), np.zeros((64, 64), np.uint16), np.ones((64, 64), np.int8)):
        (channel,) = draft("a", "", Image(array, "YX"), [Layer(labels)], ["#ff0000"]).slide().data["channels"]
        assert np.isfinite([channel["low"], channel["high"], *channel["auto"]]).all()
        assert decoded(channel).shape == (64, 64)


def test_labels_come_back_from_a_slide() -> None:
    from nodes.views.slides import Layer, draft

    image, labels = disks()
    sparse = replace(labels, array=labels.array * 70_000)
    for factor, side in [(1, 64), (2, 32), (3.2, 20)]:
        one = draft("a", "", image, [Layer(sparse)], ["#ff0000"]).slide(factor)
        (layer,) = one.data["layers"]
        assert (one.data["height"], one.data["width"]) == decoded(one.data["channels"][0]).shape == (side, side)
        raw = zlib.decompress(base64.b64decode(layer["labels"]))
        places = np.frombuffer(raw, np.uint8).reshape(side, side)
        assert layer["ids"] == [70_000 * i for i in range(1, 10)]
        middle = ((np.arange(side) + 0.5) * 64 / side).astype(int)
        assert (np.array([0, *layer["ids"]])[places] == sparse.array[np.ix_(middle, middle)]).all()


def test_what_is_told_of_an_object() -> None:
    from nodes.views.slides import Layer, draft

    image, labels = disks(channels=2)
    labels = replace(labels, pixel_size={"Y": 0.5, "X": 0.5})
    layer = Layer(labels, [i / 10 for i in range(1, 10)], {"Match": list("abcdefghi")})
    measures = draft("a", "", image, [layer], ["#ff0000"]).slide().data["layers"][0]["measures"]
    told = {one["title"]: one["texts"][4] for one in measures}
    area = int((labels.array == 5).sum())
    assert told["Area"] == f"{area} px · {area / 4:.1f} µm²"
    assert re.fullmatch(r"1\d\.\d px · \d\.\d\d µm", told["Diameter"])
    assert told["Probability"] == "0.500"
    assert told["Match"] == "e"
    for number in (1, 2):
        mean = image.array[number - 1][labels.array == 5].mean()
        assert told[f"Mean intensity {number}"] == f"{mean:.0f}"


def test_an_album_keeps_its_budget() -> None:
    from nodes.views.slides import SMALLEST, Album, Layer

    noise = Image(np.random.default_rng(0).integers(0, 4000, (600, 800)).astype(np.uint16), "YX")
    labels = Image(np.zeros((600, 800), np.int32), "YX", kind="labels")
    few, many = (Album(32, rows, ["#ff0000"], 300_000) for rows in (2, 9))
    for album in (few, many):
        for i in range(album.rows):
            album.add(str(i), "", noise, [Layer(labels)])
        assert sum(one.size for one in album.slides) <= 300_000
    assert {one.data["width"] for one in many.slides} == {SMALLEST}
    assert SMALLEST < few.slides[0].data["width"] < 800
    assert few.note("first") == "2 images."
    assert 0 < len(many.slides) < 9
    assert many.is_full
    assert many.note("worst") == (
        f"The worst {len(many.slides)} of 9 images. How many are shown here is set in the node's dialog."
    )
    assert "9 images. They are elsewhere. How" in many.note("first", "They are elsewhere.")


def test_many_objects_do_not_cost_pixels() -> None:
    from nodes.views.slides import Album, Layer

    cells = np.kron(np.arange(1, 65 * 64 + 1).reshape(65, 64), np.ones((8, 8), np.int64))
    many = Image(cells.astype(np.int32), "YX", kind="labels")
    few = replace(many, array=np.minimum(many.array, 9))
    image = Image(np.zeros(many.array.shape, np.uint16), "YX")
    album = Album(2, 2, ["#ff0000"], 200_000)
    album.add("a", "4160 objects", image, [Layer(many)])
    album.add("b", "9 objects", image, [Layer(few)])
    first, second = album.slides
    assert first.data["height"] == 520
    assert first.caption == first.data["caption"] == "4160 objects; too many objects to show their measures"
    assert first.data["layers"][0]["measures"] == []
    assert len(first.data["layers"][0]["ids"]) == 4160
    assert second.caption == "9 objects"
    assert len(second.data["layers"][0]["measures"]) > 1
    roomy = Album(2, 2, ["#ff0000"])
    roomy.add("a", "4160 objects", image, [Layer(many)])
    assert roomy.slides[0].data["layers"][0]["measures"]


def test_large_images_are_reduced() -> None:
    from nodes.views.slides import LONGEST, Album, Layer

    image, labels = disks(90)
    wide = (np.tile(one.array, (1, 25))[:, : 2 * LONGEST + 1] for one in (image, labels))
    album = Album(1, 1, ["#ff0000"])
    big, big_labels = (replace(one, array=array) for one, array in zip((image, labels), wide, strict=True))
    album.add("a", "", big, [Layer(big_labels)])
    assert (album.slides[0].data["height"], album.slides[0].data["width"]) == (45, 1024)


def test_a_sheet_of_images_for_reports() -> None:
    from nodes.views.slides import Album, Layer

    image, labels = disks()
    album = Album(32, 14, ["#ff0000"])
    assert PIL.Image.open(io.BytesIO(album.sheet())).size[0] > 0
    for i in range(14):
        album.add(f"Row µ漢{i}", "", image if i else None, [Layer(labels)])
    picture = np.array(PIL.Image.open(io.BytesIO(album.sheet())).convert("RGB")).astype(int)
    assert picture.shape[1] == 4 * 240 + 5 * 12
    red = (picture == [255, 0, 0]).all(-1)
    assert red.sum() == 12 * outlines(labels.array).sum()


def test_the_page_loads_nothing_and_cannot_be_broken_by_names() -> None:
    from nodes.views.found import found_view
    from nodes.views.slides import Album, Layer

    image, labels = disks()
    album = Album(1, 1, ["#ffffff"])
    album.add("</script><b>", "<i>", image, [Layer(labels, (), {"<u>": ["</script>"] * 9})])
    html = found_view(album, {"prob": 0.5}, "<s>", previews=True).html
    assert html.count("</script>") == 2
    assert not re.search("<[bus]>", html)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:|//)", html)


def test_a_view_takes_part_in_knime(monkeypatch: pytest.MonkeyPatch) -> None:
    from nodes.views import node_view

    page = "<!doctype html><html><body>x</body></html>"
    assert node_view.node_view(page, "<svg/>", rows=True).html == page
    monkeypatch.setattr(node_view, "_knime_script", lambda: "service()")
    view = node_view.node_view(page, "<svg/>", b"png", rows=True)
    assert getattr(view, "can_be_used_in_report", True)  # KNIME before 5.7 knows nothing of it
    assert '<template id="report"><svg/><img' in view.html
    assert "<body data-rows>" in view.html
    assert view.html.index("service()") < view.html.index("joinKnime")
    assert "<body>" in node_view.node_view(page, "<svg/>").html


def test_a_knime_without_views_in_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    import knime.extension as knext

    from nodes.views import node_view

    def view_html(html: str, svg_or_png: Any = None, render_fn: Any = None) -> str:
        return html

    monkeypatch.setattr(knext, "view_html", view_html)
    monkeypatch.setattr(node_view, "_knime_script", lambda: "service()")
    assert "service()" in str(node_view.node_view("<body></body>", "<svg/>"))
