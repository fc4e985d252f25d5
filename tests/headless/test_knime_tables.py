"""KNIME's Concatenate, Joiner, GroupBy and Table Row to Variable."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.headless.knime_nodes import (
    byte_vectors,
    execute,
    modern_names,
    names,
    node,
    numbered,
    pictures,
    result,
    with_ids,
)

from core.errors import Canceled, UserInputError
from headless.knime_nodes.aggregation import METHODS
from headless.knime_nodes.joining import match
from headless.settings_xml import array

CONCATENATE = "preproc.append.row.AppendedRowsNodeFactory"
JOINER = "preproc.joiner3.Joiner3NodeFactory"
GROUP_BY = "preproc.groupby.GroupByNodeFactory"
TO_VARIABLE = "flowvariable.tablerowtovariable3.TableToVariable3NodeFactory"


def concatenate(**more: Any) -> dict[str, Any]:
    return {
        "create_new_rowids": False,
        "fail_on_duplicates": False,
        "append_suffix": True,
        "intersection_of_columns": False,
        "suffix": "_dup",
        **more,
    }


FIRST = with_ids(["a", "b"], n=pa.array([1, 2], pa.int32()), image=byte_vectors(b"1", None))
SECOND = with_ids(["b", "c"], image=byte_vectors(b"3", b"4"), t=pa.array(["x", None]), n=pa.array([0.5, None]))


def test_tables_are_concatenated_with_all_columns(tmp_path: Path) -> None:
    assert result(node(CONCATENATE, concatenate()), tmp_path, FIRST, SECOND) == {
        "<RowID>": ["a", "b", "b_dup", "c"],
        "n": [1.0, 2.0, 0.5, None],
        "image": [b"1", None, b"3", b"4"],
        "t": [None, None, "x", None],
    }


def test_tables_are_concatenated_with_common_columns(tmp_path: Path) -> None:
    got = result(node(CONCATENATE, concatenate(intersection_of_columns=True)), tmp_path, FIRST, SECOND)
    assert list(got) == ["<RowID>", "n", "image"]


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"create_new_rowids": True, "fail_on_duplicates": True}, ["Row0", "Row1", "Row2", "Row3", "Row4", "Row5"]),
        ({}, ["a", "b", "b_dup", "c", "a_dup", "b_dup_dup"]),
        ({"append_suffix": False}, ["a", "b", "c"]),
    ],
)
def test_row_ids_that_come_twice_are_changed_or_left_out(tmp_path: Path, more: dict[str, Any], ids: list[str]) -> None:
    outputs, context = execute(node(CONCATENATE, concatenate(**more), {"input": 1}), tmp_path, FIRST, SECOND, FIRST)
    assert outputs[0] is not None
    assert outputs[0].column(0).to_pylist() == ids
    if len(ids) == 3:
        assert [cell.as_py() for cell in outputs[0]["image"]] == [b"1", None, b"4"]
        assert context.warnings == ["3 rows with a row ID that was there before are left out."]


def test_concatenating_fails_where_it_shall_or_must(tmp_path: Path) -> None:
    fails = concatenate(fail_on_duplicates=True)
    with pytest.raises(UserInputError, match="same row ID"):
        result(node(CONCATENATE, fails), tmp_path, FIRST, SECOND)
    assert len(result(node(CONCATENATE, fails), tmp_path, FIRST, with_ids(["z"], n=pa.array([1])))["n"]) == 3
    with pytest.raises(UserInputError, match="'n' is of different types: int32, string"):
        result(node(CONCATENATE, concatenate()), tmp_path, FIRST, with_ids(["z"], n=pa.array(["1"])))
    with pytest.raises(UserInputError, match="suffix of row IDs is empty"):
        node(CONCATENATE, concatenate(suffix=""))


def joiner(*criteria: tuple[str, str], outer: str = "", **more: Any) -> dict[str, Any]:
    """A joiner's settings; "" is the row ID, `outer` names the sides of which unmatched rows are kept."""

    def column(name: str) -> dict[str, Any]:
        return {"regularChoice": name or None, "specialChoice_Internals": None if name else "ROW_ID"}

    pairs = [{"leftTableColumnV2": column(left), "rightTableColumnV2": column(right)} for left, right in criteria]
    return {
        "compositionMode": "MATCH_ALL",
        "matchingCriteria": numbered(*pairs),
        "dataCellComparisonMode": "STRICT",
        "includeMatchesInOutput": True,
        "includeLeftUnmatchedInOutput": "left" in outer,
        "includeRightUnmatchedInOutput": "right" in outer,
        "leftColumnSelectionConfigV2": modern_names(takes_others=True),
        "rightColumnSelectionConfigV2": modern_names(takes_others=True),
        "mergeJoinColumns": False,
        "duplicateHandling": "APPEND_SUFFIX",
        "suffix": " (Right)",
        "outputUnmatchedRowsToSeparatePorts": False,
        "rowKeyFactory": "CONCATENATE",
        "rowKeySeparator": "_",
        "outputRowOrder": "ARBITRARY",
        **more,
    }


