"""KNIME's own nodes that can be run without KNIME: one file each, and one line here."""

from collections.abc import Callable, Mapping
from typing import Any

from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.column_filter import ColumnFilter
from headless.knime_nodes.column_renamer import ColumnRenamer
from headless.knime_nodes.concatenate import Concatenate
from headless.knime_nodes.configuration import CONFIGURATIONS, Configuration
from headless.knime_nodes.csv_reader import CsvReader
from headless.knime_nodes.csv_writer import CsvWriter
from headless.knime_nodes.group_by import GroupBy
from headless.knime_nodes.joiner import Joiner
from headless.knime_nodes.row_filter import RowFilter
from headless.knime_nodes.row_splitter import RowSplitter
from headless.knime_nodes.table_row_to_variable import TableRowToVariable
from headless.runnable import Runnable
from headless.workflow import NodeEntry

_TABLE_NODES: tuple[type[KnimeNode[Any]], ...] = (
    ColumnFilter,
    ColumnRenamer,
    Concatenate,
    CsvReader,
    CsvWriter,
    GroupBy,
    Joiner,
    RowFilter,
    RowSplitter,
)

KNIME_NODES: Mapping[str, Callable[[NodeEntry], Runnable]] = {
    **{node.factory: node for node in _TABLE_NODES},
    TableRowToVariable.factory: TableRowToVariable,
    **dict.fromkeys(CONFIGURATIONS, Configuration),
}
"""KNIME's class of a node to ours."""
