"""Tables with batches of unequal length: KNIME's own writer cuts by bytes, Python's cannot make them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa


def cut(path: Path, lengths: Sequence[int]) -> None:
    """Write the file of a table anew, in batches of these lengths; their sum is the number of rows."""
    table = pa.ipc.open_file(pa.py_buffer(path.read_bytes())).read_all().combine_chunks()
    whole = table.to_batches()[0]
    start = 0
    with pa.ipc.new_file(str(path), table.schema) as writer:
        for length in lengths:
            writer.write_batch(whole.slice(start, length))
            start += length
