"""How the kernels of this package are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(kernel: F) -> F:
    """Compile a kernel with numba: one thread, without the interpreter's lock, kept on disk for the next start.

    Kernels stay on the thread that calls them: several patches or images at a time use several processors, and
    never more threads than the caller has started.
    """
    return cast(F, numba.njit(nogil=True, cache=True, error_model="numpy")(kernel))
