"""The command line, end to end on the toy extension: output, files and exit codes."""

import csv
import io
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from tests.headless.knime_nodes import BASE
from tests.headless.stored import Node, metanode, toy_node, write
from tests.headless.test_knime_csv import WRITER, location
from tests.headless.test_knime_csv import writer as csv_writer
from tests.headless.toy import FOLDER, build, failing, product, started

from headless.cli import main
from headless.packing import write_knwf
from headless.workflow_template import TemplateNode

GOLDEN = Path(__file__).parent / "golden"
SOURCE = toy_node(1, "NumberSource")


def microseg(*words: object) -> int:
    return main(["--extension", str(FOLDER), *map(str, words)])


def test_a_run_prints_leaf_tables_and_writes_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert microseg("run", product(tmp_path / "w"), "--out", out) == 0
    printed = capsys.readouterr()
    assert "Multiply: Products\nRowID  product\nRow0         0\nRow1         2\nRow2         4\n" in printed.out
    assert f"Report: {out.resolve() / 'report.html'}" in printed.out
    assert "[3/3] Multiplier (#3) 'Multiply'  done" in printed.err
    assert sorted(path.name for path in out.iterdir()) == ["products.csv", "report.html"]
    rows = list(csv.reader(io.StringIO((out / "products.csv").read_text())))
    assert rows == [["RowID", "product"], ["Row0", "0.0"], ["Row1", "2.0"], ["Row2", "4.0"]]
    report = (out / "report.html").read_text()
    assert "http" not in report
    assert "Factor Maker (#2)" in report
    assert "[0.0, 2.0, 4.0] px" in report


def test_nothing_is_written_into_the_workflow(tmp_path: Path) -> None:
    folder = product(tmp_path / "w")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert microseg("run", folder, "-reset") == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_knime_spelling_variables_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        f"-workflowDir={product(tmp_path / 'w')}",
        "-workflow.variable=how_many,2,int",
        "-workflow.variable=unknown,1,int",
        "-option=1,values/offset,10,int",
        "-reset",
        "-nosave",
    )
    assert microseg("run", *words) == 0
    printed = capsys.readouterr()
    assert "Row0        20\nRow1        22\n" in printed.out
    assert "no variable 'unknown'; it is added" in printed.err


def test_an_archive_runs_and_says_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_knwf(product(tmp_path / "w"), tmp_path / "w.knwf")
    assert microseg("run", tmp_path / "w.knwf") == 0
    assert "data area is lost; --out DIR keeps it" in capsys.readouterr().err
    assert microseg("run", f"-workflowFile={tmp_path / 'w.knwf'}", "--out", tmp_path / "out") == 0
    assert microseg("run", tmp_path / "w" / "workflow.knime") == 0
    assert "lost" not in capsys.readouterr().err


def test_what_is_written_into_an_archive_is_kept_or_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = (TemplateNode(1, "NumberSource"), TemplateNode(2, "TextWriter"))
    folder = build(tmp_path / "w", nodes, ((1, "Numbers", 2, "Numbers"),))
    (folder / "data").mkdir()
    (folder / "data" / "given.txt").write_text("given")
    archive, out = tmp_path / "w.knwf", tmp_path / "out"
    write_knwf(folder, archive)
    assert microseg("run", archive, "--out", out) == 0
    assert (out / "workflow" / "data" / "numbers.txt").read_text() == "3"
    assert [path.name for path in (out / "workflow" / "data").iterdir()] == ["numbers.txt"]
    assert f"Written into the workflow: {out / 'workflow' / 'data' / 'numbers.txt'}" in capsys.readouterr().out
    assert microseg("run", archive) == 4
    assert "an archive, and are lost: data/numbers.txt. Name a folder" in capsys.readouterr().err
    (out / "workflow" / "data" / "numbers.txt").unlink()
    (out / "workflow" / "data").rmdir()
    (out / "workflow" / "data").write_text("")
    assert microseg("run", archive, "--out", out) == 4
    assert "data: There is a file where the folder should be" in capsys.readouterr().err


def test_csv_writers_into_an_archive_are_refused_beforehand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "w.knwf"
    stored = Node(3, f"{BASE}.{WRITER}", csv_writer(location("x/t.csv")), "CSV Writer")
    write_knwf(write(tmp_path / "w", [metanode(2, [stored], [(-1, 0, 3, 1)]), SOURCE], [(1, 1, 2, 0)]), archive)
    assert microseg("run", archive) == 3
    printed = capsys.readouterr().err
    assert "Metanode (#2) > CSV Writer (#3): It writes 'x/t.csv' into the workflow, where it is lost" in printed
    assert "[1/2]" not in printed
    assert microseg("run", archive, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "workflow" / "data" / "x" / "t.csv").read_text().startswith("name,value")
    stored = Node(3, f"{BASE}.{WRITER}", csv_writer(location(str(tmp_path / "t.csv"), "LOCAL")), "CSV Writer")
    write_knwf(write(tmp_path / "v", [stored, SOURCE], [(1, 1, 3, 1)]), archive)
    assert microseg("run", archive) == 0
    assert (tmp_path / "t.csv").exists()


def writer(folder: Path) -> Path:
    nodes = (TemplateNode(1, "NumberSource"), TemplateNode(2, "TextWriter", uses={"folder": "output_folder"}))
    build(folder, nodes, ((1, "Numbers", 2, "Numbers"),), {"output_folder": ""})
    (folder / "data").mkdir()
    return folder


