"""Runs that nobody watches: where little can be written, several at once, on full disks, stopped from outside."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tests.headless.toy import CLI, FOLDER, build, failing, product, started

from headless.backend import load_extension
from headless.cli import main
from headless.workflow_builder import build_workflow
from headless.workflow_template import Template, TemplateNode

ROOT = Path(__file__).parents[2]
FIRST = ROOT / "workflows" / "01_Train_and_count_nuclei"

ONLY_THERE = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"'
"""A folder can be written, nothing else on its disk."""

SMALL_DISK = 'mount -t tmpfs -o size=2m none "$0" && "$@"; code=$?; echo left: $(ls -A "$0"); exit $code'
"""A folder becomes a disk of 2 MB; it is gone with the command, which therefore says what is left on it."""

Confined = Callable[[str, Path], list[str]]


@cache
def can_confine() -> bool:
    words = ["unshare", "-rm", "sh", "-c", "mount -o remount,bind,ro / && mount -t tmpfs none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


@pytest.fixture
def confined() -> Confined:
    """The words before a command that show it other disks: the script, and the folder that it is about."""
    if not can_confine():
        pytest.skip("needs Linux with user namespaces")
    return lambda script, folder: ["unshare", "-rm", "sh", "-c", script, str(folder)]


COUNT = Template(
    description="Count the nuclei in an image.",
    nodes=[
        TemplateNode(1, "MicroscopyImageReader", parameters={"folder": "test"}),
        TemplateNode(2, "PretrainedSegmentationModel"),
        TemplateNode(3, "SegmentationPredictor"),
        TemplateNode(4, "InstanceCounter"),
        TemplateNode(5, "SegmentationLabelWriter", uses={"folder": "output_folder"}),
    ],
    connections=[
        (1, "Images", 3, "Images"),
        (2, "Model", 3, "Model"),
        (3, "Segmented images", 4, "Label images"),
        (3, "Segmented images", 5, "Label images"),
    ],
    variables={"output_folder": "results"},
)


def test_two_runs_at_once_where_only_the_temporary_folder_can_be_written(tmp_path: Path, confined: Confined) -> None:
    """Installation, workflow and home are read-only, and no kernel was ever compiled."""
    workflow, installation, temp = tmp_path / "w", tmp_path / "installation", tmp_path / "temp"
    build_workflow(workflow, load_extension(ROOT), COUNT)
    image = min((FIRST / "data/test/images").iterdir())
    for folder in (workflow / "data/test/images", temp):
        folder.mkdir(parents=True)
    shutil.copy(image, workflow / "data/test/images")
    shutil.copytree(ROOT / "src", installation / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "knime.yml", installation)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(installation / "src"), "HOME": str(tmp_path / "nowhere"), "TMPDIR": str(temp)}
    words = [*confined(ONLY_THERE, temp), sys.executable, "-c", CLI, "run", str(workflow), "--out"]
    runs = [
        subprocess.Popen(
            [*words, str(temp / name)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert "warning" not in "".join(said).lower()
    one, two = ({path.name: path for path in (temp / name).iterdir()} for name in ("one", "two"))
    assert set(one) == set(two) >= {"report.html", "counts.csv", f"{image.stem}.ome.tif"}
    assert one["objects.csv"].read_bytes() == two["objects.csv"].read_bytes()
    left = {path.name for path in temp.iterdir()} - {"one", "two"}
    assert all(name.startswith(("microseg-numba", "torchinductor")) for name in left)


def test_results_that_would_have_no_place_are_found_before_the_run(tmp_path: Path, confined: Confined) -> None:
    nodes = (TemplateNode(1, "NumberSource"), TemplateNode(2, "TextWriter", uses={"folder": "output_folder"}))
    folder = build(tmp_path / "w", nodes, ((1, "Numbers", 2, "Numbers"),), {"output_folder": "results"})
    temp = tmp_path / "temp"
    temp.mkdir()
    for more, code in (((), 3), (("--out", temp / "out"), 0)):
        with started("run", folder, *more, prefix=confined(ONLY_THERE, temp), TMPDIR=str(temp)) as process:
            _, said = process.communicate()
        assert (process.returncode, "[1/2]" in said) == (code, code == 0)
        assert ("Name a folder of your own with --out" in said) == (code == 3)


def test_the_second_run_into_one_folder_is_refused(tmp_path: Path) -> None:
    folder, out = failing(tmp_path / "w", "wait"), tmp_path / "out"
    with started("run", folder, "--out", out) as first:
        assert first.stderr is not None
        while not first.stderr.readline().startswith("[1/4]"):
            pass
        with started("run", product(tmp_path / "other"), "--out", out) as second:
            _, said = second.communicate()
        assert (second.returncode, "[1/3]" in said) == (2, False)
        assert "Another run is writing its results here. Wait until it is done, or choose another folder." in said
        first.terminate()
        first.stderr.read()
    assert first.returncode == 4
    assert "report.html" in os.listdir(out)
    with started("run", product(tmp_path / "third"), "--out", out) as third:
        third.communicate()
    assert third.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="signals are sent")
def test_a_signal_while_the_workflow_is_loaded(tmp_path: Path) -> None:
    code = """
import os, signal, sys
import headless.cli as cli

load = cli.load_extension
cli.load_extension = lambda folder: (os.kill(os.getpid(), signal.SIGTERM), load(folder))[1]
sys.exit(cli.main())
"""
    temp, out = tmp_path / "temp", tmp_path / "out"
    temp.mkdir()
    with started("run", product(tmp_path / "w"), "--out", out, code=code, TMPDIR=str(temp)) as process:
        _, said = process.communicate()
    assert process.returncode == 4
    assert "Canceled." in said
    assert list(temp.iterdir()) == []
    assert not (out / "running.lock").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent")
def test_a_run_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with started("run", failing(tmp_path / "w", "wait"), "--out", out, TMPDIR=str(tmp_path)) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("[1/4]"):
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (out / "running.lock").exists()
    assert main(["--extension", str(FOLDER), "run", str(product(tmp_path / "v")), "--out", str(out)]) == 0
    assert not (out / "running.lock").exists()


def test_no_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    assert main(["--extension", str(FOLDER), "run", str(product(tmp_path / "w"))]) == 2
    assert "Set the environment variable TMPDIR" in capsys.readouterr().err


def many(folder: Path) -> Path:
    """A table of some megabytes."""
    return build(folder, (TemplateNode(1, "NumberSource", "Many", parameters={"count": 300_000}),))


@pytest.mark.parametrize("full", ["temp", "out"])
def test_a_full_disk_is_named_and_nothing_is_half_there(tmp_path: Path, confined: Confined, full: str) -> None:
    disk, other = tmp_path / full, tmp_path / "other"
    for folder in (disk, other):
        folder.mkdir()
    out, temp = (other, disk) if full == "temp" else (disk, other)
    prefix = confined(SMALL_DISK, disk)
    with started("run", many(tmp_path / "w"), "--out", out, prefix=prefix, TMPDIR=str(temp)) as process:
        printed, said = process.communicate()
    assert process.returncode == 4
    assert "Traceback" not in said
    where = "disk of the temporary folder is full" if full == "temp" else "the disk is full. Free some space"
    assert where in said
    assert printed.splitlines()[-1] == ("left:" if full == "temp" else "left: report.html")
