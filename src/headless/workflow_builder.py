"""Write workflows as KNIME stores them, from a description in Python: how the templates are made.

The files follow KNIME 5.4 to 5.8 to the byte: format 5.1.0, nodes configured but not executed, the identity of the
installed extension, and every parameter (defaults from the extension, overridden per node).
"""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape as escape_xml

from core.errors import OutputError, UserInputError
from core.io.write import atomic
from headless.backend import Extension, NodeType, Port
from headless.node_settings import annotation, node_config
from headless.settings_xml import Config, array, document
from headless.workflow import VariableValue
from headless.workflow_template import Note, Template, TemplateNode

OLDEST_KNIME = "5.5.0"
_CLASSES = {bool: ("BOOLEAN", "boolean"), int: ("INTEGER", "integer"), float: ("DOUBLE", "number")}
_NODE_PITCH = 180


def build_workflow(folder: Path, extension: Extension, template: Template) -> None:
    """Write the template as a workflow folder; files of other names in the folder (data/) stay.

    Raises
    ------
    UserInputError : the template names a node, port or parameter that the extension does not have.
    OutputError : the folder cannot be written.
    """
    files = workflow_files(extension, template)
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
    except OSError as error:
        raise OutputError(f"The workflow cannot be written: {error}.", where=str(folder)) from None


def workflow_files(extension: Extension, template: Template) -> dict[str, str]:
    """Relative path to content of every file of the workflow."""
    types = {node.id: _type(extension, node) for node in template.nodes}
    connections = [
        (
            source,
            _port_number(types, template, source, "output", out),
            dest,
            _port_number(types, template, dest, "input", into),
        )
        for source, out, dest, into in template.connections
    ]
    files = {
        "workflow.knime": document("workflow.knime", _workflow_config(template, types, connections)),
        "workflow-metadata.xml": _metadata(template),
        ".artifacts/workflow-configuration.json": _configuration(template.variables),
        ".artifacts/workflow-configuration-representation.json": "{\n}",
    }
    for node in template.nodes:
        config = node_config(extension, types[node.id], node, _connected(template, node.id))
        files[f"{_folder_name(types[node.id].name, node.id)}/settings.xml"] = document("settings.xml", config)
    return files


def write_knwf(folder: Path, archive: Path) -> None:
    """Pack a workflow folder as .knwf; the same files give the same bytes.

    Raises
    ------
    OutputError : the archive cannot be written.
    """
    with atomic(archive) as partial, zipfile.ZipFile(partial, "w") as bundle:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            bundle.writestr(info, path.read_bytes())


def _type(extension: Extension, node: TemplateNode) -> NodeType:
    if node.node_id not in extension.nodes:
        raise UserInputError(f"The extension has no node {node.node_id!r}.", where=f"node {node.id}")
    return extension.nodes[node.node_id]


def _connected(template: Template, identity: int) -> frozenset[str]:
    return frozenset(into for _, _, dest, into in template.connections if dest == identity)


def _port_number(types: Mapping[int, NodeType], template: Template, identity: int, side: str, name: str) -> int:
    if name == "":
        return 0
    if identity not in types:
        raise UserInputError(f"A connection names node {identity}, which the template does not have.")
    ports: Sequence[Port] = types[identity].output_ports if side == "output" else types[identity].input_ports
    present = [port.name for port in ports if not port.optional or port.name in _connected(template, identity)]
    if name not in present:
        raise UserInputError(f"There is no {side} port {name!r}.", where=f"{types[identity].name} (#{identity})")
    return present.index(name) + 1


def _folder_name(name: str, identity: int) -> str:
    return f"{re.sub(r'[^a-zA-Z0-9 ]', '_', name)} (#{identity})"


def _workflow_config(
    template: Template, types: Mapping[int, NodeType], connections: Sequence[tuple[int, int, int, int]]
) -> Config:
    written = template.written.replace("T", " ") + " +0000"
    states = {node.state for node in template.nodes}
    config: Config = {
        "created_by": OLDEST_KNIME,
        "created_by_nightly": False,
        "version": "5.1.0",
        "name": None,
        "authorInformation": {
            "authored-by": template.author,
            "authored-when": written,
            "lastEdited-by": template.author,
            "lastEdited-when": written,
        },
        "customDescription": None,
        "state": "IDLE" if "IDLE" in states else "CONFIGURED",
    }
    if template.variables:
        config["workflow_variables"] = {
            f"Var_{i}": {"name": name, "class": _CLASSES.get(type(value), ("STRING", ""))[0], "value": value}
            for i, (name, value) in enumerate(template.variables.items())
        }
    config["workflow_credentials"] = {}
    if template.notes:
        config["annotations"] = {f"annotation_{i}": _note(note) for i, note in enumerate(template.notes)}
    config["nodes"] = {
        f"node_{node.id}": _row(node, _folder_name(types[node.id].name, node.id), i)
        for i, node in enumerate(template.nodes)
    }
    keys = ("sourceID", "sourcePort", "destID", "destPort")
    config["connections"] = {
        f"connection_{i}": {
            k: dict(zip(keys, ends, strict=True))[k] for k in ("sourceID", "destID", "sourcePort", "destPort")
        }
        for i, ends in enumerate(connections)
    }
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


def _row(node: TemplateNode, folder: str, index: int) -> Config:
    x, y = node.position or (100 + index * _NODE_PITCH, 200)
    return {
        "id": node.id,
        "node_settings_file": f"{folder}/settings.xml",
        "node_is_meta": False,
        "node_type": "NativeNode",
        "ui_classname": "org.knime.core.node.workflow.NodeUIInformation",
        "ui_settings": {"extrainfo.node.bounds": array([x, y, -1, -1])},
    }


def _note(note: Note) -> Config:
    box = (note.x, note.y, note.width, note.height)
    return annotation(note.html, "text/html", box, "LEFT", 10, note.border_color, note.background)


def _configuration(variables: Mapping[str, VariableValue]) -> str:
    entries = {
        f"knime.var.{name}": {"type": _CLASSES.get(type(value), ("", "string"))[1], "default": value}
        for name, value in variables.items()
    }
    return json.dumps(entries, indent=4, ensure_ascii=False) if entries else "{\n}"


def _metadata(template: Template) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<workflow-metadata content-type="text/plain" xmlns="http://www.knime.org/core/node/workflow/metadata/v1.0">',
        f"    <author>{escape_xml(template.author)}</author>",
        f"    <last-modified>{template.written}.000Z</last-modified>",
        f"    <description>{escape_xml(template.description)}</description>",
    ]
    if template.tags:
        tags = [f"        <tag>{escape_xml(tag)}</tag>" for tag in template.tags]
        lines += ["    <tags>", *tags, "    </tags>"]
    return "\n".join([*lines, "</workflow-metadata>"])
