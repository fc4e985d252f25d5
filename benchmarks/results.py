"""The table of all measurements, as Markdown."""

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from data import Sizes

Found = dict[tuple[str, str], dict[str, Any]]
"""Measurements by tool and name."""


def write(path: Path, measured: list[dict[str, Any]], sizes: Sizes, software: list[str]) -> None:
    """Write the table, with the machine, the versions and the command it was made by."""
    found: Found = {(one["tool"], one["name"]): one for one in measured}
    command = " ".join(["python", "benchmarks/run.py", *sys.argv[1:]])
    lines = [
        "# Speed and memory",
        "",
        "Written by `make bench`: do not edit.",
        "",
        f"- {time.strftime('%Y-%m-%d')}, `{command}`",
        f"- {machine()}",
        *(f"- {line}" for line in software),
        "",
        "CPU-seconds of processes with one thread, median of three runs (least to most), ours and StarDist's one after",
        "the other on the same arrays. *Times* is how many times less ours needs. Memory is the most that the process",
        "held, libraries included.",
        "",
        "| | Microseg | StarDist, TensorFlow | times |",
        "|---|---|---|---|",
        *_rows(found, sizes),
        "",
        *_notes(found),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def machine() -> str:
    """Processor, cores, memory and system, as text."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")] or [platform.processor()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    return (
        f"{names[0]}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def _rows(found: Found, sizes: Sizes) -> list[str]:
    first, large = sizes.pairs
    field = f"{sizes.field} x {sizes.field} pixels"
    plan = [
        ("Training step with targets, grid 2, StarDist's network: patches per CPU-s", "train_same_grid2", 1, True),
        ("the same, single precision", "train_single_grid2", 1, True),
        ("our defaults (group normalisation, augmentation)", "train_default_grid2", 1, True),
        ("Training step with targets, grid 1, StarDist's network: patches per CPU-s", "train_same_grid1", 1, True),
        ("the same, single precision", "train_single_grid1", 1, True),
        ("our defaults", "train_default_grid1", 1, True),
        (f"Prediction from pixels to labels, {field}, ONNX Runtime: MPx per CPU-s", "predict_onnx", 1, True),
        ("the same, PyTorch", "predict_torch", 1, True),
        ("Thresholds fitted on 12 images: CPU-s", "thresholds", 1, False),
        ("Targets of a patch, grid 2: CPU-ms", "targets_grid2", 1000, False),
        ("Targets of a patch, grid 1: CPU-ms", "targets_grid1", 1000, False),
    ]
    for count in sizes.candidates:
        plan.append((f"Suppression of {count:,} candidates: CPU-s", f"nms_{count}", 1, False))
        plan.append(("Painting of what stays: CPU-s", f"render_{count}", 1, False))
    for (side, count), both in ((first, True), (large, False)):
        what = f"Matching of {count:,} objects, {side} x {side} pixels"
        plan.append((f"{what}, one IoU threshold: CPU-s", f"matching_{side}", 1, False))
        plan.append(("the same, ten thresholds: CPU-s", f"matching10_{side}", 1, False))
        if both:
            label = f"All measures of {count:,} objects (beside scikit-image): CPU-s"
            plan.append((label, f"measuring_{side}", 1, False))
    rows = [row for title, name, factor, rate in plan if (row := _row(found, title, name, factor, rate))]
    for title, name in (
        ("Memory of a prediction, ONNX Runtime: MB", "predict_onnx"),
        ("Memory of a prediction, PyTorch: MB", "predict_torch"),
        ("Memory of training, grid 2: MB", "train_same_grid2"),
        ("Memory of training, grid 1: MB", "train_same_grid1"),
        (f"Memory of matching {large[1]:,} objects: MB", f"matching_{large[0]}"),
    ):
        ours, theirs = found.get(("ours", name)), _theirs(found, name)
        if ours:
            other = f"{theirs['peak_mb']:,}" if theirs else ""
            ratio = f"{theirs['peak_mb'] / ours['peak_mb']:.1f}" if theirs else ""
            rows.append(f"| {title} | {ours['peak_mb']:,} | {other} | {ratio} |")
    return rows


def _theirs(found: Found, name: str) -> dict[str, Any] | None:
    """StarDist's measurement; what we do in two ways is compared with its only one."""
    twin = name.replace("_default_", "_same_").replace("_single_", "_same_").replace("predict_torch", "predict_onnx")
    return found.get(("stardist", twin))


def _row(found: Found, title: str, name: str, factor: float, rate: bool) -> str:
    """One line of the table: rates are amounts per second, others seconds per amount."""
    ours, theirs = found.get(("ours", name)), _theirs(found, name)
    if ours is None:
        return ""
    other, ratio = "", ""
    if theirs:
        other, ratio = _value(theirs, factor, rate), f"{theirs['cpu_s'] / ours['cpu_s']:.2f}"
    elif name.startswith("matching"):
        other = f"not run: dense tables of {ours['true_objects'] * ours['objects'] * 8 / 1e9:.1f} GB each"
    return f"| {title} | {_value(ours, factor, rate)} | {other} | {ratio} |"


def _value(one: dict[str, Any], factor: float, rate: bool) -> str:
    median, low, high = (factor * one[key] for key in ("cpu_s", "least", "most"))
    if rate:
        median, low, high = 1 / median, 1 / high, 1 / low
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def _notes(found: Found) -> list[str]:
    """What was found, so that nobody compares unlike things."""
    notes = []
    output = found.get(("ours", "network_output"))
    if output:
        notes.append(
            "Prediction and thresholds use one network, trained by StarDist, its weights in both tools: probabilities "
            f"differ by at most {output['probability_off']:.1g}, distances by {output['distance_off']:.1g} pixels."
        )
    for tool, name, title in (
        ("ours", "predict_onnx", "Microseg with ONNX Runtime"),
        ("ours", "predict_torch", "Microseg with PyTorch"),
        ("stardist", "predict_onnx", "StarDist"),
    ):
        one = found.get((tool, name))
        if one:
            what = f"{one['objects']} objects where {one['true_objects']} are, F1 {one['f1']:.3f} at an IoU of .5"
            notes.append(f"{title} finds {what}.")
    for name in ("train_same_grid2", "train_same_grid1"):
        ours, theirs = found.get(("ours", name)), found.get(("stardist", name))
        if ours and theirs:
            counts = f"{ours['parameters']:,} ours, {theirs['parameters']:,} StarDist's"
            notes.append(f"Weights of the trained network, grid {name[-1]}: {counts}.")
            notes.append(
                f"Number format of our training, grid {name[-1]}: {ours['numbers']}; StarDist's is single precision."
            )
    for (tool, name), one in found.items():
        twin = found.get(("stardist", name))
        if tool == "ours" and twin and name.startswith("nms"):
            notes.append(f"Of {int(name[4:]):,} candidates {one['kept']:,} stay, {twin['kept']:,} with StarDist.")
    return [f"- {note}" for note in notes]
