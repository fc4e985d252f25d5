"""The public names for writing nodes, `import knime.extension as knext`."""

from typing import Any

from knime.extension._absent import NAMES, missing
from knime.extension._contexts import ConfigurationContext, ExecutionContext
from knime.extension._errors import InvalidParametersError
from knime.extension._groups import parameter_group
from knime.extension._kinds import (
    KnimeType,
    ListType,
    LogicalType,
    PrimitiveType,
    bool_,
    datetime,
    double,
    int32,
    int64,
    list_,
    logical,
    null,
    string,
)
from knime.extension._nodes import NodeType, category, node
from knime.extension._parameters import (
    BoolParameter,
    ColumnParameter,
    DoubleParameter,
    EnumParameter,
    EnumParameterOptions,
    IntParameter,
    StringParameter,
)
from knime.extension._ports import (
    PortObject,
    PortObjectSpec,
    PortType,
    input_port,
    input_table,
    input_table_group,
    output_port,
    output_table,
    output_view,
    port_type,
)
from knime.extension._rules import And, DialogContextCondition, Effect, OneOf
from knime.extension._schema import Column, Schema
from knime.extension._table import BatchOutputTable, Table
from knime.extension._version import Version
from knime.extension._views import view_html

__all__ = [
    "And",
    "BatchOutputTable",
    "BoolParameter",
    "Column",
    "ColumnParameter",
    "ConfigurationContext",
    "DialogContextCondition",
    "DoubleParameter",
    "Effect",
    "EnumParameter",
    "EnumParameterOptions",
    "ExecutionContext",
    "IntParameter",
    "InvalidParametersError",
    "KnimeType",
    "ListType",
    "LogicalType",
    "NodeType",
    "OneOf",
    "PortObject",
    "PortObjectSpec",
    "PortType",
    "PrimitiveType",
    "Schema",
    "StringParameter",
    "Table",
    "Version",
    "bool_",
    "category",
    "datetime",
    "double",
    "input_port",
    "input_table",
    "input_table_group",
    "int32",
    "int64",
    "list_",
    "logical",
    "node",
    "null",
    "output_port",
    "output_table",
    "output_view",
    "parameter_group",
    "port_type",
    "string",
    "view_html",
]


def __getattr__(name: str) -> Any:
    raise missing("knime.extension", name, NAMES)
