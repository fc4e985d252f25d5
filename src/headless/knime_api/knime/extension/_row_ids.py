"""Arrow tables and data frames as the content of a table: row IDs first, every column of a type that tables hold."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from knime.extension._arrow import ROW_ID, as_column, cells

if TYPE_CHECKING:
    import pandas as pd


def with_row_ids(data: pa.Table | pa.RecordBatch, row_ids: str, first: int = 0) -> pa.Table:
    """An Arrow table with row IDs in front; see `Table.from_pyarrow`.

    Parameters
    ----------
    first : number of the first generated row ID.
    """
    if row_ids not in ("auto", "keep", "generate"):
        raise ValueError(f"Row IDs are kept, generated or chosen automatically, not {row_ids!r}.")
    table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
    if table.num_columns == 0:
        raise IndexError("A table needs columns.")
    kind = table.schema.types[0]
    ids: Any = None
    if row_ids == "keep":
        if kind != pa.string():
            raise TypeError(f"The first column must hold the row IDs as text, but holds {kind}.")
        ids = table.column(0)
    elif row_ids == "auto" and table.column_names[0] == ROW_ID:
        if kind == pa.string():
            ids = table.column(0)
        elif pa.types.is_integer(kind):
            ids = pa.array([f"Row{n}" for n in table.column(0).to_pylist()], pa.string())
    if ids is None:
        ids, columns = _generated(first, table.num_rows), table
    else:
        columns = table.remove_column(0)
    return _content(ids, columns)


def from_frame(frame: "pd.DataFrame", row_ids: str, first: int = 0) -> pa.Table:
    """An Arrow table with row IDs in front; see `Table.from_pandas`."""
    if row_ids not in ("auto", "keep", "generate"):
        raise ValueError(f"Row IDs are kept, generated or chosen automatically, not {row_ids!r}.")
    if row_ids == "auto" and frame.shape == (0, 0):
        row_ids = "generate"
    columns = pa.table(
        [_array(frame.iloc[:, i]) for i in range(frame.shape[1])], names=[str(name) for name in frame.columns]
    )
    if row_ids == "generate":
        ids = _generated(first, len(frame))
    else:
        numbered = row_ids == "auto" and frame.index.dtype.kind in "iu"
        ids = pa.array([f"Row{key}" if numbered else str(key) for key in frame.index], pa.string())
    return _content(ids, columns)


def _array(column: "pd.Series[Any]") -> pa.Array | pa.ChunkedArray:
    special = cells(column.to_list()) if column.dtype == object else None
    return pa.array(column, from_pandas=True) if special is None else special


def _generated(first: int, count: int) -> pa.Array:
    return pa.array([f"Row{first + i}" for i in range(count)], pa.string())


def _content(ids: Any, columns: pa.Table) -> pa.Table:
    names = columns.column_names
    if ROW_ID in names:
        raise ValueError(f"The column name {ROW_ID!r} is reserved, and the column is not taken as row IDs here.")
    if len(set(names)) < len(names):
        raise ValueError(f"Names of columns must be unique, not {names}.")
    if not all(name.strip() for name in names):
        raise ValueError("A column needs a name.")
    arrays = {name: as_column(name, column) for name, column in zip(names, columns.columns, strict=True)}
    return pa.table({ROW_ID: ids} | arrays)
