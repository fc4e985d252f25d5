"""Declaring nodes and categories."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from knime.extension.contexts import ConfigurationContext, ExecutionContext
from knime.extension.parameters import group_info, members
from knime.extension.ports import Port, ViewDeclaration


class NodeType(Enum):
    """What a node does, and so its colour."""

    SOURCE = "Source"
    SINK = "Sink"
    LEARNER = "Learner"
    PREDICTOR = "Predictor"
    MANIPULATOR = "Manipulator"
    VISUALIZER = "Visualizer"
    OTHER = "Other"


class PythonNode(ABC):
    """A node; deriving from it is not necessary."""

    @abstractmethod
    def configure(self, context: ConfigurationContext, *specs: Any) -> Any:
        """Check settings and inputs before anything runs; the specs of the outputs, None for not yet known."""

    @abstractmethod
    def execute(self, context: ExecutionContext, *objects: Any) -> Any:
        """The outputs, the view last."""


@dataclass(frozen=True)
class Category:
    """A place in the node repository."""

    path: str
    level_id: str
    name: str
    description: str
    icon: str
    source: Path


@dataclass(frozen=True)
class NodeDeclaration:
    """A node as its decorators describe it; `source` is the file it is in, `document` its docstring."""

    id: str
    name: str
    node_type: NodeType
    icon_path: str
    category: str
    after: str
    keywords: tuple[str, ...]
    is_deprecated: bool
    is_hidden: bool
    factory: Callable[..., Any]
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    view: ViewDeclaration | None
    document: str
    source: Path


declared_nodes: list[NodeDeclaration] = []
"""All that were declared in this process, in order."""

declared_categories: list[Category] = []
"""All that were declared in this process, in order."""


def category(
    path: str,
    level_id: str,
    name: str,
    description: str,
    icon: str,
    after: str = "",
    locked: bool = True,
) -> str:
    """Declare a category of the node repository; returns its path, for the nodes in it."""
    caller = inspect.stack()[1].filename
    declared_categories.append(Category(path, level_id, name, description, icon, Path(caller).resolve()))
    return f"{path.rstrip('/')}/{level_id}"


def node(
    name: str,
    node_type: NodeType,
    icon_path: str,
    category: str,
    after: str | None = None,
    keywords: Sequence[str] | None = None,
    id: str | None = None,
    is_deprecated: bool = False,
    is_hidden: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a class, or a function that makes its instances, as a node.

    An instance is made at once. What comes out is a function that makes instances, not the class.

    Raises
    ------
    ValueError : parameters stand in `__init__`, where they have no name.
    """

    def decorate(factory: Callable[..., Any]) -> Callable[..., Any]:
        instance = factory()
        _refuse_composed(instance)

        def make_node(*args: Any, **kwargs: Any) -> Any:
            return factory(*args, **kwargs)

        declared_nodes.append(
            NodeDeclaration(
                id or factory.__name__,
                name,
                node_type,
                icon_path,
                category,
                after or "",
                tuple(keywords or ()),
                is_deprecated,
                is_hidden,
                make_node,
                tuple(_declared(factory, instance, "input_ports") or ()),
                tuple(_declared(factory, instance, "output_ports") or ()),
                _declared(factory, instance, "output_view"),
                inspect.cleandoc(instance.__doc__ or ""),
                Path(inspect.getfile(factory)).resolve(),
            )
        )
        return make_node

    return decorate


def _declared(factory: Callable[..., Any], instance: Any, name: str) -> Any:
    return getattr(instance, name, None) or getattr(factory, name, None)


def _refuse_composed(instance: Any) -> None:
    declared = dict(members(instance))
    for name, value in vars(instance).items():
        if name not in declared and (hasattr(value, "since_version") or group_info(value)):
            raise ValueError(f"The parameter {name!r} of a node must stand in its class, not in __init__.")
