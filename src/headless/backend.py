"""Loads an extension and describes its nodes, as KNIME does at its start; `instance` runs them.

    extension = load_extension(folder)                  # the folder that holds knime.yml
    node = extension.nodes["Multiplier"].create()       # parameters at their defaults
    node.load(parameters, version)                      # as a workflow stores them
    node.validate()                                     # None, or what is wrong
    context = Context(temp=folder)
    specs = node.configure(inputs, context)             # one input per declared port, None: not connected
    result = node.execute(inputs, context)              # result.outputs feed the next node, result.view_html

An input of `configure` is a spec or an output, an input of `execute` an output of another node, or an Arrow table.
Works on the stand-in for KNIME's API only.
"""

import importlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from defusedxml import ElementTree
from knime.extension._nodes import registered_nodes

from core.errors import UserInputError
from headless.handover import Output, PortOutput, TableOutput
from headless.instance import Context, Execution, NodeError, NodeInstance
from headless.node_type import NodeType, Parameter, Port

__all__ = [
    "Context",
    "Execution",
    "Extension",
    "NodeError",
    "NodeInstance",
    "NodeType",
    "Output",
    "Parameter",
    "Port",
    "PortOutput",
    "TableOutput",
    "load_extension",
]


@dataclass(frozen=True)
class Extension:
    """A loaded extension: what knime.yml says of it, and its nodes by their id."""

    group_id: str
    name: str
    version: str
    description: str
    vendor: str
    folder: Path
    nodes: Mapping[str, NodeType]

    @property
    def id(self) -> str:
        """The name under which workflows know the extension."""
        return f"{self.group_id}.{self.name}"


def load_extension(folder: Path) -> Extension:
    """Import the extension whose knime.yml lies in `folder`.

    Raises
    ------
    UserInputError : knime.yml is missing or wrong, or the extension cannot be imported.
    """
    folder = folder.resolve()
    yml = _read_yml(folder / "knime.yml")
    module = folder / str(yml["extension_module"])
    source = module.parent
    if str(source) not in sys.path:
        sys.path.insert(0, str(source))
    try:
        importlib.import_module(module.name)
    except Exception as error:
        raise UserInputError(f"The extension cannot be imported: {error!r}.", where=str(module)) from error
    extension_id, version = f"{yml['group_id']}.{yml['name']}", str(yml.get("version") or "0.0.0")
    text = {key: str(yml.get(key) or "") for key in ("group_id", "name", "description", "vendor")}
    return Extension(
        **text,
        version=version,
        folder=folder,
        nodes=_by_id(NodeType(n, extension_id, version) for n in registered_nodes() if _lies_in(n.module, source)),
    )


def _by_id(nodes: Iterable[NodeType]) -> dict[str, NodeType]:
    """The nodes by their id; refuses what makes KNIME lose nodes: one id twice, a summary that breaks its XML."""
    found: dict[str, NodeType] = {}
    for node in nodes:
        if node.id in found:
            raise UserInputError(f"There are two nodes with the id {node.id!r}.", where=node.name)
        try:
            ElementTree.fromstring(f"<p>{node.summary}</p>")
        except ElementTree.ParseError as error:
            raise UserInputError(
                f"The first line of the docstring is no XML ({error}).",
                where=node.name,
                todo="Write < as &lt; and & as &amp; there.",
            ) from None
        found[node.id] = node
    return found


def _lies_in(module: str, source: Path) -> bool:
    """Whether a module was read from a file below `source`: one process may load several extensions."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(source)


def _read_yml(path: Path) -> dict[str, Any]:
    try:
        yml = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserInputError(
            "There is no such file.", where=str(path), todo="Give the folder that holds the extension's knime.yml."
        ) from None
    except yaml.YAMLError as error:
        raise UserInputError(f"The file is no YAML: {error}.", where=str(path)) from None
    if not isinstance(yml, dict):
        raise UserInputError("The file is empty or holds no keys.", where=str(path))
    for key in ("name", "group_id", "extension_module"):
        if not yml.get(key):
            raise UserInputError(f"The key {key!r} is missing.", where=str(path))
    parts = str(yml.get("version") or "0.0.0").split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise UserInputError("The version must have the form 1.2.3.", where=str(path))
    return yml
