"""Tables of nodes: made from Arrow tables and data frames, read whole, in batches or in part.

The first column of the Arrow tables within is the row ID, a text. What is refused here is what KNIME refuses.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from knime.extension.arrow_types import knime_type, storable
from knime.extension.schema import Columnar, LazyView, Schema, as_in_knime, resolve
from knime.extension.table_file import TableWriter, new_path, split

if TYPE_CHECKING:
    import pandas as pd

ROW_ID = "<RowID>"
RowIds = Literal["auto", "keep", "generate"]
Sentinel = Literal["min", "max"] | int | None


class Table(Columnar):
    """A table, made by `from_pyarrow` or `from_pandas`."""

    def __init__(self) -> None:
        raise RuntimeError("A table is made by Table.from_pyarrow or Table.from_pandas.")

    @staticmethod
    def from_pyarrow(data: pa.Table | pa.RecordBatch, sentinel: Sentinel = None, row_ids: RowIds = "auto") -> "Table":
        """A table of Arrow columns.

        Parameters
        ----------
        data : in batches of equal length, of which only the last may be shorter.
        sentinel : which whole number means a missing cell.
        row_ids : "keep": the first column has them. "generate": Row0, Row1, ... "auto": the first column has them if it
            is called <RowID> and holds texts, or numbers n for Row<n>; otherwise they are generated.

        Raises
        ------
        ValueError : batches of unequal length, or a column of a type that KNIME has not.
        TypeError : the row IDs are no texts.
        """
        return MemoryTable(_prepared(data, sentinel, row_ids))

    @staticmethod
    def from_pandas(data: "pd.DataFrame", sentinel: Sentinel = None, row_ids: RowIds = "auto") -> "Table":
        """A table of a data frame.

        Parameters
        ----------
        data : pictures and byte vectors are cells of their own types.
        sentinel : which whole number means a missing cell.
        row_ids : "keep": the index as text. "generate": Row0, Row1, ... "auto": Row<n> for an index of whole numbers,
            otherwise the index as text.

        Raises
        ------
        ValueError : `data` is no data frame, or has a column of a type that KNIME has not.
        """
        return MemoryTable(_prepared_frame(data, sentinel, row_ids))

    @property
    def num_columns(self) -> int:
        """How many columns there are, without the row ID."""
        return len(self._arrow_schema()) - 1

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, without the row ID."""
        return list(self._arrow_schema().names[1:])

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self._arrow())

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of columns and rows."""
        return self.num_columns, self.num_rows

    @property
    def schema(self) -> Schema:
        """Names and types of the columns, without the row ID."""
        fields = list(self._arrow_schema())[1:]
        return Schema([knime_type(field.type) for field in fields], [field.name for field in fields])

    def to_pyarrow(self, sentinel: Sentinel = None) -> Any:
        """The Arrow table, or of a batch the record batch, with the column <RowID> first.

        `sentinel` is put into missing cells of columns of whole numbers.
        """
        self._check_names()
        data = self._arrow()
        arrays = [_without_missing(column, sentinel) for column in data.columns]
        return type(data).from_arrays(arrays, names=data.schema.names)

    def to_pandas(self, sentinel: Sentinel = None) -> "pd.DataFrame":
        """The data frame with the row IDs as index."""
        from knime.extension.frames import to_frame

        return to_frame(self.to_pyarrow(sentinel))

    def batches(self) -> Iterator["Table"]:
        """The table in parts, without reading it whole; only for tables that a node gets."""
        raise RuntimeError("Only the tables that a node gets have batches, unchanged.")

    def to_batches(self) -> Iterator["Table"]:
        """Same as `batches`."""
        return self.batches()

    def __getitem__(self, selection: Any) -> LazyView:
        """Some columns, `table[["a", "b"]]`, or some rows of some columns, `table[:, :10]`."""
        if isinstance(selection, tuple):
            columns, rows = selection
            return TableView(self[columns], lambda whole: whole._select_rows(rows))
        return super().__getitem__(selection)

    @abstractmethod
    def _arrow(self) -> Any:
        """All rows, the row ID first."""

    def _arrow_schema(self) -> pa.Schema:
        return self._arrow().schema

    def _check_names(self) -> None:
        if ROW_ID in self.column_names:
            raise RuntimeError(f"The name {ROW_ID!r} is reserved for the row ID. Rename the column.")

    def _view(self, operation: Callable[[Any], Any]) -> LazyView:
        return TableView(self, operation)

    def _select_columns(self, selection: Any) -> "Table":
        data, names = self._arrow(), self.column_names
        if isinstance(selection, slice):
            indices = list(range(*selection.indices(len(names))))
        else:
            chosen = selection if isinstance(selection, list) else [selection]
            indices = [_index(column, names) for column in chosen]
        return MemoryTable(data.select([0, *(index + 1 for index in indices)]))

    def _select_rows(self, selection: Any) -> "Table":
        if not isinstance(selection, slice):
            raise IndexError(f"Rows are selected by a slice, not by {selection!r}.")
        data = self._arrow()
        start, stop, step = selection.indices(len(data))
        if step == 1:
            return MemoryTable(data.slice(start, max(0, stop - start)))
        return MemoryTable(data.take(pa.array(range(start, stop, step), pa.int64())))

    def _append(self, other: Any) -> "Table":
        raise NotImplementedError("Columns cannot be appended to a table. Make a new one from an Arrow table.")


class TableView(LazyView):
    """Some columns or rows of a table."""

    def to_pyarrow(self, sentinel: Sentinel = None) -> Any:
        """See `Table.to_pyarrow`."""
        return self.get().to_pyarrow(sentinel)

    def to_pandas(self, sentinel: Sentinel = None) -> "pd.DataFrame":
        """See `Table.to_pandas`."""
        frame: pd.DataFrame = self.get().to_pandas(sentinel)
        return frame


class MemoryTable(Table):
    """A table that a node made, or a part of one.

    Parameters
    ----------
    data : columns as they are stored, the row ID first.
    """

    def __init__(self, data: pa.Table | pa.RecordBatch) -> None:
        self._data = data

    def _arrow(self) -> Any:
        return self._data

    def __str__(self) -> str:
        return f"Table of {self.num_columns} columns and {self.num_rows} rows"


class FileTable(Table):
    """A table on disk, as a node gets it.

    Parameters
    ----------
    path : an Arrow file that `write_table` wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = pa.ipc.open_file(pa.memory_map(str(path)))

    @property
    def num_batches(self) -> int:
        """In how many batches the table is stored."""
        count: int = self._reader.num_record_batches
        return count

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return sum(self._reader.get_batch(i).num_rows for i in range(self.num_batches))

    @property
    def schema(self) -> Schema:
        """Names and types of the columns, without the row ID."""
        return as_in_knime(super().schema)

    def batches(self) -> Iterator[Table]:
        """The batches in which the table is stored; their `to_pyarrow` is a record batch."""
        return (MemoryTable(self._reader.get_batch(i)) for i in range(self.num_batches))

    def _arrow(self) -> Any:
        return self._reader.read_all()

    def _arrow_schema(self) -> pa.Schema:
        return self._reader.schema

    def __str__(self) -> str:
        return f"Table of {self.num_columns} columns, {self.num_rows} rows and {self.num_batches} batches"


