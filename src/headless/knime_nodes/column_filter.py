"""KNIME's Column Filter."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.name_filter import NameFilter
from headless.knime_nodes.rows import Part, write_rows


class ColumnFilter(KnimeNode[NameFilter]):
    """Keeps some columns, in their order. Chosen columns that are absent do not matter."""

    factory = "org.knime.base.node.preproc.filter.column.DataColumnSpecFilterNodeFactory"
    output_names = ("Filtered table",)

    def read(self, parameters: Mapping[str, Any]) -> NameFilter:
        """The columns that are kept."""
        return NameFilter.from_model(model.group(parameters, "column-filter"))

    def execute(self, settings: NameFilter, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """The table of those columns."""
        (table,) = inputs
        return [write_rows(table.column(0), [Part(table.select(settings.columns(table)))], context)]
