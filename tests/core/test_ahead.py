"""Results come in order, errors where they are taken, and nothing goes on after the end."""

import threading
import time

import pytest

from core.ahead import computed_ahead
from core.errors import Canceled
from core.progress import Progress


def test_results_come_in_order_and_only_a_few_wait() -> None:
    begun: list[int] = []

    def square(number: int) -> int:
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number**2

    with computed_ahead(square, range(30), 3) as results:
        for number, result in enumerate(results):
            assert result == number**2
            assert len(begun) <= number + 1 + 4
    assert sorted(begun) == list(range(30))


def test_errors_are_raised_where_the_result_is_taken() -> None:
    def fail_at_two(number: int) -> float:
        return 1 / (2 - number)

    with computed_ahead(fail_at_two, range(4), 2) as results:
        assert [next(results), next(results)] == [0.5, 1.0]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_what_has_not_begun_is_left_out() -> None:
    begun: list[int] = []
    with computed_ahead(begun.append, range(1000), 2) as results:
        next(results)
    assert len(begun) < 10


def test_cancelling_does_not_wait_for_a_slow_result() -> None:
    done = threading.Event()
    with (  # noqa: PT012
        pytest.raises(Canceled),
        computed_ahead(lambda _: done.wait(60), range(2), 1, Progress(is_canceled=lambda: True)) as results,
    ):
        try:
            next(results)
        finally:
            done.set()
