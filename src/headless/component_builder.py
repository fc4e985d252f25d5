"""Write components as KNIME stores them: inside a workflow, or shared, in a folder of their own.

KNIME configures nothing inside a component until data are at its inputs, so that every node in it is IDLE. The dialog
is a chain of configuration nodes: a port takes one connection, and flow variables run through.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence

from core.errors import UserInputError
from headless.backend import Extension
from headless.canvas import Placed, connected, contents, header, node_type, placed
from headless.component_nodes import component_input, component_output, configuration, configuration_name, entered
from headless.metadata_xml import component_metadata
from headless.node_settings import node_config
from headless.settings_parts import head, label_below, port_types
from headless.settings_xml import Config, document
from headless.workflow_template import INPUT, OUTPUT, Component, Entry, NamedConnection, TemplateComponent

_STEP = 180
_VARIABLE = "Flow Variable Output"


def placed_component(extension: Extension, node: TemplateComponent, position: tuple[int, int]) -> Placed:
    """A component as the canvas around it sees it.

    Raises
    ------
    UserInputError : a port is not connected inside, or a node or port is not there.
    """
    inside = _inside(extension, node.component)
    return Placed(node.id, node.component.name, inside[INPUT].outputs, inside[OUTPUT].inputs, position, True)


def component_files(extension: Extension, node: TemplateComponent, shared: bool = False) -> dict[str, str]:
    """Relative path to content of every file of the component's folder.

    shared : whether it lies in a folder of its own, from where people drag it into their workflows.

    Raises
    ------
    UserInputError : a node, port, parameter or entry is not there, or KNIME would refuse it.
    """
    component = node.component
    _check(component)
    inside = _inside(extension, component)
    kinds = [*inside[INPUT].outputs.values()], [*inside[OUTPUT].inputs.values()]
    connections = [*component.connections, *_chain(component)]
    origin: Config = {"workflow_template_information": _origin(component)} if shared else {}
    canvas = header(None if shared else component.name) | label_below(node.label)
    canvas |= {"customDescription": None, "state": "IDLE", "workflow_credentials": {}}
    canvas |= contents([inside[i] for i in sorted(inside)], connections, component.notes)
    settings = {
        INPUT: component_input(component.inputs, kinds[0]),
        OUTPUT: component_output(component.outputs, kinds[1]),
    } | {entry.id: configuration(entry) for entry in component.dialog}
    for inner in component.nodes:
        kind = node_type(extension, inner)
        idle = dataclasses.replace(inner, state="IDLE")
        settings[inner.id] = node_config(extension, kind, idle, connected(connections, inner.id))
    files = {
        "settings.xml": document("settings.xml", _settings(node, *kinds, origin)),
        "workflow.knime": document("workflow.knime", canvas),
        "component-metadata.xml": component_metadata(component),
    }
    if shared:
        template = {key: value for key, value in header(None).items() if key != "name"} | origin
        files["template.knime"] = document("Template", template)
    for identity, config in settings.items():
        files[f"{inside[identity].folder}/settings.xml"] = document("settings.xml", config)
    return files


def _check(component: Component) -> None:
    numbers = [INPUT, OUTPUT, *(node.id for node in component.nodes), *(entry.id for entry in component.dialog)]
    if len(set(numbers)) < len(numbers):
        raise UserInputError("Two nodes have the same number.", where=component.name)
    known = {entry.name for entry in component.dialog}.union(*(node.exposes.values() for node in component.nodes))
    for node in component.nodes:
        if unknown := set(node.uses.values()) - known:
            raise UserInputError(f"Nothing inside sets the variable {min(unknown)!r}.", where=component.name)


def _settings(node: TemplateComponent, inputs: Sequence[str], outputs: Sequence[str], origin: Config) -> Config:
    config = head(_entered(node), {}, node.label, "IDLE") | {
        "workflow-file": "workflow.knime",
        "virtual-in-ID": INPUT,
        "inports": port_types("inport", inputs),
        "virtual-out-ID": OUTPUT,
        "outports": port_types("outport", outputs),
    }
    return (
        config
        | origin
        | {
            "layoutJSON": '{"parentLayoutLegacyMode":false}',
            "configurationLayoutJSON": _layout(node.component.dialog),
            "hideInWizard": False,
            "customCSS": "",
        }
    )


def _entered(node: TemplateComponent) -> Config:
    entries = {entry.name: entry for entry in node.component.dialog}
    for name in node.values:
        if name not in entries:
            raise UserInputError(f"The dialog has no entry {name!r}.", where=f"{node.component.name} (#{node.id})")
    return {f"{name}-{entries[name].id}": entered(entries[name], value) for name, value in node.values.items()}


def _layout(dialog: Sequence[Entry]) -> str:
    """The order of the entries."""
    if not dialog:
        return "{}"
    rows = [
        {"type": "row", "columns": [{"content": [{"type": "configuration", "nodeID": str(e.id)}], "widthXS": 12}]}
        for e in dialog
    ]
    return json.dumps({"parentLayoutLegacyMode": False, "rows": rows}, separators=(",", ":"))


def _origin(component: Component) -> Config:
    written = component.written.replace("T", " ") + " +0000"
    return {"role": "Template", "timestamp": written, "sourceURI": None, "templateType": "SubNode"}


def _inside(extension: Extension, component: Component) -> Mapping[int, Placed]:
    """Every node inside by its id, those that stand for the ports included."""
    nodes: dict[int, Placed] = {}
    for i, node in enumerate(component.nodes):
        position = node.position or (100 + (i + 1) * _STEP, 200)
        nodes[node.id] = placed(extension, node, component.connections, position)
    xs, ys = zip(*(node.position for node in nodes.values()), strict=True)
    middle = (min(ys) + max(ys)) // 2
    into = {node.id: node.inputs for node in nodes.values()}
    out_of = {node.id: node.outputs for node in nodes.values()}
    leads_to = {port: (dest, inner) for source, port, dest, inner in component.connections if source == INPUT}
    comes_from = {port: (source, inner) for source, inner, dest, port in component.connections if dest == OUTPUT}
    inputs = {port: _carried(component, port, into, leads_to) for port in component.inputs}
    outputs = {port: _carried(component, port, out_of, comes_from) for port in component.outputs}
    for i, entry in enumerate(component.dialog):
        above = (min(xs) + i * _STEP, min(ys) - _STEP)
        nodes[entry.id] = Placed(entry.id, configuration_name(entry), {}, {_VARIABLE: "variable"}, above)
    nodes[INPUT] = Placed(INPUT, "Component Input", {}, inputs, (min(xs) - _STEP, middle))
    nodes[OUTPUT] = Placed(OUTPUT, "Component Output", outputs, {}, (max(xs) + _STEP, middle))
    return nodes


def _carried(
    component: Component, port: str, kinds: Mapping[int, Mapping[str, str]], ends: Mapping[str, tuple[int, str]]
) -> str:
    """What a port carries: what the port does that it is connected to inside."""
    identity, inner = ends.get(port, (0, ""))
    kind = kinds.get(identity, {}).get(inner)
    if kind is None:
        raise UserInputError(f"The port {port!r} is not connected to a port of a node inside.", where=component.name)
    return kind


def _chain(component: Component) -> list[NamedConnection]:
    """From one configuration node to the next, and from the last to every node that uses variables."""
    ids = [entry.id for entry in component.dialog]
    users = [node.id for node in component.nodes if node.uses]
    links = [*itertools.pairwise(ids), *((ids[-1], user) for user in users if ids)]
    return [(source, _VARIABLE, dest, "") for source, dest in links]
