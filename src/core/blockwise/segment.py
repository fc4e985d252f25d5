"""Segmenting a large image, from its file to labels on disk.

The network looks at every tile once. What it finds is decided upon with what it found around, as if the image had been
seen whole: where that is not enough to be sure, more is looked at (`core.blockwise.course`). At last the labels are
painted, chunk by chunk. Every step is recorded, see `core.blockwise.store`.
"""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from core.blockwise.config import BlockwiseConfig
from core.blockwise.course import MOST_PLACES, Course
from core.blockwise.picture import create_picture
from core.blockwise.plan import CHUNK, Plan, level_warnings, make_plan
from core.blockwise.schedule import ClusterConfig, Job, Workers, hired
from core.blockwise.store import FORMAT, Store
from core.blockwise.work import Post, Summary, clear_bench, measures, paint, shrink
from core.errors import OutputError, listed
from core.io.large import LargeImage, open_large
from core.io.ome_zarr import create_labels, open_levels, remove_leftovers
from core.measurement.objects import ObjectTable
from core.model import SegmentationModel
from core.model_summary import check_segments
from core.progress import SILENT, Progress

DEFAULT, THREADS = BlockwiseConfig(), ClusterConfig()


@dataclass(frozen=True, eq=False)
class Segmented:
    """A large image that was segmented.

    Parameters
    ----------
    folder : where the results are, see `core.blockwise.store`.
    plan : what was decided about the image.
    count, area : number of objects, and their pixels.
    warnings : what the user should know.
    complete : whether `finish` was called, now or in an earlier run.
    """

    folder: Path
    plan: Plan
    count: int
    area: int
    warnings: tuple[str, ...]
    complete: bool
    _store: Store
    _identity: dict[str, Any]

    @property
    def labels(self) -> Path:
        """The label image, an OME-Zarr folder."""
        return self._store.labels

    @property
    def picture(self) -> Path:
        """The reduced picture, see `core.blockwise.picture`."""
        return self._store.picture

    def objects(self) -> Iterator[ObjectTable]:
        """The objects, part by part, in the order of their numbers; only until `finish`."""
        first = 1
        for tile in range(len(self.plan.tiles)):
            table = measures(self._store.load("decide", tile))
            if table:
                table = {**table, "id": np.arange(first, first + len(table["id"]))}
                first += len(table["id"])
                yield table

    def finish(self) -> None:
        """Say that all results are written, and remove what was kept for going on."""
        values = {"count": self.count, "area": self.area, "warnings": list(self.warnings), "plan": self.plan.to_dict()}
        self._store.complete(self._identity, values)


def segment_large(
    path: Path | str,
    model: SegmentationModel,
    output: Path | str,
    config: BlockwiseConfig = DEFAULT,
    cluster: ClusterConfig = THREADS,
    device: str = "auto",
    engine: str = "auto",
    replace: bool = False,
    progress: Progress = SILENT,
) -> Segmented:
    """Segment an image that need not fit in memory.

    The result does not depend on tiles, workers or interruptions: it is what `Predictor` finds in the whole image.
    Memory depends on the size of a tile, not on that of the image. A run that was interrupted goes on.

    Hold `core.blockwise.lock.locked(output)` until the results are finished: two runs in one folder spoil each other.

    Parameters
    ----------
    path : image file or OME-Zarr folder, see `core.io.large.open_large`.
    output : folder for the results; it is made, and must not hold anything else.
    device, engine : see `core.inference.predict.Predictor`.
    replace : delete results that are there already, once it is clear that the work can be done; those of a run that was
        interrupted are gone on with if nothing differs.

    Raises
    ------
    UserInputError : image and model do not fit together, the model cannot segment yet, a setting is wrong, the cluster
        cannot be reached.
    ImageReadError : the image cannot be read, or is damaged.
    OutputError : the folder holds other results, or it cannot be written.
    Canceled : the user stopped the work; what is done is kept.
    """
    check_segments({"pretext": model.config.pretext})
    with open_large(path, config.pages, config.damaged) as image:  # type: ignore[arg-type]
        store, identity = Store(output), _identity(image, model, config)
        summary, other = None, False
        try:
            summary = store.look(identity)
        except OutputError:
            if not replace:
                raise
            other = True
        if summary is not None and not replace:
            store.tidy()
            plan, (count, area) = Plan.from_dict(summary["plan"]), (summary["count"], summary["area"])
            return Segmented(store.folder, plan, count, area, tuple(summary["warnings"]), True, store, identity)
        done = other or summary is not None
        plan = _plan(store, image, model, config, identity, done, progress.part(0.0, 0.03))
        _create_outputs(store, plan, config)
        warnings = level_warnings(image, plan.level, model.config.pixel_size) if config.level == -1 else []
        if doubt := model.channel_doubt(image.channel_names):
            warnings.append(doubt)
        with hired(cluster, warnings.append) as workers:
            post = Post(str(store.folder), store.name, device, engine, workers.threads)
            try:
                summaries, notes = Course(store, plan, post).run(workers, progress.part(0.03, 0.9))
                _paint(store, plan, post, summaries, workers, progress.part(0.9, 1.0))
            finally:
                clear_bench(post)
        warnings += notes + _damage(store, plan)
        count, area = sum(one.count for one in summaries), sum(one.area for one in summaries)
        return Segmented(store.folder, plan, count, area, tuple(warnings), False, store, identity)


