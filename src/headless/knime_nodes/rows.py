"""New tables out of rows of old ones, written piece by piece, so that columns of images need not fit in memory."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from knime.extension._arrow import ROW_ID
from knime.extension._writer import BATCH_BYTES, TableWriter, new_file

from core.errors import Canceled, UserInputError
from headless.backend import Context, TableOutput

MISSING = -1
"""In place of the index of a row: the row's cells are missing."""

Indices = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Part:
    """Columns of a new table: those of `table`, of its rows `rows` (int64, N), or all of them in their order."""

    table: pa.Table
    rows: Indices | None = None


def write_rows(row_ids: pa.Array | pa.ChunkedArray, parts: Sequence[Part], context: Context) -> TableOutput:
    """A table of columns that stand side by side, in the folder of the context, which is told of the progress.

    Parameters
    ----------
    row_ids : texts, N.
    parts : each of N rows, without row ID.

    Raises
    ------
    UserInputError : two rows have the same row ID, two columns the same name.
    Canceled : the user stopped it.
    """
    names = [name for part in parts for name in part.table.column_names]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise UserInputError(f"The output would have two columns {twice[0]!r}.")
    fields = [field for part in parts for field in part.table.schema]
    schema = pa.schema([pa.field(ROW_ID, pa.string()), *(pa.field(field.name, field.type) for field in fields)])
    count, step = len(row_ids), _rows_per_batch(parts)
    writer = TableWriter(new_file(context.temp))
    try:
        for start in range(0, max(count, 1), step):
            if context.is_canceled():
                raise Canceled
            context.report(start / max(count, 1), "")
            stop = min(start + step, count)
            columns = [_joined(row_ids.slice(start, stop - start), pa.string())]
            for part in parts:
                for column in part.table.columns:
                    columns.append(
                        _joined(column.slice(start, stop - start), column.type)
                        if part.rows is None
                        else _taken(column, part.rows[start:stop])
                    )
            writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
    except ValueError as error:
        raise UserInputError(str(error)) from None
    writer.close()
    return TableOutput(writer.path)


def chosen_rows(table: pa.Table, rows: Indices, context: Context) -> TableOutput:
    """Some rows of a table with their row IDs."""
    ids = table.column(0).take(pa.array(rows))
    return write_rows(ids, [Part(table.select(range(1, table.num_columns)), rows)], context)


def numbered(count: int) -> pa.Array:
    """New row IDs: Row0, Row1, ..."""
    return pa.array([f"Row{i}" for i in range(count)], pa.string())


def _rows_per_batch(parts: Sequence[Part]) -> int:
    size = sum(part.table.nbytes / max(part.table.num_rows, 1) for part in parts)
    return int(max(1, BATCH_BYTES // max(size, 1)))


def _joined(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if not isinstance(kind, pa.BaseExtensionType):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)
    chunks = [chunk.storage for chunk in column.chunks]
    storage = pa.concat_arrays(chunks) if chunks else pa.array([], kind.storage_type)
    return pa.ExtensionArray.from_storage(kind, storage)


def _taken(column: pa.ChunkedArray, rows: Indices) -> pa.Array:
    """Some cells of a column; only those are read."""
    kind = column.type
    is_object = isinstance(kind, pa.BaseExtensionType)
    storage = kind.storage_type if is_object else kind
    if not is_object:
        column = pa.chunked_array([_joined(column, kind)], kind)
    starts = np.cumsum([0, *map(len, column.chunks)])
    which = np.where(rows == MISSING, MISSING, np.searchsorted(starts, rows, side="right") - 1)
    pieces = []
    for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(which)) + 1):
        if len(run) == 0:
            continue
        chunk = int(which[run[0]])
        if chunk == MISSING:
            pieces.append(pa.nulls(len(run), storage))
        else:
            cells = column.chunk(chunk).storage if is_object else column.chunk(chunk)
            pieces.append(cells.take(pa.array(rows[run] - starts[chunk])))
    cells = pa.concat_arrays(pieces) if pieces else pa.array([], storage)
    return pa.ExtensionArray.from_storage(kind, cells) if is_object else cells
