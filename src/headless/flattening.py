"""A workflow without its components and metanodes: their nodes in one graph, connected as they would be.

A metanode leaves no trace: what comes in through a port of it goes on to the nodes inside. A component leaves its
Component Input and Component Output, which let tables and objects through as they are, and only some flow variables.
"""

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

from core.errors import UserInputError
from headless.workflow import BORDER_FACTORY, NodeEntry, NodePath, VariableValue, Workflow

End: TypeAlias = tuple[NodePath, int]
"""A port: its node, and its number as in KNIME; 0 carries flow variables."""

# The port bars of a metanode, written as if they were nodes in it.
_BAR_IN, _BAR_OUT = -1, -2


@dataclasses.dataclass(frozen=True)
class Graph:
    """Nodes and the connections between them.

    nodes : those that do something, and the Component Inputs and Component Outputs.
    components : the component that each Component Input and Component Output belongs to.
    sources : the output port that each connected input port gets its data from.
    waits : what must have ended well before a node begins, besides what it is connected to.
    variables : those of the metanodes around each node.
    inside : the Component Input of the component that each node lies in; nodes in no component are absent.
    """

    nodes: Mapping[NodePath, NodeEntry]
    components: Mapping[NodePath, NodeEntry]
    sources: Mapping[End, End]
    waits: Mapping[NodePath, frozenset[NodePath]]
    variables: Mapping[NodePath, Mapping[str, VariableValue]]
    inside: Mapping[NodePath, NodePath]

    def origin(self, end: End) -> End | None:
        """The output port whose table or object comes to an input port, looked up through components."""
        source = self.sources.get(end)
        while source is not None and source[0] in self.components:
            source = self.sources.get(source)
        return source


def flatten(workflow: Workflow) -> Graph:
    """The graph of a workflow.

    Raises
    ------
    UserInputError : a connection to a node that does not exist, two connections to one port, a damaged component, or
        connections through metanodes that lead nowhere but in a circle.
    """
    flattener = _Flattener()
    flattener.add(workflow, (), {}, None)
    return flattener.graph()


class _Flattener:
    def __init__(self) -> None:
        self._nodes: dict[NodePath, NodeEntry] = {}
        self._components: dict[NodePath, NodeEntry] = {}
        self._borders: list[tuple[NodePath, NodePath, NodePath]] = []
        self._sources: dict[End, End] = {}
        self._variables: dict[NodePath, Mapping[str, VariableValue]] = {}
        self._inside: dict[NodePath, NodePath] = {}

    def add(
        self,
        workflow: Workflow,
        place: NodePath,
        variables: Mapping[str, VariableValue],
        component_input: NodePath | None,
    ) -> None:
        """Take the nodes and connections of one level, and of what lies below it."""
        entries = {entry.id: entry for entry in workflow.nodes}
        for entry in workflow.nodes:
            if entry.inner is None:
                self._nodes[entry.path] = entry
                self._surround(entry.path, variables, component_input)
            elif entry.borders is None:
                self.add(entry.inner, entry.path, {**variables, **entry.inner.variables}, component_input)
            else:
                first, last = ((*entry.path, border) for border in entry.borders)
                self.add(entry.inner, entry.path, entry.inner.variables, first)
                self._add_component(entry, first, last)
                self._surround(first, variables, component_input)
        for connection in workflow.connections:
            source = _end(entries, place, connection.source, connection.source_port, is_output=True)
            dest = _end(entries, place, connection.dest, connection.dest_port, is_output=False)
            if dest in self._sources:
                title = entries[connection.dest].title if connection.dest in entries else "workflow.knime"
                raise UserInputError(f"Two connections lead to input port {connection.dest_port}.", where=title)
            self._sources[dest] = source

    def graph(self) -> Graph:
        """All that was taken, the metanodes' ports resolved."""
        sources = {}
        for dest in self._sources:
            if dest[0][-1] not in (_BAR_IN, _BAR_OUT) and (source := self._through_bars(dest)) is not None:
                sources[dest] = source
        connected = {dest[0] for dest in sources}
        waits: dict[NodePath, frozenset[NodePath]] = {}
        for place, first, last in self._borders:
            inside = frozenset(path for path in self._nodes if path[: len(place)] == place)
            waits[last] = inside - {last}
            for path in inside - connected - {first, last}:
                waits[path] = waits.get(path, frozenset()) | {first}
        return Graph(self._nodes, self._components, sources, waits, self._variables, self._inside)

    def _surround(
        self, path: NodePath, variables: Mapping[str, VariableValue], component_input: NodePath | None
    ) -> None:
        self._variables[path] = variables
        self._inside.pop(path, None)
        if component_input is not None:
            self._inside[path] = component_input

    def _add_component(self, entry: NodeEntry, first: NodePath, last: NodePath) -> None:
        for path, side in ((first, "Input"), (last, "Output")):
            if path not in self._nodes or self._nodes[path].factory != BORDER_FACTORY.format(side):
                raise UserInputError(
                    f"Its node #{path[-1]} should be a Component {side}, and is not.", where=entry.title
                )
            self._components[path] = entry
        self._borders.append((entry.path, first, last))

    def _through_bars(self, dest: End) -> End | None:
        seen = set()
        source = self._sources.get(dest)
        while source is not None and source[0][-1] in (_BAR_IN, _BAR_OUT):
            if source in seen:
                raise UserInputError("The connections through metanodes form a circle.")
            seen.add(source)
            source = self._sources.get(source)
        return source


def _end(entries: Mapping[int, NodeEntry], place: NodePath, identity: int, port: int, *, is_output: bool) -> End:
    """The port that a connection of one level names; a component's is that of its Component Input or Output."""
    if identity == -1 and place:
        return (*place, _BAR_IN if is_output else _BAR_OUT), port
    if identity not in entries:
        raise UserInputError(f"A connection leads to node #{identity}, which does not exist.", where="workflow.knime")
    entry = entries[identity]
    if entry.borders is not None:
        return (*entry.path, entry.borders[1 if is_output else 0]), port
    if entry.inner is not None:
        return (*entry.path, _BAR_OUT if is_output else _BAR_IN), port
    return entry.path, port
