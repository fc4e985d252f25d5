"""Between the parameters of a node and its settings: nested dicts as they are stored in workflows."""

from collections.abc import Iterator, Sequence
from typing import Any

from knime.extension._groups import Group
from knime.extension._parameters import ColumnParameter, Parameter
from knime.extension._ports import PortEntry
from knime.extension._version import FIRST, Version


def items(holder: Any) -> Iterator[tuple[str, Parameter[Any] | Group]]:
    """Parameters and groups of a node or group by name: those of its class, then those of the base classes."""
    seen = set()
    for cls in type(holder).__mro__:
        for name, item in vars(cls).items():
            if isinstance(item, Parameter | Group) and name not in seen:
                seen.add(name)
                yield name, item


def extract(holder: Any, version: Version) -> dict[str, Any]:
    """The settings of a node; what was never set is at its default in `version` of the extension."""
    result: dict[str, Any] = {}
    for name, item in items(holder):
        if isinstance(item, Group):
            result[name] = extract(getattr(holder, name), version)
        else:
            values = vars(holder)
            result[name] = item.to_json(values[name] if name in values else item.default(version))
    return result


def inject(settings: Any, holder: Any, saved: Version, current: Version, since: Version = FIRST) -> None:
    """Set a node's parameters; one that is missing gets its default, unknown ones are left out.

    Parameters
    ----------
    saved : version of the extension that wrote the settings.
    current : this version.
    since : version since which the group exists that `holder` is.

    Raises
    ------
    ValueError, TypeError : a value is wrong.
    """
    for name, item in items(holder):
        exists_since = max(since, item.since)
        given = name in settings
        if isinstance(item, Group):
            inject(settings[name] if given else {}, getattr(holder, name), saved, current, exists_since)
        elif given:
            setattr(holder, name, item.from_json(settings[name]))
        else:
            vars(holder)[name] = item.default(saved if exists_since > saved else current)


def validate(settings: Any, holder: Any, saved: Version, since: Version = FIRST) -> None:
    """Check settings that `saved` version of the extension wrote, without taking them.

    Raises
    ------
    ValueError, TypeError : a value is wrong, or one is missing that the version had.
    """
    for name, item in items(holder):
        exists_since = max(since, item.since)
        if name not in settings:
            if exists_since <= saved:
                raise ValueError(f"Parameter missing for key {name!r}.")
        elif isinstance(item, Group):
            inner = getattr(holder, name)
            validate(settings[name], inner, saved, exists_since)
        else:
            item.check(item.from_json(settings[name]))
    if isinstance(holder, Group):
        holder.check_values(settings)


def check_columns(holder: Any, ports: Sequence[PortEntry]) -> None:
    """See that parameters for columns belong to input ports that are tables.

    Raises
    ------
    TypeError : one does not.
    """
    for name, item in items(holder):
        if isinstance(item, Group):
            check_columns(getattr(holder, name), ports)
        elif isinstance(item, ColumnParameter) and not _is_table(item.port_index, ports):
            raise TypeError(f"The parameter {name!r} chooses a column of input {item.port_index}, which is no table.")


def _is_table(index: int | tuple[int, int], ports: Sequence[PortEntry]) -> bool:
    """Whether a column can be chosen there: of a table that need not have been added yet, in a group."""
    number = index[0] if isinstance(index, tuple) else index
    return number < len(ports) and ports[number].kind == "table" and ports[number].group == isinstance(index, tuple)