LEFT = with_ids(["l0", "l1", "l2"], key=pa.array(["a", "b", None]), image=byte_vectors(b"0", b"1", b"2"))
RIGHT = with_ids(
    ["r0", "r1", "r2", "r3"],
    key=pa.array(["b", "c", None, "b"]),
    image=byte_vectors(b"3", b"4", b"5", b"6"),
    p=pictures(1, 2, 3, 4),
)


def test_rows_are_joined_with_those_without_a_partner(tmp_path: Path) -> None:
    got = result(node(JOINER, joiner(("key", "key"), outer="left right")), tmp_path, LEFT, RIGHT)
    assert got["<RowID>"] == ["l1_r0", "l1_r3", "l0_?", "l2_?", "?_r1", "?_r2"]
    assert list(got) == ["<RowID>", "key", "image", "key (Right)", "image (Right)", "p"]
    assert got["key"] == ["b", "b", "a", None, None, None]
    assert got["key (Right)"] == ["b", "b", None, None, "c", None]
    assert got["image (Right)"] == [b"3", b"6", None, None, b"4", b"5"]
    assert [None if cell is None else cell.getpixel((0, 0)) for cell in got["p"]] == [1, 4, None, None, 2, 3]


def test_columns_to_join_by_become_one(tmp_path: Path) -> None:
    stored = joiner(("key", "key"), outer="left right", mergeJoinColumns=True)
    got = result(node(JOINER, stored), tmp_path, LEFT, RIGHT)
    assert list(got) == ["<RowID>", "key", "image", "image (Right)", "p"]
    assert got["key"] == ["b", "b", "a", None, "c", None]

    other = RIGHT.rename_columns(["<RowID>", "name", "image", "p"])
    got = result(node(JOINER, joiner(("key", "name"), outer="right", mergeJoinColumns=True)), tmp_path, LEFT, other)
    assert list(got) == ["<RowID>", "key=name", "image", "image (Right)", "p"]
    assert got["key=name"] == ["b", "b", "c", None]


def test_chosen_columns_are_put_out_and_merged_ones_come_along(tmp_path: Path) -> None:
    stored = joiner(
        ("key", "key"),
        leftColumnSelectionConfigV2=modern_names("image"),
        rightColumnSelectionConfigV2=modern_names("key", "p"),
    )
    assert list(result(node(JOINER, stored), tmp_path, LEFT, RIGHT)) == ["<RowID>", "image", "key", "p"]
    merged = {**stored, "mergeJoinColumns": True}
    assert list(result(node(JOINER, merged), tmp_path, LEFT, RIGHT)) == ["<RowID>", "key", "image", "p"]


