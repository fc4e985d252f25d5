"""Tables of `rows.csv` and `volumes.csv`: `python -m studies.nmj.report` writes RESULTS.md."""

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from studies.nmj.run import ESSENTIAL, HERE, LABELS, LEARNING, ROWS, STARTS

Row = Mapping[str, str]
Runs = Mapping[tuple[str, str, int], Mapping[int, Row]]
"""Rows by start, what learns and number of labels, then by seed."""

METRICS = {
    "ap50": "AP at IoU .5",
    "f1": "F1 at IoU .5",
    "count_error_field": "Count error, share of the true count of a field",
    "count_error_total": "Count error, share of the true total",
    "iou": "Foreground IoU",
}
WITHOUT_SIGN = "count_error_total"

NAMES = {"all": "all", "decoder": "decoder", "last_layers": "last layers"}
SELF_SUPERVISED = ("magnification", "restoration")
LIMIT = 0.1
"""Count error that is to be reached with most labels."""


def main() -> None:
    """Read, compare, write."""
    runs = read(ROWS)
    lines = [(HERE / "SETTING.md").read_text().rstrip()]
    lines += ["", "## Objects", "", *table(runs, "ap50"), "", *table(runs, "f1"), "", *table(runs, "iou")]
    lines += ["", "## Counts", "", *table(runs, "count_error_field"), "", *table(runs, "count_error_total")]
    lines += ["", "## Against training from random weights", "", *gains(runs), "", *verdict(runs)]
    lines += ["", "## Without any label", "", *without_labels(runs)]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


def read(file: Path) -> Runs:
    """All rows."""
    runs: dict[tuple[str, str, int], dict[int, Row]] = defaultdict(dict)
    if file.exists():
        with file.open(newline="") as rows:
            for row in csv.DictReader(rows):
                runs[row["start"], row["learning"], int(row["labels"])][int(row["seed"])] = row
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
    """The mean, and half the width of its interval."""
    if not numbers:
        return ""
    half = half_width(numbers)
    return f"{np.mean(numbers):{sign}.3f}" + (f" ± {half:.3f}" if math.isfinite(half) else "")


def table(runs: Runs, metric: str) -> list[str]:
    """A metric of every start, by what learns and by the number of labels."""
    lines = [f"| {METRICS[metric]} | learns | {' | '.join(f'{n} labels' for n in LABELS)} | seeds |"]
    lines.append("|---|---|" + "---|" * (len(LABELS) + 1))
    for start in STARTS:
        for learning in LEARNING:
            every = [runs.get((start, learning, n), {}) for n in LABELS]
            if any(every):
                cells = " | ".join(interval(list(values(rows, metric).values())) for rows in every)
                seeds = sorted({len(rows) for rows in every})
                lines.append(
                    f"| {start} | {NAMES[learning]} | {cells} | {' to '.join(map(str, {seeds[0], seeds[-1]}))} |"
                )
    return lines


def gained(runs: Runs, start: str, learning: str, labels: int, metric: str) -> list[float]:
    """What a start gains over random weights with the same labelled windows, seed by seed."""
    ours, random = (
        values(runs.get(key, {}), metric) for key in ((start, learning, labels), ("scratch", "all", labels))
    )
    return [ours[seed] - random[seed] for seed in sorted(ours) if seed in random]


def gains(runs: Runs) -> list[str]:
    """Differences to random weights of every start."""
    lines = [f"| AP at IoU .5, gain | learns | {' | '.join(f'{n} labels' for n in LABELS)} |"]
    lines.append("|---|---|" + "---|" * len(LABELS))
    for start in STARTS[1:]:
        for learning in LEARNING:
            cells = [interval(gained(runs, start, learning, n, "ap50"), "+") for n in LABELS]
            if any(cells):
                lines.append(f"| {start} | {NAMES[learning]} | {' | '.join(cells)} |")
    return lines


def verdict(runs: Runs) -> list[str]:
    """Whether the best self-supervised start beats random weights by more than the interval, and how counts end."""
    lines = []
    ways = [(start, learning) for start in SELF_SUPERVISED for learning in LEARNING]
    for labels in ESSENTIAL:
        every = {way: gained(runs, *way, labels, "ap50") for way in ways}
        known = {way: gain for way, gain in every.items() if len(gain) > 1}
        if known:
            best = max(known, key=lambda way: float(np.mean(known[way])))
            mean, half = float(np.mean(known[best])), half_width(known[best])
            word = "more" if mean > half else "not more"
            lines.append(
                f"With {labels} labelled windows the best self-supervised start is {best[0]} ({NAMES[best[1]]}): "
                f"{mean:+.3f} AP over random weights with the same fields, {word} than half the width of its 95 % "
                f"interval ({half:.3f}, {len(known[best])} seeds)."
            )
    most = LABELS[-1]
    ends = {
        key: float(np.mean(list(values(rows, "count_error_field").values())))
        for key, rows in runs.items()
        if key[2] == most
    }
    if ends:
        best_key = min(ends, key=lambda key: ends[key])
        reached = [f"{start} ({NAMES[learning]})" for (start, learning, _), error in ends.items() if error < LIMIT]
        lines.append(
            f"With {most} labelled windows the count of a field is off by {ends[best_key]:.1%} at best "
            f"({best_key[0]}, {NAMES[best_key[1]]}); under {LIMIT:.0%}: {', '.join(reached) or 'none'}."
        )
    return ["\n\n".join(lines)] if lines else []


def without_labels(runs: Runs) -> list[str]:
    """What the network that tells magnifications finds without any label."""
    lines = ["| first objects | found | true | count error of a field | AP at IoU .5 | foreground IoU |"]
    lines.append("|---|---|---|---|---|---|")
    for (_, what, labels), rows in runs.items():
        for row in rows.values() if labels == 0 else []:
            numbers = (f"{float(row[name]):.3f}" for name in ("count_error_field", "ap50", "iou"))
            lines.append(f"| {what} | {row['found']} | {row['true']} | {' | '.join(numbers)} |")
    return lines


if __name__ == "__main__":
    main()
