"""Objects counted: in an image, per area, in groups of images."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from core.config import require
from core.errors import UserInputError
from core.image import Image
from core.measurement.objects import ObjectTable

EDGE_RULES = {"all": 1.0, "exclude": 0.0, "half": 0.5}
"""What an object that the image's edge cuts counts.

"half" is nearly unbiased: of an object on the border of two adjoining fields each counts a half.
"""


def count(objects: ObjectTable, edge_rule: str = "all") -> float:
    """The number of objects.

    Parameters
    ----------
    objects : of `core.measurement.objects.measure`.
    edge_rule : one of `EDGE_RULES`.

    Raises
    ------
    UserInputError : another edge rule.
    """
    require(edge_rule in EDGE_RULES, "edge rule", edge_rule, f"one of {', '.join(EDGE_RULES)}")
    at_edge = int(objects["touches_edge"].sum())
    return len(objects["id"]) - at_edge + EDGE_RULES[edge_rule] * at_edge


def density(number: float, image: Image) -> float:
    """So many objects per mm² of an image; NaN where its pixel size is unknown."""
    area = image.size("Y") * image.size("X") * image.pixel_size.get("Y", np.nan) * image.pixel_size.get("X", np.nan)
    return number / area * 1e6 if area else float("nan")


@dataclass(frozen=True)
class Summary:
    """The counts of a group of images.

    Parameters
    ----------
    n : how many images there are.
    mean : of their counts.
    sd : sample standard deviation of their counts, NaN for a single image.
    """

    n: int
    mean: float
    sd: float


def summarize(counts: Sequence[float], groups: Sequence[Hashable]) -> dict[Hashable, Summary]:
    """Counts summed up by group, groups in the order in which they first appear.

    Parameters
    ----------
    counts, groups : one count and one group per image.

    Raises
    ------
    UserInputError : not as many groups as counts.
    """
    if len(counts) != len(groups):
        raise UserInputError(f"There are {len(counts)} counts and {len(groups)} groups.", todo="Give one per image.")
    members: dict[Hashable, list[float]] = {}
    for group, value in zip(groups, counts, strict=True):
        members.setdefault(group, []).append(float(value))
    return {
        group: Summary(len(values), float(np.mean(values)), _deviation(values)) for group, values in members.items()
    }


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
