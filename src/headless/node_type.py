"""What is known of a node before it is used: its ports, its parameters, their defaults."""

import inspect
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from knime.extension import _settings
from knime.extension._groups import Group
from knime.extension._nodes import NodeEntry
from knime.extension._ports import PortEntry
from knime.extension._version import Version

from headless.conditions import in_words

if TYPE_CHECKING:
    from headless.instance import NodeInstance


@dataclass(frozen=True)
class Port:
    """A port as its node declares it.

    kind : "table", or "port" for a port type of an extension.
    port_type : the id of that port type, else "".
    group : whether it stands for as many ports as are added in the workflow.
    """

    name: str
    description: str
    kind: str
    optional: bool = False
    port_type: str = ""
    group: bool = False

    @classmethod
    def of(cls, port: PortEntry) -> "Port":
        """The port that a decorator declared."""
        port_type = port.port_type.id if port.port_type else ""
        return cls(port.name, port.description, port.kind, port.optional, port_type, port.group)

    @property
    def is_added(self) -> bool:
        """Whether a node has it only where it was added in the workflow."""
        return self.optional or self.group

    def names(self, used: Collection[str]) -> list[str]:
        """The ports that a node has of it, by which connections name them: those of a group are numbered from 1.

        Parameters
        ----------
        used : the names that connections end at.
        """
        if self.group:
            numbered = (f"{self.name} {number}" for number in itertools.count(1))
            return list(itertools.takewhile(lambda name: name in used, numbered))
        return [self.name] if not self.optional or self.name in used else []


@dataclass(frozen=True)
class Choice:
    """A value that a parameter can take: as stored, as shown."""

    id: str
    label: str
    description: str = ""


@dataclass(frozen=True)
class Parameter:
    """A parameter as a dialog would show it.

    path : names of its groups and itself, as stored.
    groups : labels of its groups.
    kind : integer, number, boolean, text, column or choice.
    choices : what it can be, empty where it is free.
    condition : when the dialog offers it, "if ..." or "unless ..."; empty: always.
    """

    path: tuple[str, ...]
    groups: tuple[str, ...]
    label: str
    description: str
    kind: str
    default: Any
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    is_advanced: bool = False
    condition: str = ""

    @property
    def key(self) -> str:
        """The path in one word: group/parameter."""
        return "/".join(self.path)

    @property
    def range(self) -> str:
        """The least and the greatest value in words, empty where any is good."""
        low, high = (_number(limit) for limit in (self.minimum, self.maximum))
        return f"{low} to {high}" if low and high else f"at least {low}" if low else high and f"at most {high}"

    @property
    def shown_default(self) -> str:
        """The default as a person would write it."""
        if self.default is None or self.default == "":
            return "not set"
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return _number(self.default) if isinstance(self.default, int | float) else str(self.default)


class NodeType:
    """A kind of node.

    Parameters
    ----------
    entry : what the decorators left.
    extension_id, version : of the node's extension.
    """

    def __init__(self, entry: NodeEntry, extension_id: str, version: str) -> None:
        self.entry, self.extension_id, self.version = entry, extension_id, version
        self.id, self.name, self.icon_path, self.is_hidden = entry.id, entry.name, entry.icon_path, entry.is_hidden
        node = entry.make()
        self.summary, self.description = _split(type(node).__doc__ or "")
        self.input_ports = tuple(Port.of(port) for port in entry.input_ports(node))
        self.output_ports = tuple(Port.of(port) for port in entry.output_ports(node))
        view = entry.output_view(node)
        self.view_name = view.name if view else None
        self.view_description = view.description if view else ""

    def __repr__(self) -> str:
        return f"NodeType({self.id!r})"

    def create(self) -> "NodeInstance":
        """A node of this kind, with its defaults."""
        from headless.instance import NodeInstance

        return NodeInstance(self)

    def default_parameters(self) -> dict[str, Any]:
        """What a new node is set to, groups nested."""
        return _settings.extract(self.entry.make(), Version.parse_version(self.version))

    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters in the order of the dialog."""
        ports = [port.name for port in self.input_ports]
        return tuple(_flat(self.entry.make(), self.default_parameters(), ports))


def _flat(
    holder: Any,
    defaults: dict[str, Any],
    ports: Sequence[str],
    path: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
    advanced: bool = False,
) -> Iterator[Parameter]:
    for name, item in _settings.items(holder):
        if isinstance(item, Group):
            inner, hidden = getattr(holder, name), advanced or item.is_advanced
            yield from _flat(inner, defaults[name], ports, (*path, name), (*groups, item.label), hidden)
        else:
            limits = (getattr(item, "min_value", None), getattr(item, "max_value", None))
            yield Parameter(
                (*path, name),
                groups,
                item.label,
                item.description,
                item.kind,
                defaults[name],
                tuple(Choice(*choice) for choice in item.options()),
                *limits,
                is_advanced=advanced or item.is_advanced,
                condition=in_words(item.dialog_rule, ports),
            )


def _number(value: float | None) -> str:
    """Without an exponent, in groups of three digits."""
    return "" if value is None else format(Decimal(str(value)).normalize(), ",f")


def _split(docstring: str) -> tuple[str, str]:
    """First line, and the rest without its indentation."""
    first, _, rest = inspect.cleandoc(docstring).partition("\n")
    return first, rest.strip()
