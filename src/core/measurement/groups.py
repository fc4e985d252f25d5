"""Counts of images summed up by group: mean, spread, and how sure the mean is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Group:
    """The counts of the images of a group.

    Parameters
    ----------
    name : of the group.
    counts : of its images.
    mean : of the counts.
    deviation : standard deviation of the counts, by n - 1; NaN for one image.
    low, high : limits of the 95 % confidence interval of the mean; NaN for one image.
    density : mean of the images' densities per mm², of those that have one; NaN without any.
    """

    name: str
    counts: tuple[float, ...]
    mean: float
    deviation: float
    low: float
    high: float
    density: float


Counted = tuple[str, float, float | None]
"""Group, number of objects, and objects per mm² of an image; no density is None."""


def groups(images: Sequence[Counted]) -> list[Group]:
    """The groups in the order of their first images.

    The interval is Student's: mean -/+ t(0.975, n - 1) s / sqrt(n). It takes images as independent draws of a normal
    distribution; where several come from one animal or well it is too narrow.
    """
    members: dict[str, list[Counted]] = {}
    for one in images:
        members.setdefault(one[0], []).append(one)
    return [_group(name, its_images) for name, its_images in members.items()]


def _group(name: str, images: Sequence[Counted]) -> Group:
    from scipy.stats import t

    values = np.array([count for _, count, _ in images], float)
    known = [density for *_, density in images if density is not None]
    mean, n = float(values.mean()), len(values)
    deviation = float(values.std(ddof=1)) if n > 1 else float("nan")
    half = float(t.ppf(0.975, n - 1)) * deviation / n**0.5 if n > 1 else float("nan")
    density = float(np.mean(known)) if known else float("nan")
    return Group(name, tuple(map(float, values)), mean, deviation, mean - half, mean + half, density)
