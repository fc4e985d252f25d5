"""Reading the stored settings of KNIME's own nodes, key by key."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from core.errors import UserInputError
from headless.settings_xml import as_list

Model = Mapping[str, Any]
T = TypeVar("T")


def text(model: Model, key: str) -> str:
    """The text under `key`; "" where it is not set.

    Raises
    ------
    UserInputError : there is none.
    """
    value = _at(model, key)
    if value is not None and not isinstance(value, str):
        raise _odd(key, value)
    return value or ""


def flag(model: Model, key: str, default: bool | None = None) -> bool:
    """The truth value under `key`, or the default of a key that older versions do not have.

    Raises
    ------
    UserInputError : there is none.
    """
    value = _at(model, key, default)
    if not isinstance(value, bool):
        raise _odd(key, value)
    return value


def whole(model: Model, key: str) -> int:
    """The whole number under `key`.

    Raises
    ------
    UserInputError : there is none.
    """
    value = _at(model, key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _odd(key, value)
    return value


def number(model: Model, key: str) -> float:
    """The number under `key`, whole or not.

    Raises
    ------
    UserInputError : there is none.
    """
    value = _at(model, key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _odd(key, value)
    return value


def one_of(model: Model, key: str, allowed: Collection[str], default: str | None = None) -> str:
    """The text under `key`, which must be one of `allowed`: the others are what only KNIME can do.

    Raises
    ------
    UserInputError : there is none, or another one.
    """
    value = _at(model, key, default)
    if not isinstance(value, str):
        raise _odd(key, value)
    if value not in allowed:
        raise only_knime(f"{key} = {value!r}")
    return value


def group(model: Model, key: str) -> dict[str, Any]:
    """The group of settings under `key`.

    Raises
    ------
    UserInputError : there is none.
    """
    value = _at(model, key)
    if not isinstance(value, Mapping):
        raise _odd(key, value)
    return dict(value)


def elements(model: Model, key: str, kind: type[T]) -> list[T]:
    """The elements of the list under `key`, all of one type: str, bool, or dict for groups of settings.

    Raises
    ------
    UserInputError : there is none, or one with elements missing or of another type.
    """
    found: list[T] = []
    for value in as_list(group(model, key), key):
        if not isinstance(value, kind):
            raise _odd(key, value)
        found.append(value)
    return found


def only_knime(what: str) -> UserInputError:
    """That a setting asks for what is not done here."""
    return UserInputError(
        f"The setting {what} can be run by KNIME only.", todo="Run the workflow in KNIME, or change the setting."
    )


def _at(model: object, key: str, default: Any = None) -> Any:
    if not isinstance(model, Mapping):
        raise UserInputError(f"{model!r} stands where a group with the setting {key!r} should be.")
    if key in model:
        return model[key]
    if default is not None:
        return default
    raise UserInputError(f"The setting {key!r} is missing.", todo="Open the node's dialog in KNIME and press OK.")


def _odd(key: str, value: object) -> UserInputError:
    return UserInputError(f"The setting {key!r} has the value {value!r}, which is of a wrong type.")
