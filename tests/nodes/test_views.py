import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from tests.nodes.samples import disks


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

    values = [None, float("nan"), 3, 0.0, 0.12345, 12.0, 12345.6, 1e-5, "text"]
    assert [number(v) for v in values] == ["?", "?", "3", "0", "0.123", "12", "12,346", "1.0e-05", "text"]


def test_texts_are_escaped() -> None:
    from nodes.views.html import page, table

    html = page("<a>", table(["<b>"], [["<i>&"]]))
    assert "<i>" not in html
    assert "&lt;i&gt;&amp;" in html


def picture(uri: str) -> Any:
    return np.array(PIL.Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_outlines_are_the_rims_of_objects() -> None:
    from nodes.views.overlay import slide

    image, labels = disks()
    one = slide("a", "", image, [(labels.array, "#ff0000")])
    drawn = picture(one.layers[0])
    rim = drawn[..., 3] > 0
    assert picture(one.picture).shape[:2] == rim.shape == (64, 64)
    assert (labels.array[rim] > 0).all()
    assert (drawn[rim] == [255, 0, 0, 255]).all()
    assert 0 < rim.sum() < (labels.array > 0).sum()


def test_large_images_are_reduced() -> None:
    from nodes.views.overlay import LONGEST, slide

    image, labels = disks(90)
    big = replace(image, array=np.tile(image.array, (1, 25))[:, : 2 * LONGEST + 1])
    one = slide("a", "", big, [(np.tile(labels.array, (1, 25))[:, : 2 * LONGEST + 1], "#ff0000")])
    assert picture(one.picture).shape[:2] == picture(one.layers[0]).shape[:2] == (30, 683)


def test_the_page_loads_nothing_and_cannot_be_broken_by_names() -> None:
    from nodes.views.overlay import overlay_page, slide

    image, labels = disks()
    html = overlay_page(
        "t", "n", [("Outlines", "#fff")], [slide("</script><b>", "", image, [(labels.array, "#ffffff")])]
    )
    assert html.count("</script>") == 1
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:|//)", html)
