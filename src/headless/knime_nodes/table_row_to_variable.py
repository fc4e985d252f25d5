"""KNIME's Table Row to Variable."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, Execution, Output, Port, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import tables
from headless.knime_nodes.name_filter import NameFilter
from headless.knime_nodes.names import unused
from headless.runnable import VARIABLES, Ran, Runnable
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


class TableRowToVariable(Runnable):
    """Makes flow variables of the first row; one more, RowID, holds its row ID."""

    factory = "org.knime.base.node.flowvariable.tablerowtovariable3.TableToVariable3NodeFactory"

    def __init__(self, entry: NodeEntry) -> None:
        super().__init__(entry, tables(["Input table"]), [Port("Flow variables", "", VARIABLES)])

    def check(self, parameters: Mapping[str, Any]) -> None:
        """See whether the settings ask for nothing but what is done here."""
        self._read(parameters)

    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Set the variables; images and lists become none, and are told of."""
        (table,) = (value.to_pyarrow() for value in inputs if isinstance(value, TableOutput))
        variables = _variables(self._read(parameters), table, context)
        return Ran(Execution((None,), None), parameters, variables=variables)

    def _read(self, parameters: Mapping[str, Any]) -> TableRowToVariableSettings:
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


def _variables(settings: TableRowToVariableSettings, table: pa.Table, context: Context) -> dict[str, VariableValue]:
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
            variables[unused(_base(name, table), variables)] = value
    if left_out:
        context.warnings.append(f"No flow variables can be made of: {', '.join(map(repr, left_out))}.")
    return variables


def _base(name: str, table: pa.Table) -> str:
    """The name of a column without what only KNIME's own variables may begin with."""
    return re.sub(r"^(?:knime\. *)+", "", name) or f"column_{table.column_names.index(name) - 1}"
