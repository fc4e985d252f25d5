"""Segmenting a large image, from its file to labels on disk.

The network looks at every tile once. What it finds is decided upon with what it found around, as if the image had been
seen whole: where that is not enough to be sure, more is looked at (`_Course`). At last the labels are painted, chunk by
chunk. Every step is recorded, see `core.blockwise.store`.
"""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from core.blockwise.config import MOST_REACH, BlockwiseConfig
from core.blockwise.lock import locked
from core.blockwise.picture import create_picture
from core.blockwise.plan import CHUNK, Plan, level_warnings, make_plan
from core.blockwise.schedule import ClusterConfig, Job, Workers, hired
from core.blockwise.store import FORMAT, Store
from core.blockwise.work import Post, Summary, clear_bench, decide, find, measures, paint, shrink, summary
from core.errors import OutputError
from core.heads import base
from core.io.large import LargeImage, open_large
from core.io.ome_zarr import create_labels, open_levels, remove_leftovers
from core.measurement.objects import ObjectTable
from core.model import SegmentationModel
from core.progress import SILENT, Progress

DEFAULT, THREADS = BlockwiseConfig(), ClusterConfig()

MORE = 1.25
"""By how much more than the largest object is thought to go beyond its point, once one is found that is too large."""

MOST_PLACES = 20
"""Places of objects that are told of."""


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

    Parameters
    ----------
    path : image file or OME-Zarr folder, see `core.io.large.open_large`.
    output : folder for the results; it is made, and must not hold anything else.
    device, engine : see `core.inference.predict.Predictor`.
    replace : delete results that are there already, once it is clear that the work can be done; those of a run that was
        interrupted are gone on with if nothing differs.

    Raises
    ------
    UserInputError : image and model do not fit together, a setting is wrong, the cluster cannot be reached.
    ImageReadError : the image cannot be read, or is damaged.
    OutputError : the folder holds other results, another run is at work in it, or it cannot be written.
    Canceled : the user stopped the work; what is done is kept.
    """
    with open_large(path, config.pages, config.damaged) as image, locked(Path(output)):  # type: ignore[arg-type]
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
        with hired(cluster, warnings.append) as workers:
            post = Post(str(store.folder), store.name, device, engine, workers.threads)
            try:
                summaries, notes = _Course(store, plan, post).run(workers, progress.part(0.03, 0.9))
                _paint(store, plan, post, summaries, workers, progress.part(0.9, 1.0))
            finally:
                clear_bench(post)
        warnings += notes + _damage(store, plan)
        count, area = sum(one.count for one in summaries), sum(one.area for one in summaries)
        return Segmented(store.folder, plan, count, area, tuple(warnings), False, store, identity)


def _identity(image: LargeImage, model: SegmentationModel, config: BlockwiseConfig) -> dict[str, Any]:
    """What decides about the results."""
    settings = {**config.to_dict(), "thresholds": {**model.thresholds, **config.thresholds}}
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
    records = (store.load("find", tile) for tile in range(len(plan.tiles)) if store.has("find", tile))
    places = sorted({str(place) for record in records for place in record.get("damaged", ())})
    return [f"Damaged parts of the image were taken as 0: {_listed(places)}."] if places else []


def _listed(places: Sequence[str]) -> str:
    """Places in a message: all of a few, the first of many."""
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return "; ".join(places[:MOST_PLACES]) + more


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


@dataclass(eq=False)
class _Course:
    """Finding and deciding, until every tile is sure of its objects.

    Two things can be in the way. Whether an object is one may depend on what lies farther around the tile than was
    looked: then more is looked at, all of which is recorded already. Or an object is larger than objects were thought
    to be, so that tiles beside it left out what they should not have: then these are looked at again.
    """

    store: Store
    plan: Plan
    post: Post
    reach: dict[int, float] = field(default_factory=dict)
    around: dict[int, int] = field(default_factory=dict)

    def run(self, workers: Workers, progress: Progress) -> tuple[list[Summary], list[str]]:
        """The summaries of all tiles, and warnings about objects that were too large to be sure of."""
        tiles = range(len(self.plan.tiles))
        done = {}
        for tile in tiles:
            progress.check()
            if self.store.has("decide", tile):
                done[tile] = summary(self.plan, self.store.load("decide", tile))
            if self.store.has("find", tile):
                self.reach[tile] = float(self.store.load("find", tile, "reach")["reach"])
        self.around = {tile: one.around for tile, one in done.items()}
        part = progress.part(0.0, 0.9)
        while True:
            for tile in self._doubts(done, progress):
                done.pop(tile)
            if len(done) == len(tiles):
                break
            jobs = self._jobs([tile for tile in tiles if tile not in done])
            results, part = workers.do(jobs, part, "Segmenting: step"), progress.part(0.9, 1.0)
            done |= {int(name.split()[1]): result for name, result in results.items() if name.startswith("decide")}
        return [done[tile] for tile in tiles], self._warnings(list(done.values()))

    def _jobs(self, tiles: list[int]) -> dict[str, Job]:
        """What is to be done so that some tiles are decided."""
        jobs: dict[str, Job] = {}
        for tile in tiles:
            around = self.around.setdefault(tile, self._first_look())
            needed = self.plan.around(tile, around)
            for other in needed:
                if f"find {other}" not in jobs and not self.store.has("find", other):
                    reach = self.reach.setdefault(other, self.plan.reach)
                    jobs[f"find {other}"] = Job(find, (self.post, other, reach))
            after = tuple(name for other in needed if (name := f"find {other}") in jobs)
            jobs[f"decide {tile}"] = Job(decide, (self.post, tile, around), after)
        return jobs

    def _first_look(self) -> int:
        return int(2 * self.plan.reach * self.plan.scale / self.plan.grid) + 1

    def _doubts(self, done: dict[int, Summary], progress: Progress) -> list[int]:
        """The tiles that must be decided again, their records removed."""
        again = set()
        for tile, one in done.items():
            progress.check()
            if one.unsure and one.around < base.LARGEST and any(self.plan.window(tile, one.around).inner):
                self.around[tile] = min(2 * one.around, base.LARGEST)
                again.add(tile)
            if one.radius > self.plan.reach:
                again |= self._look_again(tile, one, done)
        for tile in again:
            self.store.drop("decide", tile)
        return sorted(again)

    def _look_again(self, tile: int, one: Summary, done: dict[int, Summary]) -> set[int]:
        """Let tiles that a large object comes near to be looked at with its size in mind."""
        wanted = min(MORE * one.radius, MOST_REACH)
        near = int(one.radius * self.plan.scale / self.plan.grid) + 1
        changed = [
            other
            for other in self.plan.around(tile, near)
            if self.reach.get(other, self.plan.reach) < min(one.radius, MOST_REACH)
        ]
        farthest = max(one.around for one in done.values())
        again = {
            decided
            for other in changed
            for decided in self.plan.around(other, farthest)
            if decided in done and other in self.plan.around(decided, done[decided].around)
        }
        for decided in again:
            self.store.drop("decide", decided)
        for other in changed:
            self.reach[other] = wanted
            self.store.drop("find", other)
        return again

    def _warnings(self, summaries: list[Summary]) -> list[str]:
        places = [point for one in summaries for point in one.unsure]
        places += [one.farthest for one in summaries if one.radius > MOST_REACH]
        if not places:
            return []
        named = _listed([f"x {x}, y {y}" for y, x in places])
        return [f"Objects are too large to be seen whole, and may be cut at the borders of tiles: {named}."]


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
