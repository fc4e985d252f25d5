"""Large images: memory, time, interruptions, and StarDist beside it: `make bench-large`.

    python benchmarks/large.py [--only PART ...] [--sides N ...] [--without-stardist]

Parts: tiled, sizes, stardist, workers, kills. Every measurement runs in a process of its own and is kept in
out/bench/large.jsonl; benchmarks/RESULTS_LARGE.md is written from the latest of each. All of it takes an hour on two
cores.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from large_image import make_image, true_count
from results import machine
from run import HERE, ONE_THREAD, OUT, stardist_python

DATA = OUT / "data"
KEPT = OUT / "large.jsonl"
BESIDE, KILLED = 8192, 4096
"""Sides of the images that StarDist and workers get, and that runs are killed on."""

PARTS = ("tiled", "sizes", "stardist", "workers", "kills")
OURS = [sys.executable, "-W", "ignore", str(HERE / "large_ours.py")]


def keep(line: dict[str, Any]) -> dict[str, Any]:
    """Write a measurement down."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    line = {**line, "commit": commit, "load": round(os.getloadavg()[0], 1), "at": time.strftime("%Y-%m-%dT%H:%M:%S")}
    print(json.dumps(line), flush=True)
    with KEPT.open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    return line


def measured(command: list[str], one_thread: bool = False) -> dict[str, Any]:
    """What a process measures.

    Raises
    ------
    RuntimeError : it failed; with what it said.
    """
    environment = os.environ | (ONE_THREAD if one_thread else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(lines[-1]))


def folder(name: str) -> Path:
    """A fresh output folder."""
    path = OUT / "large" / name
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def tiled() -> None:
    """Tiled equals whole, for 50 combinations of shape, tile and reach."""
    keep(measured([*OURS, "tiled", str(OUT / "large"), "50"]))


def sizes(sides: list[int]) -> None:
    """Images of several sizes."""
    for side in sides:
        make_image(DATA, side)
        out = folder(f"side_{side}")
        line = measured([*OURS, "run", str(DATA), str(side), str(out)])
        disk = sum(file.stat().st_size for file in (out / "labels.ome.zarr").rglob("*") if file.is_file()) / 1e6
        keep({**line, "nuclei": true_count(DATA, side), "labels_mb": round(disk)})
        if side == BESIDE:
            keep(measured([*OURS, "score", str(DATA), str(side), str(out / "labels.ome.zarr"), "ours"]))
        shutil.rmtree(out)


def stardist() -> None:
    """The same network and image with StarDist's `predict_instances_big`."""
    python = stardist_python()
    if not (DATA / "network.npz").exists():
        raise RuntimeError("There is no network yet: run `make bench` first, which trains it with StarDist.")
    make_image(DATA, BESIDE)
    found = OUT / "large" / "stardist.npy"
    found.parent.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-W", "ignore", str(HERE / "stardist_tf.py"), "big", str(DATA), str(BESIDE), str(found)]
    line = measured([*command, "2048"], one_thread=True)
    keep({**line, "name": f"stardist_{BESIDE}"})
    keep(measured([*OURS, "score", str(DATA), str(BESIDE), str(found), "stardist"]))


def workers() -> None:
    """One and two worker processes."""
    make_image(DATA, BESIDE)
    for count in (1, 2):
        keep(measured([*OURS, "run", str(DATA), str(BESIDE), str(folder("workers")), str(count)]))


