"""KNIME's Concatenate."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode, tables
from headless.knime_nodes.rows import Indices, Part, numbered, write_rows
from headless.knime_nodes.types import is_number
from headless.workflow import NodeEntry

_FIXED_INPUTS = 2


@dataclasses.dataclass(frozen=True)
class ConcatenateSettings:
    """What becomes of row IDs and columns.

    row_ids : "new" (Row0, Row1, ...), "fail" where one comes twice, "suffix" or "skip" for those that come again.
    common_columns : only the columns that all tables have, rather than all columns.
    """

    row_ids: str
    suffix: str
    common_columns: bool


class Concatenate(KnimeNode[ConcatenateSettings]):
    """Puts tables below each other: two, and as many as were added to the node."""

    factory = "org.knime.base.node.preproc.append.row.AppendedRowsNodeFactory"
    output_names = ("Concatenated table",)

    def __init__(self, entry: NodeEntry) -> None:
        super().__init__(entry)
        count = _FIXED_INPUTS + entry.port_groups.get("input", 0)
        self.inputs = tuple(tables([f"Input table {i + 1}" for i in range(count)]))

    def read(self, parameters: Mapping[str, Any]) -> ConcatenateSettings:
        """The settings."""
        if model.flag(parameters, "create_new_rowids", default=False):
            row_ids = "new"
        elif model.flag(parameters, "fail_on_duplicates", default=False):
            row_ids = "fail"
        else:
            row_ids = "suffix" if model.flag(parameters, "append_suffix") else "skip"
        suffix = model.text(parameters, "suffix") if row_ids == "suffix" else ""
        if row_ids == "suffix" and not suffix:
            raise UserInputError("The suffix of row IDs is empty.")
        return ConcatenateSettings(row_ids, suffix, model.flag(parameters, "intersection_of_columns"))

    def execute(
        self, settings: ConcatenateSettings, inputs: Sequence[pa.Table], context: Context
    ) -> Sequence[TableOutput]:
        """One table of all rows."""
        names = list(dict.fromkeys(name for table in inputs for name in table.column_names[1:]))
        if settings.common_columns:
            names = [name for name in names if all(name in table.column_names[1:] for table in inputs)]
        together = pa.table({name: _column(name, inputs) for name in names})
        ids, rows = _row_ids([row_id for table in inputs for row_id in table.column(0).to_pylist()], settings)
        if skipped := sum(table.num_rows for table in inputs) - len(ids):
            context.warnings.append(f"{skipped} rows with a row ID that was there before are left out.")
        return [write_rows(ids, [Part(together, rows)], context)]


def _row_ids(given: list[str], settings: ConcatenateSettings) -> tuple[pa.Array, Indices | None]:
    """The row IDs, and which rows they belong to if not to all."""
    if settings.row_ids == "new":
        return numbered(len(given)), None
    if settings.row_ids == "fail":
        return pa.array(given, pa.string()), None
    if settings.row_ids == "skip":
        first = {row_id: i for i, row_id in reversed(list(enumerate(given)))}
        rows = np.array(sorted(first.values()), np.int64)
        return pa.array([given[i] for i in rows], pa.string()), rows
    taken: dict[str, None] = {}
    for row_id in given:
        unused = row_id
        while unused in taken:
            unused += settings.suffix
        taken[unused] = None
    return pa.array(list(taken), pa.string()), None


def _column(name: str, inputs: Sequence[pa.Table]) -> pa.ChunkedArray:
    """The cells of a column in all tables, missing where a table has none; numbers of different types become one."""
    kinds = [table.column(name).type for table in inputs if name in table.column_names]
    kind = _common(name, [kind for kind in kinds if not pa.types.is_null(kind)] or kinds)
    chunks: list[pa.Array] = []
    for table in inputs:
        if name not in table.column_names or pa.types.is_null(table.column(name).type):
            chunks.append(_missing(table.num_rows, kind))
        else:
            column = table.column(name)
            chunks += (column if column.type == kind else column.cast(kind, safe=False)).chunks
    return pa.chunked_array(chunks, kind)


def _common(name: str, kinds: Sequence[pa.DataType]) -> pa.DataType:
    different = [kind for i, kind in enumerate(kinds) if kind not in kinds[:i]]
    if len(different) == 1:
        return different[0]
    if all(is_number(kind) for kind in different):
        return pa.float64() if pa.float64() in different else pa.int64()
    raise UserInputError(
        f"The column {name!r} is of different types: {', '.join(map(str, different))}.",
        todo="Rename one of them, or run the workflow in KNIME.",
    )


def _missing(count: int, kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.nulls(count, kind.storage_type))
    return pa.nulls(count, kind)
