"""A process that takes part in trainings which another one calls.

    torchrun --nnodes=2 --nproc-per-node=4 ... -m core.training.worker microseg run WORKFLOW

starts as many processes on every computer, as does `srun python -m core.training.worker ...`. The first process runs
the program behind it, a command or a Python file, alone; the others wait for the trainings that it calls.
"""

import os
import runpy
import shutil
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import distributed

from core.errors import MicrosegError
from core.training.loop import take_part
from core.training.team import SILENCE, backend, hand_out

WHOLE_RUN = timedelta(days=30)
"""So long others may wait while the first process does something else; torchrun and SLURM end them if it dies."""


def main(arguments: Sequence[str]) -> None:
    """Take part as one of the processes that were started together."""
    if arguments[:1] == ["--join"]:
        port, count, rank = map(int, arguments[1:])
        threading.Thread(target=_end_with_parent, daemon=True).start()
        store = distributed.TCPStore("127.0.0.1", port, count, is_master=False, use_libuv=False)  # type: ignore[attr-defined]
        store.set(f"ready{rank}", "")
        distributed.init_process_group(backend(), store=store, rank=rank, world_size=count, timeout=SILENCE)
        _serve()
        return
    if not arguments:
        sys.exit("Say which program to run, for instance: microseg run WORKFLOW")
    place = next((kind() for kind in (TorchElasticEnvironment, SLURMEnvironment) if kind.detect()), None)
    if place is None:
        sys.exit("Start this with torchrun or, within SLURM, with srun.")
    os.environ["RANK"], os.environ["WORLD_SIZE"] = str(place.global_rank()), str(place.world_size())
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = place.main_address, str(place.main_port)
    distributed.init_process_group(backend(), timeout=WHOLE_RUN)
    if place.global_rank():
        _serve()
    else:
        _run(arguments)
    distributed.destroy_process_group()


def _serve() -> None:
    """Take part in trainings until the first process has no more of them."""
    while (task := _received()) is not None:
        with suppress(MicrosegError):  # the first process tells it
            take_part(*task)


def _received() -> Any:
    """The next task, None for the end."""
    told = [None]
    with suppress(RuntimeError):  # the first process has ended
        distributed.broadcast_object_list(told)
    return told[0]


def _run(arguments: Sequence[str]) -> None:
    """Run a program in this process and, when it has succeeded, send the others home."""
    sys.argv = [shutil.which(arguments[0]) or arguments[0], *arguments[1:]]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    hand_out(None)


def _end_with_parent() -> None:
    """The parent never writes, so that reading ends with it."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