def kills() -> None:
    """Runs that are killed, beside one that is not; and one of whose workers one is killed."""
    make_image(DATA, KILLED)
    out = folder("kills")
    command = [*OURS, "run", str(DATA), str(KILLED), str(out)]
    begin = time.monotonic()
    measured(command)
    usual = time.monotonic() - begin
    undisturbed = _digest(out)
    chance = random.Random(0)
    moments = sorted(chance.uniform(0.1, 0.98) for _ in range(5))
    same, kept = 0, []
    for moment in moments:
        folder("kills")
        kept.append(_killed(command, moment * usual))
        measured(command)
        same += _digest(out) == undisturbed
    keep({"name": "killed_main", "moments": [round(m, 2) for m in moments], "records": kept, "identical": same})
    folder("kills")
    command = [*command, "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    died = 0
    while process.poll() is None:
        time.sleep(0.2)
        if not died and len(list(out.glob("unfinished/*/find/*"))) >= 6:
            busy = [one for one in psutil.Process(process.pid).children(recursive=True) if _works(one)]
            busy[0].send_signal(signal.SIGKILL)
            died = 1
    keep(
        {
            "name": "killed_worker",
            "killed": died,
            "status": process.returncode,
            "identical": _digest(out) == undisturbed,
        }
    )
    shutil.rmtree(out)


def _works(process: psutil.Process) -> bool:
    """Whether a process is a worker that its nanny has started, and not the nanny."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _digest(out: Path) -> str:
    return str(measured([*OURS, "digest", str(DATA), str(KILLED), str(out)])["digest"])


def _killed(command: list[str], seconds: float) -> int:
    """Kill a run after some seconds; return how many tiles it had recorded."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()
    return len(list(Path(command[-1]).glob("unfinished/*/*/*.npz")))


def write(path: Path) -> None:
    """The table of the latest measurements."""
    found = {(line := json.loads(text))["name"]: line for text in KEPT.read_text().splitlines()}
    rows = [(int(name[6:]), line) for name, line in found.items() if name[6:].isdigit() and name.startswith("large_")]
    lines = [
        "# Large images",
        "",
        "Written by `make bench-large`: do not edit.",
        "",
        f"- {time.strftime('%Y-%m-%d')}, {machine()}",
        "- Drawn nuclei of 14 to 32 pixels, 16 bit, in a tiled TIFF. The network is StarDist's (32 rays, grid 2),",
        "  trained once by StarDist; both tools have its weights. CPU-seconds are of all threads and child processes.",
        "- *Memory* is the most that the process held, PyTorch and all libraries included. *Deciding*, which includes",
        "  measuring, and *writing* of labels, pyramid and picture are shares of the CPU-seconds.",
        "",
        "| image | nuclei found (drawn) | CPU-s per MPx | s per MPx | memory, MB | deciding | writing | labels, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for side, line in sorted(rows):
        pixels = side * side / 1e6
        total = line["cpu_s"] * pixels
        cells = [
            f"{side:,} x {side:,}",
            f"{line['objects']:,} ({line['nuclei']:,})",
            f"{line['cpu_s']:.2f}",
            f"{line['wall'] / pixels:.2f}",
            f"{line['memory']:,}",
            f"{line['decide'] / total:.1%}",
            f"{(line['paint'] + line['shrink']) / total:.1%}",
            f"{line['labels_mb']:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_tiled(found), *_beside(found), *_workers(found), *_kills(found)]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print(f"wrote {path}")


def _tiled(found: dict[str, Any]) -> list[str]:
    line = found.get("tiled")
    if not line:
        return []
    count = line["combinations"]
    return [
        "## Tiled equals whole",
        "",
        f"{count} random combinations of shape (200 to 4,096 pixels a side), tile (192 to 1,100) and expected size",
        f"of objects, on real nuclei, {line['objects']:,} in all, beside the same image predicted whole: the same",
        f"number of objects in {line['same_count']}, identical pixel by pixel in {line['identical']}; the least IoU of",
        f"two objects that belong together is {line['least_iou']:.4f}.",
        "",
    ]


def _beside(found: dict[str, Any]) -> list[str]:
    theirs, ours = found.get(f"stardist_{BESIDE}"), found.get(f"large_{BESIDE}")
    scores = [found.get(f"large_{BESIDE}_score_{tool}") for tool in ("ours", "stardist")]
    if not theirs or not ours or not all(scores):
        return []
    own, other = (f"{score['f1']:.4f} ({score['objects']:,} objects)" for score in scores if score)
    return [
        f"## Beside StarDist's `predict_instances_big`, {BESIDE:,} x {BESIDE:,}",
        "",
        "Blocks of 2,048 pixels, overlap 128, context 128; the image is read and normalised whole, as it must be.",
        "StarDist has one thread, with which it needs the fewest CPU-seconds, Microseg all processors, as by default.",
        "",
        "| | Microseg | StarDist, TensorFlow | times |",
        "|---|---|---|---|",
        f"| CPU-s per MPx | {ours['cpu_s']:.2f} | {theirs['cpu_s']:.2f} | {theirs['cpu_s'] / ours['cpu_s']:.1f} |",
        f"| memory, MB | {ours['memory']:,} | {theirs['memory']:,} | {theirs['memory'] / ours['memory']:.1f} |",
        f"| F1 at an IoU of 0.5 | {own} | {other} | |",
        "",
    ]


def _workers(found: dict[str, Any]) -> list[str]:
    one, two = (found.get(f"large_{BESIDE}_workers_{count}") for count in (1, 2))
    if not one or not two:
        return []
    return [
        f"## Worker processes, {BESIDE:,} x {BESIDE:,}",
        "",
        f"One: {one['wall']:.0f} s. Two: {two['wall']:.0f} s, {one['wall'] / two['wall']:.2f} times as fast, "
        "starting them included.",
        "",
    ]


def _kills(found: dict[str, Any]) -> list[str]:
    main, worker = found.get("killed_main"), found.get("killed_worker")
    if not main or not worker:
        return []
    moments = ", ".join(f"{moment:.0%}" for moment in main["moments"])
    again = "identical" if worker["identical"] else "NOT identical"
    return [
        f"## Interruptions, {KILLED:,} x {KILLED:,}",
        "",
        f"Killed (SIGKILL) after {moments} of the usual time and started again: labels of all levels and all measures "
        f"identical to those of an undisturbed run in {main['identical']} of {len(main['moments'])} runs.",
        f"One of two worker processes killed in the middle: exit status {worker['status']}, {again}.",
        "",
    ]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description="Large images: memory, time, interruptions.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sides", nargs="+", type=int, default=[4096, 8192, 16384, 32768])
    parser.add_argument("--without-stardist", action="store_true")
    given = parser.parse_args()
    DATA.mkdir(parents=True, exist_ok=True)
    if "tiled" in given.only:
        tiled()
    if "sizes" in given.only:
        sizes(given.sides)
    if "stardist" in given.only and not given.without_stardist:
        stardist()
    if "workers" in given.only:
        workers()
    if "kills" in given.only:
        kills()
    write(HERE / "RESULTS_LARGE.md")


if __name__ == "__main__":
    main()
