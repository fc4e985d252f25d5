"""When a dialog offers a setting, in words."""

from collections.abc import Sequence
from typing import Any

from knime.extension._rules import And, Condition, DialogContextCondition, Effect, OneOf

_NAMES = {True: "on", False: "off", "": "none", "<none>": "none"}
"""How people call values of settings that have no name of their own; the last two where no column is chosen."""


def in_words(rule: tuple[Condition, Effect] | None, ports: Sequence[str]) -> str:
    """What a parameter's rule says, beginning with "if" or "unless"; empty where there is none.

    Parameters
    ----------
    ports : names of the node's inputs. They are named by conditions whose function does not say what it asks, with a
        docstring "Whether ...".
    """
    if rule is None:
        return ""
    condition, effect = rule
    word = "if" if effect in (Effect.SHOW, Effect.ENABLE) else "unless"
    return f"{word} {_phrase(condition, ports)}"


def _phrase(condition: Condition, ports: Sequence[str]) -> str:
    if isinstance(condition, OneOf):
        labels: dict[Any, str] = {value: f'"{label}"' for value, label, _ in condition.subject.options()}
        names = dict.fromkeys((_NAMES | labels).get(value, str(value)) for value in condition.values)
        return f"{condition.subject.label} is {' or '.join(names)}"
    if isinstance(condition, And):
        return " and ".join(_phrase(one, ports) for one in condition.conditions)
    if isinstance(condition, DialogContextCondition):
        if said := condition.predicate.__doc__:
            return said.removeprefix("Whether ").rstrip(".")
        needed = [name for i, name in enumerate(ports) if condition.predicate(_Connected(i, len(ports)))]
        return f"{' or '.join(needed)} is connected"
    raise TypeError(f"No words for {condition!r}.")


class _Connected:
    """What a dialog knows of the inputs where one of them alone is connected."""

    def __init__(self, port: int, ports: int) -> None:
        self._specs = [object() if i == port else None for i in range(ports)]

    def get_input_specs(self) -> list[Any]:
        """Something for the port that is connected."""
        return self._specs
