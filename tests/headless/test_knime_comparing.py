"""How KNIME's own nodes compare cells: as Java does."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.headless.knime_nodes import node, result, with_ids
from tests.headless.test_knime_filters import ROW_FILTER, criteria, criterion
from tests.headless.test_knime_tables import GROUP_BY, JOINER, group_by, joiner

from headless.knime_nodes.cells import as_text, caseless, key

NAN = float("nan")
OTHER_NAN = np.array([0xFFF8000000000001], np.uint64).view(np.float64)[0].item()
REAL = pa.table({"x": pa.array([0.0, NAN, -0.0, 1.0, None, OTHER_NAN, float("-inf"), -0.0])})


@given(st.floats(), st.floats())
def test_keys_of_fractions_are_ordered_as_in_java(a: float, b: float) -> None:
    # Double.compare: by value, then -0.0 before 0.0, and NaN behind all; as_text tells the zeros apart.
    expected = as_text(a) == as_text(b)
    assert (key(a) == key(b)) == expected
    if not expected:
        before = a == a and (b != b or a < b or (a == b and as_text(a).startswith("-")))
        assert (key(a) < key(b)) == before


@pytest.mark.parametrize(
    ("operator", "value", "before", "newer"),
    [
        ("EQ", 0.0, [0], [0, 2, 7]),
        ("EQ", -0.0, [2, 7], [0, 2, 7]),
        ("EQ", NAN, [1, 5], []),
        ("NEQ", NAN, [0, 2, 3, 6, 7], [0, 1, 2, 3, 5, 6, 7]),
        ("NEQ_MISS", 0, [1, 2, 3, 4, 5, 6, 7], [1, 3, 4, 5, 6]),
        ("LT", 0.0, [2, 6, 7], [2, 6, 7]),
        ("LTE", -0.0, [2, 6, 7], [2, 6, 7]),
        ("GT", -0.0, [0, 1, 3, 5], [0, 1, 3, 5]),
        ("GTE", NAN, [1, 5], [1, 5]),
        ("LT", NAN, [0, 2, 3, 6, 7], [0, 2, 3, 6, 7]),
    ],
)
def test_fractions_are_filtered_as_the_version_compares(
    tmp_path: Path, operator: str, value: float, before: list[int], newer: list[int]
) -> None:
    stored = criterion("x", operator, value)
    got = result(node(ROW_FILTER, criteria(stored)), tmp_path, REAL)
    assert got["<RowID>"] == [f"Row{i}" for i in before]
    del stored["predicateValues"]
    stored["filterValueParameters"] = {"@class": "x", "value": value}
    got = result(node(ROW_FILTER, criteria(stored)), tmp_path, REAL)
    assert got["<RowID>"] == [f"Row{i}" for i in newer]


def test_whole_numbers_are_compared_with_fractions(tmp_path: Path) -> None:
    whole = pa.table({"x": pa.array([-1, 0, 1, None], pa.int32())})
    for operator, rows in (("EQ", []), ("GT", [1, 2])):  # 0 is 0.0, which is more than -0.0
        got = result(node(ROW_FILTER, criteria(criterion("x", operator, -0.0))), tmp_path, whole)
        assert got["<RowID>"] == [f"Row{i}" for i in rows]


def test_fractions_are_joined_by_what_they_are(tmp_path: Path) -> None:
    left = with_ids(["zero", "minus", "nan", "missing"], x=pa.array([0.0, -0.0, NAN, None]))
    stored = joiner(("x", "x"), outer="right", mergeJoinColumns=True)
    got = result(node(JOINER, stored), tmp_path, left, REAL)
    assert got["<RowID>"] == [
        *("zero_Row0", "minus_Row2", "minus_Row7", "nan_Row1", "nan_Row5"),
        *("?_Row3", "?_Row4", "?_Row6"),
    ]


def test_cells_that_several_partners_agree_upon_are_merged(tmp_path: Path) -> None:
    right = with_ids(["a", "b"], x=pa.array([NAN, 0.0]), y=pa.array([NAN, -0.0]))
    stored = joiner(("x", "x"), ("x", "y"), outer="right", mergeJoinColumns=True)
    got = result(node(JOINER, stored), tmp_path, with_ids(["l"], x=pa.array([1.0])), right)
    assert [as_text(cell) for cell in got["x"]] == ["NaN", "?"]


@pytest.mark.parametrize("keeps_order", [False, True])
def test_fractions_make_groups(tmp_path: Path, keeps_order: bool) -> None:
    stored = group_by(["x"], ("x", "Count", True), retainOrder=keeps_order)
    got = result(node(GROUP_BY, stored), tmp_path, REAL)
    counts = dict(zip(map(as_text, got["x"]), got["Count(x)"], strict=True))
    assert counts == {"?": 1, "-Infinity": 1, "-0.0": 2, "0.0": 1, "1.0": 1, "NaN": 2}
    order = ["0.0", "NaN", "-0.0", "1.0", "?", "-Infinity"]
    assert list(counts) == (order if keeps_order else ["?", "-Infinity", "-0.0", "0.0", "1.0", "NaN"])


@pytest.mark.parametrize(
    ("method", "label", "expected"),
    [
        ("Unique count", "Unique count", "5"),
        ("uniqueConcatenate_V2.4", "Unique concatenate", "0.0, NaN, -0.0, 1.0, -Infinity"),
        ("Minimum", "Min", "-Infinity"),
        ("Maximum", "Max", "NaN"),
        ("Median_V3.4", "Median", "0.0"),
        ("Range", "Range", "NaN"),
    ],
)
def test_fractions_are_aggregated(tmp_path: Path, method: str, label: str, expected: str) -> None:
    got = result(node(GROUP_BY, group_by([], ("x", method, False))), tmp_path, REAL)
    assert [as_text(cell) for cell in got[f"{label}(x)"]] == [expected]


def test_the_least_zero_is_the_negative_one(tmp_path: Path) -> None:
    zeros = pa.table({"x": pa.array([0.0, -0.0])})
    wanted: list[tuple[str, str, bool]] = [("x", "Minimum", False), ("x", "Maximum", False)]
    got: dict[str, Any] = result(node(GROUP_BY, group_by([], *wanted)), tmp_path, zeros)
    assert (as_text(got["Min(x)"][0]), as_text(got["Max(x)"][0])) == ("-0.0", "0.0")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("\u00b5m", "\u03bcM", True),  # micro sign and Greek mu
        ("\u03c2", "\u03a3", True),  # final sigma
        ("\u0130", "i", True),  # capital I with dot
        ("\u0131", "I", True),  # dotless i
        ("Stra\u00dfe", "STRASSE", False),
        ("\u00df", "\u1e9e", True),
        ("a", "b", False),
    ],
)
def test_case_is_ignored_letter_by_letter(tmp_path: Path, a: str, b: str, same: bool) -> None:
    assert (caseless(a) == caseless(b)) == same
    got = result(node(ROW_FILTER, criteria(criterion("t", "EQ", b, "CASEINSENSITIVE"))), tmp_path, pa.table({"t": [a]}))
    assert len(got["t"]) == same
