"""Between a node's `execute` and the library: progress, cancellation, errors and warnings."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import knime.extension as knext

from core.errors import Canceled, MicrosegError
from core.progress import Progress

MOST_WARNINGS = 5
"""More than so many warnings are summed up."""


def progress_of(ctx: Any) -> Progress:
    """The library's progress, shown by KNIME and cancelled from there."""
    return Progress(lambda fraction, message: ctx.set_progress(float(fraction), message), ctx.is_canceled)


@contextmanager
def plain_errors() -> Iterator[None]:
    """The library's errors as KNIME shows them to users: the message alone, without a trace of the program.

    Raises
    ------
    knext.InvalidParametersError : the data, a setting or a disk made the work impossible.
    RuntimeError : the user cancelled the node.
    """
    try:
        yield
    except Canceled:
        raise RuntimeError("Canceled") from None
    except MicrosegError as error:
        raise knext.InvalidParametersError(str(error)) from None


def warn(ctx: Any, warnings: Iterable[str]) -> None:
    """Show warnings on the node; KNIME shows one text only, so they become one."""
    texts = list(dict.fromkeys(warnings))
    shown = texts[:MOST_WARNINGS]
    if len(texts) > len(shown):
        shown.append(f"... and {len(texts) - len(shown)} more warnings.")
    if shown:
        ctx.set_warning("\n".join(shown))


def named(names: list[str], most: int = 5) -> str:
    """Names in a message: all of a few, the first of many."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
