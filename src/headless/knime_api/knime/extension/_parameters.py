"""Parameters: what a user sets, as attributes of a node's class or of a group.

A parameter checks what it is set to. A validator of one's own takes the place of the built-in check.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, Self, TypeVar, overload

from knime.extension._rules import Condition, Effect
from knime.extension._version import FIRST, Version

T = TypeVar("T")
_ANY_VERSION = Version(2**31, 0, 0)

Validator = Callable[[Any], None]


class Parameter(Generic[T]):
    """A parameter of any kind.

    Parameters
    ----------
    label, description : for the dialog.
    default_value : or a function of the version of the extension.
    validator : raises where a value is wrong.
    since_version : of the extension, the first one that has the parameter.
    is_advanced : whether it is hidden at first.
    """

    kind = "text"

    def __init__(
        self,
        label: str | None,
        description: str | None,
        default_value: Any,
        validator: Validator | None,
        since_version: Version | str | None,
        is_advanced: bool,
    ) -> None:
        self._label, self._description, self._default = label, description, default_value
        self._validator = validator
        self.dialog_rule: tuple[Condition, Effect] | None = None
        self.since = Version.parse_version(since_version) if since_version else FIRST
        self.is_advanced = is_advanced
        self.name = ""

    @property
    def label(self) -> str:
        """What the dialog calls it."""
        return self._label or self.name

    @property
    def description(self) -> str:
        """What the dialog says about it."""
        return self._description or ""

    def default(self, version: Version) -> Any:
        """The value where none was set, in a version of the extension."""
        return self._default(version) if callable(self._default) else self._default

    def check(self, value: Any) -> None:
        """Raise where the value is wrong."""
        if self._validator is None:
            self._check(value)
        else:
            self._validator(value)

    def options(self) -> list[tuple[str, str, str]]:
        """(value, label, description) of all values, where these are known beforehand."""
        return []

    def to_json(self, value: Any) -> Any:
        """The value as settings hold it."""
        return value

    def from_json(self, value: Any) -> Any:
        """The value from what settings hold."""
        return value

    def validator(self, function: Callable[[Any], None]) -> Callable[[Any], None]:
        """Decorator: the function checks the values, and raises where one is wrong."""
        self._validator = function
        return function

    def rule(self, condition: Condition, effect: Effect) -> Self:
        """Show, hide, enable or disable the parameter in the dialog; its value stays as it is."""
        if not isinstance(condition, Condition) or not isinstance(effect, Effect):
            raise TypeError("A rule has a condition and an effect.")
        self.dialog_rule = (condition, effect)
        return self

    def _check(self, value: Any) -> None:
        """The built-in check."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...

    @overload
    def __get__(self, holder: object, owner: type) -> T: ...

    def __get__(self, holder: object | None, owner: type) -> Any:
        if holder is None:
            return self
        if self.name not in vars(holder):
            vars(holder)[self.name] = self.default(_ANY_VERSION)
        return vars(holder)[self.name]

    def __set__(self, holder: object, value: T) -> None:
        self.check(value)
        vars(holder)[self.name] = value


class _Number(Parameter[T]):
    def __init__(
        self,
        label: str | None = None,
        description: str | None = None,
        default_value: T | Callable[[Version], T] = 0,  # type: ignore[assignment]
        validator: Callable[[T], None] | None = None,
        min_value: T | None = None,
        max_value: T | None = None,
        since_version: Version | str | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)
        self.min_value, self.max_value = min_value, max_value

    def _check_limits(self, value: Any) -> None:
        if self.min_value is not None and value < self.min_value:
            raise ValueError(f"{value} is less than {self.min_value}, the least value of {self.label!r}.")
        if self.max_value is not None and value > self.max_value:
            raise ValueError(f"{value} is more than {self.max_value}, the greatest value of {self.label!r}.")


class IntParameter(_Number[int]):
    """A whole number."""

    kind = "integer"

    def _check(self, value: Any) -> None:
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is no whole number, which {self.label!r} needs.")
        self._check_limits(value)


class DoubleParameter(_Number[float]):
    """A number."""

    kind = "number"

    def _check(self, value: Any) -> None:
        if not isinstance(value, int | float):
            raise TypeError(f"{value!r} is no number, which {self.label!r} needs.")
        self._check_limits(value)


class BoolParameter(Parameter[bool]):
    """True or false."""

    kind = "boolean"

    def __init__(
        self,
        label: str | None = None,
        description: str | None = None,
        default_value: bool | Callable[[Version], bool] = False,
        validator: Callable[[bool], None] | None = None,
        since_version: Version | str | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)

    def _check(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is neither true nor false, which {self.label!r} needs.")


class StringParameter(Parameter[str]):
    """A text."""

    def __init__(
        self,
        label: str | None = None,
        description: str | None = None,
        default_value: str | Callable[[Version], str] = "",
        validator: Callable[[str], None] | None = None,
        since_version: Version | str | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)

    def _check(self, value: Any) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text, which {self.label!r} needs.")


class EnumParameterOptions(Enum):
    """Base of enumerations; a constant is `NAME = ("Label", "Description")`, its name is what settings hold."""

    def __init__(self, label: str, description: str) -> None:
        self.label, self.description = label, description

    @classmethod
    def get_all_options(cls) -> list[str]:
        """Names of all constants."""
        return list(cls.__members__)


class EnumParameter(Parameter[str]):
    """The name of one constant of an enumeration; a check of one's own comes by decorator only, as in KNIME."""

    kind = "choice"

    class Style(Enum):
        """How the dialog shows the constants."""

        RADIO = "radio"
        VALUE_SWITCH = "valueSwitch"
        DROPDOWN = "string"

    def __init__(
        self,
        label: str | None,
        description: str | None,
        default_value: str | EnumParameterOptions | Callable[[Version], str],
        enum: type[EnumParameterOptions],
        *,
        since_version: Version | str | None = None,
        is_advanced: bool = False,
        style: Style | None = None,
    ) -> None:
        default = default_value.name if isinstance(default_value, Enum) else default_value
        super().__init__(label, description, default, None, since_version, is_advanced)
        self.enum = enum

    def check(self, value: str) -> None:
        """Raise where the value is no choice; a check of one's own comes on top."""
        self._check(value)
        super().check(value)

    def options(self) -> list[tuple[str, str, str]]:
        """The constants."""
        return [(member.name, member.label, member.description) for member in self.enum]

    def _check(self, value: Any) -> None:
        names = self.enum.get_all_options()
        if value not in names:
            raise ValueError(f"{value!r} is no choice of {self.label!r}; choose one of {', '.join(names)}.")


class ColumnParameter(Parameter[str | None]):
    """The name of a column of an input table, None where none is chosen. That it exists is for nodes to check.

    A table of a port group is one by two numbers: that of the group among the inputs, and its own within the group.
    """

    kind = "column"

    def __init__(
        self,
        label: str | None = None,
        description: str | None = None,
        port_index: int | tuple[int, int] = 0,
        column_filter: Callable[[Any], bool] | None = None,
        include_none_column: bool = False,
        since_version: Version | str | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, None, None, since_version, is_advanced)
        self.port_index, self.column_filter = port_index, column_filter

    def to_json(self, value: Any) -> Any:
        """No column is an empty text."""
        return "" if value is None else value

    def from_json(self, value: Any) -> Any:
        """An empty text is no column."""
        return None if value == "" else value
