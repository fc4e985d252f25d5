"""Large images with Microseg, a measurement in a process of its own: `python large_ours.py TASK DATA SIDE OUT ...`."""

import hashlib
import resource
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from clock import main, peak_mb, report
from core.blockwise import course, segment
from core.blockwise.config import BlockwiseConfig
from core.blockwise.schedule import ClusterConfig
from core.blockwise.store import Store
from core.evaluation.scores import score_image
from core.image import Image, Labels
from core.inference.predict import Predictor
from core.io.ome_zarr import open_levels
from core.pretrained import load
from large_image import make_image, true_labels
from ours_networks import reference_network

MOSAIC = Path(__file__).parents[1] / "workflows" / "04_Count_a_large_image" / "data" / "mosaic.ome.tif"

PARTS = ("find", "decide", "paint", "shrink")


class Clocks:
    """CPU-seconds of every kind of work, over all threads of this process."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._lock = threading.Lock()
        for name in PARTS:
            module = course if hasattr(course, name) else segment
            setattr(module, name, self._timed(name, getattr(module, name)))

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
    records = sorted((Path(out) / "unfinished").glob("*/decide/*.npz"))
    for record in records:
        with np.load(record) as values:
            for name in sorted(values.files):
                state.update(name.encode() + values[name].tobytes())
    print(state.hexdigest(), len(records), file=sys.stderr)
    report(f"large_{side}_digest", [0.0], digest=state.hexdigest(), records=len(records))


def tiled(data: Path, count: str) -> None:
    """Not a measurement of time: images of real nuclei cut into tiles at random, beside the same predicted whole.

    By the same network: with the statistics of the image folded into it, which changes the last digits.
    """
    model = load("nuclei-fluorescence").eval()
    fields = tifffile.imread(MOSAIC)
    real = np.pad(fields, [(0, max(0, 4096 - n)) for n in fields.shape], mode="symmetric")[:4096, :4096]
    rng = np.random.default_rng(0)
    identical = same_count = objects = 0
    least = 1.0
    for number in range(int(count)):
        height, width = (int(n) for n in np.exp(rng.uniform(np.log(200), np.log(4096), 2)))
        y, x = (int(rng.integers(4097 - n)) for n in (height, width))
        part = np.ascontiguousarray(real[y : y + height, x : x + width])
        tile, reach = int(rng.integers(192, 1100)), int(rng.integers(8, 100))
        folder = data / "tiled"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tifffile.imwrite(folder / "part.tif", part, tile=(256, 256), photometric="minisblack")
        config = BlockwiseConfig(tile=tile, reach=reach)
        found = segment.segment_large(folder / "part.tif", model, folder / "out", config, device="cpu")
        labels = np.asarray(open_levels(found.labels)[0][:])
        calibrated = Store(folder / "out").read_model().eval()
        whole = Predictor(calibrated, "cpu").predict(Image(part, "YX")).labels.array
        ious = best_ious(whole, labels)
        identical += bool((ious == 1).all()) and found.count == len(ious)
        same_count += found.count == len(ious)
        objects, least = objects + len(ious), min(least, float(ious.min(initial=1.0)))
        text = f"{number + 1}: {height} x {width}, tiles {tile}, reach {reach}: {found.count} of {len(ious)}"
        print(f"{text}, {least:.4f}", file=sys.stderr, flush=True)
    more = {"same_count": same_count, "identical": identical, "objects": objects, "least_iou": round(least, 5)}
    report("tiled", [0.0], combinations=int(count), **more)


def best_ious(whole: Labels, labels: Labels) -> NDArray[np.float64]:
    """For every object of the whole its largest IoU with another label image's objects."""
    codes, common = np.unique(whole.ravel().astype(np.int64) << 32 | labels.ravel(), return_counts=True)
    first, second = codes >> 32, codes & 0xFFFFFFFF
    sizes, others = np.bincount(whole.ravel()), np.bincount(labels.ravel())
    best = np.zeros(len(sizes))
    both = (first > 0) & (second > 0)
    ious = common[both] / (sizes[first[both]] + others[second[both]] - common[both])
    np.maximum.at(best, first[both], ious)
    return best[1:]


if __name__ == "__main__":
    main({task.__name__: task for task in (run, score, digest, tiled)})