def test_unmatched_rows_may_go_to_tables_of_their_own(tmp_path: Path) -> None:
    stored = joiner(("key", "key"), outer="left", outputUnmatchedRowsToSeparatePorts=True)
    tables, _ = execute(node(JOINER, stored), tmp_path, LEFT, RIGHT)
    ids = [None if table is None else table.column(0).to_pylist() for table in tables]
    assert ids == [["l1_r0", "l1_r3"], ["l0", "l2"], []]
    tables, _ = execute(node(JOINER, joiner(("key", "key"))), tmp_path, LEFT, RIGHT)
    assert tables[1:] == [None, None]


def test_row_ids_may_be_joined_by_numbered_or_kept(tmp_path: Path) -> None:
    right = with_ids(["l2", "l0"], v=pa.array([1, 2]))
    kept = joiner(("", ""), outer="left", rowKeyFactory="KEEP_ROWID")
    got = result(node(JOINER, kept), tmp_path, LEFT, right)
    assert (got["<RowID>"], got["v"]) == (["l0", "l2", "l1"], [2, 1, None])
    got = result(node(JOINER, joiner(("", ""), rowKeyFactory="SEQUENTIAL")), tmp_path, LEFT, right)
    assert got["<RowID>"] == ["Row0", "Row1"]
    got = result(node(JOINER, joiner(("key", ""))), tmp_path, LEFT, with_ids(["b"], v=pa.array([5])))
    assert got["<RowID>"] == ["l1_b"]


@pytest.mark.parametrize(
    ("comparison", "kind", "matches"),
    [
        ("STRICT", pa.int32(), 2),
        ("STRICT", pa.int64(), 0),
        ("NUMERIC", pa.int64(), 2),
        ("NUMERIC", pa.float64(), 0),
        ("STRING", pa.int64(), 2),
        ("STRING", pa.string(), 2),
        ("STRING", pa.float64(), 0),
    ],
)
def test_types_count_as_it_is_set(comparison: str, kind: pa.DataType, matches: int) -> None:
    left = with_ids(["a", "b", "c"], x=pa.array([1, 2, None], pa.int32()))
    right = with_ids(["a", "b", "c"], x=pa.array([2, 1, None], pa.int64()).cast(kind))
    assert len(match(left, right, [("x", "x")], comparison)[0]) == matches


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2)), max_size=9),
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2)), max_size=9),
)
@settings(deadline=None)
def test_matches_are_those_of_a_nested_loop(left: list[tuple[Any, int]], right: list[tuple[Any, int]]) -> None:
    tables = [
        with_ids(
            [f"r{i}" for i in range(len(rows))],
            t=pa.array([t for t, _ in rows], pa.string()),
            n=pa.array([n for _, n in rows], pa.int32()),
        )
        for rows in (left, right)
    ]
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a == b and a[0] is not None]
    found = match(tables[0], tables[1], [("t", "t"), ("n", "n")], "STRICT")
    assert list(zip(*(side.tolist() for side in found), strict=True)) == expected


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (joiner(), "no criterion to join by"),
        (joiner(("a", "a"), ("b", "b"), compositionMode="MATCH_ANY"), "compositionMode = 'MATCH_ANY'"),
        (joiner(("a", "a"), duplicateHandling="OTHER"), "duplicateHandling = 'OTHER'"),
        (joiner(("a", "a"), suffix=" "), "suffix of columns is empty"),
        (joiner(("a", "a"), dataCellComparisonMode="FUZZY"), "dataCellComparisonMode = 'FUZZY'"),
        (joiner(("a", "a"), rowKeyFactory="OTHER"), "rowKeyFactory = 'OTHER'"),
        (joiner(("a", "a"), rowKeyFactory="KEEP_ROWID"), "Row IDs can be kept only if"),
        (joiner(("", ""), outer="left right", rowKeyFactory="KEEP_ROWID"), "Row IDs can be kept only if"),
        ({**joiner(("a", "a")), "matchingCriteria": numbered({})}, "'leftTableColumnV2' is missing"),
    ],
)
def test_joins_that_only_knime_does_are_refused_beforehand(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(JOINER, stored)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (joiner(("gone", "key")), "no column 'gone'"),
        (joiner(("key", "gone")), "no column 'gone'"),
        (joiner(("image", "image")), "'image' is of type .*cannot be joined"),
        (joiner(("key", "key"), duplicateHandling="DO_NOT_EXECUTE"), "Both tables have a column 'key'"),
        (
            joiner(("key", "n"), outer="right", mergeJoinColumns=True, dataCellComparisonMode="STRING"),
            "'key' cannot be merged with 'n'",
        ),
    ],
)
def test_tables_that_cannot_be_joined_are_refused(tmp_path: Path, stored: dict[str, Any], words: str) -> None:
    right = RIGHT.append_column("n", pa.array([1, 2, 3, 4]))
    with pytest.raises(UserInputError, match=words):
        result(node(JOINER, stored), tmp_path, LEFT, right)


