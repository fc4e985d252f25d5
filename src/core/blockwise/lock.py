"""One run at a time in a folder."""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from core.errors import OutputError
from core.io.write import make_folder, output_error

BEAT = 10.0
"""Seconds between two signs of life."""

SILENCE = 60.0
"""Seconds without one after which a run on another computer is taken to be dead."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a folder, which is made, for the time of the context.

    A lock that a killed run has left does not count: its process is gone, or it gives no sign of life.

    Raises
    ------
    OutputError : another run is at work in the folder, or it cannot be written.
    """
    made = not folder.exists()
    path = make_folder(folder) / "running.lock"
    try:
        _remove_dead(path)
        with path.open("x", encoding="utf-8") as file:  # fails where another run was quicker
            json.dump({"host": socket.gethostname(), "process": os.getpid()}, file)
    except FileExistsError:
        raise OutputError(
            "Another run is writing its results here.",
            where=str(folder),
            todo="Wait until it is done, or choose another folder.",
        ) from None
    except OSError as error:
        raise output_error(path, error) from error
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    beating.start()
    try:
        yield
    finally:
        stop.set()
        beating.join()
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if made:
                folder.rmdir()  # only if nothing has come into it


def _remove_dead(path: Path) -> None:
    """Remove a lock that nobody holds. It is moved first: of two runs that find it, one succeeds."""
    while path.exists() and not _alive(path):
        aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with suppress(FileNotFoundError):
            path.rename(aside)
            if _alive(aside):  # another run was quicker: it is this one's lock
                aside.rename(path)
                return
            aside.unlink()


def _alive(path: Path) -> bool:
    with suppress(OSError, ValueError, LookupError, TypeError):  # it is being written
        owner = json.loads(path.read_text("utf-8"))
        if owner["host"] == socket.gethostname() and owner["process"] != os.getpid():
            return bool(psutil.pid_exists(owner["process"]))
    with suppress(OSError):
        return time.time() - path.stat().st_mtime < SILENCE
    return False


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            path.touch()
