"""When a dialog shows or enables a parameter. Without a dialog, rules have no effect."""

from collections.abc import Callable
from enum import Enum
from typing import Any


class Effect(Enum):
    """What happens to the parameter while the condition holds."""

    SHOW = "SHOW"
    HIDE = "HIDE"
    ENABLE = "ENABLE"
    DISABLE = "DISABLE"


class Condition:
    """A condition on other parameters or on the input."""


class OneOf(Condition):
    """A parameter has one of some values.

    Raises
    ------
    ValueError : a value can never be chosen, so that the rule would not do what it says.
    """

    def __init__(self, subject: Any, values: list[Any]) -> None:
        options = subject.enum.get_all_options() if hasattr(subject, "enum") else values
        wrong = [value for value in values if value not in options]
        if wrong:
            raise ValueError(f"A rule compares to {wrong}, but the parameter can only be {options}.")
        self.subject, self.values = subject, values


class Contains(Condition):
    """A parameter contains a value."""

    def __init__(self, subject: Any, value: Any) -> None:
        self.subject, self.value = subject, value


class And(Condition):
    """All conditions hold."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions


class Or(Condition):
    """One of the conditions holds."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions


class DialogContextCondition(Condition):
    """A function of what the dialog knows is true."""

    def __init__(self, ctx_predicate: Callable[[Any], bool]) -> None:
        self.ctx_predicate = ctx_predicate
