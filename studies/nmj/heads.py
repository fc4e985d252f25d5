"""The three heads compared on the fields of junctions.

    python -m studies.nmj.heads DATA [--starts ...] [--seeds ...] [--part 1/2]

Adds to heads.csv one row per training that is not in it yet; otherwise as `run.py`, whose rows are those of the head
*distance*. All layers learn.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from studies.nmj.run import (
    COLUMNS,
    ESSENTIAL,
    HERE,
    LABELS,
    MORE_SEEDS,
    SCHEDULE,
    SEEDS,
    STARTS,
    asked,
    complete,
    labelled,
    scores,
    started,
    trained,
)

from core.heads import HeadConfig

ROWS = HERE / "heads.csv"

Task = tuple[str, str, int, int]
"""Head, start, number of labelled windows, seed."""


def main() -> None:
    """Train what is missing."""
    told = asked(__doc__)
    wanted = [task for task in tasks() if task[1] in told.starts and task[3] in told.seeds]
    columns = ("head", "start", *(name for name in COLUMNS if name not in ("start", "learning", "shown")))
    complete(ROWS, columns, wanted, told.part, partial(fine_tuned, told.data), "ap50")


def tasks() -> list[Task]:
    """All trainings, those first that matter most. Star-convex shapes fit junctions badly, and are tried less."""
    first: list[Task] = [
        ("foreground", start, labels, seed) for seed in MORE_SEEDS for labels in ESSENTIAL for start in STARTS
    ]
    first += [
        ("stardist", start, labels, seed)
        for seed in SEEDS
        for labels in ESSENTIAL
        for start in ("scratch", "restoration")
    ]
    rest: list[Task] = [("foreground", start, labels, seed) for seed in SEEDS for labels in LABELS for start in STARTS]
    return [*first, *(task for task in rest if task not in first)]


def fine_tuned(data: Path, task: Task) -> dict[str, object]:
    """What a training with a head ends in."""
    head, start, number, seed = task
    given = None if start == "scratch" else started(data, start)
    examples = labelled(data, number, seed)
    model, loss = trained(given, examples, "all", replace(SCHEDULE, seed=seed), head=HeadConfig(head))
    return {**scores(data, model), "loss": loss}


if __name__ == "__main__":
    main()
