"""Work on many rows that can be stopped."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from core.errors import Canceled

T = TypeVar("T")
ROWS = 10_000
"""How many rows, or groups of rows, are worked on before the user is heard."""


def polled(items: Iterable[T], is_canceled: Callable[[], bool]) -> Iterator[T]:
    """The items.

    Raises
    ------
    Canceled : the user stopped it; asked for before the first one and every `ROWS` later.
    """
    for i, item in enumerate(items):
        if i % ROWS == 0 and is_canceled():
            raise Canceled
        yield item
