"""Write the file of a table, with KNIME's rules for its batches and row IDs."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

BATCH_BYTES = 64 * 1024 * 1024
"""A table that is larger is cut into batches of about so many bytes."""


def new_file(folder: Path, suffix: str = ".arrow") -> Path:
    """A path in a folder that is not taken."""
    return folder / f"{uuid4().hex}{suffix}"


class TableWriter:
    """The file of one table.

    Parameters
    ----------
    path : where to write; the file is there from the first batch on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._lengths: list[int] = []
        self._ids: set[str] = set()

    def write(self, data: pa.Table | pa.RecordBatch, most_bytes: int | None = None) -> None:
        """Write rows, row ID first, in the batches that they come in.

        Parameters
        ----------
        most_bytes : cut larger tables into batches of about this size.

        Raises
        ------
        ValueError : other columns than before, a batch of another length than the first which is not the last,
            row IDs that are missing or not unique, or rows that are larger than `most_bytes`.
        """
        table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
        for batch in _batches(table, most_bytes):
            self._write(batch)

    def close(self) -> None:
        """Finish the file.

        Raises
        ------
        ValueError : nothing was written, so that not even the columns are known.
        """
        if self._file is None:
            raise ValueError("The output table has no columns; append an empty batch that has them.")
        self._file.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        if self._file is None:
            self._file = pa.ipc.new_file(str(self.path), batch.schema)
            self._schema = batch.schema
        if batch.schema != self._schema:
            raise ValueError(f"The batch has other columns than the first one: {batch.schema} and {self._schema}.")
        if len(set(self._lengths)) > 1 or (self._lengths and batch.num_rows > self._lengths[0]):
            raise ValueError(
                f"Batches must have equal numbers of rows, only the last may have fewer: {self._lengths} and then "
                f"{batch.num_rows}."
            )
        ids = batch.column(0).to_pylist()
        if None in ids:
            raise ValueError("A row has no row ID.")
        before = len(self._ids)
        self._ids.update(ids)
        if len(self._ids) < before + len(ids):
            raise ValueError("Two rows have the same row ID.")
        self._lengths.append(batch.num_rows)
        self._file.write_batch(batch)


def _batches(table: pa.Table, most_bytes: int | None) -> list[pa.RecordBatch]:
    if most_bytes is not None and table.nbytes > most_bytes:
        rows = int(table.num_rows * most_bytes // table.nbytes)
        if rows == 0:
            raise ValueError("The rows are too large for one table; append them to a BatchOutputTable one by one.")
        return list(table.to_batches(max_chunksize=rows))
    if table.num_rows == 0:
        empty = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in table.schema], schema=table.schema)
        return [empty]
    return [batch for batch in table.to_batches() if batch.num_rows]