def group_by(by: list[str], *aggregations: tuple[str, str, bool], **more: Any) -> dict[str, Any]:
    """A GroupBy's settings; an aggregation is a column, a method, and whether missing cells count."""
    columns, methods, includes = zip(*aggregations, strict=True) if aggregations else ((), (), ())
    return {
        "grouByColumns": {"InclList": array(by), "ExclList": array([])},
        "maxNoneNumericalVals": 10000,
        "aggregationColumn": {
            "columnNames": array(columns),
            "columnTypes": {"array-size": len(columns), **numbered(*[{"is_null": True}] * len(columns))},
            "aggregationMethod": array(methods),
            "inclMissingVals": array(includes),
        },
        "patternAggregators": {},
        "dataTypeAggregators": {},
        "columnNamePolicy": "Aggregation method (column name)",
        "retainOrder": False,
        "inMemory": False,
        "valueDelimiter": ", ",
        **more,
    }


OBJECTS = pa.table(
    {
        "image": pa.array(["b", "a", None, "b", "a", "b"]),
        "area": pa.array([4, 1, 9, None, 3, 6], pa.int32()),
        "real": pa.array([0.5, None, 1.0, 2.0, None, 4.0], pa.float64()),
        "kind": pa.array(["x", "y", "z", "x", None, "w"]),
        "flag": pa.array([True, False, None, True, True, False]),
        "bytes": byte_vectors(b"0", None, b"2", b"3", b"4", b"5"),
    }
)


