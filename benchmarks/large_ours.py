"""Large images with Microseg, each measurement in a process of its own: `python large_ours.py TASK DATA SIDE OUT ...`."""

import hashlib
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from clock import main, peak_mb, report
from large_image import make_image, true_labels
from ours_networks import reference_network

from core.blockwise import segment
from core.blockwise.config import BlockwiseConfig
from core.blockwise.schedule import ClusterConfig
from core.evaluation.scores import score_image
from core.io.ome_zarr import open_levels

PARTS = ("find", "decide", "paint", "shrink")


class Clocks:
    """CPU-seconds of every kind of work, over all threads of this process."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._lock = threading.Lock()
        for name in PARTS:
            setattr(segment, name, self._timed(name, getattr(segment, name)))

    def _timed(self, name: str, function: Any) -> Any:
        def timed(*arguments: Any) -> Any:
            begin = time.thread_time()
            result = function(*arguments)
            with self._lock:
                self.seconds[name] += time.thread_time() - begin
            return result

        return timed


def run(data: Path, side: str, out: str, workers: str = "0") -> None:
    """Segment an image; the output folder stays."""
    path, model = make_image(data, int(side)), reference_network(data)
    clocks = None if int(workers) else Clocks()
    begin, cpu = time.perf_counter(), time.process_time()
    found = segment.segment_large(path, model, out, BlockwiseConfig(), ClusterConfig(workers=int(workers)), "cpu")
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    cpu += sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    more = {name: round(seconds, 1) for name, seconds in clocks.seconds.items()} if clocks else {}
    kind = f"large_{side}" if not int(workers) else f"large_{side}_workers_{workers}"
    report(kind, [cpu], int(side) ** 2 / 1e6, wall=round(wall, 1), objects=found.count, memory=round(peak_mb()), **more)


def score(data: Path, side: str, out: str, tool: str) -> None:
    """Not a measurement of time: F1 at an IoU of one half; `out` is an OME-Zarr folder or an npy file."""
    found = np.load(out) if out.endswith(".npy") else np.asarray(open_levels(out)[0][:])
    one = score_image(true_labels(data, int(side)), found)
    counts = {"objects": one.pred_count, "true_objects": one.true_count}
    report(f"large_{side}_score_{tool}", [0.0], f1=round(one.f1, 5), **counts)


def digest(data: Path, side: str, out: str) -> None:
    """Not a measurement: what labels and objects are, as one number."""
    state = hashlib.sha256()
    for level in open_levels(Path(out) / "labels.ome.zarr"):
        state.update(np.asarray(level[:]).tobytes())
    records = sorted((Path(out) / "unfinished" / "decide").glob("*.npz"))
    for record in records:
        with np.load(record) as values:
            for name in sorted(values.files):
                state.update(name.encode() + values[name].tobytes())
    print(state.hexdigest(), len(records), file=sys.stderr)
    report(f"large_{side}_digest", [0.0], digest=state.hexdigest(), records=len(records))


if __name__ == "__main__":
    main({task.__name__: task for task in (run, score, digest)})
