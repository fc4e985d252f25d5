"""Speed and memory beside StarDist on TensorFlow, on the same arrays: `make bench`.

    python benchmarks/run.py [--small] [--only NAME ...] [--without-stardist]

StarDist gets an environment of its own in BENCH_VENV (out/bench/stardist-tf if unset), made here. Every measurement
runs in a process of its own with one thread, ours and StarDist's one after the other; it prints one line of JSON,
which is also kept in out/bench/results.jsonl. At the end RESULTS.md is written beside this file; with --small (three
minutes, to see that everything works), with --only or without StarDist to out/bench.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import data
from results import write

HERE = Path(__file__).resolve().parent
OUT = Path("out/bench")
STARDIST = ("tensorflow-cpu==2.21.0", "stardist==0.9.2")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}
TRAINING_STEPS = {False: 400, True: 4}
"""Of the network that both tools apply; by whether sizes are small."""


def tasks(sizes: data.Sizes) -> list[tuple[str, tuple[str, ...], bool]]:
    """All measurements: a task, its arguments, and whether StarDist can do it."""
    first, large = (str(side) for side, _ in sizes.pairs)
    return [
        ("train", ("2", "same"), True),
        ("train", ("2", "single"), False),
        ("train", ("2", "default"), False),
        ("train", ("1", "same"), True),
        ("train", ("1", "single"), False),
        ("train", ("1", "default"), False),
        ("predict", ("onnx",), True),
        ("predict", ("torch",), False),
        ("thresholds", (), True),
        ("targets", (), True),
        *(("polygons", (str(count),), True) for count in sizes.candidates),
        ("matching", (first,), True),
        ("matching", (large,), False),
        ("measuring", (first,), True),
    ]


def stardist_python() -> Path:
    """The interpreter of StarDist's environment, which is made if it is not there.

    Raises
    ------
    subprocess.CalledProcessError : the packages could not be installed.
    """
    folder = Path(os.environ.get("BENCH_VENV", OUT / "stardist-tf")).absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    installed = subprocess.run([python, "-c", "import stardist, tensorflow"], capture_output=True, check=False)
    if installed.returncode:
        print(f"installing {' '.join(STARDIST)} in {folder}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *STARDIST], check=True)
    return python


def run(python: Path | str, script: str, task: str, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run one task in a process of its own; return its measurements, none where it failed."""
    command = [str(python), "-W", "ignore", str(HERE / script), task, str(folder), *arguments]
    done = subprocess.run(command, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{script} {task} failed:\n{done.stderr[-2000:]}", file=sys.stderr, flush=True)
        return []
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for line in found:
        line.update(tool=script.split("_")[0], load=round(os.getloadavg()[0], 1), at=time.strftime("%Y-%m-%dT%H:%M:%S"))
        text = json.dumps(line)
        print(text, flush=True)
        with (OUT / "results.jsonl").open("a") as lines:
            lines.write(text + "\n")
    return found


def versions(python: Path | str, packages: tuple[str, ...]) -> str:
    """Installed versions, as text."""
    code = "import sys; from importlib.metadata import version\n"
    code += "print(*(f'{name} {version(name)}' for name in sys.argv[1:]), sep=', ')"
    return subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Measure everything and write the table."""
    parser = argparse.ArgumentParser(description="Speed and memory beside StarDist on TensorFlow.")
    parser.add_argument("--small", action="store_true", help="small inputs, to see that everything works")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these tasks only, for instance train predict")
    parser.add_argument("--without-stardist", action="store_true", help="measure only ours, without a network to apply")
    given = parser.parse_args()
    sizes = data.SMALL if given.small else data.FULL
    folder = OUT / ("data-small" if given.small else "data")
    data.make(folder, sizes)
    software = [f"Microseg: {versions(sys.executable, ('torch', 'onnxruntime', 'numba', 'numpy', 'scipy'))}"]
    found: list[dict[str, Any]] = []
    theirs = None
    if not given.without_stardist:
        theirs = stardist_python()
        software.append(f"StarDist: {versions(theirs, ('stardist', 'tensorflow-cpu', 'keras', 'numpy'))}")
        if not (folder / "network.npz").exists():
            run(theirs, "stardist_tf.py", "fit", folder, str(TRAINING_STEPS[given.small]))
        found += run(sys.executable, "ours_networks.py", "network_output", folder)
    for task, arguments, both in tasks(sizes):
        if given.only and task not in given.only:
            continue
        if task in ("predict", "thresholds") and not (folder / "network.npz").exists():
            continue
        ours = "ours_networks.py" if task in ("train", "predict", "thresholds") else "ours_objects.py"
        found += run(sys.executable, ours, task, folder, *arguments)
        if both and theirs:
            found += run(theirs, "stardist_tf.py", task, folder, *arguments)
    complete = not given.small and not given.only and theirs
    write(HERE / "RESULTS.md" if complete else OUT / "RESULTS.md", found, sizes, software)


if __name__ == "__main__":
    main()
