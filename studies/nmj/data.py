"""Junctions one by one, and fields of several junctions at known places, composed of them.

The images (Boehm et al. 2020, doi 10.1111/joa.13260, CC BY 4.0) show one neuromuscular junction each. To count, one
needs several in an image; so junctions are cut out with soft edges and laid on backgrounds of the same animal, and the
whole gets the noise of few photons, which is the same everywhere: a seam tells nothing.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import resize

from core.image import Image, Labels

PIXEL = 0.4
"""Micrometres of a pixel of fields; the images are finer, 0.07 to 0.12."""

GAP = 3.0
"""Fragments up to so many micrometres apart are one junction."""

APART = 8.0
"""Junctions of a field are farther apart than so many micrometres, more than twice the gap of fragments."""

SOFT = 3.0
"""Micrometres over which the surroundings of a junction fade away."""

AROUND = 5.0
"""Micrometres around a junction that are no background."""

PLAQUES = 1500.0
"""Grey values of the images by which the brightest plaques are brighter than their surroundings; the median."""

DARKEST = 0.2
"""Brightness of the faintest junctions, where 1 is the brightest."""

PHOTONS = 25.0
"""Photons in a pixel of the brightest plaques; their number is random (Poisson)."""

CAMERA = 100, 20
"""Grey values: those of no photon, and those of one."""

OVERLAP = 32
"""Pixels over which pieces of background fade into each other."""

TRIALS, RESTARTS = 200, 50
"""How often a place is looked for, and the whole field begun anew."""

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Junction:
    """A junction as it was photographed, resampled to `PIXEL`.

    Parameters
    ----------
    name, animal : "Pig_1_PL_006", "Pig_1".
    pixels : float32, axes YX, AChR: 0 is the median of the surroundings, 1 the brightest plaques (percentile 95).
    mask : the plaques.
    background : float32, axes YX: the surroundings, with a smooth filling in the place of the junction; 0 is the
        darkest, 1 a grey value of `PLAQUES` more.
    """

    name: str
    animal: str
    pixels: Plane
    mask: Mask
    background: Plane


@dataclass(frozen=True, eq=False)
class Field:
    """A composed image.

    Parameters
    ----------
    image : uint16, axes YX, of `PIXEL` micrometres.
    labels : int32, axes YX: junction i + 1 is that of `places[i]`.
    places : name of every junction, and the row and column of the middle of its bounding box.
    """

    image: Image
    labels: Labels
    places: list[tuple[str, int, int]]


def load(folder: Path) -> dict[str, list[Junction]]:
    """The junctions of every animal, of DATA/index.csv, DATA/images and DATA/masks_achr."""
    animals: dict[str, list[Junction]] = {}
    with (folder / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            image = tifffile.imread(folder / "images" / f"{row['name']}.tif")[1]
            mask = tifffile.imread(folder / "masks_achr" / f"{row['name']}.tif") > 0
            one = junction(row["name"], image, mask, float(row["pixel_um"]))
            animals.setdefault(one.animal, []).append(one)
    return animals


def junction(name: str, image: NDArray[np.uint16], mask: Mask, pixel: float) -> Junction:
    """A junction out of an image of pixels of so many micrometres."""
    shape = [round(n * pixel / PIXEL) for n in image.shape]
    small = resize(image.astype(np.float32), shape, order=1, anti_aliasing=True).astype(np.float32)
    drawn = resize(mask.astype(np.float32), shape, order=1, anti_aliasing=True) >= 0.5
    near = ndimage.distance_transform_edt(~drawn) * PIXEL <= AROUND
    level, bright = np.median(small[~near]), np.percentile(small[drawn], 95)
    pixels = (small - level) / (bright - level)
    background = filled(small, near)
    background = np.maximum(background - np.percentile(background, 1), 0) / PLAQUES
    return Junction(name, "_".join(name.split("_")[:2]), pixels, drawn, background)


def filled(pixels: Plane, hole: Mask) -> Plane:
    """Pixels with a smooth filling in a hole (normalised convolution: Knutsson and Westin 1993)."""
    known = np.where(hole, 0, pixels)
    result = pixels.copy()
    for sigma in (16.0, 8.0, 4.0):
        weight = ndimage.gaussian_filter((~hole).astype(np.float32), sigma)
        mean = ndimage.gaussian_filter(known, sigma) / np.maximum(weight, 1e-6)
        trusted = hole & (weight > 0.02) if sigma < 16 else hole
        result[trusted] = mean[trusted]
    return result


def compose(junctions: Sequence[Junction], backgrounds: Sequence[Junction], side: int, seed: Sequence[int]) -> Field:
    """A field of some junctions, each once, on pieces of background.

    Parameters
    ----------
    side : pixels of the field's height and width.
    seed : the same numbers give the same field.

    Raises
    ------
    ValueError : the junctions do not fit.
    """
    rng = np.random.default_rng(seed)
    cut = [_cut(one, rng) for one in junctions]
    brightness = DARKEST ** rng.uniform(0, 1, len(junctions))
    light = _quilt([one.background for one in backgrounds], side, rng)
    labels = np.zeros((side, side), np.int32)
    places = []
    for number, (top, left) in enumerate(_corners([mask for _, mask in cut], side, rng)):
        pixels, mask = cut[number]
        at = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
        labels[at][mask] = number + 1
        light[at] += brightness[number] * pixels
        places.append((junctions[number].name, top + mask.shape[0] // 2, left + mask.shape[1] // 2))
    zero, gain = CAMERA
    counts = zero + gain * rng.poisson(PHOTONS * np.maximum(light, 0))
    image = Image(np.minimum(counts, 65535).astype(np.uint16), "YX", {"Y": PIXEL, "X": PIXEL})
    return Field(image, labels, places)


def _cut(one: Junction, rng: np.random.Generator) -> tuple[Plane, Mask]:
    """A junction turned and mirrored at random: what surrounds it, fading to 0, and its mask, equally large."""
    margin = ceil(SOFT / PIXEL)
    mask = np.pad(one.mask, margin)
    faded = np.pad(one.pixels, margin) * np.clip(1 - ndimage.distance_transform_edt(~mask) * PIXEL / SOFT, 0, 1)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = slice(rows[0] - margin, rows[-1] + 1 + margin), slice(columns[0] - margin, columns[-1] + 1 + margin)
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    pixels: Plane = np.rot90(faded[box].astype(np.float32), turns)
    drawn: Mask = np.rot90(mask[box], turns)
    return (pixels[:, ::-1], drawn[:, ::-1]) if mirrored else (pixels, drawn)


def _corners(masks: Sequence[Mask], side: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """A row and a column for the first pixel of every mask: inside, and `APART` from the others; large ones first."""
    order = sorted(range(len(masks)), key=lambda i: -masks[i].size)
    for _ in range(RESTARTS):
        taken, corners = np.zeros((side, side), bool), {}
        for i in order:
            near = ndimage.distance_transform_edt(~taken) * PIXEL <= APART if taken.any() else taken
            corner = _free(masks[i], near, rng)
            if corner is None:
                break
            corners[i] = corner
            taken[corner[0] :, corner[1] :][: masks[i].shape[0], : masks[i].shape[1]] |= masks[i]
        else:
            return [corners[i] for i in range(len(masks))]
    raise ValueError(f"{len(masks)} junctions do not fit a field of {side} pixels")


def _free(mask: Mask, taken: Mask, rng: np.random.Generator) -> tuple[int, int] | None:
    """Where a mask meets nothing that is taken; None if no such place was found."""
    room = [whole - part for whole, part in zip(taken.shape, mask.shape, strict=True)]
    if min(room) < 0:
        return None
    for _ in range(TRIALS):
        top, left = (int(rng.integers(most + 1)) for most in room)
        if not (mask & taken[top : top + mask.shape[0], left : left + mask.shape[1]]).any():
            return top, left
    return None


def _quilt(pieces: Sequence[Plane], side: int, rng: np.random.Generator) -> Plane:
    """Backgrounds side by side, turned at random, that fade into each other."""
    total, weight = np.zeros((2, side, side), np.float32)
    top = 0
    while top < side:
        left = 0
        while left < side:
            piece = np.rot90(pieces[int(rng.integers(len(pieces)))], int(rng.integers(4)))
            ramps = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).clip(max=OVERLAP) for n in piece.shape]
            share = np.outer(*ramps).astype(np.float32)
            at = slice(top, top + piece.shape[0]), slice(left, left + piece.shape[1])
            shape = total[at].shape
            total[at] += (share * piece)[: shape[0], : shape[1]]
            weight[at] += share[: shape[0], : shape[1]]
            left += piece.shape[1] - OVERLAP
        top += min(len(piece) for piece in pieces) - OVERLAP
    return total / weight