class BatchOutputTable:
    """A table that a node makes batch by batch, by `create` or `from_batches`."""

    def __init__(self) -> None:
        raise RuntimeError("A BatchOutputTable is made by BatchOutputTable.create or BatchOutputTable.from_batches.")

    @staticmethod
    def create(row_ids: RowIds = "keep") -> "BatchOutputTable":
        """A table without batches yet.

        `row_ids` is "keep": batches bring them, as the first column or the index; or "generate": Row0, Row1, ...
        """
        return _GrowingTable(row_ids)

    @staticmethod
    def from_batches(generator: Iterable[Any], row_ids: RowIds = "generate") -> "BatchOutputTable":
        """A table of batches, see `append`."""
        table = _GrowingTable(row_ids)
        for batch in generator:
            table.append(batch)
        return table

    @abstractmethod
    def append(self, batch: "Table | pd.DataFrame | pa.Table | pa.RecordBatch") -> None:
        """Add rows. All batches have the same columns, and but for the last the same number of rows.

        Raises
        ------
        ValueError : a batch of another length, or a column of a type that KNIME has not.
        TypeError : the batch is no table, or its first column no texts.
        """

    @property
    @abstractmethod
    def num_batches(self) -> int:
        """How many batches were added."""


class _GrowingTable(BatchOutputTable):
    def __init__(self, row_ids: RowIds) -> None:
        if row_ids not in ("keep", "generate"):
            raise ValueError('row_ids must be one of ["keep", "generate"]')
        self._row_ids: RowIds = row_ids
        self._rows = self._batches = 0
        self.writer = TableWriter(new_path())

    def append(self, batch: Any) -> None:
        data = self._prepared(batch)
        self.writer.write(data)
        self._rows += len(data)
        self._batches += 1

    @property
    def num_batches(self) -> int:
        return self._batches

    def _prepared(self, batch: Any) -> Any:
        import pandas as pd

        if isinstance(batch, Table):
            data = batch._arrow()
            return data if self._row_ids == "keep" else _prepared(_without_ids(data), None, "generate", self._rows)
        if isinstance(batch, pa.Table | pa.RecordBatch):
            return _prepared(batch, None, self._row_ids, self._rows)
        if isinstance(batch, pd.DataFrame):
            return _prepared_frame(batch, None, self._row_ids, self._rows)
        raise TypeError(f"Tables, data frames, Arrow tables and record batches can be appended, not {type(batch)}.")


