"""Who does the work: threads of this process, worker processes of this computer, or a Dask cluster.

The graph of the work is Dask's in every case, and so is the scheduling.
"""

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dask.base import compute
from dask.delayed import delayed

from core.ahead import PATIENCE
from core.config import Config, require
from core.errors import Canceled, UserInputError
from core.progress import Progress

JOBS = 2
"""At a time in one process: one uses the network with all processors while the other does what takes one."""

LOCAL = "127.0.0.1"
"""Where the workers of this computer are reached: from nowhere else."""

_START = "Start workers with `dask worker` and the address of the scheduler."

PATIENCE_WITH_CLUSTERS = 30.0
"""Seconds to wait for a scheduler that does not answer, or for the first worker."""


@dataclass(frozen=True)
class ClusterConfig(Config):
    """Who does the work.

    Parameters
    ----------
    workers : processes that are started on this computer, each with one thread; 0 works with threads of this process.
    address : of the scheduler of a Dask cluster, such as tcp://server:8786, in place of all these; its workers must
        have this program, and reach image and output folder under the same paths.
    fall_back : work with threads of this process where the cluster cannot be reached, rather than fail.
    patience : seconds to wait for the cluster, 1 to 600.
    """

    workers: int = 0
    address: str = ""
    fall_back: bool = False
    patience: float = PATIENCE_WITH_CLUSTERS

    def __post_init__(self) -> None:
        require(0 <= self.workers <= 256, "workers", self.workers, "0 to 256")
        require(1 <= self.patience <= 600, "patience", self.patience, "1 to 600 seconds")


@dataclass(frozen=True)
class Job:
    """A piece of work.

    Parameters
    ----------
    function : of a module that workers can import; its result and arguments are small.
    arguments : plain values.
    after : names of the jobs that must be done before.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()


class Workers(Protocol):
    """Do jobs."""

    threads: int
    """How many threads each of the jobs may use."""

    def do(self, jobs: Mapping[str, Job], progress: Progress, what: str) -> dict[str, Any]:
        """The results of jobs by their names; a job comes behind those that it needs."""


@contextmanager
def hired(config: ClusterConfig, warn: Callable[[str], None]) -> Iterator[Workers]:
    """Workers for the time of the context.

    Parameters
    ----------
    warn : told when work falls back to threads.

    Raises
    ------
    UserInputError : the cluster cannot be reached, or its workers lack this program.
    """
    with ExitStack() as stack:
        workers: Workers = Threads()
        if config.address or config.workers:
            try:
                workers = stack.enter_context(_remote(config) if config.address else _local(config))
            except UserInputError as error:
                if not config.fall_back:
                    raise
                warn(f"{error} The work was done by this computer.")
        yield workers


def _graph(jobs: Mapping[str, Job], call: Callable[..., Any]) -> list[Any]:
    """Dask's graph of the jobs."""
    made: dict[str, Any] = {}
    run = uuid.uuid4().hex
    task = delayed(call, pure=False)
    for name, job in jobs.items():
        # a scheduler knows work by its name, and other runs have the same: names are made unique
        key = f"{name} {run}"
        made[name] = task(job.function, job.arguments, [made[other] for other in job.after], dask_key_name=key)
    return list(made.values())


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], after: list[Any]) -> Any:
    return function(*arguments)


class Threads:
    """Threads of this process."""

    def __init__(self) -> None:
        known = getattr(os, "sched_getaffinity", None)  # a container may have fewer than the computer
        self.threads = len(known(0)) if known else os.cpu_count() or 1

    def do(self, jobs: Mapping[str, Job], progress: Progress, what: str) -> dict[str, Any]:
        """See `Workers`. What runs when the user cancels is waited for."""
        stop, done = threading.Event(), [0]

        def call(function: Callable[..., Any], arguments: tuple[Any, ...], after: list[Any]) -> Any:
            if stop.is_set():
                raise Canceled()
            result = function(*arguments)
            done[0] += 1
            return result

        with ThreadPoolExecutor(JOBS) as pool, ThreadPoolExecutor(1) as scheduler:
            results = scheduler.submit(compute, *_graph(jobs, call), scheduler="threads", pool=pool)
            try:
                while not results.done():
                    progress.step(done[0] / len(jobs), f"{what} {done[0]} of {len(jobs)}")
                    with suppress(TimeoutError):
                        results.exception(PATIENCE)
            finally:
                stop.set()
            return dict(zip(jobs, results.result(), strict=True))


