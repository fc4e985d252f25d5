"""How time and memory are measured, the same for every tool."""

import argparse
import json
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

REPEATS = 3


def cpu_seconds(work: Callable[[], Any], *, warm: int = 1) -> list[float]:
    """CPU-seconds of all the process's threads for each of three runs, ascending; the second is the median.

    On a machine that others use as well they say more than the time on the wall.
    """
    for _ in range(warm):
        work()
    taken = []
    for _ in range(REPEATS):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return sorted(taken)


def peak_mb() -> float:
    """The most memory that the process has held so far, interpreter and libraries included, in MB.

    Linux tells it of the program alone; elsewhere it is never less than what the starting process held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(name: str, seconds: list[float], amount: float = 1, **more: Any) -> None:
    """Print one measurement as a line of JSON.

    Parameters
    ----------
    name : the measurement.
    seconds : of `cpu_seconds`.
    amount : how much was done in that time: patches, steps, megapixels.
    """
    line = {
        "name": name,
        "cpu_s": round(seconds[len(seconds) // 2] / amount, 6),
        "least": round(seconds[0] / amount, 6),
        "most": round(seconds[-1] / amount, 6),
        "peak_mb": round(peak_mb()),
        **more,
    }
    print(json.dumps(line), flush=True)


def main(tasks: Mapping[str, Callable[..., None]]) -> None:
    """Run one task: `python THIS TASK DATA [ARGUMENT]`; DATA is a folder of inputs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=tasks)
    parser.add_argument("data", type=Path)
    parser.add_argument("argument", nargs="*")
    given = parser.parse_args()
    tasks[given.task](given.data, *given.argument)
