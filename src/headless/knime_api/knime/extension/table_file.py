"""Tables on disk: Arrow IPC files of equally long batches, mapped into memory when read."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import pyarrow as pa

MAX_BATCH_BYTES = 64 * 2**20
_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def table_folder(folder: Path) -> Iterator[None]:
    """Write the tables that are made batch by batch within this context to a folder; the temporary one otherwise."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def new_path() -> Path:
    """Where the next table is written."""
    return Path(_folder.get() or tempfile.gettempdir()) / f"table_{uuid.uuid4().hex}.arrow"


class TableWriter:
    """Writes a table batch by batch; the first batch tells the columns.

    Parameters
    ----------
    path : the file to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._length, self._is_complete = 0, False

    def write(self, data: pa.Table | pa.RecordBatch) -> None:
        """Write a batch, or the batches of a table.

        Raises
        ------
        ValueError : a batch is longer than the first, or follows one that is shorter.
        """
        if isinstance(data, pa.RecordBatch):
            batches = [data]
        else:
            batches = [b for b in data.to_batches() if len(b)] or [_empty(data.schema)]
        for batch in batches:
            self._write(batch)

    def close(self) -> None:
        """Complete the file; one without batches has no columns but the row ID."""
        if self._writer is None:
            self._write(_empty(pa.schema([("<RowID>", pa.string())])))
        if self._writer is not None:
            self._writer.close()

    def move(self, path: Path) -> None:
        """Move the complete file."""
        shutil.move(self.path, path)
        self.path = path

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self.path), batch.schema)
            self._length = len(batch)
        if self._is_complete or len(batch) > self._length:
            raise ValueError(
                f"All batches of a table but the last must have the same number of rows, the last may be shorter: "
                f"one with {len(batch)} rows cannot follow, the first has {self._length}."
            )
        self._is_complete = len(batch) < self._length
        self._writer.write_batch(batch)


def split(data: pa.Table) -> pa.Table:
    """The table in batches of at most about 64 MiB, as KNIME wants them.

    Raises
    ------
    ValueError : a single row is larger than that on average.
    """
    parts = data.nbytes / MAX_BATCH_BYTES
    if len(data) == 0 or parts < 1:
        return data
    rows = int(len(data) // parts)
    if rows == 0:
        raise ValueError(
            f"The rows of the table are larger than {MAX_BATCH_BYTES >> 20} MiB on average, KNIME cannot split them "
            "into batches. Return a BatchOutputTable with one row per batch."
        )
    return pa.Table.from_batches(data.to_batches(max_chunksize=rows))


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    # schema.empty_table() has no chunks, and older Arrow cannot make empty extension arrays from Python values.
    arrays = [
        pa.ExtensionArray.from_storage(f.type, pa.array([], f.type.storage_type))
        if isinstance(f.type, pa.BaseExtensionType)
        else pa.array([], f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
