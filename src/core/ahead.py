"""Work done in the background, a little ahead of where its results are wanted."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from core.progress import SILENT, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = 0.25
"""Seconds between two questions whether the user has cancelled, while a result is waited for."""


@contextmanager
def computed_ahead(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, progress: Progress = SILENT
) -> Iterator[Iterator[Result]]:
    """The results of a function for some items, in their order, computed by threads.

    No more than `workers` + 1 results wait to be taken, so memory does not grow with the number of items. What has
    not been begun at the end of the `with` block is left out.

    Parameters
    ----------
    function : must be safe to call from several threads; what it raises is raised where its result is taken.
    workers : number of threads, 1 or more.
    progress : asked for cancellation while a result is waited for.
    """
    with ThreadPoolExecutor(workers) as pool:
        try:
            rest = iter(items)
            waiting = [pool.submit(function, item) for item in islice(rest, workers + 1)]

            def results() -> Iterator[Result]:
                while waiting:
                    while not wait(waiting[:1], PATIENCE).done:
                        progress.check()
                    result = waiting.pop(0).result()
                    waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
                    yield result

            yield results()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
