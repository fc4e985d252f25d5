"""The order in which a workflow's nodes run, and what each of them gets from whom; everything checked beforehand."""

import dataclasses
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from core.errors import UserInputError
from headless.arguments import SettingOption
from headless.backend import Extension, Port
from headless.component import Border, border
from headless.extension_node import ExtensionNode
from headless.flattening import End, Graph, flatten
from headless.flow_variables import with_setting
from headless.knime_nodes import KNIME_NODES
from headless.knime_nodes.configuration import Configuration
from headless.runnable import VARIABLES, Runnable
from headless.workflow import NodeEntry, NodePath, VariableValue, Workflow


@dataclasses.dataclass(frozen=True)
class Step:
    """One node to run.

    path : what the plan knows it by.
    inputs : per port the node and its output (index from 0) that the port gets its table or object from, looked up
        through components; None: it is not connected, or carries flow variables only.
    upstream : the nodes that variables come from, in the order of the ports, port 0 first.
    waits : the nodes that must have ended well.
    consumed : output indices that another node is connected to.
    parameters : as stored, with the options of the command line.
    component_input : the Component Input of the component that it lies in.
    variables : of the metanodes around it.
    """

    path: NodePath
    node: Runnable
    inputs: tuple[tuple[NodePath, int] | None, ...]
    upstream: tuple[NodePath, ...]
    waits: frozenset[NodePath]
    consumed: frozenset[int]
    parameters: Mapping[str, Any]
    component_input: NodePath | None
    variables: Mapping[str, VariableValue]

    @property
    def entry(self) -> NodeEntry:
        """The node as stored; of a Component Input or Output, the component."""
        return self.node.entry


def make_plan(workflow: Workflow, extension: Extension, options: Sequence[SettingOption] = ()) -> list[Step]:
    """All nodes in an order in which each runs after those it depends on; equal ones by their number.

    Raises
    ------
    UserInputError : a node that is neither of the extension nor one of KNIME's that can be run here, or settings of one
        that cannot; a connection to nowhere, between ports of different kinds, or to a port that has one; an input that
        must be connected and is not; a circle; an option for a node or setting that does not exist.
    """
    graph = flatten(workflow)
    nodes = {path: _runnable(entry, extension) for path, entry in graph.nodes.items() if path not in graph.components}
    for path, component in graph.components.items():
        nodes[path] = border(graph.nodes[path], component, _fields(component, nodes, options))
    known = {node.entry.path for node in nodes.values()}
    for option in options:
        if option.node not in known:
            raise UserInputError(f"The workflow has no node #{'/'.join(map(str, option.node))}.", where="-option")
    for dest, source in graph.sources.items():
        _check_ports(source, dest, nodes)
    order = _order(nodes, graph)
    consumed: dict[NodePath, set[int]] = {path: set() for path in nodes}
    for dest in graph.sources:
        if not isinstance(nodes[dest[0]], Border) and (origin := graph.origin(dest)) is not None:
            _check_kinds(origin, dest, nodes)
            consumed[origin[0]].add(origin[1] - 1)
    return [_step(path, nodes, graph, frozenset(consumed[path]), options) for path in order]


def _runnable(entry: NodeEntry, extension: Extension) -> Runnable:
    if entry.factory in KNIME_NODES:
        return KNIME_NODES[entry.factory](entry)
    if entry.extension_id == extension.id and entry.node_id in extension.nodes:
        return ExtensionNode(entry, extension.nodes[entry.node_id])
    if entry.extension_id == extension.id:
        what, todo = f"This version of {extension.id} has no such node.", "Update the extension."
    elif entry.extension_id:
        what = f"This node is not of {extension.id} but of {entry.extension_id}."
        todo = "Run the workflow in KNIME, or remove the node."
    else:
        what = f"Of KNIME's own nodes, this one can be run by KNIME only ({entry.factory or 'of an unknown kind'})."
        todo = "Run the workflow in KNIME, or remove the node."
    raise UserInputError(what, where=entry.title, todo=todo)


