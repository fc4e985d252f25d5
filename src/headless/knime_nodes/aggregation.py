"""The aggregation methods of KNIME's GroupBy that are known here."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from core.errors import UserInputError
from headless.knime_nodes.cells import as_text, key
from headless.knime_nodes.rows import MISSING
from headless.knime_nodes.types import is_number

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
    keeps : "values" or "distinct values", of too many of which it gives up; "" for methods that keep none.
    """

    label: str
    result: Callable[[pa.DataType], pa.DataType]
    compute: Callable[[Values, Limits], Any]
    picks: bool = False
    takes: str = "any"
    always_skips: bool = False
    keeps: str = ""

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


def _median(between: Callable[[float, float], float]) -> Callable[[Values, Limits], float | None]:
    """The median that makes one value of the two in the middle of an even number of them."""

    def compute(values: Values, limits: Limits) -> float | None:
        if not values:
            return None
        ordered, half = sorted(map(float, values), key=key), len(values) // 2
        return ordered[half] if len(values) % 2 else between(ordered[half - 1], ordered[half])

    return compute


def _variance(values: Values, limits: Limits) -> float | None:
    if len(values) < 2:
        return 0.0 if values else None
    return float(np.var(np.asarray(values, float), ddof=1))


def _deviation(values: Values, limits: Limits) -> float | None:
    variance = _variance(values, limits)
    return None if variance is None else math.sqrt(variance)


def _range(values: Values, limits: Limits) -> Any:
    return max(values, key=key) - min(values, key=key) if values else None


def _extreme(choose: Callable[..., int]) -> Callable[[Values, Limits], int | None]:
    """The place of the value that `choose` takes, min or max."""

    def compute(values: Values, limits: Limits) -> int | None:
        present = [i for i, value in enumerate(values) if value is not None]
        return choose(present, key=lambda i: key(values[i])) if present else None

    return compute


def _joined(values: Values, limits: Limits) -> str | None:
    return limits.delimiter.join(map(as_text, values)) if values else None


def _joined_once(values: Values, limits: Limits) -> str | None:
    return _joined(_distinct(values), limits)


def _distinct(values: Values) -> Values:
    return list({key(value): value for value in values}.values())


_INTEGER, _DOUBLE, _STRING = _always(pa.int32()), _always(pa.float64()), _always(pa.string())

_MEDIANS: Mapping[str, Method] = {
    name: Method("Median", _DOUBLE, _median(between), takes="numbers", always_skips=True, keeps="values")
    for name, between in (
        ("Lower middle value", lambda lower, upper: lower),
        ("Mean of middle values", lambda lower, upper: (lower + upper) / 2),
        ("Upper middle value", lambda lower, upper: upper),
    )
}

METHODS: Mapping[str, Method] = {
    "Count": Method("Count", _INTEGER, lambda values, _: len(values)),
    "Missing value count": Method("Missing value count", _INTEGER, lambda values, _: sum(v is None for v in values)),
    "First": Method("First", _same, lambda values, _: 0 if len(values) else None, picks=True),
    "Last": Method("Last", _same, lambda values, _: len(values) - 1 if len(values) else None, picks=True),
    "Minimum": Method("Min", _same, _extreme(min), picks=True, takes="values"),
    "Maximum": Method("Max", _same, _extreme(max), picks=True, takes="values"),
    "Unique count": Method(
        "Unique count", _INTEGER, lambda values, _: len(_distinct(values)), takes="values", keeps="distinct values"
    ),
    "List": Method(
        "List", lambda kind: pa.list_(kind), lambda values, _: list(values) or None, takes="values", keeps="values"
    ),
    "Concatenate_V2.4": Method("Concatenate", _STRING, _joined, takes="values"),
    "uniqueConcatenate_V2.4": Method(
        "Unique concatenate", _STRING, _joined_once, takes="values", keeps="distinct values"
    ),
    **{
        name: Method(label, result, compute, takes="numbers", always_skips=True)
        for name, label, result, compute in (
            ("Mean_V4.6", "Mean", _DOUBLE, _mean),
            ("Sum_V2.5.2", "Sum", _sum_type, _sum),
            ("Variance", "Variance", _DOUBLE, _variance),
            ("Standard deviation", "Standard deviation", _DOUBLE, _deviation),
            ("Range", "Range", _sum_type, _range),
        )
    },
    "Median_V3.4": _MEDIANS["Mean of middle values"],
}
"""The name under which KNIME stores a method, to the method as it is unless it has settings of its own."""

VARIANTS: Mapping[str, tuple[str, Mapping[str, Method]]] = {"Median_V3.4": ("medianMethod", _MEDIANS)}
"""The name under which KNIME stores a method, to the setting that changes it and the method for each of its values."""


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
        stored = _distinct(values) if method.keeps == "distinct values" else values
        if method.keeps and len(stored) > limits.most_values:
            result, gave_up = None, True
        else:
            result = method.compute(values, limits)
        if method.picks:
            result = MISSING if result is None else int(kept[result])
        elif not _fits(result, method.result(column.type)):
            result, gave_up = None, True
        results.append(result)
    return results, gave_up


def _fits(result: Any, kind: pa.DataType) -> bool:
    """Whether a column can hold the result; for ranges and negative sums KNIME does not ask, and gives wrong ones."""
    if result is None or not pa.types.is_integer(kind):
        return True
    limit = 1 << kind.bit_width - 1
    return bool(-limit <= result < limit)
