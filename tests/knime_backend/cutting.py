"""Tables with batches of unequal length: KNIME's own writer cuts by bytes, Python's cannot make them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa


def cut(path: Path, lengths: Sequence[int]) -> list[int]:
    """Write the file of a table anew, in batches of these lengths; their sum is the number of rows.

    Returns
    -------
    Where in the file each batch begins.
    """
    table = pa.ipc.open_file(pa.py_buffer(path.read_bytes())).read_all().combine_chunks()
    offsets: list[int] = []
    start = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        for length in lengths:
            # the schema is written with the first batch, behind the mark of the file
            offsets.append(file.tell() if offsets else len(table.schema.serialize()) + 8)
            writer.write_table(table.slice(start, length))
            start += length
    return offsets