@pytest.mark.parametrize(
    ("method", "column", "missing", "label", "expected"),
    [  # groups: missing (row 2), a (rows 1 and 4), b (rows 0, 3 and 5)
        ("Count", "bytes", True, "Count", [1, 2, 3]),
        ("Count", "bytes", False, "Count", [1, 1, 3]),
        ("Missing value count", "area", True, "Missing value count", [0, 0, 1]),
        ("First", "bytes", True, "First", [b"2", None, b"0"]),
        ("First", "bytes", False, "First", [b"2", b"4", b"0"]),
        ("Last", "bytes", True, "Last", [b"2", b"4", b"5"]),
        ("First", "real", False, "First", [1.0, None, 0.5]),
        ("Minimum", "kind", True, "Min", ["z", "y", "w"]),
        ("Maximum", "area", True, "Max", [9, 3, 6]),
        ("Unique count", "kind", True, "Unique count", [1, 2, 2]),
        ("Unique count", "kind", False, "Unique count", [1, 1, 2]),
        ("List", "area", True, "List", [[9], [1, 3], [4, None, 6]]),
        ("List", "real", False, "List", [[1.0], None, [0.5, 2.0, 4.0]]),
        ("Concatenate_V2.4", "kind", True, "Concatenate", ["z", "y, ?", "x, x, w"]),
        ("uniqueConcatenate_V2.4", "kind", False, "Unique concatenate", ["z", "y", "x, w"]),
        ("Concatenate_V2.4", "real", False, "Concatenate", ["1.0", None, "0.5, 2.0, 4.0"]),
        ("Concatenate_V2.4", "flag", True, "Concatenate", ["?", "false, true", "true, true, false"]),
        ("Mean_V4.6", "area", True, "Mean", [9.0, 2.0, 5.0]),
        ("Mean_V4.6", "real", False, "Mean", [1.0, None, 6.5 / 3]),
        ("Mean_V4.6", "flag", False, "Mean", [None, 0.5, 2 / 3]),
        ("Sum_V2.5.2", "area", False, "Sum", [9, 4, 10]),
        ("Sum_V2.5.2", "real", False, "Sum", [1.0, None, 6.5]),
        ("Sum_V2.5.2", "flag", False, "Sum", [None, 1, 2]),
        ("Median_V3.4", "real", False, "Median", [1.0, None, 2.0]),
        ("Median_V3.4", "area", False, "Median", [9.0, 2.0, 5.0]),
        ("Variance", "area", False, "Variance", [0.0, 2.0, 2.0]),
        ("Standard deviation", "area", False, "Standard deviation", [0.0, 2**0.5, 2**0.5]),
        ("Range", "area", False, "Range", [0, 2, 2]),
    ],
)
def test_groups_are_aggregated(
    tmp_path: Path, method: str, column: str, missing: bool, label: str, expected: list[Any]
) -> None:
    got = result(node(GROUP_BY, group_by(["image"], (column, method, missing))), tmp_path, OBJECTS)
    assert got["<RowID>"] == ["Row0", "Row1", "Row2"]
    assert got["image"] == [None, "a", "b"]
    assert got[f"{label}({column})"] == [pytest.approx(e) if isinstance(e, float) else e for e in expected]


def test_all_methods_are_tested() -> None:
    marks = test_groups_are_aggregated.pytestmark
    assert {values[0] for values in marks[0].args[1]} == METHODS.keys()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("Keep original name(s)", ["image", "kind", "area", "image_1"]),
        ("Aggregation method (column name)", ["image", "Count(kind)", "Max(area)", "First(image)"]),
        ("Column name (aggregation method)", ["image", "kind (Count)", "area (Max)", "image (First)"]),
    ],
)
def test_new_columns_are_named(tmp_path: Path, policy: str, expected: list[str]) -> None:
    wanted = (("kind", "Count", False), ("area", "Maximum", False), ("image", "First", True))
    got = result(node(GROUP_BY, group_by(["image"], *wanted, columnNamePolicy=policy)), tmp_path, OBJECTS)
    assert list(got) == ["<RowID>", *expected]


@pytest.mark.parametrize("key", ["retainOrder", "inMemory"])
def test_groups_may_keep_their_order(tmp_path: Path, key: str) -> None:
    got = result(node(GROUP_BY, group_by(["image"], ("area", "Count", True), **{key: True})), tmp_path, OBJECTS)
    assert (got["image"], got["Count(area)"]) == (["b", "a", None], [3, 2, 1])


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2]), st.one_of(st.none(), st.integers(-9, 9))),
        max_size=15,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_are_those_of_pandas(tmp_path: Path, rows: list[tuple[str | None, int, int | None]]) -> None:
    table = pa.table(
        {
            "t": pa.array([t for t, _, _ in rows], pa.string()),
            "n": pa.array([n for _, n, _ in rows], pa.int64()),
            "v": pa.array([v for _, _, v in rows], pa.float64()),
        }
    )
    wanted = (("v", "Sum_V2.5.2", False), ("v", "Variance", False), ("v", "Count", True))
    got = result(node(GROUP_BY, group_by(["t", "n"], *wanted)), tmp_path, table)
    frame = pd.DataFrame(rows, columns=["t", "n", "v"]).astype({"v": float})
    groups = frame.groupby(["t", "n"], dropna=False)["v"]
    expected = {
        (t if isinstance(t, str) else None, n): (
            values.sum() if values.notna().any() else None,
            None if values.notna().sum() == 0 else 0.0 if values.notna().sum() == 1 else values.var(),
            len(values),
        )
        for (t, n), values in groups
    }
    found = list(zip(got["t"], got["n"], strict=True))
    assert found == sorted(expected, key=lambda key: (key[0] is not None, key[0] or "", key[1]))
    results = zip(got["Sum(v)"], got["Variance(v)"], got["Count(v)"], strict=True)
    for key, values in zip(found, results, strict=True):
        assert values == tuple(None if e is None else pytest.approx(e) for e in expected[key])


