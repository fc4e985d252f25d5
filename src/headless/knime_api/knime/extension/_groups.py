"""Groups of parameters."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from knime.extension._version import FIRST, Version

T = TypeVar("T")


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


def parameter_group(
    label: str, since_version: Version | str | None = None, is_advanced: bool = False
) -> Callable[[type[T]], type[T]]:
    """Make a class with parameters a group: its objects are attributes of nodes and of other groups."""

    def decorate(cls: type[T]) -> type[T]:
        since = Version.parse_version(since_version) if since_version else FIRST
        own = {"label": label, "since": since, "is_advanced": is_advanced}
        own |= {"__doc__": cls.__doc__, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls.__name__, (cls, Group), own)

    return decorate
