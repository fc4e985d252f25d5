"""The report: one page that loads nothing, tables as CSV files written whole or not at all."""

import csv
import io
import os
import re
from html import unescape
from pathlib import Path

import pyarrow as pa
import pytest

from core.errors import OutputError
from headless.report import page, write_results
from headless.results import NodeResult, RunResult, Status, TableResult
from headless.tables import as_html, as_text, readable, write_csv
from headless.workflow import NodeEntry, Workflow

COUNTS = pa.table(
    {
        "<RowID>": ["Row0", "Row1", "Row2"],
        "name": ["a, b", "c", None],
        "count": pa.array([12, 7, 0], pa.int32()),
        "area": [1.23456789, 12345.678, None],
        "edge": [True, False, None],
        "tags": [["x", "y"], [], None],
        "image": pa.array([b"\x00", b"\x01", None], pa.large_binary()),
    }
)


def node(identity: int, status: Status = Status.EXECUTED, **more: object) -> NodeResult:
    entry = NodeEntry(identity, "NativeNode", "Instance Counter", "Count <nuclei>")
    return NodeResult(entry, status, 1.5, **more)  # type: ignore[arg-type]


def table(port: str = "Counts", is_leaf: bool = True) -> TableResult:
    return TableResult(port, lambda: COUNTS, is_leaf)


def run(*nodes: NodeResult) -> RunResult:
    return RunResult(Workflow(Path("x"), "01_Train_and_count", "Counts <nuclei>.", (), (), {}), nodes)


VIEW = '<!doctype html><p class="a">It\'s a view</p><script>document.title = "x & y"</script>'
FULL = run(
    node(1, tables=(table(is_leaf=False),), view=VIEW, settings={"Epochs": 30, "Training / Flip": True}),
    node(2, Status.FAILED, error="No <labels>.", warnings=("Row 3 is empty.",)),
    node(3, Status.SKIPPED),
)


def test_images_are_left_out_of_what_people_read() -> None:
    assert readable(COUNTS).column_names == ["<RowID>", "name", "count", "area", "edge", "tags"]


def test_csv_holds_exact_values() -> None:
    text = io.StringIO()
    write_csv(COUNTS, text)
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert rows == [
        ["RowID", "name", "count", "area", "edge", "tags"],
        ["Row0", "a, b", "12", "1.23456789", "true", "x; y"],
        ["Row1", "c", "7", "12345.678", "false", ""],
        ["Row2", "", "0", "", "", ""],
    ]


def test_text_is_aligned_and_rounded() -> None:
    assert as_text(COUNTS, max_rows=2).splitlines() == [
        "RowID  name  count     area  edge   tags",
        "Row0   a, b     12    1.235  true   x, y",
        "Row1   c         7  12345.7  false",
        "... and 1 more rows",
    ]


def test_columns_that_hold_nothing_take_no_room() -> None:
    table = pa.table({"<RowID>": ["Row0"], "gone": pa.array([None], pa.float64()), "here": [1]})
    assert as_text(table).splitlines() == ["RowID  here", "Row0      1"]


def test_empty_tables_are_shown_too() -> None:
    assert as_text(COUNTS.slice(0, 0)) == "RowID  name  count  area  edge  tags"
    assert "0 rows" in as_html(COUNTS.slice(0, 0))


def test_html_tables_say_what_they_leave_out() -> None:
    html = as_html(COUNTS, max_rows=2)
    assert "3 rows, the first 2 shown, 1 image column left out" in html
    assert html.count("<tr>") == 3


def test_the_page_is_self_contained_and_escapes_what_it_shows() -> None:
    text = page(FULL)
    assert text.startswith("<!doctype html>")
    assert not re.search(r"https?:|//[a-z]|<link|@import|\bsrc=", text)
    assert "Counts &lt;nuclei&gt;." in text
    assert "No &lt;labels&gt;." in text
    assert "1 of 3 nodes executed" in text
    assert "<dt>Training / Flip</dt><dd>yes</dd>" in text


def test_views_are_whole_and_locked_in() -> None:
    frame = re.search(r'<iframe title="[^"]*" sandbox="allow-scripts" srcdoc="([^"]*)"></iframe>', page(FULL))
    assert frame
    assert unescape(frame[1]).startswith(VIEW)


def test_files_are_named_after_ports(tmp_path: Path) -> None:
    two = (TableResult("Counts per image", lambda: COUNTS, True), table())
    written = write_results(run(node(1, tables=two), node(4, tables=(table(), table("Used", False)))), tmp_path)
    names = [path.name for path in written]
    assert names == ["report.html", "counts_per_image.csv", "counts_1.csv", "counts_4.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_table_that_cannot_be_read_leaves_the_old_file(tmp_path: Path) -> None:
    tables = [COUNTS]  # read once for the report

    def load() -> pa.Table:
        if not tables:
            raise OutputError("gone")
        return tables.pop()

    (tmp_path / "counts.csv").write_text("old")
    with pytest.raises(OutputError):
        write_results(run(node(1, tables=(TableResult("Counts", load, True),))), tmp_path)
    assert (tmp_path / "counts.csv").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["counts.csv", "report.html"]