def test_too_large_groups_are_missing_and_told_of(tmp_path: Path) -> None:
    wanted = (("kind", "Unique count", True), ("area", "Sum_V2.5.2", False))
    table = OBJECTS.set_column(1, "area", pa.array([2**30] * 6, pa.int32()))
    outputs, context = execute(node(GROUP_BY, group_by(["image"], *wanted, maxNoneNumericalVals=1)), tmp_path, table)
    assert outputs[0] is not None
    assert outputs[0]["Unique count(kind)"].to_pylist() == [1, None, None]
    assert outputs[0]["Sum(area)"].to_pylist() == [2**30, None, None]
    assert len(context.warnings) == 2


def test_columns_that_are_gone_or_of_another_type_are_not_aggregated(tmp_path: Path) -> None:
    stored = group_by(["image"], ("gone", "Count", True), ("kind", "Count", True), ("area", "Count", True))
    types = stored["aggregationColumn"]["columnTypes"]
    types["1"] = {"cell_class": "org.knime.core.data.def.IntCell", "is_null": False}
    types["2"] = {"cell_class": "org.knime.core.data.def.DoubleCell", "is_null": False}
    outputs, context = execute(node(GROUP_BY, stored), tmp_path, OBJECTS)
    assert outputs[0] is not None
    assert outputs[0].column_names == ["<RowID>", "image", "Count(area)"]
    assert [warning.split("'")[1] for warning in context.warnings] == ["gone", "kind"]


def test_no_rows_are_no_groups(tmp_path: Path) -> None:
    for by in (["image"], []):
        stored = group_by(by, ("area", "Mean_V4.6", False), ("bytes", "First", True))
        got = result(node(GROUP_BY, stored), tmp_path, OBJECTS.slice(0, 0))
        assert got == {name: [] for name in ("<RowID>", *by, "Mean(area)", "First(bytes)")}


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (group_by([]), "neither a group column nor an aggregation"),
        (group_by(["a"], ("b", "Quantile", False)), "aggregation method 'Quantile' of the column 'b'"),
        (group_by(["a"], columnNamePolicy="Other"), "columnNamePolicy = 'Other'"),
        (group_by(["a"], patternAggregators={"pattern": array(["x"])}), "patternAggregators"),
        (group_by(["a"], dataTypeAggregators={"type": array(["x"])}), "dataTypeAggregators"),
    ],
)
def test_groups_that_only_knime_makes_are_refused_beforehand(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(GROUP_BY, stored)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (group_by(["gone"]), "no column 'gone'"),
        (group_by(["bytes"]), "'bytes' is of type .*cannot be grouped"),
        (group_by(["image"], ("kind", "Mean_V4.6", False)), "Mean cannot be computed of the column 'kind'"),
        (group_by(["image"], ("bytes", "Maximum", False)), "Max cannot be computed of the column 'bytes'"),
    ],
)
def test_tables_that_cannot_be_grouped_are_refused(tmp_path: Path, stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        result(node(GROUP_BY, stored), tmp_path, OBJECTS)


def to_variables(policy: str = "OMIT", **more: Any) -> dict[str, Any]:
    return {
        "missing_value_policy": policy,
        "default_value_string": "none",
        "default_value_boolean": "true",
        "default_value_integer": 1,
        "default_value_long": 2,
        "default_value_double": 0.5,
        "column_selection": names(takes_others=True),
        **more,
    }


ROW = with_ids(
    ["first", "second"],
    n=pa.array([None, 5], pa.int32()),
    l=pa.array([7, 8], pa.int64()),
    t=pa.array([None, "x"]),
    f=pa.array([None, True]),
    d=pa.array([1.5, 2.5]),
    image=byte_vectors(b"1", b"2"),
    RowID=pa.array(["a", "b"]),
)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("OMIT", {"l": 7, "d": 1.5}),
        ("DEFAULT", {"n": 1, "l": 7, "t": "none", "f": True, "d": 1.5}),
    ],
)
def test_the_first_row_becomes_variables(tmp_path: Path, policy: str, expected: dict[str, Any]) -> None:
    outputs, context = execute(node(TO_VARIABLE, to_variables(policy)), tmp_path, ROW)
    assert outputs == [None]
    assert context.flow_variables == {"RowID": "first", "RowID (#1)": "a", **expected}
    assert context.warnings == ["No flow variables can be made of: 'image'."]


