"""Objects counted."""

from core.config import require
from core.measurement.objects import ObjectTable

EDGE_RULES = {"all": 1.0, "exclude": 0.0, "half": 0.5}
"""What an object that the image's edge cuts counts.

"half" is unbiased on average: of the objects at the edges of adjoining fields each field counts a half.
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
