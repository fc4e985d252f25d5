"""Tables and curves of `results.csv`: `python -m studies.transfer.report` writes RESULTS.md and curves_*.svg."""

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import stats

from nodes.views.charts import line_chart

HERE = Path(__file__).parent
THESIS = {
    "random (Res-U-Net)": {2: 0.018, 5: 0.265, 10: 0.273, 50: 0.364, 200: 0.444, 0: 0.451},
    "simulated (Res-U-Net)": {2: 0.029, 5: 0.326, 10: 0.331, 50: 0.393, 200: 0.446},
}
"""What Wilhelm 2019 printed for DSB2018: of the first N images, 67 more to stop early, 106 other images to test on."""

LIMITS = """\
Computed on CPUs, hence small: trainings of a minute or two, one seed, one draw of 50 images and of the targets other
than DSB2018; 200 and all images were not retrained. A training from random weights on *all* images, 12 times as long,
is the pretrained model nuclei-all: ap_dsb2018 .537 on the same 67 test images (see its card). Random weights are far
from converged after 400 steps; what longer trainings give is in the last table. *thesis* repeats the system of Wilhelm
2019 as far as `thesis.py` says; it takes three times as long a step, and its own trainings were some hundred times as
long, so what the thesis printed is the fairer figure to compare with (its 106 test images are others than these 67).

The rules by which retraining is cautious (shares, the share of former images, when sizes are not matched) were chosen
with draws 0 to 2 of 1 to 5 images of DSB2018 and every other test image in view."""

Rows = Mapping[tuple[int, int], Mapping[str, str]]
"""Rows by (draw, seed)."""

Runs = Mapping[tuple[str, str, int], Rows]
"""Rows by (target, start, images)."""

STEPS = 400
"""Of the trainings that are compared over the number of images."""


def read(steps: int = STEPS) -> Runs:
    """The rows of trainings of so many steps."""
    runs: dict[tuple[str, str, int], dict[tuple[int, int], dict[str, str]]] = defaultdict(dict)
    with (HERE / "results.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["steps"]) == steps:
                key = row["target"], row["start"], int(row["images"])
                runs[key][int(row["draw"]), int(row["seed"])] = row
    return runs


def all_steps() -> list[int]:
    """The numbers of steps that there are."""
    with (HERE / "results.csv").open() as file:
        return sorted({int(row["steps"]) for row in csv.DictReader(file)})


def values(rows: Rows, column: str = "ap_dsb2018") -> list[float]:
    """A column of some rows."""
    return [float(row[column]) for row in rows.values() if row[column]]


def interval(numbers: Sequence[float]) -> str:
    """The mean, and half the width of its 95 % interval by Student's t."""
    if len(numbers) < 2:
        return f"{np.mean(numbers):.3f}" if numbers else ""
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * np.std(numbers, ddof=1) / math.sqrt(len(numbers)))
    return f"{np.mean(numbers):.3f} ± {half:.3f}"


def difference(runs: Runs, target: str, start: str, images: int) -> str:
    """Mean gain over random weights in runs of the same images and seed, with the p of a paired t-test."""
    ours, random = (runs.get((target, name, images), {}) for name in (start, "random"))
    gains = [float(ours[k]["ap_dsb2018"]) - float(random[k]["ap_dsb2018"]) for k in ours if k in random]
    if not gains:
        return ""
    if len(gains) < 2 or np.ptp(gains) == 0:
        return f"{np.mean(gains):+.3f}"
    return f"{np.mean(gains):+.3f} (p {stats.ttest_1samp(gains, 0).pvalue:.2g}, n {len(gains)})"


def label_equivalent(curve: Mapping[int, float], score: float) -> str:
    """How many images random weights need for a score, interpolated over the logarithm of their number."""
    sizes = sorted(n for n in curve if n)
    for fewer, more in pairwise(sizes):
        low, high = curve[fewer], curve[more]
        if low <= score <= high and high > low:
            return f"{math.exp(np.interp(score, [low, high], [math.log(fewer), math.log(more)])):.0f}"
    if sizes and score > max(curve[n] for n in sizes):
        return f"> {sizes[-1]}"
    return f"< {sizes[0]}" if sizes else ""


