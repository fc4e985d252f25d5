"""When a dialog shows or enables a parameter. Values of hidden parameters stay, and are validated."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Effect(Enum):
    """What happens while a condition holds."""

    SHOW = "SHOW"
    HIDE = "HIDE"
    ENABLE = "ENABLE"
    DISABLE = "DISABLE"


class Condition:
    """Something that holds or not while a dialog is open."""

    def subjects(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        """The parameters it looks at, with the values that it compares to."""
        yield from ()


@dataclass(frozen=True)
class OneOf(Condition):
    """The parameter has one of the values."""

    subject: Any
    values: Sequence[Any]

    def subjects(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        """The parameter and the values."""
        yield self.subject, self.values


@dataclass(frozen=True)
class Contains(Condition):
    """The text or list has the value in it."""

    subject: Any
    value: Any

    def subjects(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        """The parameter; it is compared to no whole value."""
        yield self.subject, ()


class And(Condition):
    """All of the conditions hold."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions = conditions

    def subjects(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        """Those of all conditions."""
        for condition in self.conditions:
            yield from condition.subjects()


class Or(And):
    """One of the conditions holds."""


@dataclass(frozen=True)
class DialogContextCondition(Condition):
    """The function says so, given a DialogCreationContext."""

    predicate: Callable[[Any], bool]
