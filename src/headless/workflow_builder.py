"""Write workflows and components as KNIME stores them, from a description in Python: how the templates are made.

The files follow KNIME 5.5 to 5.8 to the byte: format 5.1.0, nodes not executed, the identity of the installed
extension, and every parameter (defaults from the extension, overridden per node).
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import OutputError
from headless.backend import Extension
from headless.canvas import Placed, connected, contents, header, node_type, placed
from headless.component_builder import component_files, placed_component
from headless.metadata_xml import workflow_metadata
from headless.node_settings import node_config
from headless.settings_xml import Config, document
from headless.workflow import VariableValue
from headless.workflow_template import Component, Template, TemplateComponent, TemplateNode

_CLASSES = {bool: ("BOOLEAN", "boolean"), int: ("INTEGER", "integer"), float: ("DOUBLE", "number")}
_NODE_PITCH = 180


def build_workflow(folder: Path, extension: Extension, template: Template) -> None:
    """Write the template as a workflow folder; files of other names in the folder (data/) stay.

    Raises
    ------
    UserInputError : the template names a node, port or parameter that the extension does not have.
    OutputError : the folder cannot be written.
    """
    _write(folder, workflow_files(extension, template))


def build_component(folder: Path, extension: Extension, component: Component) -> None:
    """Write a shared component: a folder that KNIME shows in its explorer, to be dragged into workflows.

    Raises
    ------
    UserInputError : the component names a node, port or parameter that the extension does not have.
    OutputError : the folder cannot be written.
    """
    _write(folder, component_files(extension, TemplateComponent(0, component), shared=True))


def workflow_files(extension: Extension, template: Template) -> dict[str, str]:
    """Relative path to content of every file of the workflow."""
    idle = _behind_components(template)
    nodes = [
        dataclasses.replace(node, state="IDLE") if isinstance(node, TemplateNode) and node.id in idle else node
        for node in template.nodes
    ]
    on_canvas = [_placed(extension, template, node, i) for i, node in enumerate(nodes)]
    files = {
        "workflow.knime": document("workflow.knime", _workflow_config(template, nodes, on_canvas)),
        "workflow-metadata.xml": workflow_metadata(template),
        ".artifacts/workflow-configuration.json": _configuration(template.variables),
        ".artifacts/workflow-configuration-representation.json": "{\n}",
    }
    for node, place in zip(nodes, on_canvas, strict=True):
        if isinstance(node, TemplateNode):
            ends = connected(template.connections, node.id)
            config = node_config(extension, node_type(extension, node), node, ends)
            files[f"{place.folder}/settings.xml"] = document("settings.xml", config)
        else:
            files |= {f"{place.folder}/{name}": text for name, text in component_files(extension, node).items()}
    return files


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
    except OSError as error:
        raise OutputError(f"The workflow cannot be written: {error}.", where=str(folder)) from None


def _behind_components(template: Template) -> set[int]:
    """Components, and what is behind them: KNIME knows no specs there until they are executed."""
    idle = {node.id for node in template.nodes if isinstance(node, TemplateComponent)}
    while more := {dest for source, _, dest, _ in template.connections if source in idle} - idle:
        idle |= more
    return idle


def _placed(extension: Extension, template: Template, node: TemplateNode | TemplateComponent, index: int) -> Placed:
    position = node.position or (100 + index * _NODE_PITCH, 200)
    if isinstance(node, TemplateComponent):
        return placed_component(extension, node, position)
    return placed(extension, node, template.connections, position)


def _workflow_config(
    template: Template, nodes: Sequence[TemplateNode | TemplateComponent], on_canvas: Sequence[Placed]
) -> Config:
    written = template.written.replace("T", " ") + " +0000"
    idle = any(isinstance(node, TemplateComponent) or node.state == "IDLE" for node in nodes)
    config = header(None) | {
        "authorInformation": {
            "authored-by": template.author,
            "authored-when": written,
            "lastEdited-by": template.author,
            "lastEdited-when": written,
        },
        "customDescription": None,
        "state": "IDLE" if idle else "CONFIGURED",
    }
    if template.variables:
        config["workflow_variables"] = {
            f"Var_{i}": {"name": name, "class": _CLASSES.get(type(value), ("STRING", ""))[0], "value": value}
            for i, (name, value) in enumerate(template.variables.items())
        }
    config["workflow_credentials"] = {}
    config |= contents(on_canvas, template.connections, template.notes)
    config["workflow_editor_settings"] = {
        "workflow.editor.snapToGrid": True,
        "workflow.editor.ShowGrid": False,
        "workflow.editor.gridX": 20,
        "workflow.editor.gridY": 20,
        "workflow.editor.zoomLevel": 1.0,
        "workflow.editor.curvedConnections": False,
        "workflow.editor.connectionWidth": 1,
    }
    return config


def _configuration(variables: Mapping[str, VariableValue]) -> str:
    entries = {
        f"knime.var.{name}": {"type": _CLASSES.get(type(value), ("", "string"))[1], "default": value}
        for name, value in variables.items()
    }
    return json.dumps(entries, indent=4, ensure_ascii=False) if entries else "{\n}"
