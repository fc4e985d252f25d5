"""The `model` of a Python node in settings.xml: its parameters as nested dicts, and back.

A group of parameters is a dict, an array of groups a list of dicts, a list of names a list of str.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.errors import UserInputError
from headless.settings_xml import Config, Scalar, Typed, Value, array, as_list

KIND = "json-type_Internals"
_VERSION = "extension_version_Internals"
_NULL = "null_Internals"


def to_model(parameters: Mapping[str, Any], version: str) -> Config:
    """The config that KNIME stores for these parameters of an extension's `version` (major.minor.patch)."""
    return {name: _stored(value) for name, value in parameters.items()} | {KIND: "OBJECT", _VERSION: version}


def from_model(model: Config) -> tuple[dict[str, Any], str]:
    """Parameters and extension version of a stored model.

    Raises
    ------
    UserInputError : a group without its mark, or a list without its elements, which KNIME could not read either.
    """
    version = model.get(_VERSION)
    return _group(model), version if isinstance(version, str) else "0.0.0"


def merged(defaults: Mapping[str, Any], overrides: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The defaults with the overrides put in, group by group.

    Raises
    ------
    UserInputError : an override of a parameter that does not exist; says which ones do.
    """
    result = dict(defaults)
    for name, value in overrides.items():
        if name not in defaults:
            raise UserInputError(
                f"There is no parameter {name!r}.", where=where, todo=f"Parameters are: {', '.join(defaults)}."
            )
        inner = defaults[name]
        nested = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[name] = merged(inner, value, f"{where}/{name}") if nested else value
    return result


def _stored(value: Any) -> Value:
    if isinstance(value, Mapping):
        return {KIND: "OBJECT"} | {name: _stored(inner) for name, inner in value.items()}
    if not isinstance(value, Sequence) or isinstance(value, str):
        return cast(Scalar, value)
    if not value:
        return {KIND: "STRING_ARRAY", "array-size": 0, _NULL: False}
    if isinstance(value[0], Mapping):
        return {str(i): _stored(inner) for i, inner in enumerate(value)}
    return array(value)


def _group(config: Config) -> dict[str, Any]:
    return {name: _plain(name, value) for name, value in config.items() if not name.endswith("_Internals")}


def _plain(name: str, value: Value) -> Any:
    if isinstance(value, Typed):
        return value.value
    if not isinstance(value, dict):
        return value
    kind = value.get(KIND)
    if value.get(_NULL) is True or kind == "NULL":
        return None
    if kind == "OBJECT":
        return _group(value)
    if "array-size" in value or all(key == str(i) for i, key in enumerate(value)):
        return [_plain(name, element) for element in as_list(value, name)]
    raise UserInputError(f"The group of parameters {name!r} has no entry {KIND}.")
