"""Tables, their batches, types and images are the same on KNIME's own package and on the stand-in."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.backends import NodeFailure, Session, open_session


@pytest.fixture(scope="module")
def session() -> Session:
    """Nodes that show how a backend behaves."""
    return open_session(Path(__file__).parent / "behaviour_extension")


NUMBERS = pa.table(
    {
        "i": pa.array([1, None, 3, 4, 5], pa.int32()),
        "l": pa.array([1, 2, 3, 4, None], pa.int64()),
        "d": pa.array([0.5, None, 1.5, 2.5, 3.5]),
        "s": pa.array(["a", "b", None, "d", "µ"]),
        "b": pa.array([True, None, False, True, True]),
        "x": pa.array([[1.0], [], None, [1.0, 2.0], [3.0]], pa.list_(pa.float64())),
    }
)
IDS = [f"r{i}" for i in range(5)]


WHOLE = NUMBERS.add_column(0, "<RowID>", pa.array(IDS))


def copy(session: Session, table: Any, way: str) -> Any:
    return session.node("Copy").set(way=way).execute(table)[0]


@pytest.mark.parametrize("way", ["same", "view", "whole", "combined", "per batch", "per row"])
def test_copies_of_a_table(session: Session, way: str) -> None:
    table = session.make_table(WHOLE, batches=[2, 2, 1])
    result = copy(session, table, way)
    assert result.to_pyarrow().to_pydict() == WHOLE.to_pydict()
    assert result.to_pyarrow().schema.types == WHOLE.schema.types
    assert [str(c.ktype) for c in result.schema] == [
        "Number (Integer)", "Number (Long Integer)", "Number (Float)", "String", "Boolean",
        "List (Collection of: Number (Float))",
    ]  # fmt: skip
    assert result.schema == table.schema
    expected = {"combined": [5], "per row": [1] * 5}.get(way, [2, 2, 1])
    assert result.batch_lengths() == expected
    assert result.num_rows == 5
    assert result.column_names == NUMBERS.column_names


def test_rows_of_a_table(session: Session) -> None:
    table = session.make_table(WHOLE)
    assert copy(session, table, "head").to_pyarrow().column(0).to_pylist() == ["r0", "r1"]
    assert copy(session, table, "middle").to_pyarrow().column(0).to_pylist() == ["r1", "r2"]


def test_unequal_batches(session: Session) -> None:
    table = session.make_table(WHOLE, batches=[1, 3, 1])
    assert table.batch_lengths() == [1, 3, 1]
    for way in ("combined", "per row", "pandas"):
        assert copy(session, table, way).to_pyarrow().column(0).to_pylist() == IDS
    for way in ("same", "whole", "per batch"):
        with pytest.raises(NodeFailure) as caught:
            copy(session, table, way)
        assert not caught.value.failure.invalid_settings


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("way", ["same", "whole", "combined", "per batch", "per row"])
def test_small_tables(session: Session, way: str, count: int) -> None:
    table = session.make_table(WHOLE.slice(0, count))
    result = copy(session, table, way)
    assert result.num_rows == count
    assert result.to_pyarrow().schema.types == WHOLE.schema.types
    assert result.to_pandas().shape == (count, 6)


def test_output_without_batches(session: Session) -> None:
    with pytest.raises((NodeFailure, AssertionError)):  # KNIME does not know the columns
        copy(session, session.make_table(WHOLE), "nothing")


@pytest.mark.parametrize("way", ["frame", "arrow"])
def test_only_tables_are_outputs(session: Session, way: str) -> None:
    with pytest.raises(NodeFailure):
        copy(session, session.make_table(WHOLE), way)


def test_data_frames(session: Session) -> None:
    table = session.make_table(WHOLE)
    frame = table.to_pandas()
    assert frame.index.to_list() == IDS
    assert frame.index.name == "<RowID>"
    assert [str(t) for t in frame.dtypes] == ["float64", "float64", "float64", "string", "object", "object"]
    assert copy(session, table, "pandas").to_pyarrow().column("i").to_pylist() == [1.0, None, 3.0, 4.0, 5.0]
    made = session.make_table(pd.DataFrame({"n": [1, 2], "t": ["a", None], 3: [True, False]}, index=[7, 9]))
    assert made.to_pyarrow().to_pydict() == {
        "<RowID>": ["Row7", "Row9"], "n": [1, 2], "t": ["a", None], "3": [True, False]
    }  # fmt: skip
    kept = session.make_table(pd.DataFrame({"n": [1, 2]}, index=[7, 9]), row_ids="keep")
    assert kept.to_pyarrow().column(0).to_pylist() == ["7", "9"]
    named = session.make_table(pd.DataFrame({"n": [1, 2]}, index=["p", "q"]))
    assert named.to_pyarrow().column(0).to_pylist() == ["p", "q"]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("int32()", "int32"),
        ("int64()", "int64"),
        ("float32()", "double"),
        ("float64()", "double"),
        ("bool_()", "bool"),
        ("string()", "string"),
        ("null()", "null"),
        ("dictionary(pa.int32(), pa.string())", "string"),
        ("dictionary(pa.int32(), pa.int64())", "int64"),
        ("list_(pa.int32())", "list<item: int32>"),
        ("list_(pa.float32())", "list<item: double>"),
        ("list_(pa.string())", "list<item: string>"),
        ("list_(pa.bool_())", "list<item: bool>"),
    ],
)
def test_types_that_tables_hold(session: Session, kind: str, stored: str) -> None:
    result = session.node("Types").set(type=kind).execute()[0]
    assert str(result.to_pyarrow().column("column").type) == stored
    assert result.to_pyarrow().column("column").to_pylist() == [None, None]
    assert result.schema.num_columns == 1


@pytest.mark.parametrize(
    "kind",
    [
        "int8()", "uint8()", "int16()", "uint16()", "uint32()", "float16()", "binary()", "large_binary()", "binary(4)",
        "large_string()", "struct([('a', pa.int32())])", "list_(pa.uint8())", "list_(pa.uint16())",
        "list_(pa.list_(pa.int32()))", "list_(pa.int32(), 2)", "map_(pa.string(), pa.int32())", "decimal128(5)",
        "fixed_shape_tensor(pa.int32(), [2])",
    ],
)  # fmt: skip
def test_types_that_tables_refuse(session: Session, kind: str) -> None:
    with pytest.raises(NodeFailure, match="not supported"):
        session.node("Types").set(type=kind).execute()


@pytest.mark.parametrize(
    ("first", "row_ids", "expected"),
    [
        ("", "auto", ["Row0", "Row1"]),
        ('["p", "q"]', "auto", ["p", "q"]),
        ('["p", "q"]', "keep", ["p", "q"]),
        ("[4, 2]", "auto", ["Row4", "Row2"]),
        ("", "generate", ["Row0", "Row1"]),
    ],
)
def test_row_ids(session: Session, first: str, row_ids: str, expected: list[str]) -> None:
    table = session.node("Types").set(first=first, row_ids=row_ids).execute()[0].to_pyarrow()
    assert table.column_names == ["<RowID>", "column"]
    assert table.column(0).to_pylist() == expected


@pytest.mark.parametrize(
    ("first", "row_ids"), [("[4, 2]", "keep"), ("", "keep"), ('["p"]', "nonsense"), ("[1.5, 2.5]", "keep")]
)
def test_wrong_row_ids(session: Session, first: str, row_ids: str) -> None:
    with pytest.raises(NodeFailure):
        session.node("Types").set(first=first, row_ids=row_ids).execute()


def test_row_ids_are_unique(session: Session) -> None:
    with pytest.raises((NodeFailure, AssertionError)):  # found by KNIME's Java part
        session.node("Types").set(first='["p", "p"]').execute()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_images(session: Session, count: int) -> None:
    node = session.node("ImageSource").set(count=count)
    (schema,) = node.configure()
    assert [str(c.ktype) for c in schema] == ["Byte vector", "PNG Image"]
    table = node.execute()[0]
    assert [c.ktype for c in table.schema] == [c.ktype for c in schema]
    assert table.batch_lengths() == ([1] * count or [0])
    filled = [i % 3 != 2 for i in range(count)]
    assert [v is not None for v in table.column_values("bytes")] == filled
    assert [v is not None and v.size == (5, 4) for v in table.column_values("picture")] == filled
    result = session.node("ImageReader").execute(table)[0].to_pyarrow().to_pydict()
    assert result["kind"] == ["DenseByteVectorValue" if f else "NoneType" for f in filled]
    assert result["bytes"] == result["picture"] == [10.0 * i if f else None for i, f in enumerate(filled)]


def test_images_in_copies(session: Session) -> None:
    table = session.node("ImageSource").set(count=4).execute()[0]
    for way in ("same", "combined", "per batch", "per row", "pandas"):
        result = copy(session, table, way)
        assert [str(c.ktype) for c in result.schema] == ["Byte vector", "PNG Image"]
        assert result.column_values("bytes") == table.column_values("bytes")
        assert [p and p.tobytes() for p in result.column_values("picture")] == [
            p and p.tobytes() for p in table.column_values("picture")
        ]


TIMES: dict[str, list[Any]] = {
    "date": [dt.date(2026, 2, 28), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "time": [dt.time(23, 59, 59, 999_999), None, dt.time(0), dt.time(12)],
    "moment": [dt.datetime(2026, 2, 28, 23, 59, 1, 5), None, dt.datetime(1969, 12, 31, 23), dt.datetime(1, 1, 1)],
    "span": [dt.timedelta(days=-1, seconds=1, microseconds=7), None, dt.timedelta(0), dt.timedelta(days=400)],
}


def test_dates_and_times(session: Session) -> None:
    whole = pa.table({"<RowID>": [f"r{i}" for i in range(4)], **TIMES})
    table = session.make_table(whole, batches=[2, 2])
    assert [str(c.ktype) for c in table.schema] == ["Local Date", "Local Time", "Local Date Time", "Duration"]
    assert [str(t.storage_type) for t in table.to_pyarrow().schema.types[1:]] == [
        "int64", "int64", "struct<0: int64, 1: int64>", "struct<0: int64, 1: int32>"
    ]  # fmt: skip
    for way in ("same", "view", "whole", "combined", "per batch", "per row", "pandas"):
        result = copy(session, table, way)
        assert {name: result.column_values(name) for name in TIMES} == TIMES, way
        assert result.schema == table.schema, way
    frame = table.to_pandas()
    assert {name: [None if pd.isna(v) else v for v in frame[name]] for name in TIMES} == TIMES


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_times(session: Session, unit: str) -> None:
    moment, span = TIMES["moment"][2], dt.timedelta(seconds=-3)
    values = {"m": pa.array([moment], pa.timestamp(unit)), "s": pa.array([span], pa.duration(unit))}
    table = session.make_table(pa.table(values))
    assert [table.column_values(name) for name in values] == [[moment], [span]]


def test_dates_in_data_frames(session: Session) -> None:
    frame = pd.DataFrame(
        {
            "moment": pd.Series([dt.datetime(2026, 2, 28, 12, 0, 1), None]),
            "span": pd.Series([dt.timedelta(hours=1), None]),
            "date": [dt.date(2026, 2, 28), None],
            "object": pd.Series([dt.datetime(2026, 2, 28), None], dtype=object),
        }
    )
    table = session.make_table(frame)
    assert [str(c.ktype) for c in table.schema] == ["Local Date Time", "Duration", "Local Date", "Local Date Time"]
    assert table.column_values("moment") == [dt.datetime(2026, 2, 28, 12, 0, 1), None]
    assert table.column_values("span") == [dt.timedelta(hours=1), None]
    assert table.column_values("date") == [dt.date(2026, 2, 28), None]
    assert table.column_values("object") == [dt.datetime(2026, 2, 28), None]


def test_lists_of_dates_are_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="not supported"):
        session.make_table(pa.table({"a": [[dt.date(2026, 2, 28)]]}))