def _identity(image: LargeImage, model: SegmentationModel, config: BlockwiseConfig) -> dict[str, Any]:
    """What decides about the results."""
    settings = {**config.to_dict(), "thresholds": model.thresholds_with(config.thresholds)}
    del settings["tile"]  # changes nothing about the results
    return {
        "image": image.fingerprint(),
        "model": hashlib.sha256(model.to_bytes()).hexdigest(),
        "settings": settings,
        "format": FORMAT,
    }


def _plan(
    store: Store,
    image: LargeImage,
    model: SegmentationModel,
    config: BlockwiseConfig,
    identity: dict[str, Any],
    anew: bool,
    progress: Progress,
) -> Plan:
    """The plan of a run that was interrupted, or one for a new run; what is replaced is deleted only then."""
    plan = None if anew else store.read_plan()
    if plan is None:
        plan, calibrated = make_plan(image, model, config, progress)
        if anew:
            store.clear()
        store.begin(identity, plan, calibrated)
    elif plan.image != str(image.path):  # it was moved meanwhile
        plan = dataclasses.replace(plan, image=str(image.path))
        store.write_plan(plan)
    return plan


def _damage(store: Store, plan: Plan) -> list[str]:
    """A warning that names what could not be read."""
    if plan.damaged == "fail":
        return []
    found = (store.load("find", tile, "damaged")["damaged"] for tile in range(len(plan.tiles)))
    places = sorted({str(place) for damaged in found for place in damaged})
    return [f"Damaged parts of the image were taken as 0: {listed(places, MOST_PLACES, '; ')}."] if places else []


def _create_outputs(store: Store, plan: Plan, config: BlockwiseConfig) -> None:
    """The empty label image and the empty picture, unless they are there; leftovers of killed workers are removed."""
    if store.has("outputs", 0):
        remove_leftovers(store.labels)
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(store.labels)
    create_labels(store.labels, plan.height, plan.width, plan.sizes, CHUNK, config.version, store.folder.name)  # type: ignore[arg-type]
    create_picture(store.picture, len(plan.limits), plan.height, plan.width)
    store.save("outputs", 0, {})


def _paint(
    store: Store, plan: Plan, post: Post, summaries: list[Summary], workers: Workers, progress: Progress
) -> None:
    """All levels of the label image, and the picture.

    This takes a few percent of the time and has no records: after an interruption it is all done again.
    """
    firsts = list(accumulate((one.count for one in summaries), initial=1))
    rows, columns = plan.chunks
    near: list[list[tuple[int, int]]] = [[] for _ in range(rows * columns)]
    for tile, one in enumerate(summaries):
        if one.count:
            top, left, bottom, right = one.box
            for row in range(top // CHUNK, (bottom - 1) // CHUNK + 1):
                for column in range(left // CHUNK, (right - 1) // CHUNK + 1):
                    near[row * columns + column].append((tile, firsts[tile]))
    jobs = {f"paint {chunk}": Job(paint, (post, chunk, tuple(sources))) for chunk, sources in enumerate(near)}
    before, finer = "paint", (rows, columns)
    for level, array in enumerate(open_levels(store.labels)[1:], 1):
        height, width = (-(-n // CHUNK) for n in array.shape)
        for chunk in range(height * width):
            row, column = divmod(chunk, width)
            after = tuple(
                f"{before} {y * finer[1] + x}"
                for y in range(2 * row, min(2 * row + 2, finer[0]))
                for x in range(2 * column, min(2 * column + 2, finer[1]))
            )
            jobs[f"shrink{level} {chunk}"] = Job(shrink, (post, level, chunk), after)
        before, finer = f"shrink{level}", (height, width)
    workers.do(jobs, progress, "Writing: step")
