"""The order in which a workflow's nodes run, and what each of them gets from whom; everything checked beforehand."""

import dataclasses
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from core.errors import UserInputError
from headless.arguments import SettingOption
from headless.backend import Extension, NodeType, Port
from headless.flow_variables import with_setting
from headless.workflow import Connection, NodeEntry, Workflow


@dataclasses.dataclass(frozen=True)
class Step:
    """One node to run.

    inputs : per declared input port the (node id, output index from 0) it is connected to; None: not connected.
    upstream : ids of the nodes that variables come from, in the order of the ports, port 0 first.
    consumed : output indices that another node is connected to.
    parameters : as stored, with the options of the command line.
    """

    entry: NodeEntry
    type: NodeType
    inputs: tuple[tuple[int, int] | None, ...]
    upstream: tuple[int, ...]
    consumed: frozenset[int]
    parameters: Mapping[str, Any]


def make_plan(workflow: Workflow, extension: Extension, options: Sequence[SettingOption] = ()) -> list[Step]:
    """All nodes in an order in which each runs after those it depends on; equal ones by their number.

    Raises
    ------
    UserInputError : a node that is not of the extension; a connection to nowhere, between ports of different kinds, or
        to a port that has one; an input that must be connected and is not; a circle; an option for a node or setting
        that does not exist.
    """
    entries = {entry.id: entry for entry in workflow.nodes}
    types = {entry.id: _type(entry, extension) for entry in workflow.nodes}
    for option in options:
        if option.node not in entries:
            raise UserInputError(f"The workflow has no node #{option.node}.", where="-option")
    taken: set[tuple[int, int]] = set()
    for connection in workflow.connections:
        _check_connection(connection, entries, types)
        end = connection.dest, connection.dest_port
        if end in taken:
            raise UserInputError(f"Two connections lead to input port {end[1]}.", where=entries[end[0]].title)
        taken.add(end)
    return [_step(entries[i], types, workflow, entries, options) for i in _order(entries, workflow.connections)]


def _type(entry: NodeEntry, extension: Extension) -> NodeType:
    if entry.extension_id == extension.id and entry.node_id in extension.nodes:
        return extension.nodes[entry.node_id]
    if entry.extension_id == extension.id:
        what, todo = f"This version of {extension.id} has no such node.", "Update the extension."
    elif entry.kind == "NativeNode":
        source = f" but of {entry.extension_id}" if entry.extension_id else ""
        what = f"This node is not of {extension.id}{source}."
        todo = "Run the workflow in KNIME, or remove the node."
    else:
        what = f"A {'metanode' if entry.kind == 'MetaNode' else 'component'} can be run by KNIME only."
        todo = "Run the workflow in KNIME, or expand it there."
    raise UserInputError(what, where=entry.title, todo=todo)


def _present(entry: NodeEntry, ports: Sequence[Port]) -> list[int]:
    """Indices of the ports that exist: an optional one only if it was added. Their places are KNIME's port numbers."""
    return [i for i, port in enumerate(ports) if not port.optional or entry.port_groups.get(port.name, 0) > 0]


def _check_connection(connection: Connection, entries: Mapping[int, NodeEntry], types: Mapping[int, NodeType]) -> None:
    ends = ((connection.source, connection.source_port, "output"), (connection.dest, connection.dest_port, "input"))
    kinds = []
    for node, port, side in ends:
        if node not in entries:
            raise UserInputError(f"A connection leads to node #{node}, which does not exist.", where="workflow.knime")
        ports = types[node].output_ports if side == "output" else types[node].input_ports
        present = _present(entries[node], ports)
        if not 0 <= port <= len(present):
            raise UserInputError(
                f"A connection leads to {side} port {port}, which the node does not have.", where=entries[node].title
            )
        kinds.append(ports[present[port - 1]].kind if port else "flow variables")
    if kinds[0] != kinds[1]:
        raise UserInputError(
            f"A connection leads from an output ({kinds[0]}) of {entries[connection.source].title} to input port "
            f"{connection.dest_port}, which takes another kind ({kinds[1]}).",
            where=entries[connection.dest].title,
        )


def _order(entries: Mapping[int, NodeEntry], connections: Sequence[Connection]) -> list[int]:
    sorter: TopologicalSorter[int] = TopologicalSorter({i: () for i in entries})
    for connection in connections:
        sorter.add(connection.dest, connection.source)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(entries[i].title for i in error.args[1])
        raise UserInputError(f"The connections form a circle: {circle}.") from None
    order: list[int] = []
    ready = sorted(sorter.get_ready())
    while ready:
        order.append(ready.pop(0))
        sorter.done(order[-1])
        ready = sorted([*ready, *sorter.get_ready()])
    return order


def _step(
    entry: NodeEntry,
    types: Mapping[int, NodeType],
    workflow: Workflow,
    entries: Mapping[int, NodeEntry],
    options: Sequence[SettingOption],
) -> Step:
    kind = types[entry.id]
    incoming = sorted((c for c in workflow.connections if c.dest == entry.id), key=lambda c: c.dest_port)
    present = _present(entry, kind.input_ports)
    inputs: list[tuple[int, int] | None] = [None] * len(kind.input_ports)
    for c in incoming:
        if c.dest_port > 0:
            source = _present(entries[c.source], types[c.source].output_ports)
            inputs[present[c.dest_port - 1]] = (c.source, source[c.source_port - 1])
    for port, origin in zip(kind.input_ports, inputs, strict=True):
        if origin is None and not port.optional:
            raise UserInputError(
                f"The input port {port.name!r} is not connected.", where=entry.title, todo="Connect it in KNIME."
            )
    parameters = dict(entry.parameters) or kind.default_parameters()  # never configured: KNIME takes the defaults, too
    for option in options:
        if option.node == entry.id:
            try:
                parameters = with_setting(parameters, option.path, option.value)
            except UserInputError as error:
                raise error.at(f"-option, {entry.title}") from None
    instance = kind.create()
    instance.load(parameters, entry.version)
    if problem := instance.validate():
        raise UserInputError(problem, where=entry.title)
    outputs = _present(entry, kind.output_ports)
    consumed = {outputs[c.source_port - 1] for c in workflow.connections if c.source == entry.id and c.source_port > 0}
    upstream = tuple(dict.fromkeys(c.source for c in incoming))
    return Step(entry, kind, tuple(inputs), upstream, frozenset(consumed), parameters)
