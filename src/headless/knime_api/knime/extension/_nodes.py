"""Nodes, the list of those that were declared, and their categories."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from knime.extension._ports import PortEntry, ViewEntry

T = TypeVar("T")


class NodeType(Enum):
    """What a node is for; KNIME colours it accordingly."""

    SOURCE = "Source"
    SINK = "Sink"
    LEARNER = "Learner"
    PREDICTOR = "Predictor"
    MANIPULATOR = "Manipulator"
    VISUALIZER = "Visualizer"
    OTHER = "Other"


@dataclass(frozen=True)
class NodeEntry:
    """A declared node; `make` gives a new one with its defaults."""

    id: str
    name: str
    icon_path: str
    is_hidden: bool
    make: Callable[[], Any]
    module: str

    def input_ports(self, node: Any) -> list[PortEntry]:
        """The node's inputs."""
        return list(getattr(node, "input_ports", None) or [])

    def output_ports(self, node: Any) -> list[PortEntry]:
        """The node's outputs, the view not counted."""
        return list(getattr(node, "output_ports", None) or [])

    def output_view(self, node: Any) -> ViewEntry | None:
        """The node's view."""
        view: ViewEntry | None = getattr(node, "output_view", None)
        return view


_nodes: list[NodeEntry] = []


def registered_nodes() -> list[NodeEntry]:
    """All nodes that were declared since the process began."""
    return list(_nodes)


def node(
    name: str,
    node_type: NodeType,
    icon_path: str,
    category: str,
    after: str | None = None,
    keywords: list[str] | None = None,
    id: str | None = None,
    is_deprecated: bool = False,
    is_hidden: bool = False,
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Declare a class (or a function that makes objects) as a node. It is made once at once, to read its ports.

    As in KNIME, the name then stands for a function that makes nodes, and no longer for the class.
    """

    def register(factory: Callable[..., T]) -> Callable[..., T]:
        def make(*args: Any, **kwargs: Any) -> T:
            return factory(*args, **kwargs)

        make()
        make.__doc__, make.__module__, make.__name__ = factory.__doc__, factory.__module__, factory.__name__
        _nodes.append(NodeEntry(id or factory.__name__, name, icon_path, is_hidden, make, factory.__module__))
        return make

    return register


def category(
    path: str, level_id: str, name: str, description: str, icon: str, after: str = "", locked: bool = True
) -> str:
    """Declare a folder in the list of nodes; returns its full path."""
    return f"{path.rstrip('/')}/{level_id}"
