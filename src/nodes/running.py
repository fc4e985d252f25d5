"""Between a node's `execute` and the library: progress, cancellation, errors and warnings."""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import knime.extension as knext

from core.errors import Canceled, MicrosegError
from core.progress import Progress

MOST_WARNINGS = 5
"""More than so many warnings are summed up."""

NO_MEMORY = (
    "There is not enough memory. Close other programs, choose smaller patches or batches for training, or another "
    "device, or crop the images."
)

NO_SPACE = "The disk that holds the tables between nodes (temporary files) is full. Free some space there."


def progress_of(ctx: Any, name: str = "") -> Progress:
    """The library's progress, shown by KNIME and cancelled from there; every message begins with `name`."""

    def report(fraction: float, message: str) -> None:
        ctx.set_progress(float(fraction), ": ".join(part for part in (name, message) if part))

    return Progress(report, ctx.is_canceled)


@contextmanager
def plain_errors() -> Iterator[None]:
    """The library's errors as KNIME shows them to users: the message alone, without a trace of the program.

    Raises
    ------
    knext.InvalidParametersError : the data, a setting, or a full disk or memory made the work impossible.
    RuntimeError : the user cancelled the node.
    """
    try:
        yield
    except Canceled:
        raise RuntimeError("Canceled") from None
    except MicrosegError as error:
        raise knext.InvalidParametersError(str(error)) from None
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise knext.InvalidParametersError(NO_MEMORY) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise knext.InvalidParametersError(NO_SPACE) from None


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: on a graphics card, or on the computer, of which PyTorch tells in words only."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def warn(ctx: Any, warnings: Iterable[str]) -> None:
    """Show warnings on the node; KNIME shows one text only, so they become one."""
    texts = list(dict.fromkeys(warnings))
    shown = texts[:MOST_WARNINGS]
    if len(texts) > len(shown):
        shown.append(f"... and {len(texts) - len(shown)} more warnings.")
    if shown:
        ctx.set_warning("\n".join(shown))


def amount(count: float, what: str) -> str:
    """A number of things in words: "1 row", "2 rows"; `what` is the word for one."""
    return f"{count:,.10g} {what}{'s' * (count != 1)}"


def rescaled(scale: float) -> str:
    """What is done to images that a model rescales, in words."""
    return f"enlarged to {scale:.3g} times their size" if scale > 1 else f"shrunk to {scale:.0%} of their size"
