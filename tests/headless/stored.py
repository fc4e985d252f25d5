"""Workflows written entry by entry as KNIME stores them: with metanodes, components and KNIME's own nodes."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.headless.knime_nodes import names

from headless.model_settings import to_model
from headless.settings_xml import Config, Value, array, document
from headless.workflow import PYTHON_FACTORY

BORDER = "org.knime.core.node.workflow.virtual.subnode.VirtualSubNode"
FILTER = "org.knime.base.node.preproc.filter.column.DataColumnSpecFilterNodeFactory"
CONFIGURATION = "org.knime.js.base.node.configuration"


@dataclasses.dataclass(frozen=True)
class Node:
    """A node to write; `inner` holds nodes and connections (source, port, dest, port) of a component or metanode."""

    id: int
    factory: str = ""
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str = "Node"
    identity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    uses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, int] = dataclasses.field(default_factory=dict)
    inner: "tuple[Sequence[Node], Sequence[tuple[int, int, int, int]]] | None" = None
    is_metanode: bool = False
    variables: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def toy_node(identity: int, node_id: str, uses: Mapping[str, str] | None = None, **parameters: Any) -> Node:
    """A node of the toy extension."""
    from tests.headless.toy import toy

    kind = toy().nodes[node_id]
    stored = {**kind.default_parameters(), **parameters}
    return Node(
        identity,
        PYTHON_FACTORY,
        to_model(stored, kind.version),
        kind.name,
        {"extension_id": kind.extension_id, "node_id": node_id},
        uses or {},
    )


def component(
    identity: int,
    ports: tuple[int, int],
    nodes: Sequence[Node],
    connections: Sequence[tuple[int, int, int, int]],
    inward: Mapping[str, Any] | None = None,
    outward: Mapping[str, Any] | None = None,
    prefix: str | None = None,
    **more: Any,
) -> Node:
    """A component of numbers of ports in and out; its Component Input is #1, its Component Output #2."""
    borders = [
        Node(
            i + 1,
            f"{BORDER}{side}NodeFactory",
            {
                "variable-filter": chosen or names(),
                "variable-prefix": prefix if side == "Input" else None,
                "port-names": array([f"Port {k + 1}" for k in range(count)]),
            },
            f"Component {side}",
        )
        for i, (side, count, chosen) in enumerate((("Input", ports[0], inward), ("Output", ports[1], outward)))
    ]
    return Node(identity, inner=([*borders, *nodes], connections), **{"name": "Component", **more})


def metanode(
    identity: int, nodes: Sequence[Node], connections: Sequence[tuple[int, int, int, int]], **more: Any
) -> Node:
    """A metanode; -1 is its port bar."""
    return Node(identity, inner=(nodes, connections), is_metanode=True, **{"name": "Metanode", **more})


def write(
    folder: Path,
    nodes: Sequence[Node],
    connections: Sequence[tuple[int, int, int, int]],
    variables: Mapping[str, Any] | None = None,
) -> Path:
    """A workflow in `folder`."""
    _write_level(folder, nodes, connections, variables or {}, None)
    return folder


def _write_level(
    folder: Path,
    nodes: Sequence[Node],
    connections: Sequence[tuple[int, int, int, int]],
    variables: Mapping[str, Any],
    name: str | None,
) -> None:
    folder.mkdir(parents=True)
    classes = {bool: "BOOLEAN", int: "INTEGER", float: "DOUBLE", str: "STRING"}
    config: Config = {
        "version": "5.1.0",
        "name": name,
        "workflow_variables": {
            f"Var_{i}": {"name": key, "class": classes[type(value)], "value": value}
            for i, (key, value) in enumerate(variables.items())
        },
        "nodes": {
            f"node_{node.id}": {
                "id": node.id,
                "node_settings_file": f"N{node.id}/{'workflow.knime' if node.is_metanode else 'settings.xml'}",
                "node_type": "MetaNode" if node.is_metanode else "SubNode" if node.inner else "NativeNode",
            }
            for node in nodes
        },
        "connections": {
            f"connection_{i}": dict(zip(("sourceID", "sourcePort", "destID", "destPort"), ends, strict=True))
            for i, ends in enumerate(connections)
        },
    }
    (folder / "workflow.knime").write_text(document("workflow.knime", config))
    for node in nodes:
        inside = folder / f"N{node.id}"
        if node.inner is not None:
            _write_level(inside, *node.inner, node.variables, node.name)
        if not node.is_metanode:
            inside.mkdir(exist_ok=True)
            (inside / "settings.xml").write_text(document("settings.xml", _settings(node)))


def _settings(node: Node) -> Config:
    tree: Config = {}
    for setting, variable in node.uses.items():
        level = tree
        *groups, last = setting.split("/")
        for group in groups:
            inner: Value = level.setdefault(group, {})
            assert isinstance(inner, dict)
            level = inner
        level[last] = {"used_variable": variable, "exposed_variable": None}
    config: Config = {
        "model": dict(node.model),
        "variables": {"tree": tree} if tree else {},
        "name": node.name,
        "factory_settings": dict(node.identity),
        "node_creation_config": {name: {f"port_{i}": {} for i in range(count)} for name, count in node.groups.items()},
    }
    if node.inner is not None:
        return config | {"virtual-in-ID": 1, "virtual-out-ID": 2, "workflow-file": "workflow.knime"}
    return config | {"factory": node.factory, "node-name": node.name}
