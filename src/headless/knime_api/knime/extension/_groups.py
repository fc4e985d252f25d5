"""Groups of parameters."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from knime.extension._version import FIRST, Version

T = TypeVar("T")
Check = Callable[[dict[str, Any]], None]


class Group:
    """What `parameter_group` adds to a class: as an attribute of a node, every node has its own copy of the object."""

    label = ""
    since = FIRST
    is_advanced = False

    def __set_name__(self, owner: type, name: str) -> None:
        vars(self)["_group_name"] = name

    def __get__(self, holder: object | None, owner: type) -> Any:
        if holder is None:
            return self
        name = vars(self)["_group_name"]
        if name not in vars(holder):
            vars(holder)[name] = copy.deepcopy(self)
        return vars(holder)[name]

    def __set__(self, holder: object, value: Any) -> None:
        raise RuntimeError("A group of parameters cannot be replaced; set its parameters.")

    def validate(self, values: dict[str, Any]) -> None:
        """Raise where the values of the group do not go together; for groups to replace."""

    def validator(self, override: bool | Check = True) -> Any:
        """Decorator: the function checks the values of the group, in place of `validate` or (False) behind it."""
        if isinstance(override, bool):
            return lambda function: self._checked_by(function, override)
        return self._checked_by(override, True)

    def check_values(self, values: dict[str, Any]) -> None:
        """Raise where the values of the group do not go together."""
        check, override = vars(self).get("_group_check", (None, False))
        if not override:
            self.validate(values)
        if check is not None:
            check(values)

    def _checked_by(self, function: Check, override: bool) -> Check:
        vars(self)["_group_check"] = function, override
        return function


def parameter_group(
    label: str, since_version: Version | str | None = None, is_advanced: bool = False
) -> Callable[[type[T]], type[T]]:
    """Make a class with parameters a group: its objects are attributes of nodes and of other groups.

    Raises
    ------
    ValueError : a parameter or method has a name that groups of the stand-in use for themselves.
    """

    def decorate(cls: type[T]) -> type[T]:
        taken = sorted({"label", "since", "is_advanced", "check_values", "validator"} & set(vars(cls)))
        if taken:
            raise ValueError(f"In {cls.__name__}, {taken[0]!r} can be a name within KNIME only.")
        since = Version.parse_version(since_version) if since_version else FIRST
        own = {"label": label, "since": since, "is_advanced": is_advanced}
        own |= {"__doc__": cls.__doc__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls.__name__, (cls, Group), own)

    return decorate