def _fields(
    component: NodeEntry, nodes: Mapping[NodePath, Runnable], options: Sequence[SettingOption]
) -> list[tuple[Configuration, dict[str, Any]]]:
    """The Configuration nodes right inside a component, with their settings."""
    inside = [node for path, node in nodes.items() if path[:-1] == component.path]
    return [(node, _with_options(node, options)) for node in inside if isinstance(node, Configuration)]


def _with_options(node: Runnable, options: Sequence[SettingOption]) -> dict[str, Any]:
    parameters = dict(node.parameters)
    for option in options:
        if option.node == node.entry.path:
            path = node.path_of(option.path) if isinstance(node, Border) else option.path
            try:
                parameters = with_setting(parameters, path, option.value)
            except UserInputError as error:
                raise error.at(f"-option, {node.entry.title}") from None
    return parameters


def _check_ports(source: End, dest: End, nodes: Mapping[NodePath, Runnable]) -> None:
    for (path, number), side in ((source, "output"), (dest, "input")):
        ports = nodes[path].outputs if side == "output" else nodes[path].inputs
        if not 0 <= number <= len(ports):
            raise UserInputError(
                f"A connection leads to {side} port {number}, which the node does not have.",
                where=nodes[path].entry.title,
            )


def _check_kinds(source: End, dest: End, nodes: Mapping[NodePath, Runnable]) -> None:
    kinds = _kind(nodes[source[0]].outputs, source[1]), _kind(nodes[dest[0]].inputs, dest[1])
    if kinds[0] != kinds[1]:
        raise UserInputError(
            f"A connection leads from an output ({kinds[0]}) of {nodes[source[0]].entry.title} to input port "
            f"{dest[1]}, which takes another kind ({kinds[1]}).",
            where=nodes[dest[0]].entry.title,
        )


def _kind(ports: Sequence[Port], number: int) -> str:
    return ports[number - 1].kind if number else VARIABLES


def _order(nodes: Mapping[NodePath, Runnable], graph: Graph) -> list[NodePath]:
    sorter: TopologicalSorter[NodePath] = TopologicalSorter({path: graph.waits.get(path, ()) for path in nodes})
    for dest, source in graph.sources.items():
        sorter.add(dest[0], source[0])
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(nodes[path].entry.title for path in error.args[1])
        raise UserInputError(f"The connections form a circle: {circle}.") from None
    order: list[NodePath] = []
    ready = sorted(sorter.get_ready())
    while ready:
        order.append(ready.pop(0))
        sorter.done(order[-1])
        ready = sorted([*ready, *sorter.get_ready()])
    return order


def _step(
    path: NodePath,
    nodes: Mapping[NodePath, Runnable],
    graph: Graph,
    consumed: frozenset[int],
    options: Sequence[SettingOption],
) -> Step:
    node = nodes[path]
    inputs: list[tuple[NodePath, int] | None] = []
    for number, port in enumerate(node.inputs, start=1):
        origin = graph.origin((path, number))
        if origin is None and (path, number) not in graph.sources and _must_be_connected(node, port):
            raise UserInputError(
                f"The input port {port.name!r} is not connected.", where=node.entry.title, todo="Connect it in KNIME."
            )
        carries = origin is not None and _kind(nodes[origin[0]].outputs, origin[1]) != VARIABLES
        inputs.append((origin[0], origin[1] - 1) if carries and origin is not None else None)
    sources = [graph.sources.get((path, number)) for number in range(len(node.inputs) + 1)]
    upstream = tuple(dict.fromkeys(source[0] for source in sources if source is not None))
    parameters = _with_options(node, options)
    try:
        node.check(parameters)
    except UserInputError as error:
        raise error.at(node.entry.title) from None
    return Step(
        path,
        node,
        tuple(inputs),
        upstream,
        frozenset(upstream) | graph.waits.get(path, frozenset()),
        consumed,
        parameters,
        graph.inside.get(path),
        graph.variables[path],
    )


def _must_be_connected(node: Runnable, port: Port) -> bool:
    # An output of a component may be left unused inside: KNIME runs the rest of it.
    return not port.optional and (not isinstance(node, Border) or node.is_input)
