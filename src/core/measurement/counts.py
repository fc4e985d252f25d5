"""Objects counted: in an image, per area."""

import numpy as np

from core.config import require
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
