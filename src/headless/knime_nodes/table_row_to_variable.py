"""KNIME's Table Row to Variable."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, Port, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.name_filter import NameFilter
from headless.knime_nodes.names import unused
from headless.runnable import VARIABLES
from headless.workflow import NodeEntry, VariableValue


@dataclasses.dataclass(frozen=True)
class TableRowToVariableSettings:
    """Which columns become variables, and what becomes of missing cells.

    missing : "FAIL", "OMIT" or "DEFAULT".
    defaults : the value in place of a missing cell, by the name of its column's type.
    """

    columns: NameFilter
    missing: str
    defaults: Mapping[str, VariableValue]


class TableRowToVariable(KnimeNode[TableRowToVariableSettings]):
    """Makes flow variables of the first row; one more, RowID, holds its row ID."""

    factory = "org.knime.base.node.flowvariable.tablerowtovariable3.TableToVariable3NodeFactory"

    def __init__(self, entry: NodeEntry) -> None:
        super().__init__(entry)
        self.outputs = (Port("Flow variables", "", VARIABLES),)

    def read(self, parameters: Mapping[str, Any]) -> TableRowToVariableSettings:
        """The settings."""
        double = parameters.get("default_value_double")
        if not isinstance(double, float):
            raise UserInputError("The setting 'default_value_double' is missing.")
        return TableRowToVariableSettings(
            NameFilter.from_model(model.group(parameters, "column_selection")),
            model.one_of(parameters, "missing_value_policy", ("FAIL", "OMIT", "DEFAULT")),
            {
                "string": model.text(parameters, "default_value_string"),
                "bool": model.text(parameters, "default_value_boolean").lower() == "true",
                "int32": model.whole(parameters, "default_value_integer"),
                "int64": model.whole(parameters, "default_value_long"),
                "double": double,
            },
        )

    def execute(
        self, settings: TableRowToVariableSettings, inputs: Sequence[pa.Table], context: Context
    ) -> Sequence[TableOutput | None]:
        """Set the variables; images and lists become none, and are told of."""
        (table,) = inputs
        if table.num_rows == 0 and settings.missing == "FAIL":
            raise UserInputError("The input table has no row.")
        row = table.slice(0, 1)
        variables: dict[str, VariableValue] = {"RowID": row.column(0)[0].as_py() if row.num_rows else ""}
        left_out = []
        for name in settings.columns.columns(table):
            column = row.column(name)
            if str(column.type) not in settings.defaults:
                left_out.append(name)
                continue
            value = column[0].as_py() if row.num_rows else None
            if value is None and settings.missing == "FAIL":
                raise UserInputError(f"The cell of the column {name!r} is missing.")
            if value is None and settings.missing == "DEFAULT":
                value = settings.defaults[str(column.type)]
            if value is not None:
                variables[unused(name, variables)] = value
        if left_out:
            context.warnings.append(f"No flow variables can be made of: {', '.join(map(repr, left_out))}.")
        context.flow_variables.update(variables)
        return [None]