class Cluster:
    """Workers of a Dask cluster.

    Parameters
    ----------
    client : of `distributed`.
    patience : seconds to wait when there is no worker.
    """

    def __init__(self, client: Any, patience: float) -> None:
        self._client, self._patience, self.threads = client, patience, 1

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self._client.scheduler.address)

    def _working(self) -> bool:
        """Whether the scheduler answers and has workers."""
        try:
            return self._client.status == "running" and bool(self._client.nthreads())
        except (OSError, TimeoutError, ValueError):
            return False

    def do(self, jobs: Mapping[str, Job], progress: Progress, what: str) -> dict[str, Any]:
        """See `Workers`. A job whose worker dies is done by another; three times at most."""
        from distributed import KilledWorker

        futures = self._client.compute(_graph(jobs, _call))
        alone = time.monotonic()
        try:
            while True:
                time.sleep(PATIENCE)
                done = sum(future.done() for future in futures)
                failed = next((future for future in futures if future.status == "error"), None)
                if failed is not None:
                    raise failed.exception()
                working = self._working()
                if working:
                    alone = time.monotonic()
                if any(future.status == "cancelled" for future in futures) or (
                    time.monotonic() - alone > self._patience
                ):
                    raise UserInputError("The cluster, or all its workers, are lost.", todo=_START)
                text = f"{what} {done} of {len(jobs)}"
                progress.step(done / len(jobs), text if working else f"{text}, waiting for workers")
                if done == len(jobs):
                    return dict(zip(jobs, self._client.gather(futures), strict=True))
        except KilledWorker:
            todo = "See the workers' logs; they may need more memory, or smaller tiles."
            raise UserInputError("Workers died again and again at the same work.", todo=todo) from None
        finally:
            self._client.cancel(futures, force=True)


@contextmanager
def _remote(config: ClusterConfig) -> Iterator[Cluster]:
    from distributed import Client

    try:
        client = Client(config.address, timeout=config.patience, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserInputError(
            f"The Dask scheduler at {config.address!r} cannot be reached ({str(error) or type(error).__name__}).",
            todo="Check the address, and that `dask scheduler` runs there.",
        ) from None
    with client:
        yield _ready(client, 1, config)


@contextmanager
def _local(config: ClusterConfig) -> Iterator[Cluster]:
    """A scheduler in this process, and workers that are processes of their own, restarted when they die."""
    from distributed import Client, LocalCluster

    source = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": "1",
    }
    options = ["--host", LOCAL, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "30"]
    with (
        LocalCluster(n_workers=0, host=LOCAL, dashboard_address=f"{LOCAL}:0", silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, *options]
        started = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(config.workers)
        ]
        try:
            yield _ready(client, config.workers, config)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


def _ready(client: Any, count: int, config: ClusterConfig) -> Cluster:
    """The cluster, once it has so many workers, or those that came in time; they have this program."""
    with suppress(TimeoutError):
        client.wait_for_workers(count, timeout=config.patience)
    if not client.nthreads():
        raise UserInputError(f"The cluster has no workers after {config.patience:g} seconds.", todo=_START)
    # text, because a worker that lacks the program cannot get a function of it
    for address, answer in client.run(eval, f"bool(__import__({PROGRAM!r}))", on_error="return").items():
        if answer is not True:
            raise UserInputError(
                f"The worker {address} cannot work ({answer}).",
                todo="Start the workers from an environment in which this version of the extension is installed.",
            )
    return Cluster(client, config.patience)


PROGRAM = "core.blockwise.work"
"""What workers must be able to import."""
