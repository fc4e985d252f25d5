import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Canceled, ImageReadError, MicrosegError, OutputError, UserInputError
from core.progress import SILENT, Progress, time_left

FRACTIONS = st.floats(0, 1)


@settings(deadline=None)
@given(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS)
def test_parts_of_parts_report_fractions_of_the_whole(a: float, b: float, c: float, d: float, f: float) -> None:
    heard: list[tuple[float, str]] = []
    whole = Progress(lambda fraction, message: heard.append((fraction, message)))
    (a, b), (c, d) = sorted((a, b)), sorted((c, d))
    whole.part(a, b).part(c, d).step(f, "now")
    expected = a + (c + f * (d - c)) * (b - a)
    assert heard[0][0] == pytest.approx(expected)
    assert heard[0][1] == "now"


def test_parts_put_texts_around_messages() -> None:
    heard: list[str] = []
    Progress(lambda _, message: heard.append(message)).part(0, 1, "a ", " d").part(0, 1, "b ", " c").step(0, "x")
    assert heard == ["a b x c d"]


@settings(deadline=None)
@given(st.floats(allow_nan=False))
def test_fractions_stay_in_their_bounds(fraction: float) -> None:
    heard: list[float] = []
    Progress(lambda done, _: heard.append(done)).part(0.25, 0.5).step(fraction)
    assert 0.25 <= heard[0] <= 0.5


def test_a_cancelled_work_stops_before_it_reports() -> None:
    heard: list[float] = []
    stop = False
    progress = Progress(lambda done, _: heard.append(done), lambda: stop)
    progress.part(0, 0.5).step(1)
    stop = True
    for act in (progress.check, progress.part(0, 1).check, lambda: progress.step(1)):
        with pytest.raises(Canceled):
            act()
    assert heard == [0.5]


def test_silence() -> None:
    SILENT.check()
    SILENT.step(0.5, "unheard")


def test_a_message_says_what_where_and_what_to_do() -> None:
    error = ImageReadError("It is empty.", where="x.tif", todo="Copy it again.")
    assert str(error) == "x.tif: It is empty. Copy it again."
    placed = error.at("row 7")
    assert str(placed) == "row 7, x.tif: It is empty. Copy it again."
    assert isinstance(placed, ImageReadError)
    assert str(UserInputError("No.").at("row 1")) == "row 1: No."
    assert str(Canceled()) == "Canceled."
    assert isinstance(Canceled().at("row 1"), Canceled)
    assert issubclass(ImageReadError, ValueError)
    assert issubclass(OutputError, OSError)
    assert str(OutputError("Disk full.", where="x")) == "x: Disk full."
    assert issubclass(OutputError, MicrosegError)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1.5 h"), (90_000, "25.0 h")],
)
def test_time_left_in_words(seconds: float, words: str) -> None:
    assert time_left(seconds) == f"about {words} left"
