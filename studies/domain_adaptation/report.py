"""Tables of `epochs.csv`: `python -m studies.domain_adaptation.report DATA` writes RESULTS.md.

Of every training, four models are compared: that of the last epoch with the threshold 0.5, which needs nothing of the
target; that of the epoch whose objects are as solid as the labelled ones, as published; that of the epoch and threshold
which Microseg chooses; and the best of all epochs, which only labels of the target can tell (the oracle).
"""

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from studies.domain_adaptation.data import load
from studies.domain_adaptation.run import DIRECTIONS, HERE, ROWS, WAYS

from core.training.selection import SMOOTHING, Prior, SelectionConfig

Epoch = Mapping[str, str]
Pick = Callable[[Sequence[Epoch]], float]
Runs = dict[tuple[str, str], dict[str, list[Epoch]]]
"""By direction and strategy, then by seed, the epochs of a training."""

AUTO = {
    "usual": "none",
    "variation": "variation",
    "variation and histogram": "histogram",
    "variation and fourier": "fourier",
    "variation and mean teacher": "mean_teacher",
}
"""What the strategy "auto" tries out, by its name here."""

BASELINE = "none"
LIMIT = {"vnc-lucchi": 0.15, "lucchi-vnc": 0.08}
"""How much adaptation is to raise the IoU by."""


