"""KNIME's Row Splitter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headless.backend import Context, TableOutput
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.row_criteria import RowCriteria
from headless.knime_nodes.rows import chosen_rows


class RowSplitter(KnimeNode[RowCriteria]):
    """Divides rows into those that fulfil criteria and the others."""

    factory = "org.knime.base.node.preproc.filter.row3.RowSplitterNodeFactory"
    output_names = ("Included Rows", "Excluded Rows")

    def read(self, parameters: Mapping[str, Any]) -> RowCriteria:
        """The criteria of the first table."""
        return RowCriteria.from_model(parameters)

    def execute(self, settings: RowCriteria, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """Both tables."""
        (table,) = inputs
        first = settings.chosen(table)
        return [chosen_rows(table, np.flatnonzero(mask), context) for mask in (first, ~first)]
