"""Tables: Arrow files on disk, read through memory mapping, written batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from knime.extension._arrow import ROW_ID, kind_of
from knime.extension._columnar import Columnar, View, real
from knime.extension._row_ids import from_frame, with_row_ids
from knime.extension._schema import Column, Schema
from knime.extension._writer import BATCH_BYTES, TableWriter, new_file

if TYPE_CHECKING:
    import pandas as pd

_folders: list[Path] = []


@contextmanager
def tables_in(folder: Path) -> Iterator[None]:
    """Within it, output tables are written into the folder."""
    _folders.append(folder)
    try:
        yield
    finally:
        _folders.pop()


def _output_folder() -> Path:
    if not _folders:
        raise RuntimeError("Tables are written while a node is executed only.")
    return _folders[-1]


class Table(Columnar):
    """A table in memory, or mapped into it: the row ID first, then the columns.

    Parameters
    ----------
    data : an Arrow table, or one batch of one.
    metadata : of all columns of the schema.
    """

    def __init__(self, data: pa.Table | pa.RecordBatch, metadata: Any = None) -> None:
        self._data, self._metadata = data, metadata

    @staticmethod
    def from_pyarrow(data: pa.Table | pa.RecordBatch, sentinel: Any = None, row_ids: str = "auto") -> "Table":
        """A table from an Arrow table.

        Parameters
        ----------
        row_ids : "keep": the first column holds them; "generate": Row0, Row1, ...; "auto": kept if the first column
            is named <RowID> and holds texts, made of it if it holds whole numbers, generated otherwise.

        Raises
        ------
        TypeError : a type that tables cannot hold, or row IDs that are no texts.
        ValueError : `row_ids` is none of the three.
        """
        _refuse_sentinel(sentinel)
        return Table(with_row_ids(data, row_ids))

    @staticmethod
    def from_pandas(data: "pd.DataFrame", sentinel: Any = None, row_ids: str = "auto") -> "Table":
        """A table from a data frame.

        Parameters
        ----------
        row_ids : "keep": the index as text; "generate": Row0, Row1, ...; "auto": an index of whole numbers n becomes
            Row{n}, any other one is kept.
        """
        _refuse_sentinel(sentinel)
        return Table(from_frame(data, row_ids))

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, without the row ID."""
        return list(self._data.schema.names[1:])

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self._data.num_rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of columns and rows, in this order."""
        return self.num_columns, self.num_rows

    @property
    def schema(self) -> Schema:
        """Names and types of the columns."""
        fields = list(self._data.schema)[1:]
        return Schema.from_columns([Column(kind_of(f.type), f.name, self._column_metadata(f)) for f in fields])

    def to_pyarrow(self, sentinel: Any = None) -> pa.Table | pa.RecordBatch:
        """As Arrow table, the row ID first under the name <RowID>; a batch gives a record batch."""
        _refuse_sentinel(sentinel)
        return self._data

    def to_pandas(self, sentinel: Any = None) -> "pd.DataFrame":
        """As data frame with the row ID as index."""
        _refuse_sentinel(sentinel)
        import pandas as pd

        columns: dict[str, Any] = {}
        for name, column in zip(self._data.schema.names, self._data.columns, strict=True):
            if isinstance(column.type, pa.BaseExtensionType):
                columns[name] = pd.Series([cell.as_py() for cell in column], dtype=object)
            elif column.type == pa.string() and name != ROW_ID:
                columns[name] = pd.Series(column.to_pylist(), dtype="string[python]")
            else:
                columns[name] = column.to_pandas()
        return pd.DataFrame(columns).set_index(ROW_ID)

    def batches(self) -> Iterator["Table"]:
        """The batches of an input table, one after the other."""
        raise RuntimeError("Only input tables have batches, as long as nothing of them was chosen.")

    to_batches = batches

    def __getitem__(self, key: Any) -> Any:
        columns, rows = key if isinstance(key, tuple) else (key, slice(None))
        return TableView(self, columns, rows)

    def __iter__(self) -> Iterator[Any]:
        return (self[name] for name in self.column_names)

    def __str__(self) -> str:
        return f"Table[shape={self.shape}]"

    def _column_metadata(self, field: pa.Field) -> Any:
        return self._metadata

    def _select(self, indices: list[int], single: bool) -> "Table":
        return Table(self._data.select([0, *(i + 1 for i in indices)]), {})

    def _insert(self, other: Any, at: int) -> Any:
        raise NotImplementedError("Columns cannot be added to a table; add them to its Arrow table.")

    def write(self, writer: TableWriter) -> None:
        """Write all rows: the batches as they are if they are small, others in batches of about 64 MiB."""
        writer.write(self._data, most_bytes=BATCH_BYTES)


class TableView(View):
    """Some columns and rows of a table."""

    def __init__(self, base: Table, columns: Any, rows: Any) -> None:
        super().__init__(base, columns)
        self._rows = rows

    def get(self) -> Table:
        """The table of these columns and rows."""
        chosen: Table = super().get()
        if not isinstance(self._rows, slice) or self._rows.step not in (None, 1):
            raise IndexError(f"Rows are chosen by a slice without steps, not by {self._rows!r}.")
        start, stop, _ = self._rows.indices(chosen.num_rows)
        return Table(chosen._data.slice(start, max(0, stop - start)), {})


class SourceTable(Table):
    """An input table: a file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
        super().__init__(self._reader.read_all())

    @property
    def num_batches(self) -> int:
        """Number of batches; they need not be of equal length."""
        return int(self._reader.num_record_batches)

    def batches(self) -> Iterator[Table]:
        """The batches, one after the other."""
        for i in range(self.num_batches):
            yield Table(self._reader.get_batch(i))

    to_batches = batches

    def _column_metadata(self, field: pa.Field) -> Any:
        return column_metadata(kind_of(field.type))


