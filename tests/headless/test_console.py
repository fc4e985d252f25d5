"""Progress on the terminal: in place on a terminal, a line every few seconds elsewhere."""

import io
import re

import pytest

from headless.console import Console, remaining
from headless.results import NodeResult, Status, duration
from headless.workflow import NodeEntry

LEARNER = NodeEntry(2, "NativeNode", "Segmentation Learner", "Train")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(stream: io.StringIO) -> str:
    clock = Clock()
    console = Console(stream, clock)
    console.started(LEARNER, 2, 7)
    for second in range(61):
        clock.now = float(second)
        console.progress(second / 140, f"epoch {second}/140")
    console.finished(NodeResult(LEARNER, Status.EXECUTED, 60.0, warnings=("small objects",)))
    return stream.getvalue()


def test_lines_come_every_few_seconds_into_a_file() -> None:
    lines = drive(io.StringIO()).splitlines()
    assert len(lines) == 12 + 2
    assert lines[11] == "[2/7] Segmentation Learner (#2) 'Train'   43 %  epoch 60/140  about 1 min 20 s left"
    assert lines[12].endswith("done  1 min 0 s")
    assert lines[13] == "      warning: small objects"


def test_a_node_that_says_itself_how_long_it_takes() -> None:
    stream, clock = io.StringIO(), Clock()
    console = Console(stream, clock)
    console.started(LEARNER, 2, 7)
    clock.now = 30.0
    console.progress(0.5, "epoch 4 of 8, about 12 s left")
    assert stream.getvalue().splitlines()[-1].endswith("  50 %  epoch 4 of 8, about 12 s left")
    clock.now = 60.0
    console.progress(0.5, "epoch 4 of 8, about 12 s left of this part")
    assert stream.getvalue().splitlines()[-1].endswith("about 12 s left of this part  about 1 min 0 s left")


def test_a_terminal_shows_one_line_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = drive(Terminal())
    assert text.count("\n") == 2
    assert text.count("\r") > 50
    assert all(len(shown) < 70 for shown in re.split(r"[\r\n]", text))
    assert "done" in text.split("\n")[0].rsplit("\r", 1)[-1]


def test_failed_nodes_say_why() -> None:
    stream = io.StringIO()
    console = Console(stream)
    console.started(LEARNER, 1, 1)
    console.finished(NodeResult(LEARNER, Status.FAILED, error="No labels. Draw some."))
    assert stream.getvalue().splitlines()[-2:] == [
        "[1/1] Segmentation Learner (#2) 'Train'  FAILED",
        "      No labels. Draw some.",
    ]


@pytest.mark.parametrize(
    ("fraction", "elapsed", "text"),
    [
        (0.5, 60, "about 1 min 0 s left"),
        (0.0, 60, ""),
        (1.0, 60, ""),
        (0.5, 1, ""),
        (0.25, 30, "about 1 min 30 s left"),
    ],
)
def test_the_rest_is_estimated_from_the_pace(fraction: float, elapsed: float, text: str) -> None:
    assert remaining(fraction, elapsed) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (80, "1 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
