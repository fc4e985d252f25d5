"""KNIME's GroupBy: what its methods can be set to, what is too much for them, what is refused."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.headless.knime_nodes import execute, node, result
from tests.headless.test_knime_tables import GROUP_BY, group_by

from core.errors import UserInputError

TABLE = pa.table(
    {
        "a": pa.array(["y", "x", "x", "y"]),
        "b": pa.array([2, 2, 1, 1], pa.int32()),
        "n": pa.array([4, 1, 2, 8], pa.int32()),
    }
)


def median(method: Any = None) -> dict[str, Any]:
    settings = {"Median_V3.4_n": {} if method is None else {"medianMethod": method}}
    return group_by([], ("n", "Median_V3.4", False), aggregationOperatorSettings=settings)


@pytest.mark.parametrize(
    ("method", "even", "odd"),
    [("Lower middle value", 2.0, 2.0), ("Mean of middle values", 3.0, 2.0), ("Upper middle value", 4.0, 2.0)],
)
def test_the_median_is_the_one_that_was_chosen(tmp_path: Path, method: str, even: float, odd: float) -> None:
    assert result(node(GROUP_BY, median(method)), tmp_path, TABLE)["Median(n)"] == [even]
    assert result(node(GROUP_BY, median(method)), tmp_path, TABLE.slice(0, 3))["Median(n)"] == [odd]


def test_the_median_without_settings_is_the_mean_of_the_middle(tmp_path: Path) -> None:
    others = {"Quantile_n": {"quantile": 0.1}}
    stored = group_by([], ("n", "Median_V3.4", False), aggregationOperatorSettings=others)
    assert result(node(GROUP_BY, stored), tmp_path, TABLE)["Median(n)"] == [3.0]
    with pytest.raises(UserInputError, match="medianMethod = 'Any value'"):
        node(GROUP_BY, median("Any value"))
    with pytest.raises(UserInputError, match="'medianMethod' is missing"):
        node(GROUP_BY, median())


@pytest.mark.parametrize(("most", "expected"), [(4, 3.0), (3, None)])
def test_the_median_of_too_many_values_is_missing(tmp_path: Path, most: int, expected: float | None) -> None:
    (table,), context = execute(
        node(GROUP_BY, {**median("Mean of middle values"), "maxNoneNumericalVals": most}), tmp_path, TABLE
    )
    assert table is not None
    assert table["Median(n)"].to_pylist() == [expected]
    assert len(context.warnings) == (expected is None)


@pytest.mark.parametrize(
    ("kind", "values", "method", "expected"),
    [
        (pa.int32(), [-(2**31), 2**31 - 1], "Range", None),
        (pa.int32(), [-1, 2**31 - 1], "Range", None),
        (pa.int32(), [0, 2**31 - 1], "Range", 2**31 - 1),
        (pa.int64(), [-(2**63), 2**63 - 1], "Range", None),
        (pa.int64(), [-1, 2**31], "Range", 2**31 + 1),
        (pa.int64(), [2**62, 2**62], "Sum", None),
        (pa.int32(), [-(2**31), -1], "Sum", None),
        (pa.int32(), [-(2**31), 0], "Sum", -(2**31)),
        (pa.float64(), [2.0**80, 2.0**80], "Sum", 2.0**81),
    ],
)
def test_results_that_their_type_cannot_hold_are_missing(
    tmp_path: Path, kind: pa.DataType, values: list[Any], method: str, expected: Any
) -> None:
    stored = group_by([], ("n", {"Sum": "Sum_V2.5.2"}.get(method, method), False))
    (table,), context = execute(node(GROUP_BY, stored), tmp_path, pa.table({"n": pa.array(values, kind)}))
    assert table is not None
    assert table[f"{method}(n)"].type == kind
    assert table[f"{method}(n)"].to_pylist() == [expected]
    assert len(context.warnings) == (expected is None)


@pytest.mark.parametrize("keeps_order", [False, True])
def test_group_columns_come_and_sort_in_the_order_of_the_settings(tmp_path: Path, keeps_order: bool) -> None:
    stored = group_by(["b", "a", "b"], ("n", "Sum_V2.5.2", False), retainOrder=keeps_order)
    got = result(node(GROUP_BY, stored), tmp_path, TABLE)
    assert list(got) == ["<RowID>", "b", "a", "Sum(n)"]
    groups = list(zip(got["b"], got["a"], got["Sum(n)"], strict=True))
    assert (groups if not keeps_order else sorted(groups)) == [(1, "x", 2), (1, "y", 8), (2, "x", 1), (2, "y", 4)]
    assert groups[0] == ((2, "y", 4) if keeps_order else (1, "x", 2))


def test_what_is_aggregated_twice_is_refused_beforehand() -> None:
    twice = (("n", "Mean_V4.6", False), ("n", "Maximum", False))
    with pytest.raises(UserInputError, match="'n' is aggregated twice, and keeps its name"):
        node(GROUP_BY, group_by(["a"], *twice, columnNamePolicy="Keep original name(s)"))
    with pytest.raises(UserInputError, match="'n' is aggregated twice by Mean"):
        node(GROUP_BY, group_by(["a"], *twice, twice[0]))
    node(GROUP_BY, group_by(["a"], ("n", "Count", False), ("n", "Count", True)))


def test_lists_of_unequal_lengths_are_refused() -> None:
    for name in ("columnNames", "columnTypes", "aggregationMethod", "inclMissingVals"):
        stored = group_by(["a"], ("n", "Count", False))
        stored["aggregationColumn"][name] = {"array-size": 0}
        with pytest.raises(UserInputError, match="'aggregationColumn' are of different lengths"):
            node(GROUP_BY, stored)
