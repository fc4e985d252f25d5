"""A large image with known nuclei, put together from 16 drawn fields in random places and turns, as a tiled TIFF."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from data import nuclei, photograph
from numpy.typing import NDArray

FIELD = 1024
KINDS = 16
PER_FIELD = 785


def fields(folder: Path) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Images and labels of the fields, drawn when first asked for."""
    path = folder / "fields.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        labels = [nuclei(FIELD, PER_FIELD, np.random.default_rng(seed)) for seed in range(KINDS)]
        images = [photograph(one, np.random.default_rng(100 + seed)) for seed, one in enumerate(labels)]
        np.savez(path, images=np.stack(images), labels=np.stack(labels))
    drawn = np.load(path)
    return drawn["images"], drawn["labels"]


def plan(side: int) -> Iterator[tuple[int, int]]:
    """Which field lies where, row by row, and how often it is turned."""
    rng = np.random.default_rng(side)
    return ((int(rng.integers(KINDS)), int(rng.integers(4))) for _ in range((side // FIELD) ** 2))


def make_image(folder: Path, side: int) -> Path:
    """The image of `side` x `side` pixels, written when first asked for."""
    path = folder / f"nuclei_{side}.tif"
    if not path.exists():
        images, _ = fields(folder)
        tiles = (np.rot90(images[kind], turns) for kind, turns in plan(side))
        tifffile.imwrite(
            path,
            tiles,
            shape=(side, side),
            dtype=np.uint16,
            tile=(FIELD, FIELD),
            photometric="minisblack",
            bigtiff=True,
        )
    return path


def true_count(folder: Path, side: int) -> int:
    """How many nuclei the image shows; one that a border of fields cuts counts on both sides."""
    _, labels = fields(folder)
    return sum(int(labels[kind].max()) for kind, _ in plan(side))


def true_labels(folder: Path, side: int) -> NDArray[np.int32]:
    """The nuclei of the whole image."""
    _, labels = fields(folder)
    whole = np.empty((side, side), np.int32)
    count = side // FIELD
    last = 0
    for place, (kind, turns) in enumerate(plan(side)):
        y, x = (FIELD * i for i in divmod(place, count))
        one = np.rot90(labels[kind], turns)
        whole[y : y + FIELD, x : x + FIELD] = np.where(one > 0, one + last, 0)
        last += int(one.max())
    return whole