def section(runs: Runs, target: str) -> list[str]:
    """The tables of a target."""
    starts = list(dict.fromkeys(start for name, start, _ in runs if name == target))
    sizes = sorted({n for name, _, n in runs if name == target}, key=lambda n: n or math.inf)
    means = {
        start: {n: float(np.mean(values(runs[target, start, n]))) for n in sizes if (target, start, n) in runs}
        for start in starts
    }
    lines = [f"## {target}", "", "ap_dsb2018 on the test images:", ""]
    lines += ["| start | " + " | ".join(f"N = {n or 'all'}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for start in starts:
        cells = [interval(values(runs.get((target, start, n), {}))) for n in sizes]
        lines.append(f"| {start} | " + " | ".join(cells) + " |")
    if target == "dsb2018":
        for name, printed in THESIS.items():
            cells = [f"{printed[n]:.3f}" if n in printed else "" for n in sizes]
            lines.append(f"| *printed in the thesis: {name}* | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| start | N | AP@.5 | count error | gain over random | random needs N | start model | worse than it | share |",
    ]
    lines += ["|---" * 9 + "|"]
    for start in starts:
        for n in sizes:
            rows = runs.get((target, start, n), {})
            if not rows:
                continue
            before, worse, share = values(rows, "before"), "", ""
            if before:
                lost = sum(float(r["ap_dsb2018"]) < float(r["before"]) - 0.001 for r in rows.values())
                worse = f"{lost} of {len(rows)}"
                share = f"{np.mean(values(rows, 'share')):.2f}"
            gain = difference(runs, target, start, n) if start != "random" else ""
            equivalent = label_equivalent(means.get("random", {}), means[start][n]) if start != "random" else ""
            error = f"{np.mean(values(rows, 'count_error')):.1%}"
            lines.append(
                f"| {start} | {n or 'all'} | {np.mean(values(rows, 'ap_50')):.3f} | {error} | {gain} | {equivalent} | "
                f"{f'{before[0]:.3f}' if before else ''} | {worse} | {share} |"
            )
    points = {start: [(math.log10(n), mean) for n, mean in curve.items() if n] for start, curve in means.items()}
    if any(len(line) > 1 for line in points.values()):
        chart = line_chart(points, "log10 of the number of labelled images", "ap_dsb2018")
        (HERE / f"curves_{target}.svg").write_text(chart)
        lines += ["", f"![{target}](curves_{target}.svg)"]
    return [*lines, ""]


def duration() -> list[str]:
    """What longer trainings are worth, on the same images."""
    cells: dict[tuple[str, int, str], dict[int, Rows]] = defaultdict(dict)
    for number in all_steps():
        for (target, start, images), rows in read(number).items():
            cells[target, images, start][number] = rows
    several = {key: rows for key, rows in cells.items() if set(rows) != {STEPS}}
    steps = sorted({one for rows in several.values() for one in rows})
    if not several:
        return []
    lines = [
        "## The length of the training",
        "",
        "ap_dsb2018 (CPU-minutes of the training, that of a trial among them) after so many steps, on the same images:",
        "",
        "| target | N | start | " + " | ".join(f"{one:,} steps" for one in steps) + " |",
        "|---" * (len(steps) + 3) + "|",
    ]
    for (target, images, start), lengths in several.items():
        common = set.intersection(*(set(one) for one in lengths.values()))
        shown = []
        for one in steps:
            chosen: Rows = {key: lengths[one][key] for key in common} if one in lengths else {}
            minutes = np.mean(values(chosen, "cpu_seconds")) / 60 if chosen else 0.0
            shown.append(f"{interval(values(chosen))} ({minutes:.1f})" if chosen else "")
        lines.append(f"| {target} | {images or 'all'} | {start} | " + " | ".join(shown) + " |")
    return [*lines, ""]


def main() -> None:
    """Write RESULTS.md."""
    runs = read()
    devices = sorted({row["device"] for rows in runs.values() for row in rows.values()})
    count = sum(len(rows) for steps in all_steps() for rows in read(steps).values())
    lines = [
        "# What pretraining is worth with few labelled images",
        "",
        f"Written by `make study-transfer DATA=...`: {count} trainings, of {STEPS} steps where nothing else is said, "
        f"on {', '.join(devices)}. A step takes 4 patches of 128²; U-Net of base 32, grid 2, StarDist head. Starts, "
        "draws and metric: see `run.py`. "
        "± is a 95 % interval over draws and seeds; p is of a paired t-test against random weights; *start model* is "
        "the score of the pretrained model as it comes, *share* how far its weights have gone, on average.",
        "",
        LIMITS,
        "",
    ]
    for target in dict.fromkeys(name for name, _, _ in runs):
        lines += section(runs, target)
    (HERE / "RESULTS.md").write_text("\n".join([*lines, *duration()]))


if __name__ == "__main__":
    main()
