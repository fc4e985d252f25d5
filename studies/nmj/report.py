"""Tables of `rows.csv`, `heads.csv` and `volumes.csv`: `python -m studies.nmj.report` writes RESULTS.md."""

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from studies.nmj.heads import ROWS as OTHER_HEADS
from studies.nmj.run import ESSENTIAL, HEAD, HERE, LABELS, ROWS, SEEDS, SHAPES, STARTS
from studies.nmj.volumes import ROWS as VOLUMES

from core.heads import HEADS

Row = Mapping[str, str]
Way = tuple[str, str, str]
"""Start, what learns, and what is labelled."""

Runs = Mapping[tuple[str, str, str, int], Mapping[int, Row]]
"""Rows by the way and the number of labels, then by seed."""

METRICS = {
    "ap50": "AP at IoU .5",
    "f1": "F1 at IoU .5",
    "f1_overlap": "F1 at IoU .1",
    "count_error_field": "Count error, share of the true count of a field",
    "count_error_volume": "Count error, share of the true count of a volume",
    "count_error_total": "Count error, share of the true total",
    "iou": "Foreground IoU",
}
WITHOUT_SIGN = "count_error_total"

NAMES = {"all": "all", "decoder": "decoder", "last_layers": "last layers", "threshold": "threshold alone"}
WINDOWS: list[Way] = [
    (start, learning, "window")
    for start in STARTS
    for learning in NAMES
    if (start == "magnification" or learning != "threshold") and (start != "scratch" or learning == "all")
]
SHAPED: list[Way] = [
    *((start + SHAPES, "all", "window") for start in STARTS),
    ("magnification" + SHAPES, "threshold", "window"),
]
IMAGES: list[Way] = [(start, "all", "image") for start in STARTS]
SCRATCH = STARTS[0]
SELF_SUPERVISED = ("magnification", "restoration")
LIMIT = 0.1
"""Count error that is to be reached with most labels."""


def main() -> None:
    """Read, compare, write."""
    runs = read(ROWS, "window")
    lines = [(HERE / "SETTING.md").read_text().rstrip()]
    lines += ["", "## What came of it", "", "\n\n".join(verdict(runs))]
    lines += ["", "## Without any label", "", *without_labels(runs)]
    lines += ["", "## Objects, learned from windows", ""]
    for metric in ("ap50", "f1", "iou"):
        lines += [*table(runs, WINDOWS, LABELS, metric), ""]
    lines += ["## Counts, learned from windows", ""]
    for metric in ("count_error_field", "count_error_total"):
        lines += [*table(runs, WINDOWS, LABELS, metric), ""]
    lines += ["## Against random weights", "", *gains(runs, WINDOWS, LABELS), ""]
    lines += ["## Patches varied in their shapes alone", ""]
    for metric in ("ap50", "count_error_field"):
        lines += [*table(runs, SHAPED, ESSENTIAL, metric), ""]
    lines += [*gains(runs, SHAPED, ESSENTIAL), ""]
    lines += ["## Learned from whole images of a junction", ""]
    for metric in ("ap50", "count_error_field"):
        lines += [*table(runs, IMAGES, ESSENTIAL, metric), ""]
    lines += [*gains(runs, IMAGES, ESSENTIAL), "", "## The three heads", "", *heads(runs)]
    lines += ["## Cells in volumes of light-sheet microscopy", "", *volumes()]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


def read(file: Path, shown: str, head: str = "") -> Runs:
    """All rows, or those of a head; `shown` is what all examples are where the file has no column of it."""
    runs: dict[tuple[str, str, str, int], dict[int, Row]] = defaultdict(dict)
    if file.exists():
        with file.open(newline="") as rows:
            for row in csv.DictReader(rows):
                if row.get("head", head) != head:
                    continue
                key = (row["start"], row.get("learning", "all"), row.get("shown", shown), int(row["labels"]))
                runs[key][int(row["seed"])] = row
                if key[1] == "threshold":  # no patch is varied
                    runs[key[0] + SHAPES, *key[1:]][int(row["seed"])] = row
    return runs


def values(rows: Mapping[int, Row], metric: str) -> dict[int, float]:
    """A metric by seed; of the total count how far off it is, either way."""
    found = {seed: float(row[metric]) for seed, row in rows.items()}
    return {seed: abs(value) for seed, value in found.items()} if metric == WITHOUT_SIGN else found


def half_width(numbers: Sequence[float]) -> float:
    """Half the width of the 95 % interval of a mean by Student's t; infinite for less than two numbers."""
    if len(numbers) < 2:
        return math.inf
    return float(stats.t.ppf(0.975, len(numbers) - 1) * np.std(numbers, ddof=1) / math.sqrt(len(numbers)))


def interval(numbers: Sequence[float], sign: str = "") -> str:
    """The mean, and half the width of its interval; how many there are where these are not five."""
    if not numbers:
        return ""
    half = half_width(numbers)
    count = f" ({len(numbers)})" if len(numbers) != len(SEEDS) else ""
    return f"{np.mean(numbers):{sign}.3f}" + (f" ± {half:.3f}" if math.isfinite(half) else "") + count


