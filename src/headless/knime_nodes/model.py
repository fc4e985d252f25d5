"""Reading the stored settings of KNIME's own nodes, key by key."""

from collections.abc import Collection, Mapping
from typing import Any

from core.errors import UserInputError

Model = Mapping[str, Any]


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


def one_of(model: Model, key: str, allowed: Collection[str], default: str | None = None) -> str:
    """The text under `key`, which must be one of `allowed`: the others are what only KNIME can do.

    Raises
    ------
    UserInputError : there is none, or another one.
    """
    value = _at(model, key, default)
    if value not in allowed:
        raise only_knime(f"{key} = {value!r}")
    return str(value)


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


def elements(model: Model, key: str) -> list[Any]:
    """The elements of the list under `key`, stored with its length or as numbered groups.

    Raises
    ------
    UserInputError : there is none.
    """
    stored = group(model, key)
    count = stored.get("array-size", sum(name.isdecimal() for name in stored))
    try:
        return [stored[str(i)] for i in range(count)]
    except (KeyError, TypeError):
        raise _odd(key, stored) from None


def only_knime(what: str) -> UserInputError:
    """That a setting asks for what is not done here."""
    return UserInputError(
        f"The setting {what} can be run by KNIME only.", todo="Run the workflow in KNIME, or change the setting."
    )


def _at(model: Model, key: str, default: Any = None) -> Any:
    if key in model:
        return model[key]
    if default is not None:
        return default
    raise UserInputError(f"The setting {key!r} is missing.", todo="Open the node's dialog in KNIME and press OK.")


def _odd(key: str, value: object) -> UserInputError:
    return UserInputError(f"The setting {key!r} has the value {value!r}, which is of a wrong type.")