def write_table(table: Any, path: Path) -> FileTable:
    """Store what a node returned as a table.

    Raises
    ------
    TypeError : it is neither a Table nor a BatchOutputTable.
    ValueError : its batches are of unequal length, rows are too large, or names or row IDs occur twice.
    """
    table = resolve(table)
    if isinstance(table, _GrowingTable):
        table.writer.close()
        table.writer.move(path)
    elif isinstance(table, Table):
        data = table._arrow()
        writer = TableWriter(path)
        writer.write(split(data) if isinstance(data, pa.Table) else data)
        writer.close()
    else:
        raise TypeError(f"A node returns tables as Table or BatchOutputTable, not as {type(table)}.")
    stored = FileTable(path)
    as_in_knime(stored.schema)
    _check_row_ids(stored)
    return stored


def _check_row_ids(table: FileTable) -> None:
    seen = set[str]()
    for batch in table.batches():
        for row_id in batch._arrow().column(0).to_pylist():
            if row_id in seen:
                raise ValueError(f"Several rows have the ID {row_id!r}. The row IDs of a table must differ.")
            seen.add(row_id)


def _prepared(data: Any, sentinel: Sentinel, row_ids: RowIds, first: int = 0) -> Any:
    """The columns as they are stored, the row ID first."""
    if row_ids not in ("auto", "keep", "generate"):
        raise ValueError('row_ids must be one of ["auto", "generate", "keep"]')
    _check_lengths(data)
    if row_ids == "generate" or (row_ids == "auto" and not _has_ids(data)):
        data = _with_ids(data, range(first, first + len(data)))
    elif row_ids == "auto" and pa.types.is_integer(data.schema[0].type):
        data = _with_ids(_without_ids(data), data.column(0).to_pylist())
    names = data.schema.names
    arrays = [storable(_with_missing(c, sentinel), name) for c, name in zip(data.columns, names, strict=True)]
    if not arrays or not pa.types.is_string(arrays[0].type):
        raise TypeError("The first column must hold the row IDs, as texts (Arrow type string).")
    return type(data).from_arrays(arrays, names=names)


def _prepared_frame(data: "pd.DataFrame", sentinel: Sentinel, row_ids: RowIds, first: int = 0) -> Any:
    from knime.extension.frames import from_frame

    columns, ids = from_frame(data, row_ids)
    if ids is None:
        return _prepared(columns, sentinel, "generate", first)
    return _prepared(columns.add_column(0, ROW_ID, ids), sentinel, "keep")


def _check_lengths(data: Any) -> None:
    lengths = [len(batch) for batch in data.to_batches()] if isinstance(data, pa.Table) and len(data) else []
    if lengths and (set(lengths[:-1]) - {lengths[0]} or lengths[-1] > lengths[0]):
        raise ValueError(
            f"All batches of a table must have the same number of rows, only the last may have fewer: these have "
            f"{lengths[:10]}. Call combine_chunks() on the Arrow table first."
        )


def _has_ids(data: Any) -> bool:
    if not data.schema.names or data.schema.names[0] != ROW_ID:
        return False
    kind = data.schema[0].type
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind))


def _with_ids(data: Any, numbers: Iterable[Any]) -> pa.Table:
    ids = pa.array([f"Row{number}" for number in numbers], pa.string())
    return pa.Table.from_arrays([ids, *data.columns], names=[ROW_ID, *data.schema.names])


def _without_ids(data: Any) -> pa.Table:
    return pa.Table.from_arrays(data.columns[1:], names=data.schema.names[1:])


def _index(column: Any, names: list[str]) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and 0 <= column < len(names):
        return column
    raise IndexError(f"There is no column {column!r}, there are {names}.")


def _number(kind: pa.DataType, sentinel: Any) -> int:
    """The whole number that stands for a missing cell."""
    bits = kind.bit_width - 1
    return int({"min": -(2**bits), "max": 2**bits - 1}.get(sentinel, sentinel))


def _is_number(column: Any, sentinel: Sentinel) -> bool:
    return sentinel is not None and column.type in (pa.int32(), pa.int64())


def _with_missing(column: Any, sentinel: Sentinel) -> Any:
    if not _is_number(column, sentinel):
        return column
    found = pc.equal(column, pa.scalar(_number(column.type, sentinel), column.type))
    return pc.if_else(found, pa.scalar(None, column.type), column)


def _without_missing(column: Any, sentinel: Sentinel) -> Any:
    return column.fill_null(_number(column.type, sentinel)) if _is_number(column, sentinel) else column
