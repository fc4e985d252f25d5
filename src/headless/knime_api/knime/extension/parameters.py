"""Parameters of nodes: descriptors whose attribute names are keys of the settings, and groups of them.

Values live in the node (or in its copy of a group), so that two nodes of one class share nothing.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Self, TypeVar, cast, overload

from knime.extension.rules import Condition, Effect
from knime.extension.version import NEWEST, Version

T = TypeVar("T")
G = TypeVar("G")
_VALUES = "_parameter_values"
_GROUP = "_parameter_group"
_VALIDATORS = "_group_validators"


class LayoutDirection(Enum):
    """How the controls of a group lie."""

    VERTICAL = "VERTICAL"
    HORIZONTAL = "HORIZONTAL"


class Parameter(Generic[T]):
    """Base of all parameters.

    Parameters
    ----------
    label, description : shown in the dialog.
    default_value : or a function that gives it for a Version: the one that stored the settings in which it is absent.
    validator : raises ValueError for values that cannot be taken.
    since_version : the extension's first version that has the parameter.
    is_advanced : whether the dialog hides it at first.
    """

    validator_replaces_check = False

    def __init__(
        self,
        label: str,
        description: str,
        default_value: T | Callable[[Version], T],
        validator: Callable[[T], None] | None = None,
        since_version: str | Version | None = None,
        is_advanced: bool = False,
    ) -> None:
        self.label, self.description, self.is_advanced = label, description, is_advanced
        self.since_version = Version.parse_version(since_version)
        self.name = ""
        self.conditions: list[tuple[Condition, Effect]] = []
        self._default, self._validator = default_value, validator

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        values = _values(instance)
        if self.name not in values:
            values[self.name] = self.default(NEWEST)
        return cast(T, values[self.name])

    def __set__(self, instance: object, value: T) -> None:
        self.validate(value)
        _values(instance)[self.name] = value

    def rule(self, condition: Condition, effect: Effect) -> Self:
        """Show or enable the control while the condition holds, or the contrary."""
        self.conditions.append((condition, effect))
        return self

    def validator(self, function: Callable[[T], None]) -> Callable[[T], None]:
        """Decorates the function that raises ValueError for values that cannot be taken."""
        self._validator = function
        return function

    def default(self, version: Version) -> T:
        """The value where settings of this version of the extension have none."""
        given = self._default
        return cast(Callable[[Version], T], given)(version) if callable(given) else copy.deepcopy(given)

    def validate(self, value: Any) -> None:
        """Check a value.

        Raises
        ------
        ValueError, TypeError : it cannot be taken.
        """
        if self._validator is None or not self.validator_replaces_check:
            self.check(value)
        if self._validator is not None:
            self._validator(value)

    def check(self, value: Any) -> None:
        """The parameter's own check, which a validator of Int and Double replaces."""

    def to_json(self, value: T) -> Any:
        """The value as it is stored."""
        return value

    def from_json(self, value: Any) -> T:
        """A stored value."""
        return cast(T, value)


@dataclass(frozen=True)
class GroupInfo:
    """What a decorated class is as a group."""

    label: str
    description: str
    since_version: Version
    is_advanced: bool
    layout_direction: LayoutDirection


def parameter_group(
    label: str,
    since_version: str | Version | None = None,
    is_advanced: bool = False,
    layout_direction: LayoutDirection = LayoutDirection.VERTICAL,
) -> Callable[[type[G]], type[G]]:
    """Make a class of parameters a group: an instance of it is one entry of a node's, or of another group's, settings.

    A method `validate(self, values)`, or a function decorated with `@group.validator(override=False)`, checks all
    values of a group together.
    """
    since = Version.parse_version(since_version)

    def decorate(cls: type[G]) -> type[G]:
        info = GroupInfo(label, (cls.__doc__ or "").strip(), since, is_advanced, layout_direction)
        for name, member in {
            _GROUP: info,
            "__set_name__": _set_group_name,
            "__get__": _get_group,
            "__set__": _refuse_group,
            "validator": _group_validator,
        }.items():
            setattr(cls, name, member)
        return cls

    return decorate


def group_info(member: object) -> GroupInfo | None:
    """What a member is as a group, None if it is none."""
    info = getattr(type(member), _GROUP, None)
    return info if isinstance(info, GroupInfo) else None


def members(node: object) -> Iterator[tuple[str, Any]]:
    """Names of a node's or group's parameters and groups, with the parameters and the groups of the classes.

    Those of the class itself come before inherited ones.
    """
    seen: set[str] = set()
    for cls in type(node).__mro__:
        for name, member in vars(cls).items():
            if name not in seen and (isinstance(member, Parameter) or group_info(member)):
                yield name, member
        seen |= set(vars(cls))


def to_dict(node: object) -> dict[str, Any]:
    """Values as they are stored, groups nested."""
    return {
        name: member.to_json(getattr(node, name)) if isinstance(member, Parameter) else to_dict(getattr(node, name))
        for name, member in members(node)
    }


def inject(node: object, stored: Mapping[str, Any], version: Version) -> None:
    """Give a node the values that a version of the extension stored, unchecked.

    What is absent gets its default; unknown names are ignored.
    """
    for name, member in members(node):
        if isinstance(member, Parameter):
            there = name in stored
            _values(node)[name] = member.from_json(stored[name]) if there else member.default(version)
        else:
            inner = stored.get(name, {})
            inject(getattr(node, name), inner if isinstance(inner, Mapping) else {}, version)


def faults(node: object, stored: Mapping[str, Any], version: Version) -> Iterator[str]:
    """What is wrong with stored values, one sentence each."""
    for name, member in members(node):
        info = group_info(member)
        since = member.since_version if info is None else info.since_version
        if name not in stored:
            if since <= version:
                yield f"Parameter missing for key '{name}'."
        elif info is None:
            yield from _fault(member.validate, member.from_json(stored[name]), member.label)
        elif not isinstance(stored[name], Mapping):
            yield f"{info.label}: a group of parameters is needed, not {stored[name]!r}."
        else:
            inner = list(faults(member, stored[name], version))
            yield from inner
            if not inner:
                for check in _group_checks(member):
                    yield from _fault(check, dict(stored[name]), info.label)


def _fault(check: Callable[[Any], None], value: Any, label: str) -> Iterator[str]:
    try:
        check(value)
    except Exception as error:  # noqa: BLE001 - a validator may raise what it likes, it is the user's message
        yield f"{label}: {error}"


def _values(owner: object) -> dict[str, Any]:
    return cast(dict[str, Any], vars(owner).setdefault(_VALUES, {}))


def _set_group_name(self: Any, owner: type, name: str) -> None:
    vars(self)["_name"] = name


def _get_group(self: Any, instance: object | None, owner: type) -> Any:
    if instance is None:
        return self
    copies = vars(instance).setdefault("_group_copies", {})
    name = vars(self)["_name"]
    if name not in copies:
        copies[name] = copy.deepcopy(self)
    return copies[name]


def _refuse_group(self: Any, instance: object, value: Any) -> None:
    raise AttributeError(f"{vars(self)['_name']!r} is a group of parameters. Set the parameters in it.")


def _group_validator(self: Any, override: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        vars(self)[_VALIDATORS] = (function, override)
        return function

    return decorate


def _group_checks(group: Any) -> list[Callable[[dict[str, Any]], None]]:
    added, override = vars(group).get(_VALIDATORS, (None, False))
    own = getattr(group, "validate", None)
    return [check for check in (None if override else own, added) if check is not None]
