"""Ports of nodes and what travels through them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TypeVar

C = TypeVar("C", bound=Callable[..., Any])


class PortObjectSpec(ABC):
    """What is known of a port object before it exists."""

    @abstractmethod
    def serialize(self) -> dict[str, Any]:
        """Values that JSON can hold."""

    @classmethod
    @abstractmethod
    def deserialize(cls, data: dict[str, Any], *java_callback: Any) -> Self:
        """The spec from what `serialize` gave. KNIME gives a second argument, and leaves it out on a TypeError."""


class PortObject(ABC):
    """What travels between nodes through a port of its own type."""

    def __init__(self, spec: PortObjectSpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> Any:
        """What is known of it without loading it."""
        return self._spec

    @abstractmethod
    def serialize(self) -> bytes:
        """The object, without its spec, as bytes."""

    @classmethod
    @abstractmethod
    def deserialize(cls, spec: Any, storage: bytes) -> Self:
        """The object from its spec and what `serialize` gave."""


class _Kind(Enum):
    TABLE = "table"
    PORT = "port"


@dataclass(frozen=True)
class PortType:
    """Who may be connected with whom."""

    name: str
    object_class: Any = None
    spec_class: Any = None
    id: str = ""
    kind: str = _Kind.PORT.value

    def is_super_type_of(self, other: "PortType") -> bool:
        """Whether an input of this type takes an output of the other."""
        if self.kind != other.kind:
            return False
        return self is other or (
            issubclass(other.object_class, self.object_class) and issubclass(other.spec_class, self.spec_class)
        )


TABLE = PortType("Table", kind=_Kind.TABLE.value)


@dataclass(frozen=True)
class Port:
    """A port of a node."""

    type: PortType
    name: str
    description: str
    id: str | None = None
    optional: bool = False

    @property
    def kind(self) -> str:
        """Which of KNIME's classes goes through it: "table", or "port" for types of our own."""
        return self.type.kind


@dataclass(frozen=True)
class ViewDeclaration:
    """The view of a node."""

    name: str
    description: str


def port_type(name: str, object_class: type, spec_class: type, id: str | None = None) -> PortType:
    """A new type of port.

    Raises
    ------
    TypeError : the classes are no port object and spec.
    """
    if not issubclass(object_class, PortObject) or not issubclass(spec_class, PortObjectSpec):
        raise TypeError("A port type needs a subclass of PortObject and one of PortObjectSpec.")
    return PortType(name, object_class, spec_class, id or f"{object_class.__module__}.{object_class.__qualname__}")


def input_table(name: str, description: str, optional: bool = False) -> Callable[[C], C]:
    """Decorates a node with an input for a table; `configure` and `execute` get None for an unconnected optional one."""
    return _adder("input_ports", Port(TABLE, name, description, optional=optional))


def output_table(name: str, description: str) -> Callable[[C], C]:
    """Decorates a node with an output for a table."""
    return _adder("output_ports", Port(TABLE, name, description))


def input_port(name: str, description: str, port_type: PortType, optional: bool = False) -> Callable[[C], C]:
    """Decorates a node with an input of a type of its own."""
    return _adder("input_ports", Port(port_type, name, description, optional=optional))


def output_port(name: str, description: str, port_type: PortType) -> Callable[[C], C]:
    """Decorates a node with an output of a type of its own."""
    return _adder("output_ports", Port(port_type, name, description))


def output_view(name: str, description: str) -> Callable[[C], C]:
    """Decorates a node with a view, which `execute` returns last."""

    def decorate(node: C) -> C:
        if getattr(node, "output_view", None) is not None:
            raise ValueError("A node has one view.")
        setattr(node, "output_view", ViewDeclaration(name, description))  # noqa: B010 - C has no such attribute
        return node

    return decorate


def _adder(side: str, port: Port) -> Callable[[C], C]:
    def decorate(node: C) -> C:
        if side not in vars(node):
            if getattr(node, side, None):
                raise TypeError("A base class of the node has ports. KNIME would add the new ones to it, too.")
            setattr(node, side, [])
        getattr(node, side).insert(0, port)  # decorators run from the bottom up, people read from the top down
        return node

    return decorate