def table(runs: Runs, ways: Sequence[Way], labels: Sequence[int], metric: str) -> list[str]:
    """A metric of every way, by the number of labels."""
    lines = [f"| {METRICS[metric]} | learns | {' | '.join(f'{n} labels' for n in labels)} |"]
    lines.append("|---|---|" + "---|" * len(labels))
    for way in ways:
        cells = [interval(list(values(runs.get((*way, n), {}), metric).values())) for n in labels]
        if any(cells):
            lines.append(f"| {way[0].removesuffix(SHAPES)} | {NAMES[way[1]]} | {' | '.join(cells)} |")
    return lines


def gained(runs: Runs, way: Way, labels: int, metric: str) -> list[float]:
    """What a way gains over random weights with the same labels, seed by seed."""
    scratch = SCRATCH + SHAPES if way[0].endswith(SHAPES) else SCRATCH
    keys = ((*way, labels), (scratch, "all", way[2], labels))
    ours, random = (values(runs.get(key, {}), metric) for key in keys)
    return [ours[seed] - random[seed] for seed in sorted(ours) if seed in random]


def gains(runs: Runs, ways: Sequence[Way], labels: Sequence[int]) -> list[str]:
    """Differences to random weights."""
    lines = [f"| gain in AP at IoU .5 | learns | {' | '.join(f'{n} labels' for n in labels)} |"]
    lines.append("|---|---|" + "---|" * len(labels))
    for way in ways:
        cells = [interval(gained(runs, way, n, "ap50"), "+") for n in labels]
        if way[0].removesuffix(SHAPES) != SCRATCH and any(cells):
            lines.append(f"| {way[0].removesuffix(SHAPES)} | {NAMES[way[1]]} | {' | '.join(cells)} |")
    return lines


def verdict(runs: Runs) -> list[str]:
    """Which self-supervised starts beat random weights by more than the interval, and how counts end."""
    lines = []
    parts = ((WINDOWS, "windows"), (SHAPED, "windows, shapes alone varied"), (IMAGES, "whole images"))
    for ways, what in parts:
        for labels in ESSENTIAL:
            ours = [way for way in ways if way[0].removesuffix(SHAPES) in SELF_SUPERVISED]
            said = [told for way in ours for told in beaten(runs, way, labels)]
            if said:
                lines.append(f"**{labels} labelled {what}, gain in AP over random weights:** {'; '.join(said)}.")
    most = LABELS[-1]
    ends = {
        key: float(np.mean(list(values(rows, "count_error_field").values())))
        for key, rows in runs.items()
        if key[3] == most
    }
    if ends:
        best = min(ends, key=lambda key: ends[key])
        reached = [f"{start} ({NAMES[learning]})" for (start, learning, _, _), error in ends.items() if error < LIMIT]
        lines.append(
            f"**{most} labelled windows:** the count of a field is off by {ends[best]:.1%} at best ({best[0]}, "
            f"{NAMES[best[1]]}); under {LIMIT:.0%}: {', '.join(reached) or 'none'}."
        )
    return lines


def beaten(runs: Runs, way: Way, labels: int) -> list[str]:
    """Whether a way is better than random weights; nothing for less than two seeds."""
    gain = gained(runs, way, labels, "ap50")
    if len(gain) < 2:
        return []
    mean, half = float(np.mean(gain)), half_width(gain)
    word = "better" if mean > half else "worse" if mean < -half else "no clear difference"
    return [f"{way[0].removesuffix(SHAPES)} ({NAMES[way[1]]}) {mean:+.3f} ± {half:.3f}, {word}"]


def without_labels(runs: Runs) -> list[str]:
    """What the network that tells magnifications finds without any label."""
    lines = ["| first objects | found | true | count error of a field | AP at IoU .5 | foreground IoU |"]
    lines.append("|---|---|---|---|---|---|")
    for (_, what, _, labels), rows in runs.items():
        for row in rows.values() if labels == 0 else []:
            numbers = (f"{float(row[name]):.3f}" for name in ("count_error_field", "ap50", "iou"))
            lines.append(f"| {what} | {row['found']} | {row['true']} | {' | '.join(numbers)} |")
    return lines


def heads(runs: Runs) -> list[str]:
    """Trainings of all layers on windows, with each of the heads."""
    ways: list[Way] = [(start, "all", "window") for start in STARTS]
    lines = []
    for head in HEADS:
        ours = runs if head == HEAD.name else read(OTHER_HEADS, "window", head)
        lines += [f"**{head.capitalize()}**", ""]
        for metric in ("ap50", "count_error_field"):
            lines += [*table(ours, ways, LABELS, metric), ""]
        lines += [*gains(ours, ways, LABELS), ""]
    return lines


def volumes() -> list[str]:
    """The cells of the volumes, by start and number of labelled slices."""
    runs = read(VOLUMES, "slice")
    numbers = sorted({key[3] for key in runs})
    lines = []
    for metric in ("f1_overlap", "f1", "count_error_volume", "count_error_total", "iou"):
        lines += table(runs, [(start, "all", "slice") for start in STARTS], numbers, metric)
        lines.append("")
    lines += gains_of_volumes(runs, numbers)
    return lines


def gains_of_volumes(runs: Runs, numbers: Sequence[int]) -> list[str]:
    """Differences to random weights."""
    lines = [f"| gain in F1 at IoU .1 | {' | '.join(f'{n} labels' for n in numbers)} |"]
    lines.append("|---|" + "---|" * len(numbers))
    for start in SELF_SUPERVISED:
        cells = [interval(gained(runs, (start, "all", "slice"), n, "f1_overlap"), "+") for n in numbers]
        lines.append(f"| {start} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