def main() -> None:
    """Read, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with vnc/ and lucchi/")
    data = parser.parse_args().data
    runs = read()
    lines = [(HERE / "SETTING.md").read_text().rstrip()]
    for direction, (source, _) in DIRECTIONS.items():
        solid = Prior.of([one.labels for one in load(data, source).train], by_area=False).mean["solidity"]
        lines += ["", f"## {direction.replace('-', ' to ')}", "", *table(runs, direction, solid)]
        lines += ["", "\n\n".join(verdict(runs, direction))]
    lines += ["", "## The choice of the epoch", "", *choice(runs), "", again(runs)]
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


def read() -> Runs:
    """The epochs of all trainings."""
    runs: Runs = defaultdict(lambda: defaultdict(list))
    with ROWS.open(newline="") as file:
        for row in csv.DictReader(file):
            runs[row["direction"], row["strategy"]][row["seed"]].append(row)
    return runs


def last(epochs: Sequence[Epoch], end: str = "") -> float:
    """The last epoch, with the threshold 0.5."""
    return float(epochs[-1][f"iou_slices{end}_half" if not end else f"iou_{end}_half"])


def eligible(epochs: Sequence[Epoch]) -> list[int]:
    """Epochs that are not too early, with anything found."""
    first = SelectionConfig().earliest * len(epochs)
    return [i for i, row in enumerate(epochs) if i + 1 > first and row["deviation"]]


def smoothed(epochs: Sequence[Epoch], number: int, values: Sequence[float]) -> float:
    """The mean over the last epochs, as a selection has it."""
    return float(np.nanmean(values[max(0, number + 1 - SMOOTHING) : number + 1]))


def picked(epochs: Sequence[Epoch]) -> tuple[int, float]:
    """The epoch that Microseg chooses, from 0, and its criterion."""
    values = [float(row["deviation"] or math.nan) for row in epochs]
    scores = {i: smoothed(epochs, i, values) for i in eligible(epochs)}
    best = min(scores, key=lambda i: scores[i]) if scores else len(epochs) - 1
    return best, scores.get(best, math.inf)


def by_choice(epochs: Sequence[Epoch]) -> float:
    """The epoch and threshold that Microseg chooses."""
    return float(epochs[picked(epochs)[0]]["iou_slices"])


def by_solidity(solid: float) -> Pick:
    """The epoch whose objects are as solid as the labelled ones, with the threshold 0.5."""

    def pick(epochs: Sequence[Epoch]) -> float:
        known = [i for i, row in enumerate(epochs) if float(row["solidity_half"])]
        best = min(known, key=lambda i: abs(float(epochs[i]["solidity_half"]) - solid), default=len(epochs) - 1)
        return float(epochs[best]["iou_slices_half"])

    return pick


def oracle(epochs: Sequence[Epoch]) -> float:
    """The best of all epochs, with either threshold."""
    return max(float(row[name]) for row in epochs for name in ("iou_slices", "iou_slices_half"))


def pooled(epochs: Sequence[Epoch]) -> float:
    """As `by_choice`, all pixels pooled."""
    return float(epochs[picked(epochs)[0]]["iou_pooled"])


def table(runs: Runs, direction: str, solid: float) -> list[str]:
    """Every strategy: mean and standard deviation over the seeds."""
    columns: dict[str, Pick] = {
        "last epoch": last,
        "by solidity": by_solidity(solid),
        "chosen": by_choice,
        "oracle": oracle,
        "chosen, pooled": pooled,
    }
    lines = [f"| strategy | seeds | {' | '.join(columns)} | minutes |", f"|---|---|{'---|' * (len(columns) + 1)}"]
    for strategy in WAYS:
        seeds = runs.get((direction, strategy), {})
        if not seeds:
            lines.append(f"| {strategy} | 0 |{' |' * (len(columns) + 1)}")
            continue
        cells = [spread([pick(epochs) for epochs in seeds.values()]) for pick in columns.values()]
        minutes = np.mean([sum(float(row["seconds"]) for row in epochs) for epochs in seeds.values()]) / 60
        lines.append(f"| {strategy} | {len(seeds)} | {' | '.join(cells)} | {minutes:.1f} |")
    chosen = auto(runs, direction)
    if chosen:
        cells = [spread([pick(epochs) for _, epochs in chosen.values()]) for pick in columns.values()]
        lines.append(f"| **auto** | {len(chosen)} | {' | '.join(cells)} | |")
    return lines


def auto(runs: Runs, direction: str) -> dict[str, tuple[str, list[Epoch]]]:
    """What the strategy "auto" takes for every seed for which all that it tries out is there."""
    chosen = {}
    for seed in runs.get((direction, BASELINE), {}):
        tried = {name: runs[direction, name][seed] for name in AUTO if seed in runs.get((direction, name), {})}
        if len(tried) == len(AUTO):
            best = min(tried, key=lambda name: picked(tried[name])[1])
            chosen[seed] = (best, tried[best])
    return chosen


def verdict(runs: Runs, direction: str) -> list[str]:
    """What adaptation brings over none, and whether auto ever does harm."""
    plain = {seed: last(epochs) for seed, epochs in runs.get((direction, BASELINE), {}).items()}
    lines: list[str] = []
    free = [name for name in WAYS if not WAYS[name].labelled and name != BASELINE]
    gains = {}
    for name in free:
        seeds = runs.get((direction, name), {})
        both = [by_choice(epochs) - plain[seed] for seed, epochs in seeds.items() if seed in plain]
        if both and len(both) == len(plain):
            gains[name] = both
    if gains:
        best = max(gains, key=lambda name: float(np.mean(gains[name])))
        each = ", ".join(f"{gain:+.3f}" for gain in gains[best])
        wanted = LIMIT[direction]
        reached = "reached" if np.mean(gains[best]) >= wanted and min(gains[best]) > 0 else "not reached"
        lines.append(
            f"Over the last epoch without adaptation, the best strategy without labels, *{best}*, gains "
            f"{np.mean(gains[best]):+.3f} on average ({each}); wanted were {wanted:+.2f} and a gain for every seed: "
            f"{reached}."
        )
    for pick, how in ((last, "By the last epoch"), (by_choice, "Chosen without labels, as all the others")):
        means = {name: mean(runs, direction, name, pick) for name in (BASELINE, *free)}
        worse = [f"*{name}* ({means[name]:.3f})" for name in free if means[name] <= means[BASELINE]]
        lines.append(f"{how}, none comes to {means[BASELINE]:.3f}; no better: {', '.join(worse) or 'nothing'}.")
    chosen = auto(runs, direction)
    if chosen:
        usual = {seed: last(runs[direction, "usual"][seed]) for seed in chosen}
        told = "; ".join(
            f"seed {seed}: {name}, {by_choice(epochs):.3f} (none {plain[seed]:.3f}, usual training {usual[seed]:.3f})"
            for seed, (name, epochs) in chosen.items()
        )
        lines.append(f"*Auto* took {told}.")
    return lines


def mean(runs: Runs, direction: str, strategy: str, pick: Pick) -> float:
    """The mean over the seeds; NaN without any."""
    seeds = runs.get((direction, strategy), {})
    return float(np.mean([pick(epochs) for epochs in seeds.values()])) if seeds else math.nan


def choice(runs: Runs) -> list[str]:
    """How near the chosen epochs come to the oracle, over all trainings without labels of the target."""
    lines = [
        "| direction | trainings | last less oracle | chosen less oracle | rank correlation of criterion and IoU |"
    ]
    lines.append("|---|---|---|---|---|")
    for direction in DIRECTIONS:
        every = [
            epochs
            for (where, name), seeds in runs.items()
            if where == direction and not WAYS[name].labelled
            for epochs in seeds.values()
        ]
        if not every:
            continue
        ends, ours = (np.mean([pick(e) - oracle(e) for e in every]) for pick in (last, by_choice))
        scores = [(picked(e)[1], by_choice(e)) for e in every]
        agreement = float(spearmanr(np.array(scores)).statistic) if len(every) > 2 else math.nan
        lines.append(f"| {direction} | {len(every)} | {ends:+.3f} | {ours:+.3f} | {agreement:.2f} |")
    return lines


def again(runs: Runs) -> str:
    """How many trainings collapsed at first."""
    every = [epochs for seeds in runs.values() for epochs in seeds.values()]
    count = sum(int(epochs[0]["attempts"]) > 1 for epochs in every)
    return f"{count} of {len(every)} trainings collapsed and were run again, see the setting."


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    deviation = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation}"


if __name__ == "__main__":
    main()
