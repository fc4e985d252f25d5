"""How long work tells its caller where it stands, and learns that it should stop."""

from collections.abc import Callable

from core.errors import Canceled


class Progress:
    """A callback for progress and a question for cancellation, over a part of the whole.

    Parameters
    ----------
    report : called with the fraction done of the whole, 0 to 1, and a message.
    is_canceled : asked at every step.
    start, stop : the part of the whole that this object covers, fractions 0 to 1.
    prefix, suffix : what every message begins and ends with.
    """

    def __init__(
        self,
        report: Callable[[float, str], None] = lambda fraction, message: None,
        is_canceled: Callable[[], bool] = lambda: False,
        start: float = 0.0,
        stop: float = 1.0,
        prefix: str = "",
        suffix: str = "",
    ) -> None:
        self._report, self._is_canceled = report, is_canceled
        self._start, self._stop, self._prefix, self._suffix = start, stop, prefix, suffix

    def step(self, fraction: float, message: str = "") -> None:
        """Report `fraction` (0 to 1) of this part as done.

        Raises
        ------
        Canceled : the user stopped the work.
        """
        self.check()
        fraction = min(max(float(fraction), 0.0), 1.0)
        self._report(self._start + fraction * (self._stop - self._start), self._prefix + message + self._suffix)

    def check(self) -> None:
        """Raise Canceled if the user stopped the work; report nothing."""
        if self._is_canceled():
            raise Canceled()

    def part(self, start: float, stop: float, prefix: str = "", suffix: str = "") -> "Progress":
        """Progress over the part from `start` to `stop` (fractions of this one), with this around its messages."""
        width = self._stop - self._start
        begin, end = self._start + start * width, self._start + stop * width
        return Progress(self._report, self._is_canceled, begin, end, self._prefix + prefix, suffix + self._suffix)


def time_left(seconds: float) -> str:
    """How much longer work takes, in words: "about 40 s left", "about 12 min left", "about 2.5 h left"."""
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


SILENT = Progress()
