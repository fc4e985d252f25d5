"""KNIME's Row Filter, Row Splitter, Column Filter and Column Renamer."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
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

from core.errors import UserInputError
from headless.knime_nodes.name_filter import NameFilter
from headless.knime_nodes.row_criteria import RowCriteria

ROW_FILTER = "preproc.filter.row3.RowFilterNodeFactory"
ROW_SPLITTER = "preproc.filter.row3.RowSplitterNodeFactory"
COLUMN_FILTER = "preproc.filter.column.DataColumnSpecFilterNodeFactory"
RENAMER = "preproc.column.renamer.ColumnRenamerNodeFactory"


def criterion(
    column: str, operator: str, value: Any = None, case: str = "", kind: str = "SINGLE", count: int = 1
) -> dict[str, Any]:
    """A criterion as KNIME 5.5 to 5.9 store it; a column in capitals stands for the row ID or row number."""
    special = column if column in ("ROW_ID", "ROW_NUMBER") else None
    cell = {"typeIdentifier": {"cell_class": "x", "is_null": False}, "value": value}
    if case:
        cell["stringCaseMatching"] = {"caseMatching": case}
    return {
        "columnV2": {"regularChoice": None if special else column, "specialChoice_Internals": special},
        "operator": operator,
        "predicateValues": {"values": numbered(*[cell] * count), "inputKind": kind},
    }


def criteria(*wanted: dict[str, Any], match: str = "AND", output: str = "MATCHING") -> dict[str, Any]:
    return {"matchCriteria": match, "predicates": numbered(*wanted), "domains": "RETAIN", "outputMode": output}


TABLE = pa.table(
    {
        "text": pa.array(["cell", "Cell", None, "a\nb", "nucleus 12"]),
        "whole": pa.array([3, None, -1, 12, 7], pa.int32()),
        "long": pa.array([3, 2**40, None, 12, 7], pa.int64()),
        "real": pa.array([0.5, 2.0, None, float("nan"), -3.0], pa.float64()),
        "truth": pa.array([True, False, None, True, False]),
        "bytes": byte_vectors(b"0", b"1", b"2", None, b"4"),
    }
)


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (criterion("text", "EQ", "cell"), [0]),
        (criterion("text", "EQ", "CELL", "CASEINSENSITIVE"), [0, 1]),
        (criterion("text", "NEQ", "cell", "CASESENSITIVE"), [1, 3, 4]),
        (criterion("text", "NEQ_MISS", "cell"), [1, 2, 3, 4]),
        (criterion("text", "WILDCARD", "?ell"), [0, 1]),
        (criterion("text", "WILDCARD", "a*b"), [3]),
        (criterion("text", "WILDCARD", "C*", "CASEINSENSITIVE"), [0, 1]),
        (criterion("text", "WILDCARD", "nucleus [0-9]*"), []),
        (criterion("text", "REGEX", r"nucleus \d+"), [4]),
        (criterion("text", "REGEX", "ell"), []),
        (criterion("text", "IS_MISSING"), [2]),
        (criterion("bytes", "IS_NOT_MISSING"), [0, 1, 2, 4]),
        (criterion("whole", "GT", 3), [3, 4]),
        (criterion("whole", "LTE", 3), [0, 2]),
        (criterion("whole", "NEQ_MISS", 3), [1, 2, 3, 4]),
        (criterion("whole", "LT", 3.5), [0, 2]),
        (criterion("whole", "WILDCARD", "1*"), [3]),
        (criterion("long", "GTE", 12), [1, 3]),
        (criterion("long", "REGEX", "[0-9]"), [0, 4]),
        (criterion("real", "LT", 1.0), [0, 4]),
        (criterion("real", "GTE", 2.0), [1, 3]),
        (criterion("real", "EQ", 2), [1]),
        (criterion("truth", "IS_TRUE"), [0, 3]),
        (criterion("truth", "IS_FALSE"), [1, 4]),
        (criterion("ROW_ID", "EQ", "Row1"), [1]),
        (criterion("ROW_ID", "NEQ", "row1", "CASEINSENSITIVE"), [0, 2, 3, 4]),
        (criterion("ROW_ID", "REGEX", "Row[34]"), [3, 4]),
        (criterion("ROW_NUMBER", "EQ", 1), [0]),
        (criterion("ROW_NUMBER", "GT", 3), [3, 4]),
        (criterion("ROW_NUMBER", "FIRST_N_ROWS", 2), [0, 1]),
        (criterion("ROW_NUMBER", "LAST_N_ROWS", 2), [3, 4]),
        (criterion("ROW_NUMBER", "LAST_N_ROWS", 9), [0, 1, 2, 3, 4]),
        (criterion("ROW_NUMBER", "WILDCARD", "?"), [0, 1, 2, 3, 4]),
    ],
)
def test_rows_are_filtered_by_one_criterion(tmp_path: Path, wanted: dict[str, Any], rows: list[int]) -> None:
    for output, expected in (("MATCHING", rows), ("NON_MATCHING", [i for i in range(5) if i not in rows])):
        got = result(node(ROW_FILTER, criteria(wanted, output=output)), tmp_path, TABLE)
        assert got["<RowID>"] == [f"Row{i}" for i in expected]
        assert got["bytes"] == [TABLE["bytes"][i].as_py() for i in expected]


def test_criteria_of_newer_versions_are_read(tmp_path: Path) -> None:
    new = criterion("text", "WILDCARD")
    del new["predicateValues"]
    new["filterValueParameters"] = {"@class": "x", "pattern": "C*", "caseSensitivity": "CASE_INSENSITIVE"}
    number = criterion("whole", "GT")
    number["filterValueParameters"] = {"@class": "x", "value": 2}
    got = result(node(ROW_FILTER, criteria(new, number)), tmp_path, TABLE)
    assert got["<RowID>"] == ["Row0"]


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(-3, 3)), st.sampled_from(["a", "b", None])), max_size=12),
    st.sampled_from(["EQ", "NEQ", "LT", "LTE", "GT", "GTE"]),
    st.sampled_from(["AND", "OR"]),
    st.booleans(),
)
@settings(deadline=None)
def test_criteria_are_combined(
    rows: list[tuple[int | None, str | None]], operator: str, match: str, inverted: bool
) -> None:
    frame = pd.DataFrame(rows, columns=["n", "t"], dtype=object)
    number = pd.to_numeric(frame["n"]).astype("float64")
    compared: dict[str, Any] = {
        "EQ": number.eq,
        "NEQ": number.ne,
        "LT": number.lt,
        "LTE": number.le,
        "GT": number.gt,
        "GTE": number.ge,
    }
    masks = [compared[operator](1) & number.notna(), frame["t"].eq("a")]
    expected = (masks[0] & masks[1]) if match == "AND" else (masks[0] | masks[1])
    stored = criteria(
        criterion("n", operator, 1),
        criterion("t", "EQ", "a"),
        match=match,
        output="NON_MATCHING" if inverted else "MATCHING",
    )
    table = with_ids(
        [f"r{i}" for i in range(len(rows))],
        n=pa.array([n for n, _ in rows], pa.int32()),
        t=pa.array([t for _, t in rows], pa.string()),
    )
    assert RowCriteria.from_model(stored).chosen(table).tolist() == (expected != inverted).tolist()


def test_the_splitter_gives_both_halves(tmp_path: Path) -> None:
    for output, order in (("MATCHING", (0, 1)), ("NON_MATCHING", (1, 0))):
        made = node(ROW_SPLITTER, criteria(criterion("whole", "GT", 3), output=output))
        tables, _ = execute(made, tmp_path, TABLE)
        halves = [table.column(0).to_pylist() for table in tables if table is not None]
        assert [halves[i] for i in order] == [["Row3", "Row4"], ["Row0", "Row1", "Row2"]]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (criteria(criterion("a", "BETWEEN", 1)), "operator = 'BETWEEN'"),
        (criteria(criterion("a", "EQ", 1, kind="COLLECTION")), "inputKind = 'COLLECTION'"),
        (criteria(criterion("a", "EQ", 1, count=2)), "2 values"),
        (criteria(criterion("a", "EQ")), "value to compare with is missing"),
        (criteria(criterion("a", "EQ", "x", "FUZZY")), "caseMatching = 'FUZZY'"),
        (criteria(criterion("a", "REGEX", "(")), r"regular expression '\('"),
        (criteria(criterion("a", "REGEX", r"\p{Alpha}")), "cannot be used here"),
        (criteria(criterion("a", "REGEX", "[a&&b]")), "cannot be used here"),
        (criteria(criterion("a", "REGEX", 3)), "3 is no pattern"),
        (criteria(criterion("a", "FIRST_N_ROWS", 3)), "does not fit column 'a'"),
        (criteria(criterion("ROW_ID", "LT", "x")), "does not fit row id"),
        (criteria(criterion("ROW_NUMBER", "EQ", "x")), "does not fit row number"),
        (criteria(criterion("ROW_NUMBER", "EQ", 0)), "no row number 0"),
        (criteria(criterion("ROW_NUMBER", "FIRST_N_ROWS", -1)), "no row number -1"),
        (criteria(criterion("", "EQ", 1)), "column = ''"),
        (criteria(match="XOR"), "There is no criterion"),
        (criteria(criterion("a", "EQ", 1), match="XOR"), "matchCriteria = 'XOR'"),
        (criteria(criterion("a", "EQ", 1), output="BOTH"), "outputMode = 'BOTH'"),
        ({}, "'predicates' is missing"),
    ],
)
def test_criteria_that_only_knime_knows_are_refused_beforehand(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(ROW_FILTER, stored)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (criterion("gone", "EQ", 1), "no column 'gone'. Columns are: text, whole"),
        (criterion("text", "LT", "x"), "does not fit the column 'text'"),
        (criterion("text", "EQ", 1), "does not fit the column 'text'"),
        (criterion("bytes", "EQ", "x"), "does not fit the column 'bytes'"),
        (criterion("truth", "EQ", "true"), "does not fit the column 'truth'"),
        (criterion("whole", "IS_TRUE"), "does not fit the column 'whole'"),
        (criterion("long", "EQ", 1.5), "does not fit the column 'long'"),
        (criterion("real", "EQ", 2**40), "does not fit the column 'real'"),
        (criterion("real", "WILDCARD", "1*"), "does not fit the column 'real'"),
    ],
)
def test_criteria_that_do_not_fit_the_table_are_refused(tmp_path: Path, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        result(node(ROW_FILTER, criteria(wanted)), tmp_path, TABLE)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (names("whole", "text", "gone"), ["text", "whole"]),
        (names("text", excluded=("real",), takes_others=True), ["text", "whole", "long", "truth", "bytes"]),
        (names(pattern="*e*"), ["text", "whole", "real", "bytes"]),
        (names(pattern="T*", caseSensitive=False), ["text", "truth"]),
        (names(pattern="T*"), []),
        (names(pattern="t.*|long", type="Regex", excludeMatching=True), ["whole", "real", "bytes"]),
        (
            {
                "filter-type": "datatype",
                "datatype": {
                    "typelist": {
                        "org.knime.core.data.StringValue": True,
                        "org.knime.core.data.IntValue": False,
                        "org.knime.core.data.vector.bytevector.ByteVectorValue": True,
                        "org.knime.core.data.DoubleValue": True,
                    }
                },
            },
            ["text", "real", "bytes"],
        ),
    ],
)
def test_columns_are_filtered(tmp_path: Path, stored: dict[str, Any], expected: list[str]) -> None:
    got = result(node(COLUMN_FILTER, {"column-filter": stored}), tmp_path, TABLE)
    assert list(got) == ["<RowID>", *expected]
    assert got["<RowID>"] == [f"Row{i}" for i in range(5)]


def test_filters_of_newer_dialogs_are_read() -> None:
    assert NameFilter.from_modern(modern_names("b", "a")).chosen(["a", "b", "c"]) == ["a", "b"]
    assert NameFilter.from_modern(modern_names("b", takes_others=True)).chosen(["a", "b"]) == ["a", "b"]
    wildcard = modern_names(mode="WILDCARD", pattern="A*", isInverted=True)
    assert NameFilter.from_modern(wildcard).chosen(["ab", "b"]) == ["b"]
    assert NameFilter.from_modern(modern_names(mode="REGEX", pattern="a|b")).chosen(["ab", "b"]) == ["b"]
    stored = modern_names(mode="TYPE")
    stored["typeFilter"]["selectedTypes"] = {"array-size": 1, "0": "org.knime.core.data.IntValue"}
    kinds = [pa.int32(), pa.int64()]
    assert NameFilter.from_modern(stored).chosen(["a", "b"], kinds) == ["a"]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"filter-type": "other"}, "filter-type = 'other'"),
        (names(pattern="(", type="Regex"), "regular expression"),
        (names(pattern="a", type="Fuzzy"), "type = 'Fuzzy'"),
        ({"filter-type": "STANDARD", "enforce_option": "EnforceInclusion"}, "'included_names' is missing"),
        ({**names(), "included_names": {"array-size": 2}}, "list 'included_names' is damaged"),
    ],
)
def test_filters_that_only_knime_knows_are_refused(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(COLUMN_FILTER, {"column-filter": stored})


def renamings(**new: str) -> dict[str, Any]:
    return {"renamings": numbered(*({"oldName": old, "newName": name} for old, name in new.items()))}


def test_columns_are_renamed_at_once(tmp_path: Path) -> None:
    table = pa.table({"a": [1], "b": byte_vectors(b"x"), "c": pictures(7)})
    (output,), context = execute(node(RENAMER, renamings(a="b", b="a", gone="z")), tmp_path, table)
    assert output is not None
    assert output.column_names == ["<RowID>", "b", "a", "c"]
    assert output["a"][0].as_py() == b"x"
    assert output["c"][0].as_py().getpixel((0, 0)) == 7
    assert context.warnings == ["The input table has no column 'gone' to rename."]


def test_renamings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="new name of the column 'a' is empty"):
        node(RENAMER, renamings(a=" "))
    with pytest.raises(UserInputError, match="same new name"):
        node(RENAMER, renamings(a="x", b="x"))
    twice = {"renamings": numbered({"oldName": "a", "newName": "x"}, {"oldName": "a", "newName": "y"})}
    with pytest.raises(UserInputError, match="'a' is renamed twice"):
        node(RENAMER, twice)
    with pytest.raises(UserInputError, match="two columns 'b'"):
        result(node(RENAMER, renamings(a="b")), tmp_path, pa.table({"a": [1], "b": [2]}))
