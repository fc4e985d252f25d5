"""KNIME's Column Renamer."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.rows import Part, write_rows


class ColumnRenamer(KnimeNode[dict[str, str]]):
    """Gives columns other names; absent columns are left out with a warning."""

    factory = "org.knime.base.node.preproc.column.renamer.ColumnRenamerNodeFactory"
    output_names = ("Output Table",)

    def read(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Old name to new name."""
        renamings: dict[str, str] = {}
        for renaming in model.elements(parameters, "renamings", dict):
            old, new = model.text(renaming, "oldName"), model.text(renaming, "newName")
            if not new.strip():
                raise UserInputError(f"The new name of the column {old!r} is empty.")
            if old in renamings:
                raise UserInputError(f"The column {old!r} is renamed twice.")
            renamings[old] = new
        if len(set(renamings.values())) < len(renamings):
            raise UserInputError("Two columns are given the same new name.")
        return renamings

    def execute(self, settings: dict[str, str], inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """The table with the new names."""
        (table,) = inputs
        names = table.column_names[1:]
        if absent := [name for name in settings if name not in names]:
            context.warnings.append(f"The input table has no column {', '.join(map(repr, absent))} to rename.")
        renamed = table.select(names).rename_columns([settings.get(name, name) for name in names])
        return [write_rows(table.column(0), [Part(renamed)], context)]
