"""Where compiled kernels are kept: nowhere that others could write, and never a reason to fail."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching

from core.geometry.compiled import compiled


def double(number: float) -> float:
    return 2 * number


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder, the only place that can be written."""
    ensure: Any = caching._CacheLocator.ensure_cache_path

    def ensure_there(self: Any) -> None:
        if not Path(self.get_cache_path()).is_relative_to(tmp_path):
            raise PermissionError(self.get_cache_path())
        ensure(self)

    monkeypatch.setattr(caching._CacheLocator, "ensure_cache_path", ensure_there)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return list(folder.rglob("*.nbc"))


def test_kernels_are_kept_in_the_temporary_folder_where_nothing_else_can_be_written(temp: Path) -> None:
    assert compiled(double)(2.0) == 4.0
    (folder,) = temp.iterdir()
    assert kept(folder)
    again: Any = compiled(double)
    assert again(2.0) == 4.0
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.skipif(os.name == "nt", reason="has temporary folders for each user")
@pytest.mark.parametrize("trap", ["writable by others", "somebody else's", "a link", "a file"])
def test_what_others_could_have_written_is_not_executed(temp: Path, trap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = temp / f"microseg-numba-{os.getuid()}"
    if trap == "a file":
        folder.write_bytes(b"")
    elif trap == "a link":
        (temp / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(temp / "elsewhere")
    else:
        folder.mkdir(mode=0o700)
    if trap == "writable by others":
        folder.chmod(0o777)
    if trap == "somebody else's":
        other = os.getuid() + 1
        folder.rename(temp / f"microseg-numba-{other}")
        monkeypatch.setattr(os, "getuid", lambda: other)
    assert compiled(double)(2.0) == 4.0
    assert kept(temp) == []
