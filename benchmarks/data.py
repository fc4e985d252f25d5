"""What is measured on: drawn nuclei with fixed seeds, the same arrays for every tool. NumPy and SciPy only."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.generic]

SMALLEST, LARGEST = 7.0, 16.0
"""Radii of nuclei in pixels."""


@dataclass(frozen=True)
class Sizes:
    """How large the inputs are.

    Parameters
    ----------
    images, side : number and side of the images to learn from, 50 nuclei per 256 x 256 pixels.
    field : side of the image to segment, 560 nuclei per 1024 x 1024 pixels.
    pairs : sides of the label images to match, and their numbers of nuclei.
    candidates : numbers of polygons to suppress.
    """

    images: int = 96
    side: int = 256
    field: int = 1024
    pairs: tuple[tuple[int, int], ...] = ((2048, 2_100), (8192, 33_000))
    candidates: tuple[int, ...] = (10_000, 100_000)


FULL = Sizes()
SMALL = Sizes(16, 128, 256, ((512, 130), (1024, 500)), (1_000, 5_000))


def make(folder: Path, sizes: Sizes) -> None:
    """Write all inputs that are not there yet to a folder, as npz files."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "train.npz", lambda: _training(sizes))
    _save(folder / "field.npz", lambda: _field(sizes.field))
    for side, count in sizes.pairs:
        _save(folder / f"pair_{side}.npz", lambda side=side, count=count: _pair(side, count))
    for count in sizes.candidates:
        _save(folder / f"candidates_{count}.npz", lambda count=count: candidates(count, np.random.default_rng(count)))


def _save(path: Path, arrays: object) -> None:
    if not path.exists() and callable(arrays):
        np.savez(path, **arrays())


def _training(sizes: Sizes) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    share = (sizes.side / 256) ** 2
    labels = [nuclei(sizes.side, int(rng.integers(25, 75) * share), rng) for _ in range(sizes.images)]
    return {"labels": np.stack(labels), "images": np.stack([photograph(one, rng) for one in labels])}


def _field(side: int) -> dict[str, Array]:
    rng = np.random.default_rng(side)
    labels = nuclei(side, round(560 * (side / 1024) ** 2), rng)
    return {"labels": labels, "image": photograph(labels, rng)}


def _pair(side: int, count: int) -> dict[str, Array]:
    labels = nuclei(side, count, np.random.default_rng(side))
    return {"truth": labels, "prediction": blundered(labels, np.random.default_rng(7))}


def nuclei(side: int, count: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Labels of nearly elliptic nuclei that touch, at most `count`."""
    labels = np.zeros((side, side), np.int32)
    number = 0
    for cy, cx, radius in _places(side, count, rng):
        reach = int(np.ceil(1.2 * radius)) + 1
        top, left = max(0, int(cy) - reach), max(0, int(cx) - reach)
        window = labels[top : int(cy) + reach + 1, left : int(cx) + reach + 1]
        y, x = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]].astype(np.float32)
        turn, flatness = rng.uniform(0, np.pi), rng.uniform(0.75, 1.0)
        along = np.cos(turn) * (x - cx) + np.sin(turn) * (y - cy)
        across = (np.cos(turn) * (y - cy) - np.sin(turn) * (x - cx)) / flatness
        angle, waves = np.arctan2(across, along), rng.uniform(0, 2 * np.pi, 3)
        boundary = 1 + sum(a * np.cos(k * angle + w) for a, k, w in zip((0.06, 0.05, 0.02), (2, 3, 5), waves))  # noqa: B905
        inside = (np.hypot(along, across) < radius * boundary) & (window == 0)
        if inside.sum() >= 12:
            number += 1
            window[inside] = number
    return labels


def _places(side: int, count: int, rng: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    """Centres and radii of discs that overlap by 15 % at most."""
    cell = 2 * LARGEST
    near: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    placed = 0
    for _ in range(30 * count):
        y, x = rng.uniform(0, side, 2)
        radius = rng.uniform(SMALLEST, LARGEST)
        row, column = int(y // cell), int(x // cell)
        others = [o for i in (-1, 0, 1) for j in (-1, 0, 1) for o in near.get((row + i, column + j), [])]
        if all(np.hypot(y - oy, x - ox) >= 0.85 * (radius + r) for oy, ox, r in others):
            near.setdefault((row, column), []).append((y, x, radius))
            yield y, x, radius
            placed += 1
        if placed == count:
            return


def photograph(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Fluorescence of labelled nuclei: textured, blurred, on an uneven background, with noise."""
    brightness = np.append(0, rng.lognormal(5.6, 0.35, int(labels.max())))
    texture = ndimage.gaussian_filter(rng.standard_normal(labels.shape).astype(np.float32), 1.8)
    signal = ndimage.gaussian_filter(np.maximum(brightness[labels] * (1 + 0.6 * texture), 0), 1.1)
    uneven = ndimage.zoom(rng.random((5, 5)), np.array(labels.shape) / 5, order=1)
    counts = rng.poisson(signal + 60 + 40 * uneven) + rng.normal(0, 4, labels.shape)
    return counts.clip(0, 65535).astype(np.uint16)


def blundered(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Labels as an imperfect method finds them: shifted by up to 2 pixels, 4 % missed, 5 % cut into halves."""
    found = np.zeros_like(labels)
    number = 0
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None or rng.random() < 0.04:
            continue
        points = np.argwhere(labels[box] == label) + [part.start for part in box] + rng.integers(-2, 3, 2)
        points = points[((points >= 0) & (points < labels.shape)).all(axis=1)]
        halves = rng.random() < 0.05
        upper = points[:, 0] > np.median(points[:, 0]) if halves and len(points) else np.zeros(len(points), bool)
        for part in (points[upper], points[~upper]):
            if len(part):
                number += 1
                found[tuple(part.T)] = number
    return found


def candidates(count: int, rng: np.random.Generator, rays: int = 32) -> dict[str, Array]:
    """Polygons as a StarDist network with grid 2 gives them: 25 around each of `count` / 25 discs."""
    per = 25
    side = int(np.sqrt(count / per * 1500))
    centres = rng.uniform(0, side, (count // per, 2)).repeat(per, axis=0)
    radii = rng.uniform(8, 15, count // per).repeat(per)
    offsets = rng.normal(0, 0.35, centres.shape) * radii[:, None]
    away = np.hypot(*offsets.T)
    offsets *= (np.minimum(away, 0.7 * radii) / np.maximum(away, 1e-6))[:, None]
    points = (np.round((centres + offsets) / 2).astype(np.int32) * 2).clip(0, side - 1)
    angles = np.arange(rays) * 2 * np.pi / rays
    offsets = points - centres
    # from the point along every ray to the disc's boundary
    inward = offsets[:, :1] * np.sin(angles) + offsets[:, 1:] * np.cos(angles)
    rest = inward**2 - (offsets**2).sum(axis=1, keepdims=True) + radii[:, None] ** 2
    distances = (np.sqrt(np.maximum(rest, 0.5)) - inward) * (1 + 0.04 * rng.standard_normal(inward.shape))
    scores = (0.95 - away / (1.3 * radii) + rng.normal(0, 0.03, len(away))).clip(0.4, 1)
    return {
        "points": points,
        "distances": np.maximum(distances, 1).astype(np.float32),
        "scores": scores.astype(np.float32),
        "shape": np.array([side, side]),
    }