def test_a_table_without_rows_gives_defaults(tmp_path: Path) -> None:
    chosen = to_variables("DEFAULT", column_selection=names("n"))
    _, context = execute(node(TO_VARIABLE, chosen), tmp_path, ROW.slice(0, 0))
    assert context.flow_variables == {"RowID": "", "n": 1}
    with pytest.raises(UserInputError, match="no row"):
        execute(node(TO_VARIABLE, to_variables("FAIL")), tmp_path, ROW.slice(0, 0))
    with pytest.raises(UserInputError, match="column 'n' is missing"):
        execute(node(TO_VARIABLE, to_variables("FAIL")), tmp_path, ROW)
    with pytest.raises(UserInputError, match="missing_value_policy = 'GUESS'"):
        node(TO_VARIABLE, to_variables("GUESS"))


def test_joining_and_grouping_many_rows_can_be_stopped(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array(range(25_000), pa.int32())})
    joined = node(JOINER, joiner(("n", "n"), rowKeyFactory="SEQUENTIAL"))
    grouped = node(GROUP_BY, group_by(["n"], ("n", "Count", True)))
    for made, tables in ((joined, [table] * 2), (grouped, [table])):
        at_least = 3 * len(tables)  # before anything is written
        for stop in range(1, at_least + 1):
            answers, told = iter([False] * (stop - 1) + [True]), list[float]()
            with pytest.raises(Canceled):
                execute(
                    made,
                    tmp_path,
                    *tables,
                    is_canceled=answers.__next__,
                    report=lambda done, _, told=told: told.append(done),
                )
            assert told == []


def test_what_only_variables_of_knime_may_begin_with_is_taken_off_names(tmp_path: Path) -> None:
    row = pa.table({"knime.workspace": pa.array(["a"]), "knime. knime.x": pa.array([1]), "knime.": pa.array([2])})
    _, context = execute(node(TO_VARIABLE, to_variables()), tmp_path, row)
    assert context.flow_variables == {"RowID": "Row0", "workspace": "a", "x": 1, "column_2": 2}


def test_images_of_many_rows_are_not_read_at_once(tmp_path: Path) -> None:
    # One batch per image, as the nodes write them; the joined table has them in batches of its own.
    values = [np.full(1000, i, np.uint8).tobytes() for i in range(50)]
    table = pa.concat_tables([with_ids([f"i{i}"], image=byte_vectors(value)) for i, value in enumerate(values)])
    right = with_ids([f"i{i}" for i in range(49, -1, -1)], v=pa.array(range(50)))
    got = result(node(JOINER, joiner(("", ""), rowKeyFactory="KEEP_ROWID")), tmp_path, right, table)
    assert got["image"] == [values[49 - i] for i in range(50)]
