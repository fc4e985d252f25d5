"""KNIME's Row Filter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headless.backend import Context, TableOutput
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.row_criteria import RowCriteria
from headless.knime_nodes.rows import chosen_rows


class RowFilter(KnimeNode[RowCriteria]):
    """Keeps the rows that fulfil criteria."""

    factory = "org.knime.base.node.preproc.filter.row3.RowFilterNodeFactory"
    output_names = ("Included Rows",)

    def read(self, parameters: Mapping[str, Any]) -> RowCriteria:
        """The criteria."""
        return RowCriteria.from_model(parameters)

    def execute(self, settings: RowCriteria, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """The table of those rows."""
        (table,) = inputs
        return [chosen_rows(table, np.flatnonzero(settings.chosen(table)), context)]
