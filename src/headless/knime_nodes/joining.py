"""Which rows of two tables belong together."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.errors import UserInputError
from headless.knime_nodes.cells import as_text, key
from headless.knime_nodes.polling import polled
from headless.knime_nodes.rows import Indices


def match(
    left: pa.Table,
    right: pa.Table,
    criteria: Sequence[tuple[str, str]],
    comparison: str,
    is_canceled: Callable[[], bool] = lambda: False,
) -> tuple[Indices, Indices]:
    """The rows whose cells are equal in all pairs of columns; a missing cell equals none.

    Parameters
    ----------
    criteria : pairs of a left and a right column; "" is the row ID.
    comparison : "STRICT": cells of different types differ; "NUMERIC": whole numbers of 32 and 64 bits are compared by
        their value; "STRING": all are compared as texts.

    Returns
    -------
    left, right : int64, one index per match, in the order of the left rows, then of the right ones.

    Raises
    ------
    Canceled : the user stopped it.
    """
    keys = [
        polled(_keys(table, [pair[side] for pair in criteria], comparison), is_canceled)
        for side, table in enumerate((left, right))
    ]
    places: dict[Hashable, list[int]] = defaultdict(list)
    for i, cells in enumerate(keys[1]):
        if cells is not None:
            places[cells].append(i)
    pairs = [(i, j) for i, cells in enumerate(keys[0]) if cells is not None for j in places.get(cells, ())]
    matched = np.array(pairs, np.int64).reshape(-1, 2)
    return matched[:, 0], matched[:, 1]


def _keys(table: pa.Table, names: Sequence[str], comparison: str) -> list[Hashable | None]:
    columns = [_cells(name, table.column(name) if name else table.column(0), comparison) for name in names]
    return [None if None in cells else cells for cells in zip(*columns, strict=True)]


def _cells(name: str, column: pa.ChunkedArray, comparison: str) -> list[Any]:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind):
        raise UserInputError(f"The column {name!r} is of type {kind}, by which tables cannot be joined here.")
    values = column.to_pylist()
    if comparison == "STRING":
        return [None if value is None else as_text(value) for value in values]
    label = "whole" if comparison == "NUMERIC" and pa.types.is_integer(kind) else str(kind)
    return [None if value is None else (label, key(value)) for value in values]
