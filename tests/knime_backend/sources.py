"""KNIME's own Python sources: from a git folder or a tree of github.com/knime/knime-python onto Python's path.

They are licensed under the GPL and only ever read where a developer has put them; nothing of them is part of Microseg.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VARIABLE = "KNIME_PYTHON_SOURCE"
REVISION = "KNIME_PYTHON_REVISION"
"""The environment's name for what is taken of a git folder: a tag such as analytics-platform/5.10.0, else HEAD."""

_LAUNCHER = "org.knime.python3.nodes/src/main/python"
_BEFORE = (
    "org.knime.python3/src/main/python",
    "org.knime.python3.arrow/src/main/python",
    "org.knime.python3.views/src/main/python",
)
_AFTER = ("org.knime.python3.arrow.types/src/main/python",)
CELL_TYPES = "org.knime.python3.arrow.types/plugin.xml"


def export(source: str = "") -> Path:
    """The folder with KNIME's Python sources; those of a git folder are put into a temporary one.

    Raises
    ------
    ValueError : no source is given, neither here nor by the environment.
    """
    source = source or os.environ.get(VARIABLE, "")
    if not source:
        raise ValueError(f"Set {VARIABLE} to a git folder or a tree of github.com/knime/knime-python.")
    if (Path(source) / _LAUNCHER).is_dir():
        return Path(source)
    head = _git(source, "rev-parse", os.environ.get(REVISION, "HEAD") + "^{commit}").decode().strip()
    target = Path(tempfile.gettempdir()) / f"knime-python-{os.getuid()}-{head[:12]}"
    if not (target / CELL_TYPES).exists():
        data = _git(source, "archive", "--format=tar", head, _LAUNCHER, *_BEFORE, *_AFTER, CELL_TYPES)
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(target, filter="data")
    return target


def put_on_path(root: Path, extension: Path | None = None) -> None:
    """KNIME's folders first on Python's path, an extension's sources where KNIME puts them."""
    folders = [root / path for path in (_LAUNCHER, *_BEFORE)]
    folders += [extension] if extension else []
    folders += [root / path for path in _AFTER]
    for folder in map(str, reversed(folders)):
        if folder in sys.path:
            sys.path.remove(folder)
        sys.path.insert(0, folder)


def _git(source: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", source, *arguments], check=True, stdout=subprocess.PIPE).stdout
