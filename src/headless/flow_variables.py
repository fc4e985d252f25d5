"""Flow variables: how they reach a node, take the place of settings, and are made of settings.

A node sees the workflow's variables, and over them what the nodes upstream have set. When two inputs bring the same
name, the first port wins (the variable port is port 0). A variable never flows against a connection.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import UserInputError
from headless.settings_xml import java_text
from headless.workflow import Assignment, VariableValue


def joined(by_port: Iterable[Mapping[str, VariableValue]]) -> dict[str, VariableValue]:
    """The variables of several inputs, given in the order of their ports."""
    result: dict[str, VariableValue] = {}
    for variables in by_port:
        result = {**variables, **result}
    return result


def assigned(
    parameters: Mapping[str, Any], assignments: Iterable[Assignment], variables: Mapping[str, VariableValue]
) -> dict[str, Any]:
    """The parameters with every setting that uses a variable set to it.

    Raises
    ------
    UserInputError : there is no such variable or setting, or the value is of the wrong type.
    """
    result = dict(parameters)
    for assignment in assignments:
        if assignment.used is None:
            continue
        name = "/".join(assignment.path)
        if assignment.used not in variables:
            known = ", ".join(sorted(variables)) or "none"
            raise UserInputError(
                f"The setting {name!r} uses the flow variable {assignment.used!r}, which does not reach the node.",
                todo=f"Variables that do: {known}.",
            )
        result = with_setting(result, assignment.path, variables[assignment.used])
    return result


def exposed(parameters: Mapping[str, Any], assignments: Iterable[Assignment]) -> dict[str, VariableValue]:
    """The variables that settings are given to; a setting that is not set gives the empty text."""
    result: dict[str, VariableValue] = {}
    for assignment in assignments:
        if assignment.exposed is not None:
            value = _at(parameters, assignment.path)
            result[assignment.exposed] = value if isinstance(value, bool | int | float | str) else ""
    return result


def with_setting(parameters: Mapping[str, Any], path: tuple[str, ...], value: VariableValue) -> dict[str, Any]:
    """The parameters with the setting at `path` changed, the value converted as KNIME converts it.

    Raises
    ------
    UserInputError : there is no such setting, or the value does not fit its type.
    """
    name, rest = path[0], path[1:]
    if name not in parameters:
        raise UserInputError(f"There is no setting {name!r}.", todo=f"Settings are: {', '.join(parameters)}.")
    current = parameters[name]
    if rest and isinstance(current, Mapping):
        return {**parameters, name: with_setting(current, rest, value)}
    if rest or isinstance(current, Mapping):
        raise UserInputError(f"The setting {'/'.join(path)!r} does not exist: {name!r} is {_kind(current)}.")
    return {**parameters, name: _converted(name, current, value)}


def _at(parameters: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = parameters
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _converted(name: str, current: Any, value: VariableValue) -> Any:
    if isinstance(current, bool):
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif isinstance(current, int):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(current, float):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif current is None or isinstance(current, str):
        return java_text(value)
    raise UserInputError(f"The setting {name!r} is {_kind(current)}, it cannot take the value {value!r}.")


def _kind(value: Any) -> str:
    kinds = [
        (Mapping, "a group"),
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (list, "a list"),
    ]
    return next((words for kind, words in kinds if isinstance(value, kind)), "a text")
