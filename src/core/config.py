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
        return {
            f.name: v.to_dict() if isinstance(v, Config) else list(v) if isinstance(v, tuple) else v
            for f in dataclasses.fields(self)
            for v in (getattr(self, f.name),)
        }

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
            default = fields[name].default_factory if fields[name].default is dataclasses.MISSING else None
            if isinstance(value, dict) and isinstance(default, type) and issubclass(default, Config):
                value = default.from_dict(value)
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)
