"""Configuration as frozen dataclasses that travel through JSON."""

import dataclasses
from typing import Any, Self

from core.errors import UserInputError


def require(condition: bool, name: str, value: object, bounds: str) -> None:
    """Raise a UserInputError that names the setting, the value it got and the values it takes."""
    if not condition:
        raise UserInputError(f"{name} is {value!r}, it must be {bounds}.")


@dataclasses.dataclass(frozen=True)
class Config:
    """Base of all configurations: plain values, tuples and other configurations, to a dict and back."""

    def to_dict(self) -> dict[str, Any]:
        """This configuration as JSON-able values."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """A configuration from a dict; names it does not know are refused, absent ones take their defaults.

        Raises
        ------
        UserInputError : an unknown name or a value out of its bounds.
        """
        fields = {f.name: f for f in dataclasses.fields(cls)}
        unknown = sorted(set(data) - set(fields))
        if unknown:
            raise UserInputError(f"{cls.__name__} has no setting {', '.join(unknown)}.")
        values: dict[str, Any] = {}
        for name, value in data.items():
            default, made_by = fields[name].default, fields[name].default_factory
            kind = type(default) if isinstance(default, Config) else made_by
            if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Config):
                value = kind.from_dict(value)
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Config):
        return value.to_dict()
    return list(value) if isinstance(value, tuple) else value
