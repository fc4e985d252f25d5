"""The kinds of parameters."""

import math
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from knime.extension.contexts import DialogCreationContext
from knime.extension.parameters import Parameter
from knime.extension.version import Version

N = TypeVar("N", int, float)
_INT32 = 2**31


class _Number(Parameter[N]):
    validator_replaces_check = True
    python_types: ClassVar[tuple[type, ...]] = ()
    words: ClassVar[str] = ""

    def __init__(
        self,
        label: str,
        description: str,
        default_value: N | Callable[[Version], N],
        validator: Callable[[N], None] | None = None,
        min_value: N | None = None,
        max_value: N | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)
        self.min_value, self.max_value = min_value, max_value

    def check(self, value: Any) -> None:
        """Type and bounds."""
        if not isinstance(value, self.python_types):
            raise TypeError(f"{value!r} is no {self.words}.")
        if self.min_value is not None and not value >= self.min_value:
            raise ValueError(f"The value is {value}, but must be {self.min_value} or more.")
        if self.max_value is not None and not value <= self.max_value:
            raise ValueError(f"The value is {value}, but must be {self.max_value} or less.")


class IntParameter(_Number[int]):
    """A whole number; KNIME stores 32 bits of it. True and False are whole numbers, too."""

    python_types = (int,)
    words = "whole number"

    def __init__(
        self,
        label: str,
        description: str,
        default_value: int | Callable[[Version], int] = 0,
        validator: Callable[[int], None] | None = None,
        min_value: int | None = None,
        max_value: int | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(
            label, description, default_value, validator, min_value, max_value, since_version, is_advanced
        )

    def check(self, value: Any) -> None:
        """Type, bounds, and whether KNIME can store it."""
        super().check(value)
        if not -_INT32 <= value < _INT32:
            raise ValueError(f"The value {value} does not fit into 32 bits.")


class DoubleParameter(_Number[float]):
    """A number."""

    python_types = (int, float)
    words = "number"

    def __init__(
        self,
        label: str,
        description: str,
        default_value: float | Callable[[Version], float] = 0.0,
        validator: Callable[[float], None] | None = None,
        min_value: float | None = None,
        max_value: float | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(
            label, description, default_value, validator, min_value, max_value, since_version, is_advanced
        )

    def to_json(self, value: float) -> float:
        """A double, whatever number was set."""
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else value

    def from_json(self, value: Any) -> float:
        """A double, whatever number was stored."""
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class BoolParameter(Parameter[bool]):
    """True or false."""

    def __init__(
        self,
        label: str,
        description: str,
        default_value: bool | Callable[[Version], bool] = False,
        validator: Callable[[bool], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)

    def check(self, value: Any) -> None:
        """The type."""
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is neither true nor false.")


class _Text(Parameter[str]):
    def check(self, value: Any) -> None:
        """The type."""
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is no text.")


class StringParameter(_Text):
    """A text, free or of a list; that it is of the list is not checked."""

    class Choice(NamedTuple):
        """An entry of a list that is made when the dialog opens."""

        id: str
        label: str
        description: str = ""

    def __init__(
        self,
        label: str,
        description: str,
        default_value: str | Callable[[Version], str] = "",
        enum: Sequence[str] | None = None,
        validator: Callable[[str], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
        choices: Sequence[Any] | Callable[[DialogCreationContext], Sequence[Any]] | None = None,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)
        self.enum, self.choices = enum, choices


class MultilineStringParameter(_Text):
    """A text of several lines."""

    def __init__(
        self,
        label: str,
        description: str,
        default_value: str | Callable[[Version], str] = "",
        validator: Callable[[str], None] | None = None,
        number_of_lines: int = 3,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)
        self.number_of_lines = number_of_lines


class LocalPathParameter(_Text):
    """A path of this computer that exists."""

    def __init__(
        self,
        label: str,
        description: str,
        placeholder_text: str = "",
        validator: Callable[[str], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, "", validator, since_version, is_advanced)
        self.placeholder_text = placeholder_text

    def check(self, value: Any) -> None:
        """The type, and whether it exists."""
        super().check(value)
        if not value or not Path(value).exists():
            raise ValueError(f"There is no file or folder {value!r}.")


class EnumParameterOptions(Enum):
    """Base of what can be chosen: NAME = (label, description)."""

    def __init__(self, label: str, description: str) -> None:
        self.label, self.description = label, description

    @classmethod
    def get_all_options(cls) -> list[str]:
        """The names."""
        return [option.name for option in cls]


class _Choice:
    enum: type[EnumParameterOptions] | None

    def check_name(self, value: Any) -> None:
        names = self.enum.get_all_options() if self.enum else None
        if names is not None and value not in names:
            raise ValueError(f"{value!r} is none of {', '.join(names)}.")


class EnumParameter(_Text, _Choice):
    """One of several options; the value is its name."""

    class Style(Enum):
        """How the options are shown."""

        RADIO = "radio"
        VALUE_SWITCH = "valueSwitch"
        DROPDOWN = "string"

    def __init__(
        self,
        label: str,
        description: str,
        default_value: str | Callable[[Version], str] = "",
        enum: type[EnumParameterOptions] | None = None,
        validator: Callable[[str], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
        style: Style | None = None,
        hidden_choices: Callable[[DialogCreationContext], Sequence[Any]] | None = None,
    ) -> None:
        if validator is not None:
            raise AttributeError("In KNIME an EnumParameter takes no validator here; decorate one instead.")
        super().__init__(label, description, default_value, None, since_version, is_advanced)
        self.enum, self.style, self.hidden_choices = enum, style, hidden_choices

    def check(self, value: Any) -> None:
        """Whether it is the name of an option."""
        super().check(value)
        self.check_name(value)


class EnumSetParameter(Parameter[list[str]], _Choice):
    """Any of several options; the value is the list of their names."""

    def __init__(
        self,
        label: str,
        description: str,
        default_value: list[str] | Callable[[Version], list[str]],
        enum: type[EnumParameterOptions],
        validator: Callable[[list[str]], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        super().__init__(label, description, default_value, validator, since_version, is_advanced)
        self.enum = enum

    def check(self, value: Any) -> None:
        """Whether they are names of options."""
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is no list.")
        for name in value:
            self.check_name(name)


class ColumnParameter(Parameter[str | None]):
    """A column of the table at an input port, counted over all input ports; None while nothing is chosen.

    Whether the table has the column, and whether the filter lets it pass, is for the node to check.
    """

    NONE = "<none>"

    def __init__(
        self,
        label: str,
        description: str,
        port_index: int = 0,
        column_filter: Callable[[Any], bool] | None = None,
        include_row_key: bool = False,
        include_none_column: bool = False,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
        schema_provider: Callable[[DialogCreationContext], Any] | None = None,
        default_value: str | None = None,
    ) -> None:
        super().__init__(label, description, default_value, None, since_version, is_advanced)
        self.port_index, self.column_filter, self.schema_provider = port_index, column_filter, schema_provider
        self.include_row_key, self.include_none_column = include_row_key, include_none_column

    def check(self, value: Any) -> None:
        """The type."""
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{value!r} is no name of a column.")

    def to_json(self, value: str | None) -> str:
        """Nothing is stored as empty text."""
        return value or ""

    def from_json(self, value: Any) -> Any:
        """Empty text is nothing."""
        return None if value == "" else value
