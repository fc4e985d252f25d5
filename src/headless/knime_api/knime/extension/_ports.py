"""Ports, and what travels through those of an extension's own type."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F")


class PortObjectSpec(ABC):
    """What is known of a port object before it exists."""

    @abstractmethod
    def serialize(self) -> dict[str, Any]:
        """The spec as JSON-able values."""

    @classmethod
    @abstractmethod
    def deserialize(cls, data: dict[str, Any]) -> "PortObjectSpec":
        """The spec from what `serialize` gave."""


class PortObject(ABC):
    """What travels through a port."""

    def __init__(self, spec: PortObjectSpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> Any:
        """What is known of it without its content."""
        return self._spec

    @abstractmethod
    def serialize(self) -> bytes:
        """The content as bytes."""

    @classmethod
    @abstractmethod
    def deserialize(cls, spec: Any, storage: bytes) -> "PortObject":
        """The object from its spec and what `serialize` gave."""


@dataclass(frozen=True)
class PortType:
    """A kind of port of an extension's own."""

    id: str
    name: str
    object_class: type[PortObject]
    spec_class: type[PortObjectSpec]

    def accepts(self, other: "PortType") -> bool:
        """Whether objects of the other type may come in."""
        return issubclass(other.object_class, self.object_class) and issubclass(other.spec_class, self.spec_class)


_port_types: dict[str, PortType] = {}


def port_type(
    name: str, object_class: type[PortObject], spec_class: type[PortObjectSpec], id: str | None = None
) -> PortType:
    """Declare a kind of port. `id` is stored in workflows; without one, the class's name is taken."""
    made = PortType(id or f"{object_class.__module__}.{object_class.__qualname__}", name, object_class, spec_class)
    _port_types[made.id] = made
    return made


def port_type_of(spec: PortObjectSpec) -> PortType | None:
    """The port type that a spec belongs to."""
    return next((t for t in reversed(_port_types.values()) if t.spec_class is type(spec)), None)


@dataclass(frozen=True)
class PortEntry:
    """A declared port; kind is "table" or "port". A group is any number of them, added in the workflow."""

    kind: str
    name: str
    description: str
    optional: bool = False
    port_type: PortType | None = None
    group: bool = False


@dataclass(frozen=True)
class ViewEntry:
    """A declared view."""

    name: str
    description: str


def input_table(name: str, description: str, optional: bool = False) -> Callable[[F], F]:
    """Declare an input table."""
    return _adder("input_ports", PortEntry("table", name, description, optional))


def input_table_group(name: str, description: str) -> Callable[[F], F]:
    """Declare any number of input tables: `configure` and `execute` get a list of them.

    Raises
    ------
    ValueError : the node has a group of this name.
    """
    return _adder("input_ports", PortEntry("table", name, description, group=True))


def output_table(name: str, description: str) -> Callable[[F], F]:
    """Declare an output table."""
    return _adder("output_ports", PortEntry("table", name, description))


def input_port(name: str, description: str, port_type: PortType, optional: bool = False) -> Callable[[F], F]:
    """Declare an input of an own kind."""
    return _adder("input_ports", PortEntry("port", name, description, optional, _checked(port_type)))


def output_port(name: str, description: str, port_type: PortType) -> Callable[[F], F]:
    """Declare an output of an own kind."""
    return _adder("output_ports", PortEntry("port", name, description, False, _checked(port_type)))


def output_view(name: str, description: str) -> Callable[[F], F]:
    """Declare that `execute` returns a view behind its outputs."""

    def add(node: Any) -> Any:
        node.output_view = ViewEntry(name, description)
        return node

    return add


def _checked(value: Any) -> PortType:
    if not isinstance(value, PortType):
        raise TypeError(f"A port type is needed, not {value!r}.")
    return value


def _adder(side: str, port: PortEntry) -> Callable[[F], F]:
    def add(node: Any) -> Any:
        # As in KNIME, a subclass of a class with ports shares its list: ports belong on the last class only.
        if not hasattr(node, side):
            setattr(node, side, [])
        if port.group and any(other.group and other.name == port.name for other in getattr(node, side)):
            raise ValueError(f"There is a port group {port.name!r} already.")
        getattr(node, side).insert(0, port)
        return node

    return add
