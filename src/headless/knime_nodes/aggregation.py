"""The aggregation methods of KNIME's GroupBy that are known here."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from core.errors import UserInputError
from headless.knime_nodes.rows import MISSING
from headless.knime_nodes.types import is_number
from headless.settings_xml import java_double

Values: TypeAlias = Sequence[Any]
"""The cells of a group in the order of their rows, None where missing."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Settings that all columns share: most values that a method may keep, and what stands between joined texts."""

    most_values: int
    delimiter: str


@dataclasses.dataclass(frozen=True)
class Method:
    """An aggregation method.

    label : how it appears in the names of columns.
    result : the type of its results from that of the cells.
    compute : the result of a group; None: missing.
    picks : whether the result is a cell of the group: its place among the values, or None.
    takes : "numbers", "values" (numbers, truth values and texts), or "any": only whether cells are missing counts.
    always_skips : whether missing cells are skipped, whatever the settings say.
    keeps_values : whether it gives up on groups of too many values.
    """

    label: str
    result: Callable[[pa.DataType], pa.DataType]
    compute: Callable[[Values, Limits], Any]
    picks: bool = False
    takes: str = "any"
    always_skips: bool = False
    keeps_values: bool = False

    def check(self, column: str, kind: pa.DataType) -> None:
        """See whether a column fits.

        Raises
        ------
        UserInputError : it does not.
        """
        if self.takes == "any" or is_number(kind) or pa.types.is_boolean(kind):
            return
        if self.takes == "numbers" or kind != pa.string():
            raise UserInputError(f"{self.label} cannot be computed of the column {column!r}, which is of type {kind}.")


def _same(kind: pa.DataType) -> pa.DataType:
    return kind


def _always(kind: pa.DataType) -> Callable[[pa.DataType], pa.DataType]:
    return lambda _: kind


def _sum_type(kind: pa.DataType) -> pa.DataType:
    return pa.int32() if pa.types.is_boolean(kind) else kind


def _sum(values: Values, limits: Limits) -> Any:
    return sum(values) if values else None


def _mean(values: Values, limits: Limits) -> float | None:
    return float(np.mean(np.asarray(values, float))) if values else None


def _median(values: Values, limits: Limits) -> float | None:
    return float(np.median(np.asarray(values, float))) if values else None


def _variance(values: Values, limits: Limits) -> float | None:
    if len(values) < 2:
        return 0.0 if values else None
    return float(np.var(np.asarray(values, float), ddof=1))


def _deviation(values: Values, limits: Limits) -> float | None:
    variance = _variance(values, limits)
    return None if variance is None else math.sqrt(variance)


def _range(values: Values, limits: Limits) -> Any:
    return max(values) - min(values) if values else None


def _smallest(values: Values, limits: Limits) -> int | None:
    present = [i for i, value in enumerate(values) if value is not None]
    return min(present, key=lambda i: _order(values[i])) if present else None


def _largest(values: Values, limits: Limits) -> int | None:
    present = [i for i, value in enumerate(values) if value is not None]
    return max(present, key=lambda i: _order(values[i])) if present else None


def _order(value: Any) -> tuple[bool, Any]:
    return value != value, value  # Java orders NaN behind all numbers


def _joined(values: Values, limits: Limits) -> str | None:
    return limits.delimiter.join(map(as_text, values)) if values else None


def _joined_once(values: Values, limits: Limits) -> str | None:
    return _joined(list(dict.fromkeys(values)), limits)


def as_text(value: Any) -> str:
    """A cell as KNIME writes it: a missing one is a question mark."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "true" if value else "false"
    return java_double(value) if isinstance(value, float) else str(value)


_INTEGER, _DOUBLE, _STRING = _always(pa.int32()), _always(pa.float64()), _always(pa.string())

METHODS: Mapping[str, Method] = {
    "Count": Method("Count", _INTEGER, lambda values, _: len(values)),
    "Missing value count": Method("Missing value count", _INTEGER, lambda values, _: sum(v is None for v in values)),
    "First": Method("First", _same, lambda values, _: 0 if len(values) else None, picks=True),
    "Last": Method("Last", _same, lambda values, _: len(values) - 1 if len(values) else None, picks=True),
    "Minimum": Method("Min", _same, _smallest, picks=True, takes="values"),
    "Maximum": Method("Max", _same, _largest, picks=True, takes="values"),
    "Unique count": Method(
        "Unique count", _INTEGER, lambda values, _: len(set(values)), takes="values", keeps_values=True
    ),
    "List": Method(
        "List", lambda kind: pa.list_(kind), lambda values, _: list(values) or None, takes="values", keeps_values=True
    ),
    "Concatenate_V2.4": Method("Concatenate", _STRING, _joined, takes="values"),
    "uniqueConcatenate_V2.4": Method("Unique concatenate", _STRING, _joined_once, takes="values", keeps_values=True),
    **{
        name: Method(label, result, compute, takes="numbers", always_skips=True)
        for name, label, result, compute in (
            ("Mean_V4.6", "Mean", _DOUBLE, _mean),
            ("Sum_V2.5.2", "Sum", _sum_type, _sum),
            ("Median_V3.4", "Median", _DOUBLE, _median),
            ("Variance", "Variance", _DOUBLE, _variance),
            ("Standard deviation", "Standard deviation", _DOUBLE, _deviation),
            ("Range", "Range", _sum_type, _range),
        )
    },
}
"""The name under which KNIME stores a method, to the method."""


def aggregate(
    method: Method, column: pa.ChunkedArray, groups: Iterable["np.ndarray[Any, Any]"], skips: bool, limits: Limits
) -> tuple[list[Any], bool]:
    """The results of all groups, and whether some are missing because a group had too many or too large values.

    Parameters
    ----------
    groups : per group the indices of its rows, in their order.
    skips : whether missing cells are left out.

    Returns
    -------
    results : values, or for a method that picks, indices of rows.
    """
    missing = np.asarray(column.is_null())
    # Of cells that are only counted or picked, nothing but their being there needs to be read.
    cells = [None if m else True for m in missing] if method.takes == "any" else column.to_pylist()
    results, gave_up = [], False
    for rows in groups:
        kept = rows[~missing[rows]] if skips or method.always_skips else rows
        values = [cells[i] for i in kept]
        if method.keeps_values and len(set(values) if method.label != "List" else values) > limits.most_values:
            result, gave_up = None, True
        else:
            result = method.compute(values, limits)
        if method.picks:
            result = MISSING if result is None else int(kept[result])
        elif method.label == "Sum" and result is not None and not pa.types.is_floating(column.type):
            bits = 64 if column.type == pa.int64() else 32
            if not -(2 ** (bits - 1)) <= result < 2 ** (bits - 1):
                result, gave_up = None, True
        results.append(result)
    return results, gave_up
