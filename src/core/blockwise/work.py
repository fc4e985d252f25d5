"""The pieces of work that a large image is cut into; any worker can do any of them.

    find      the network looks at a tile: where objects may be, and what shape they have
    decide    which of these are objects: those of a tile, by what was found in and around it; they are measured
    paint     a chunk of the label image, from the objects of the tiles around it; and a reduced picture beside it
    shrink    a chunk of a coarser level of the label image

Each reads what others have recorded and records its own result; what it returns is small. A piece of work has the same
result whenever and wherever it is done.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from core.background import is_background
from core.blockwise.picture import FACTOR, displayed, open_picture, write_picture
from core.blockwise.pixels import read_crop
from core.blockwise.plan import CHUNK, Plan
from core.blockwise.store import Record, Store
from core.devices import choose_device
from core.errors import UserInputError
from core.geometry.compiled import compiled
from core.heads.base import Piece, SparseMaps
from core.image import Image, Labels
from core.inference.engines import Engine, core_maps, make_engine
from core.io.large import LargeImage, open_large
from core.io.ome_zarr import downsample, open_levels, write_labels
from core.measurement.objects import ObjectTable, Place, measure
from core.measurement.runs import runs
from core.model import SegmentationModel
from core.visual import reduced


@dataclass(frozen=True, eq=False)
class Bench:
    """What a worker keeps at hand for a run: opened once per process.

    Parameters
    ----------
    run : what runs the network, one tile at a time with all processors: that is as fast as several tiles at a time
        with one each, and takes the memory of one.
    levels : of the label image.
    picture : the reduced picture.
    """

    store: Store
    plan: Plan
    image: LargeImage
    model: SegmentationModel
    run: Engine
    levels: list[zarr.Array[Any]]
    picture: zarr.Array[Any]
    running: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Post:
    """Where work is to be done, and how.

    Parameters
    ----------
    folder, name : of the run, see `Store`.
    device : "auto", "cpu", "cuda" or "mps", of the worker's computer.
    engine : "auto", "torch" or "onnx".
    threads : of every call of ONNX Runtime.
    """

    folder: str
    name: str
    device: str = "auto"
    engine: str = "auto"
    threads: int = 1


MOST_BENCHES = 3
"""A worker of a cluster keeps so many."""

_benches: dict[Post, Bench] = {}
_setting_up = threading.Lock()


def bench(post: Post) -> Bench:
    """The bench for a run, set up when first asked for."""
    with _setting_up:
        if post not in _benches:
            while len(_benches) >= MOST_BENCHES:
                _benches.pop(next(iter(_benches)))
            store = Store(post.folder, post.name)
            plan, model = store.read_plan(), store.read_model()
            if plan is None:
                todo = "Execute the node again."
                raise UserInputError("The run was replaced or deleted.", where=post.folder, todo=todo)
            image = open_large(plan.image, plan.pages, plan.damaged)  # type: ignore[arg-type]
            run = make_engine(model, post.engine, choose_device(post.device), post.threads)
            _benches[post] = Bench(
                store, plan, image, model, run, open_levels(store.labels), open_picture(store.picture)
            )
        return _benches[post]


def clear_bench(post: Post) -> None:
    """Close the image of a run, and forget its model."""
    with _setting_up:
        found = _benches.pop(post, None)
    if found:
        found.image.close()


def find(post: Post, tile: int, reach: float) -> None:
    """Run the network on a tile and record what it finds.

    Parameters
    ----------
    reach : how far objects may go from their points, in pixels of the image; what lies in other tiles may be as large.
    """
    at = bench(post)
    if at.store.has("find", tile):
        return
    plan, head = at.plan, at.model.head
    crop = read_crop(plan, at.image, plan.tiles[tile].crop)
    window = plan.window(tile)
    if plan.skip_background and is_background(crop):
        found = SparseMaps(np.empty((0, 2), np.int32), np.empty((0, 1), np.float32))
    else:
        with at.running:
            maps = core_maps(at.run, at.model.network, np.ascontiguousarray(crop), plan.tiles[tile])
        found = head.sparse(maps, plan.thresholds, (window.top, window.left))
        found = head.thin(found.within(window), window, plan.frame, plan.thresholds, reach)
    damaged = np.array(at.image.damaged, str)
    record: Record = {"points": found.points, "values": found.values, "reach": np.array(reach), "damaged": damaged}
    at.store.save("find", tile, record)


def decide(post: Post, tile: int, around: int) -> "Summary":
    """Record the objects of a tile, by what was found in its core and so many pixels of the maps around it."""
    at = bench(post)
    if at.store.has("decide", tile):
        return summary(at.plan, at.store.load("decide", tile))
    plan = at.plan
    core, window = plan.window(tile), plan.window(tile, around)
    found = [at.store.load("find", other) for other in plan.around(tile, around)]
    parts = [SparseMaps(one["points"], one["values"]).within(window) for one in found if len(one["points"])]
    reach = max(float(one["reach"]) for one in found)
    record: Record = {"looked": np.array([around, 0.0, 0.0, 0.0])}
    if parts:
        maps = SparseMaps.joined(parts)
        piece = at.model.head.pick(maps, core, window, plan.frame, plan.thresholds, reach)
        record |= {"unsure": piece.unsure, "looked": np.array([around, piece.radius, *piece.farthest])}
        if len(piece.instances.scores):
            record |= _objects(at, piece)
    at.store.save("decide", tile, record)
    return summary(plan, record)


def _objects(at: Bench, piece: Piece) -> Record:
    """Measures of objects, and their pixels as runs, both in pixels of the image."""
    labels, (top, left) = piece.instances.labels, piece.origin
    height, width = labels.shape
    pixels = at.image.read(at.plan.level, slice(top, top + height), slice(left, left + width))
    image = Image(pixels, "CYX", at.plan.sizes, at.image.channel_names)
    place = Place(piece.origin, (at.plan.height, at.plan.width))
    table: ObjectTable = {
        **measure(image.with_array(labels, "YX", "labels"), image, place),
        "score": piece.instances.scores,
    }
    found = runs(labels)
    inside = found.number > 0
    stretches = [found.number, found.row + top, found.first + left, found.stop + left]
    return {
        **{f"{_MEASURE}{name}": values for name, values in table.items()},
        "runs": np.stack([values[inside] for values in stretches], axis=1).astype(np.int32),
    }


_MEASURE = "measure_"


def measures(record: Record) -> ObjectTable:
    """The objects of a record of `decide`, numbered from 1; empty where there are none."""
    return {name.removeprefix(_MEASURE): values for name, values in record.items() if name.startswith(_MEASURE)}


@dataclass(frozen=True)
class Summary:
    """What there is to know of a tile, without its objects.

    Parameters
    ----------
    count : number of objects.
    area : pixels of all objects.
    box : first row and column of their pixels, and the ones behind the last.
    unsure : points (y, x) of objects that depend on what lies farther around, in pixels of the image.
    around : how far around the tile was looked, in pixels of the maps.
    radius, farthest : how far an object goes from its point, which is here, in pixels of the image.
    """

    count: int
    area: int
    box: tuple[int, int, int, int]
    unsure: tuple[tuple[int, int], ...]
    around: int
    radius: float
    farthest: tuple[int, int]


def summary(plan: Plan, record: Record) -> Summary:
    """The summary of a record of `decide`."""
    table, (around, radius, *farthest) = measures(record), record["looked"]
    step = plan.grid / plan.scale
    sides = [(table[side].min if side in ("top", "left") else table[side].max)() for side in _SIDES] if table else []
    return Summary(
        len(table.get("id", ())),
        int(table["area_px"].sum()) if table else 0,
        tuple(int(side) for side in sides) if table else (0, 0, 0, 0),  # type: ignore[arg-type]
        tuple((int(y * step), int(x * step)) for y, x in record.get("unsure", ())),
        int(around),
        float(radius),
        (int(farthest[0] * step), int(farthest[1] * step)),
    )


_SIDES = ("top", "left", "bottom", "right")


def paint(post: Post, chunk: int, sources: tuple[tuple[int, int], ...]) -> None:
    """Write a chunk of the label image, and a reduced picture of what lies there.

    Parameters
    ----------
    chunk : its number, row by row.
    sources : the tiles whose objects have pixels near it, each with the number of its first object.
    """
    at = bench(post)
    row, column = (CHUNK * i for i in divmod(chunk, at.plan.chunks[1]))
    labels = np.zeros((min(CHUNK, at.plan.height - row), min(CHUNK, at.plan.width - column)), np.int32)
    for tile, first in sources:
        _paint_runs(at.store.load("decide", tile, "runs")["runs"], first - 1, row, column, labels)
    write_labels(at.levels[0], row, column, labels)
    height, width = labels.shape
    pixels = at.image.read(at.plan.level, slice(row, row + height), slice(column, column + width))
    write_picture(at.picture, row, column, reduced(displayed(pixels, at.plan.shown), FACTOR))


@compiled
def _paint_runs(runs: NDArray[np.int32], add: int, top: int, left: int, labels: Labels) -> None:
    """Paint the runs (number, row, first, stop) that meet labels whose first pixel is at `top`, `left`."""
    height, width = labels.shape
    for number, row, first, stop in runs:
        if top <= row < top + height:
            labels[row - top, max(first - left, 0) : max(min(stop - left, width), 0)] = number + add


def shrink(post: Post, level: int, chunk: int) -> None:
    """Write a chunk of a coarser level from the level before."""
    fine, coarse = bench(post).levels[level - 1 : level + 1]
    row, column = (CHUNK * i for i in divmod(chunk, -(-coarse.shape[1] // CHUNK)))
    part = fine[2 * row : 2 * (row + CHUNK), 2 * column : 2 * (column + CHUNK)]
    write_labels(coarse, row, column, downsample(np.asarray(part)))
