"""What lies on the canvas of a workflow or component, as workflow.knime keeps it: nodes, connections, notes."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from core.errors import UserInputError
from headless.backend import Extension, NodeType
from headless.settings_parts import OLDEST_KNIME, annotation
from headless.settings_xml import Config, array
from headless.workflow_template import NamedConnection, Note, TemplateNode

_LONGEST_COMPONENT_FOLDER = 12


@dataclasses.dataclass(frozen=True)
class Placed:
    """A node or component on a canvas.

    inputs, outputs : name to kind of its data ports, in order.
    position : x, y of its upper left corner, px.
    """

    id: int
    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    position: tuple[int, int]
    is_component: bool = False

    @property
    def folder(self) -> str:
        """The folder of its settings."""
        plain = re.sub(r"[^a-zA-Z0-9 ]", "_", self.name)
        return f"{plain[:_LONGEST_COMPONENT_FOLDER] if self.is_component else plain} (#{self.id})"


def node_type(extension: Extension, node: TemplateNode) -> NodeType:
    """What kind of node it is.

    Raises
    ------
    UserInputError : the extension has no such node.
    """
    if node.node_id not in extension.nodes:
        raise UserInputError(f"The extension has no node {node.node_id!r}.", where=f"node {node.id}")
    return extension.nodes[node.node_id]


def placed(
    extension: Extension, node: TemplateNode, connections: Sequence[NamedConnection], position: tuple[int, int]
) -> Placed:
    """A node of the extension, with those optional ports, and those of groups, that a connection ends at."""
    kind = node_type(extension, node)
    used = connected(connections, node.id)
    inputs = {name: port.kind for port in kind.input_ports for name in port.names(used)}
    return Placed(node.id, kind.name, inputs, {port.name: port.kind for port in kind.output_ports}, position)


def connected(connections: Sequence[NamedConnection], identity: int) -> frozenset[str]:
    """The input ports of a node that a connection ends at."""
    return frozenset(into for _, _, dest, into in connections if dest == identity)


def header(name: str | None) -> Config:
    """How workflow.knime begins."""
    return {"created_by": OLDEST_KNIME, "created_by_nightly": False, "version": "5.1.0", "name": name}


def contents(nodes: Sequence[Placed], connections: Sequence[NamedConnection], notes: Sequence[Note]) -> Config:
    """Notes, nodes and connections.

    Raises
    ------
    UserInputError : a connection names a node or port that is not there.
    """
    config: Config = {"annotations": {f"annotation_{i}": _note(note) for i, note in enumerate(notes)}} if notes else {}
    config["nodes"] = {f"node_{node.id}": _row(node) for node in nodes}
    by_id = {node.id: node for node in nodes}
    config["connections"] = {
        f"connection_{i}": {
            "sourceID": source,
            "destID": dest,
            "sourcePort": _number(by_id, source, "output", out),
            "destPort": _number(by_id, dest, "input", into),
        }
        for i, (source, out, dest, into) in enumerate(connections)
    }
    return config


def _number(nodes: Mapping[int, Placed], identity: int, side: str, port: str) -> int:
    if identity not in nodes:
        raise UserInputError(f"A connection names node {identity}, which the template does not have.")
    if port == "":
        return 0
    node = nodes[identity]
    ports = list(node.outputs if side == "output" else node.inputs)
    if port not in ports:
        raise UserInputError(f"There is no {side} port {port!r}.", where=f"{node.name} (#{identity})")
    return ports.index(port) + 1


def _row(node: Placed) -> Config:
    x, y = node.position
    return {
        "id": node.id,
        "node_settings_file": f"{node.folder}/settings.xml",
        "node_is_meta": node.is_component,
        "node_type": "SubNode" if node.is_component else "NativeNode",
        "ui_classname": "org.knime.core.node.workflow.NodeUIInformation",
        "ui_settings": {"extrainfo.node.bounds": array([x, y, -1, -1])},
    }


def _note(note: Note) -> Config:
    box = (note.x, note.y, note.width, note.height)
    return annotation(note.html, "text/html", box, "LEFT", 10, note.border_color, note.background)
