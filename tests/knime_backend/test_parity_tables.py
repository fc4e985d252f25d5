"""Tables that nodes make and read behave on every backend as tested here; types and copies: `test_behaviour_tables`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.backends import NodeFailure

Run = Callable[..., Any]


def keyed(*ids: str) -> pa.Table:
    """One row per ID, numbered from 0."""
    return pa.table({"<RowID>": pa.array(ids, pa.string()), "a": pa.array(range(len(ids)), pa.int64())})


def plain(*numbers: int) -> pa.Table:
    """A table without row IDs."""
    return pa.table({"a": pa.array(numbers, pa.int64())})


def appended(*batches: Any, **options: str) -> Callable[[Any], Any]:
    """What a node does that appends batches."""
    import knime.extension as knext

    def work(ctx: Any) -> Any:
        table = knext.BatchOutputTable.create(**options)
        for batch in batches:
            table.append(batch)
        return table

    return work


@pytest.mark.parametrize(
    ("batches", "options", "lengths", "ids"),
    [
        ([keyed("p")], {}, [1], ["p"]),
        ([keyed("p"), keyed("q"), keyed("r")], {}, [1, 1, 1], ["p", "q", "r"]),
        ([keyed("p", "q"), keyed("r")], {}, [2, 1], ["p", "q", "r"]),
        ([keyed()], {}, [0], []),
        ([keyed("p").to_batches()[0]], {}, [1], ["p"]),
        ([plain(5), plain(6)], {"row_ids": "generate"}, [1, 1], ["Row0", "Row1"]),
        ([plain(5, 6), plain(7)], {"row_ids": "generate"}, [2, 1], ["Row0", "Row1", "Row2"]),
        ([pa.concat_tables([keyed("p"), keyed("q")]), keyed("r")], {}, [1, 1, 1], ["p", "q", "r"]),
        ([pd.DataFrame({"a": [1]}, index=["x"])], {}, [1], ["x"]),
    ],
)
def test_batches(execute: Run, batches: Any, options: Any, lengths: list[int], ids: list[str]) -> None:
    result = execute("TableSource", appended(*batches, **options))[0]
    assert result.batch_lengths() == lengths
    assert result.to_pyarrow().column(0).to_pylist() == ids
    assert result.column_names == ["a"]


@pytest.mark.parametrize(
    ("batches", "options"),
    [
        ([], {}),
        ([plain(1)], {}),
        ([keyed("p"), keyed("q", "r")], {}),
        ([keyed("p", "q"), keyed("r"), keyed("s", "t")], {}),
        ([keyed("p", "q"), keyed("r"), keyed("s")], {}),
        ([keyed(), keyed("p")], {}),
        ([keyed("p"), keyed(), keyed("q")], {}),
        ([keyed("p"), keyed("p")], {}),
        ([keyed("p"), keyed("q").rename_columns(["<RowID>", "z"])], {}),
        ([keyed("p"), pa.table({"<RowID>": ["q"], "a": ["text"]})], {}),
        ([keyed("p")], {"row_ids": "auto"}),
        ([keyed("p")], {"row_ids": "generate"}),
        ([3], {}),
    ],
)
def test_wrong_batches(execute: Run, batches: Any, options: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("TableSource", appended(*batches, **options))


def test_batches_from_a_generator(execute: Run) -> None:
    import knime.extension as knext

    result = execute("TableSource", lambda ctx: knext.BatchOutputTable.from_batches(plain(i) for i in range(3)))[0]
    assert result.to_pyarrow().to_pydict() == {"<RowID>": ["Row0", "Row1", "Row2"], "a": [0, 1, 2]}


def test_tables_as_batches(execute: Run) -> None:
    import knime.extension as knext

    result = execute(
        "TableNode",
        lambda ctx, table, more: knext.BatchOutputTable.from_batches(table.batches(), row_ids="keep"),
        keyed("p", "q"),
        None,
    )[0]
    assert result.to_pyarrow().to_pydict() == {"<RowID>": ["p", "q"], "a": [0, 1]}


@pytest.mark.parametrize(
    ("frame", "row_ids", "ids"),
    [
        (pd.DataFrame({"a": [1, 2]}), "auto", ["Row0", "Row1"]),
        (pd.DataFrame({"a": [1, 2]}, index=[7, 9]), "auto", ["Row7", "Row9"]),
        (pd.DataFrame({"a": [1, 2]}, index=[7, 9]), "keep", ["7", "9"]),
        (pd.DataFrame({"a": [1, 2]}, index=[7, 9]), "generate", ["Row0", "Row1"]),
        (pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), "auto", ["x", "y"]),
        (pd.DataFrame({"a": [1, 2]}, index=[0.5, 1.5]), "auto", ["0.5", "1.5"]),
    ],
)
def test_row_ids_of_data_frames(execute: Run, frame: pd.DataFrame, row_ids: str, ids: list[str]) -> None:
    import knime.extension as knext

    result = execute("TableSource", lambda ctx: knext.Table.from_pandas(frame, row_ids=row_ids))[0]
    assert result.to_pyarrow().column(0).to_pylist() == ids


def test_values_of_data_frames(execute: Run) -> None:
    import knime.extension as knext

    frame = pd.DataFrame(
        {
            "i": np.array([1, 2], np.int32),
            "s": ["x", None],
            "d": [1.5, np.nan],
            "b": [True, False],
            "f": np.array([1, 2], np.float32),
        },
        index=["p", "q"],
    )
    result = execute("TableSource", lambda ctx: knext.Table.from_pandas(frame))[0]
    assert result.to_pyarrow().to_pydict() == {
        "<RowID>": ["p", "q"],
        "i": [1, 2],
        "s": ["x", None],
        "d": [1.5, None],
        "b": [True, False],
        "f": [1.0, 2.0],
    }
    back = result.to_pandas()
    assert list(back.index) == ["p", "q"]
    assert back["s"].dtype == "string"
    assert [str(t) for t in back.dtypes.drop("s")] == ["int32", "float64", "bool", "float64"]


@pytest.mark.parametrize(
    ("choose", "content"),
    [
        (lambda t: t["a"], {"a": [1, 2, None]}),
        (lambda t: t[["s", "a"]], {"s": ["x", None, "z"], "a": [1, 2, None]}),
        (lambda t: t[0], {"a": [1, 2, None]}),
        (lambda t: t[:1], {"a": [1, 2, None]}),
        (lambda t: t["a", 1:], {"a": [2, None]}),
        (lambda t: t[:, :1], {"a": [1], "s": ["x"]}),
        (lambda t: t[["a"], :2], {"a": [1, 2]}),
        (lambda t: t[[]], {}),
        (lambda t: t.remove("a"), {"s": ["x", None, "z"]}),
        (lambda t: t.remove(["a"]), {"s": ["x", None, "z"]}),
    ],
)
def test_parts_of_tables(execute: Run, choose: Any, content: dict[str, Any]) -> None:
    data = pa.table({"<RowID>": ["p", "q", "r"], "a": pa.array([1, 2, None], pa.int32()), "s": ["x", None, "z"]})
    seen: list[Any] = []

    def work(ctx: Any, table: Any, more: Any) -> Any:
        part = choose(table)
        seen.append(part.get().to_pyarrow().to_pydict())
        return part

    result = execute("TableNode", work, data, None)[0].to_pyarrow().to_pydict()
    assert result == seen[0]
    ids = result.pop("<RowID>")
    assert result == content
    assert set(ids) <= {"p", "q", "r"}


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda t: t["z"].to_pyarrow(), IndexError),
        (lambda t: t["<RowID>"].to_pyarrow(), IndexError),
        (lambda t: t[:, 1].to_pyarrow(), IndexError),
        (lambda t: t[["a"]].batches(), RuntimeError),
        (lambda t: t.append(t).get(), NotImplementedError),
        (lambda t: len(t), TypeError),
    ],
)
def test_errors_of_tables(execute: Run, use: Any, error: type[Exception]) -> None:
    def work(ctx: Any, table: Any, more: Any) -> Any:
        with pytest.raises(error):
            use(table)
        return table

    execute("TableNode", work, keyed("p", "q"), None)


def test_what_an_input_tells(execute: Run) -> None:
    seen: list[Any] = []

    def work(ctx: Any, table: Any, more: Any) -> Any:
        batch = next(iter(table.batches()))
        seen.extend([table.num_rows, table.num_columns, table.shape, table.column_names, table.num_batches])
        seen.extend([batch.num_rows, batch.column_names, type(batch.to_pyarrow()), type(table.to_pyarrow())])
        seen.extend([batch.to_pyarrow().schema.names, batch["a"].to_pyarrow().num_rows])
        return table

    execute("TableNode", work, keyed("p", "q"), None)
    assert seen[:5] == [2, 1, (1, 2), ["a"], 1]
    assert seen[5:9] == [2, ["a"], pa.RecordBatch, pa.Table]
    assert seen[9:] == [["<RowID>", "a"], 2]


def test_made_tables_have_no_batches(execute: Run) -> None:
    import knime.extension as knext

    def work(ctx: Any) -> Any:
        table = knext.Table.from_pyarrow(plain(1, 2))
        with pytest.raises(RuntimeError):
            list(table.batches())
        assert not hasattr(table, "num_batches")
        assert table.to_pyarrow().column_names == ["<RowID>", "a"]
        return table

    execute("TableSource", work)


@pytest.mark.parametrize("count", [0, 1])
def test_small_inputs(execute: Run, count: int) -> None:
    result = execute("TableNode", lambda ctx, table, more: table, keyed(*["p"] * count), None)[0]
    assert (result.num_rows, result.column_names) == (count, ["a"])


@pytest.mark.parametrize(
    ("rows", "mebibytes", "chunks", "lengths"),
    [
        (5, 30, 1, [2, 2, 1]),
        (4, 20, 1, [3, 1]),
        (1, 40, 2, [1, 1]),
        (1, 63, 1, [1]),
        (1, 65, 1, None),
        (3, 30, 2, None),
    ],
)
def test_tables_are_cut_at_64_mib(
    execute: Run, rows: int, mebibytes: int, chunks: int, lengths: list[int] | None
) -> None:
    import knime.extension as knext
    from knime.types.builtin import DenseByteVectorValue

    kind = knext.logical(DenseByteVectorValue).to_pyarrow()
    cells = pa.array([bytes(mebibytes << 20)] * rows, pa.large_binary())
    chunk = pa.table({"x": pa.ExtensionArray.from_storage(kind, cells)})

    def work(ctx: Any) -> Any:
        return knext.Table.from_pyarrow(pa.concat_tables([chunk] * chunks))

    if lengths is None:
        with pytest.raises(NodeFailure):
            execute("TableSource", work)
    else:
        assert execute("TableSource", work)[0].batch_lengths() == lengths
