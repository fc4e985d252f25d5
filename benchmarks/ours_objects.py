"""The measurements of Microseg without networks: `python benchmarks/ours_objects.py TASK DATA`, one thread."""

import warnings
from pathlib import Path

import numpy as np

from clock import cpu_seconds, main, report
from core.evaluation.matching import match, overlaps
from core.evaluation.scores import score_image
from core.geometry.polygon_nms import suppress
from core.geometry.render import render_polygons
from core.geometry.star_distances import star_targets
from core.image import Image
from core.measurement.objects import measure

warnings.simplefilter("ignore")


def targets(data: Path) -> None:
    """What the network is taught, for a patch of 256 x 256 pixels."""
    labels = np.load(data / "train.npz")["labels"][:32]
    for grid in (1, 2):
        seconds = cpu_seconds(lambda grid=grid: [star_targets(one, 32, grid) for one in labels])
        report(f"targets_grid{grid}", seconds, len(labels))


def polygons(data: Path, count: str) -> None:
    """Suppression of candidates, and painting of those that stay."""
    given = np.load(data / f"candidates_{count}.npz")
    distances, points, scores, shape = (given[key] for key in ("distances", "points", "scores", "shape"))
    seconds = cpu_seconds(lambda: suppress(distances, points, scores, 0.4))
    kept = suppress(distances, points, scores, 0.4)
    report(f"nms_{count}", seconds, kept=len(kept))
    size = (int(shape[0]), int(shape[1]))
    seconds = cpu_seconds(lambda: render_polygons(distances[kept], points[kept], scores[kept], size))
    report(f"render_{count}", seconds, polygons=len(kept))


def matching(data: Path, side: str) -> None:
    """Two label images scored at one and at ten IoU thresholds."""
    pair = np.load(data / f"pair_{side}.npz")
    truth, prediction = pair["truth"], pair["prediction"]
    counts = {"true_objects": int(truth.max()), "objects": int(prediction.max())}
    before = {"inputs_mb": round((truth.nbytes + prediction.nbytes) / 2**20)}
    seconds = cpu_seconds(lambda: match(overlaps(truth, prediction), 0.5))
    report(f"matching_{side}", seconds, **counts, **before)
    report(f"matching10_{side}", cpu_seconds(lambda: score_image(truth, prediction)), **counts)


def measuring(data: Path, side: str) -> None:
    """All measures of all objects."""
    labels = Image(np.load(data / f"pair_{side}.npz")["truth"], "YX", kind="labels")
    image = Image(labels.array.astype(np.uint16), "YX")
    report(f"measuring_{side}", cpu_seconds(lambda: measure(labels, image)), objects=int(labels.array.max()))


if __name__ == "__main__":
    main({task.__name__: task for task in (targets, polygons, matching, measuring)})
