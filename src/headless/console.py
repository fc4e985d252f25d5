"""What the user sees on the terminal while a workflow runs."""

import os
import shutil
import time
from collections.abc import Callable
from typing import TextIO

from headless.results import NodeResult, Status, duration
from headless.workflow import NodeEntry

_QUIET_SECONDS = 5.0
_REDRAW_SECONDS = 0.1
_MIN_FRACTION = 0.02
_MARKS = {Status.EXECUTED: "done", Status.FAILED: "FAILED", Status.CANCELED: "canceled"}


class Console:
    """One line per node: rewritten in place on a terminal, otherwise a new line every few seconds.

    Parameters
    ----------
    stream : where the lines go.
    clock : seconds, monotonic.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._live = stream.isatty()
        self._head = ""
        self._width = 0
        self._started = self._shown = 0.0

    def started(self, entry: NodeEntry, index: int, total: int) -> None:
        """A node begins, the `index`-th (from 1) of `total`."""
        name = f"{entry.title}" + (f" {entry.label.splitlines()[0]!r}" if entry.label else "")
        self._head = f"[{index}/{total}] {name}"
        self._started = self._shown = self._clock()
        if self._live:
            self._draw(self._head)

    def progress(self, fraction: float, message: str) -> None:
        """The node reached `fraction` (0 to 1) of its work."""
        now = self._clock()
        if now - self._shown < (_REDRAW_SECONDS if self._live else _QUIET_SECONDS):
            return
        self._shown = now
        rest = "" if message.endswith(" left") else remaining(fraction, now - self._started)  # the node may know better
        parts = [self._head, f"{fraction * 100:3.0f} %", message, rest]
        self._draw("  ".join(part for part in parts if part))

    def finished(self, result: NodeResult) -> None:
        """The node ended; warnings and the error follow on lines of their own."""
        took = f"  {duration(result.seconds)}" if result.status is Status.EXECUTED else ""
        self._draw(f"{self._head}  {_MARKS[result.status]}{took}")
        if self._live:
            self.line("")
            self._width = 0
        for warning in result.warnings:
            self.line(f"      warning: {warning}")
        if result.error:
            self.line(f"      {result.error}")

    def line(self, text: str) -> None:
        """Print a line of its own."""
        write(self._stream, f"{text}\n")

    def _draw(self, text: str) -> None:
        if self._live:
            text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line cannot be rewritten
            write(self._stream, "\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.line(text)


def write(stream: TextIO, text: str) -> None:
    """Write at once. That nobody reads it any more (`| head`) is no reason to stop."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def remaining(fraction: float, elapsed: float) -> str:
    """How long the rest takes at the pace so far; empty as long as that cannot be said."""
    if fraction < _MIN_FRACTION or fraction >= 1 or elapsed < 2:
        return ""
    return f"about {duration(max(1, round(elapsed * (1 - fraction) / fraction)))} left"