def test_out_sets_the_output_folder_unless_the_user_did(tmp_path: Path) -> None:
    folder, out, other = writer(tmp_path / "w"), tmp_path / "out", tmp_path / "other"
    other.mkdir()
    assert microseg("run", folder, "--out", out) == 0
    assert (out / "numbers.txt").read_text() == "3"
    (out / "numbers.txt").unlink()
    assert microseg("run", folder, "--out", out, f"-workflow.variable=output_folder,{other},String") == 0
    assert (other / "numbers.txt").exists()
    assert not (out / "numbers.txt").exists()
    assert microseg("run", folder) == 0
    assert (folder / "data" / "numbers.txt").exists()


def test_a_failure_is_named_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = failing(tmp_path / "w", "execute")
    assert microseg("run", folder, "--out", tmp_path / "out") == 4
    printed = capsys.readouterr()
    assert "[2/4] Trouble (#2)  FAILED\n      The work went wrong.\n" in printed.err
    assert "Not run, because a node before failed: Trouble (#3)." in printed.err
    assert "Survivor: Numbers" in printed.out
    assert "Traceback" not in printed.err + printed.out
    assert "The work went wrong." in (tmp_path / "out" / "report.html").read_text()
    assert main(["--extension", str(FOLDER), "--debug", "run", str(folder)]) == 4
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "absent"],
        ["run", "-nope"],
        ["run", str(GOLDEN), "-workflow.variable=x"],
        ["run", str(GOLDEN), "-option=x"],
        ["describe", "Nope"],
        ["nope"],
    ],
)
def test_wrong_options_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert microseg(*words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_what_cannot_be_loaded_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert microseg("run", tmp_path) == 3
    assert microseg("run", GOLDEN / "with_knime_nodes") == 3
    assert "is not of org.example.toy" in capsys.readouterr().err
    assert main(["--extension", str(tmp_path), "run", str(GOLDEN / "with_knime_nodes")]) == 3


def test_an_out_folder_that_cannot_be_written_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert microseg("run", product(tmp_path / "w"), "--out", tmp_path / "file" / "out") == 2
    assert "[1/3]" not in capsys.readouterr().err


def test_loading_only_and_ignored_destinations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert microseg("run", product(tmp_path / "w"), "-noexecute", f"-destDir={tmp_path / 'd'}") == 0
    printed = capsys.readouterr()
    assert "[1/3]" not in printed.err
    assert "not saved" in printed.err
    assert not (tmp_path / "d").exists()


def test_nodes_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert microseg("nodes") == 0
    listed = capsys.readouterr().out
    assert "Toy extension 0.3.0 (org.example.toy)" in listed
    assert "Multiplier    Multiplier: Multiplies numbers." in listed
    assert microseg("describe", "number source") == 0
    text = capsys.readouterr().out
    assert "Number Source (NumberSource)" in text
    assert "count  'Count' (integer, default 3, at least 0)" in text
    assert "values/scale  'Values / Scale' (number, default 1, at least 0)" in text
    assert "SQUARE  Square: 0, 1, 4, ..." in text
    assert microseg("describe", "Multiplier") == 0
    text = capsys.readouterr().out
    assert "Extra (table, optional)" in text
    assert "Factor (org.example.toy.factor)" in text
    assert "column  'Column' (column, default not set)" in text


def test_help_comes_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "describe" in capsys.readouterr().out
    assert main(["run", "--help"]) == 0
    assert "output_folder" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="signals are sent")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_cleanly_with_4(tmp_path: Path, number: signal.Signals) -> None:
    folder, temp = failing(tmp_path / "w", "wait"), tmp_path / "temp"
    temp.mkdir()
    with started("run", folder, TMPDIR=str(temp)) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("[1/4] Number Source (#1)  done"):
            pass
        time.sleep(0.5)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 4
    assert "Stopping" in rest
    assert "Trouble (#2)  canceled" in rest
    assert "Traceback" not in rest
    assert list(temp.iterdir()) == []


def test_what_cannot_be_shown_does_not_stop_a_run(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "NumberSource", "µ → ∞", parameters={"name": "→"}),)
    with started("run", build(tmp_path / "w", nodes), PYTHONIOENCODING="ascii") as process:
        printed, rest = process.communicate()
    assert (process.returncode, "Traceback" in rest) == (0, False)
    assert "? ? ?: Numbers" in printed


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_does_not_stop_a_run(tmp_path: Path, stream: str) -> None:
    with started("run", product(tmp_path / "w"), "--out", tmp_path / "out") as process:
        getattr(process, stream).close()
        other = process.stderr if stream == "stdout" else process.stdout
        assert other is not None
        rest = other.read()
    assert process.returncode == 0
    assert "BrokenPipe" not in rest
    assert (tmp_path / "out" / "products.csv").exists()


def test_tables_that_cannot_be_deleted_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where those that are mapped into memory cannot be."""
    unlink = os.unlink

    def refusing(path: str, **more: Any) -> None:
        if str(path).endswith(".arrow"):
            raise PermissionError(path)
        unlink(path, **more)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = product(tmp_path / "w")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refusing)
        assert microseg("run", folder) == 0
