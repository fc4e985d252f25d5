"""The two nodes through which a component exchanges flow variables with what surrounds it."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import UserInputError
from headless.backend import Context, Execution, Output, Port
from headless.knime_nodes import model
from headless.knime_nodes.configuration import Configuration
from headless.knime_nodes.name_filter import NameFilter
from headless.runnable import Ran, Runnable
from headless.workflow import NodeEntry, VariableValue


class Border(Runnable):
    """A Component Input or Component Output: tables and objects pass as they are, flow variables that are chosen.

    Parameters
    ----------
    entry : the node as stored.
    component : the component it belongs to; messages name this one, and its parameters are those of its dialog.
    fields : the Configuration nodes of the dialog, each with its settings.
    """

    def __init__(
        self, entry: NodeEntry, component: NodeEntry, fields: Sequence[tuple[Configuration, Mapping[str, Any]]]
    ) -> None:
        ports = [Port(name, "", "any") for name in model.elements(entry.parameters, "port-names", str)]
        self.is_input = component.borders is not None and entry.id == component.borders[0]
        self._filter = NameFilter.from_model(model.group(entry.parameters, "variable-filter"), "variables")
        prefix = entry.parameters.get("variable-prefix")
        self._prefix = prefix if isinstance(prefix, str) and self.is_input else ""
        self._fields = fields
        super().__init__(component, ports, ports)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the dialog is set to; fields that were never set are at their defaults."""
        defaults = {field.key: model.group(settings, "defaultValue") for field, settings in self._fields}
        return {**defaults, **self.entry.parameters}

    def path_of(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The whole path of a field's value: the number behind its name and its type may be left out."""
        named = [field.key for field, _ in self._fields if path[0] in (field.key, field.key.rpartition("-")[0])]
        if len(named) != 1:
            return path
        value: Any = self.parameters[named[0]]
        whole = [named[0], *path[1:]]
        for name in path[1:]:
            value = value.get(name) if isinstance(value, Mapping) else None
        while isinstance(value, Mapping) and len(names := [name for name in value if name != "array-size"]) == 1:
            whole.append(names[0])
            value = value[names[0]]
        return tuple(whole)

    def check(self, parameters: Mapping[str, Any]) -> None:
        """See whether the fields of the dialog take their values."""
        if self.is_input:
            for field, settings in self._fields:
                field.variables(settings, model.group(parameters, field.key))

    def passed(self, variables: Mapping[str, VariableValue]) -> dict[str, VariableValue]:
        """The variables that go through, under the names that they have then."""
        return {f"{self._prefix}{name}": variables[name] for name in self._filter.chosen(list(variables))}

    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Nothing is left to do: who takes a table from here takes it from where it was made."""
        return Ran(Execution((None,) * len(self.outputs), None), parameters)


def border(entry: NodeEntry, component: NodeEntry, fields: Sequence[tuple[Configuration, Mapping[str, Any]]]) -> Border:
    """The node of a component's side.

    Raises
    ------
    UserInputError : it is damaged, or chooses variables in an unknown way.
    """
    try:
        return Border(entry, component, fields)
    except UserInputError as error:
        raise error.at(entry.title) from None
