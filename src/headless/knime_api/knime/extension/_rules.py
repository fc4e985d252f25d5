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
    """What a rule depends on."""


class OneOf(Condition):
    """Another parameter has one of some values.

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


class And(Condition):
    """All of several conditions.

    Raises
    ------
    ValueError : there is none.
    """

    def __init__(self, *conditions: Condition) -> None:
        if not conditions:
            raise ValueError("A rule with And needs a condition.")
        self.conditions = conditions


class DialogContextCondition(Condition):
    """What a function says of what the node is connected to, when its dialog is opened."""

    def __init__(self, ctx_predicate: Callable[[Any], bool]) -> None:
        self.predicate = ctx_predicate
