"""How the kernels of this package are compiled."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(kernel: F) -> F:
    """Compile a kernel with numba: one thread, without the interpreter's lock, kept on disk for the next start.

    Kernels stay on the thread that calls them: several patches or images at a time use several processors, and
    never more threads than the caller has started.

    They are kept where numba keeps them: in NUMBA_CACHE_DIR, beside the source, or in the user's cache folder. Where
    none of these may be written, as on servers, they are kept in the temporary folder, or not at all.
    """
    try:
        return _compiled(kernel, cache=True)
    except RuntimeError:  # numba found no place
        folder = _private_folder()
    if folder is None:
        return _compiled(kernel, cache=False)
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return _compiled(kernel, cache=True)


def _compiled(kernel: F, *, cache: bool) -> F:
    return cast(F, numba.njit(nogil=True, cache=cache, error_model="numpy")(kernel))


def _private_folder() -> Path | None:
    """A folder among the temporary ones that nobody else can write into, since what lies there is executed."""
    user = getattr(os, "getuid", lambda: None)()  # Windows has temporary folders for each user
    folder = Path(tempfile.gettempdir()) / ("microseg-numba" if user is None else f"microseg-numba-{user}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if user is not None and (found.st_uid != user or found.st_mode & 0o022):
            return None
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder
