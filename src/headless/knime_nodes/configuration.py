"""KNIME's Configuration nodes: the fields of a component's dialog, each of which sets a flow variable."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.errors import UserInputError
from headless.backend import Context, Execution, Output, Port
from headless.knime_nodes import model
from headless.knime_nodes.patterns import compiled
from headless.runnable import VARIABLES, Ran, Runnable
from headless.workflow import CONFIGURATION_FACTORY, NodeEntry, VariableValue

_CHOICE = "variable_value"
_ONE_LINE = "Single-line"
CONFIGURATIONS: Mapping[str, tuple[str, type]] = {
    CONFIGURATION_FACTORY.format("input.integer.Integer"): ("integer", int),
    CONFIGURATION_FACTORY.format("input.dbl.Double"): ("double", float),
    CONFIGURATION_FACTORY.format("input.bool.Boolean"): ("boolean", bool),
    CONFIGURATION_FACTORY.format("input.string.String"): ("string", str),
    CONFIGURATION_FACTORY.format("selection.single.SingleSelection"): (_CHOICE, str),
}
"""KNIME's class of a node to where its value is stored and of which type it is."""


class Configuration(Runnable):
    """Sets the flow variable of its name: to what the component's dialog says, else to its default."""

    def __init__(self, entry: NodeEntry) -> None:
        super().__init__(entry, (), (Port("Flow variable", "", VARIABLES),))
        self._place, self._type = CONFIGURATIONS[entry.factory]

    @property
    def key(self) -> str:
        """The name of its value among the parameters of its component."""
        name = self.entry.parameters.get("parameterName")
        return f"{name}-{self.entry.id}" if name else str(self.entry.id)

    def check(self, parameters: Mapping[str, Any]) -> None:
        """See whether all is there; the value may still come from the component."""
        model.text(parameters, "flowVariableName")
        model.group(parameters, "defaultValue")
        if self._place == _CHOICE:
            model.elements(parameters, "possible_choices", str)
        self._pattern(parameters)

    def run(self, parameters: Mapping[str, Any], inputs: Sequence[Output | None], context: Context) -> Ran:
        """Set the variable."""
        stored = context.dialog.get(self.key, parameters["defaultValue"])
        variables = self.variables(parameters, stored)
        is_default = stored == parameters["defaultValue"]
        shown = {} if is_default else {str(parameters.get("label") or self.entry.name): next(iter(variables.values()))}
        return Ran(Execution((None,), None), parameters, shown, variables)

    def variables(self, parameters: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, VariableValue]:
        """The variables that a value gives, stored like the default.

        Raises
        ------
        UserInputError : it is of a wrong type, out of its limits, or does not match its pattern.
        """
        name = model.text(parameters, "flowVariableName")
        if self._place == _CHOICE:
            chosen = model.elements(stored, _CHOICE, str)
            choices = model.elements(parameters, "possible_choices", str)
            choice = chosen[0] if chosen else ""
            return {name: choice, f"{name} (index)": choices.index(choice) if choice in choices else -1}
        value: Any = stored.get(self._place)
        if self._type is str and value is None:
            value = ""
        elif type(value) is not self._type:
            raise UserInputError(f"The value of {name!r} is {value!r}, which is of a wrong type.")
        self._check_limits(parameters, value)
        if (pattern := self._pattern(parameters)) is not None and pattern.fullmatch(value) is None:
            message = str(parameters.get("error_message") or "").replace("?", value)
            raise UserInputError(message or f"{value!r} is not allowed, only texts of the form {pattern.pattern}.")
        if self._type is bool and model.flag(parameters, "pushIntVar", default=True):
            return {name: 1 if value else 0}
        return {name: cast(VariableValue, value)}

    def _pattern(self, parameters: Mapping[str, Any]) -> re.Pattern[str] | None:
        """What a text of one line must match; None: any text will do."""
        pattern = str(parameters.get("regex") or "")
        if self._type is not str or not pattern or parameters.get("editorType", _ONE_LINE) != _ONE_LINE:
            return None
        return compiled(pattern, is_regex=True, case_sensitive=True)

    def _check_limits(self, parameters: Mapping[str, Any], value: Any) -> None:
        if self._type not in (int, float):
            return
        low = model.number(parameters, "min") if model.flag(parameters, "useMin", default=False) else None
        high = model.number(parameters, "max") if model.flag(parameters, "useMax", default=False) else None
        if (low is not None and value < low) or (high is not None and value > high):
            limits = " ".join(
                f"{word} {limit}" for word, limit in (("at least", low), ("at most", high)) if limit is not None
            )
            raise UserInputError(f"{value} is not allowed, only {limits}.")
