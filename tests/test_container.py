"""The recipe of the image: what it copies is there, gets through .dockerignore, and is enough."""

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "Containerfile").read_text()
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
COPIED = [
    name
    for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", RECIPE)
    for name in line.split()[:-1]  # the last one is where to
]


def sent(path: str) -> bool:
    """Whether the builder gets a file: the last pattern that fits it, or a folder that it is in, decides."""
    ways = [str(part) for part in (PurePosixPath(path), *PurePosixPath(path).parents)]
    result = True
    for line in IGNORED:
        pattern = line.lstrip("!")
        if any(fnmatch(way, pattern.removeprefix("**/")) or fnmatch(way, pattern.replace("**", "*")) for way in ways):
            result = line.startswith("!")
    return result


def tracked() -> list[str]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs the repository's list of files")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [name for name in files.split("\0") if name and (ROOT / name).exists()]


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    assert set(COPIED) >= {"constraints.txt", "pyproject.toml", "knime.yml", "src", "workflows"}
    assert all((ROOT / name).exists() for name in COPIED)
    for path in tracked():
        wanted = any(path == name or path.startswith(f"{name}/") for name in COPIED)
        assert sent(path) == wanted, path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/core/__pycache__/errors.cpython-311.pyc", False),
        ("src/microseg.egg-info/PKG-INFO", False),
        ("workflows/01_Train_and_count_nuclei/data/results/model.microseg", False),
        (".venv/bin/python", False),
        (".git/HEAD", False),
        ("out/demo/report.html", False),
        ("src/core/errors.py", True),
        ("workflows/01_Train_and_count_nuclei/workflow.knime", True),
    ],
)
def test_what_is_made_on_the_way_stays_out(path: str, expected: bool) -> None:
    assert sent(path) == expected


def test_the_program_runs_from_what_is_copied(tmp_path: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, tmp_path)
    code = "import sys; from headless.cli import main; sys.exit(main())"
    words = ["run", "workflows/01_Train_and_count_nuclei", "-noexecute"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    subprocess.run([sys.executable, "-P", "-c", code, *words], cwd=tmp_path, env=environment, check=True)


def test_the_image_runs_as_nobody_in_particular() -> None:
    user = re.search(r"(?m)^USER (\d+):(\d+)$", RECIPE)  # a number: Kubernetes can check that it is not root
    assert user is not None
    assert int(user[1]) > 1000
    assert 'ENTRYPOINT ["microseg"]' in RECIPE
    assert RECIPE.rstrip().splitlines()[-1].startswith("CMD")
