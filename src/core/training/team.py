"""Processes that train one model together, each on its share of every batch.

The process that calls a training is the first of them. On one computer it starts the others itself. On several
`torchrun` or SLURM starts all of them, see `core.training.worker`. They talk through PyTorch's process group: GPUs by
NCCL, all else by gloo.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

import lightning_fabric
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from core.errors import Canceled, UserInputError
from core.progress import Progress
from core.training.config import ScheduleConfig

Result = TypeVar("Result")

SILENCE = timedelta(minutes=10)
"""After so long without a word from the others a process on one computer gives up."""


class Team:
    """This process among those that train a model; often it is the only one.

    Parameters
    ----------
    schedule : says how many there are. Those that are not the first must have been started, see `assembled`.
    device : "cpu", "cuda" or "mps".
    numbers : their format, see `core.devices.precision`.
    changing : whether some weights do not learn in every epoch.
    """

    def __init__(self, schedule: ScheduleConfig, device: str, numbers: str, *, changing: bool) -> None:
        options: dict[str, Any] = {"accelerator": device, "devices": schedule.devices, "precision": numbers}
        options["plugins"] = [LightningEnvironment()]  # one process is one in a job of SLURM for several, too
        if schedule.processes > 1:
            strategy = DDPStrategy(find_unused_parameters=changing)
            options |= {"num_nodes": schedule.nodes, "strategy": strategy, "plugins": [_Started()]}
        self.fabric = lightning_fabric.Fabric(**options)
        self.size = schedule.processes
        if self.size > 1:
            self.fabric.launch()

    @property
    def is_first(self) -> bool:
        """Whether this process decides, reports and writes."""
        return self.fabric.global_rank == 0

    def share(self, count: int) -> range:
        """Which of `count` patches, a multiple of the number of processes, are this process's."""
        each = count // self.size
        return range(self.fabric.global_rank * each, (self.fabric.global_rank + 1) * each)

    def mean(self, number: Tensor) -> Tensor:
        """The mean of a number over all processes; no gradient passes."""
        if self.size == 1:
            return number
        total = number.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def decide(self, work: Callable[[], Result]) -> Result:
        """What the first process makes of something, for all; where it fails the others are canceled.

        Raises
        ------
        Canceled : on the other processes, whatever the first one raises.
        """
        if self.size == 1:
            return work()
        told: list[Any] = [None, True]
        try:
            if self.is_first:
                told[0] = work()
                told[1] = False
        finally:
            distributed.broadcast_object_list(told)
        result, failed = told
        if failed:
            raise Canceled()
        return result  # type: ignore[no-any-return]


class _Started(ClusterEnvironment):
    """Processes that are there already, as Fabric wants to know it."""

    creates_processes_externally = True
    main_address = ""
    main_port = 0

    @staticmethod
    def detect() -> bool:
        return distributed.is_initialized()

    def world_size(self) -> int:
        return distributed.get_world_size()

    def set_world_size(self, size: int) -> None:
        """It is known."""

    def global_rank(self) -> int:
        return distributed.get_rank()

    def set_global_rank(self, rank: int) -> None:
        """It is known."""

    def local_rank(self) -> int:
        return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)

    def node_rank(self) -> int:
        return int(os.environ.get("GROUP_RANK") or os.environ.get("SLURM_NODEID") or 0)


def computers() -> int:
    """The number of computers that `torchrun` or SLURM has started this program on; 1 where neither has."""
    if not _is_launched():
        return 1
    return int(os.environ.get("GROUP_WORLD_SIZE") or os.environ.get("SLURM_NNODES") or 1)


def backend() -> str:
    """What processes talk by, in PyTorch's words."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and distributed.is_nccl_available() else "gloo"


@contextmanager
def assembled(schedule: ScheduleConfig, task: tuple[Any, ...], progress: Progress) -> Iterator[None]:
    """The other processes of a training at work on `task`, which is pickled; nothing happens where there are none.

    Raises
    ------
    UserInputError : they were not started as the schedule says, cannot start, or died.
    Canceled : the user stopped the work.
    """
    count = schedule.processes
    if _is_launched():
        if distributed.get_world_size() != count:
            raise UserInputError(
                f"{distributed.get_world_size()} processes were started, but the training is set to {schedule.devices} "
                f"on each of {schedule.nodes} computers.",
                todo="Start as many processes on each computer as the training has graphics cards (devices).",
            )
        hand_out(task)
        yield
    elif schedule.nodes > 1:
        raise UserInputError(
            f"The training is set to {schedule.nodes} computers, but runs on one.",
            todo="Start it with torchrun or srun, see README.md.",
        )
    elif count > 1:
        with _hired(count, progress):
            hand_out(task)
            yield
    else:
        yield


def hand_out(task: tuple[Any, ...] | None) -> None:
    """Give the other processes something to do; None sends them home."""
    distributed.broadcast_object_list([task])


def _is_launched() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextmanager
def _hired(count: int, progress: Progress) -> Iterator[None]:
    """Start processes on this computer; they end with the context, or with this process."""
    if not distributed.is_available():
        raise UserInputError("This PyTorch has no support for several processes.", todo="Set devices to 1.")
    threads, limit = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    store = distributed.TCPStore("127.0.0.1", 0, count, is_master=True, wait_for_workers=False, use_libuv=False)  # type: ignore[attr-defined]
    source = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", "core.training.worker", "--join", str(store.port), str(count)]
    with tempfile.TemporaryFile() as said:
        workers = [
            subprocess.Popen(
                [*command, str(rank)],
                env={**os.environ, "PYTHONPATH": paths, "LOCAL_RANK": str(rank)},
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
            )
            for rank in range(1, count)
        ]
        try:
            while not store.check([f"ready{rank}" for rank in range(1, count)]):
                progress.check()
                _refuse_dead(workers, said)
                time.sleep(0.1)
            distributed.init_process_group(backend(), store=store, rank=0, world_size=count, timeout=SILENCE)
            try:
                yield
                hand_out(None)
            except RuntimeError:  # perhaps because a process has died; then that is the reason to tell
                time.sleep(1)
                _refuse_dead(workers, said)
                raise
            for worker in workers:
                with suppress(subprocess.TimeoutExpired):
                    worker.wait(10)
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
            if distributed.is_initialized():
                distributed.destroy_process_group()
            torch.set_num_threads(threads)  # Fabric has lowered it to this process's share
            if limit is None:
                os.environ.pop("OMP_NUM_THREADS", None)


def _refuse_dead(workers: Sequence["subprocess.Popen[bytes]"], said: IO[bytes]) -> None:
    """Raise a UserInputError if a process has ended, with the last line of what it said."""
    ended = next((worker.returncode for worker in workers if worker.poll() is not None), None)
    if ended is None:
        return
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {ended}")
    raise UserInputError(
        f"A process of the training has ended unexpectedly ({last}).",
        todo="Check that every graphics card is free and has enough memory, or set devices to 1.",
    )