class BatchOutputTable:
    """An output table that goes to disk batch by batch; all batches but the last have the same number of rows."""

    def __init__(self, row_ids: str) -> None:
        if row_ids not in ("keep", "generate"):
            raise ValueError(f"Row IDs are kept or generated, not {row_ids!r}.")
        self._row_ids, self._rows, self.num_batches = row_ids, 0, 0
        self.writer = TableWriter(new_file(_output_folder()))

    @classmethod
    def create(cls, row_ids: str = "keep") -> "BatchOutputTable":
        """A table without rows.

        Parameters
        ----------
        row_ids : "keep": the first column of every batch holds them; "generate": Row0, Row1, ...
        """
        return cls(row_ids)

    @staticmethod
    def from_batches(generator: Any, row_ids: str = "generate") -> "BatchOutputTable":
        """A table of the batches that a generator gives."""
        table = BatchOutputTable.create(row_ids)
        for batch in generator:
            table.append(batch)
        return table

    def append(self, batch: Any) -> None:
        """Add a batch: a Table, a data frame, an Arrow table or record batch.

        Raises
        ------
        ValueError : other columns or another number of rows than the first batch.
        TypeError : a type that tables cannot hold.
        """
        batch = real(batch)
        if isinstance(batch, Table):
            data = batch._data
            if self._row_ids == "generate":
                data = with_row_ids(data.select(data.schema.names[1:]), "generate", self._rows)
        elif isinstance(batch, pa.Table | pa.RecordBatch):
            data = with_row_ids(batch, self._row_ids, self._rows)
        else:
            data = from_frame(batch, self._row_ids, self._rows)
        self.writer.write(data)
        self._rows += data.num_rows
        self.num_batches += 1


def _refuse_sentinel(sentinel: Any) -> None:
    if sentinel is not None:
        raise NotImplementedError("Sentinels for missing values there are within KNIME only.")


def column_metadata(kind: Any) -> dict[str, str]:
    """What columns of input tables carry: anything but None, so that columns are compared by type and name."""
    return {"displayed_column_type": str(kind)}
