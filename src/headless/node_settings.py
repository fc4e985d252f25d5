"""The settings.xml of a Python node that is not executed, every key in KNIME's order."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.errors import UserInputError
from headless.backend import Extension, NodeType, Port
from headless.model_settings import merged, to_model
from headless.settings_parts import OBJECT_CLASSES, Source, head, identity, without_results
from headless.settings_xml import Config
from headless.workflow import PYTHON_FACTORY
from headless.workflow_template import TemplateNode


def node_config(extension: Extension, kind: NodeType, node: TemplateNode, connected: frozenset[str]) -> Config:
    """The content of settings.xml; `connected` names the input ports that a connection ends at.

    Raises
    ------
    UserInputError : the template names a parameter that the node does not have.
    """
    where = f"{kind.name} (#{node.id})"
    defaults = kind.default_parameters()
    for parameter in kind.parameters():
        if parameter.kind == "column" and parameter.default == "":
            # Python says "" for a column that is not set, but KNIME before 5.9 takes that for a column's name.
            defaults = _without_column(defaults, parameter.path)
    parameters = merged(defaults, node.parameters, where)
    begin = head(to_model(parameters, extension.version), _assignments(parameters, node, where), node.label, node.state)
    feature = f"{extension.group_id}.features.{extension.name}.feature.group"
    bundle, feature_source = (
        Source(extension.description, name, extension.vendor, extension.version) for name in (extension.id, feature)
    )
    return (
        begin
        | identity(PYTHON_FACTORY, kind.name, bundle, feature_source)
        | {
            "factory-id-uniquifier": f"{extension.id}_!_{node.node_id}",
            "factory_settings": {"extension_id": extension.id, "node_id": node.node_id},
            "node_creation_config": _ports("Input", kind.input_ports, connected)
            | _ports("Output", kind.output_ports, connected),
        }
        | without_results(kind.name, len(kind.output_ports))
    )


def _without_column(parameters: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    inner = _without_column(parameters[path[0]], path[1:]) if len(path) > 1 else None
    return {**parameters, path[0]: inner}


def _ports(side: str, ports: Sequence[Port], connected: frozenset[str]) -> Config:
    config: Config = {}
    for i, port in enumerate(ports):
        if port.is_added:
            added = range(len(port.names(connected)))
            config[port.name] = {f"port_{n}": {"object_class": OBJECT_CLASSES[port.kind]} for n in added}
        else:
            config[f"{side} {port.name} # {i}"] = {}
    return config


def _assignments(parameters: Mapping[str, Any], node: TemplateNode, where: str) -> Config:
    tree: Config = {}
    for setting in dict.fromkeys([*node.uses, *node.exposes]):
        if not _exists(parameters, setting.split("/")):
            raise UserInputError(f"There is no parameter {setting!r} for a flow variable.", where=where)
        *groups, name = setting.split("/")
        level = tree
        for group in groups:
            level = cast(Config, level.setdefault(group, {}))
        level[name] = {"used_variable": node.uses.get(setting), "exposed_variable": node.exposes.get(setting)}
    return {"version": "V_2019_09_13", "tree": tree} if tree else {}


def _exists(parameters: Any, path: Sequence[str]) -> bool:
    if not path:
        return not isinstance(parameters, Mapping)
    return isinstance(parameters, Mapping) and path[0] in parameters and _exists(parameters[path[0]], path[1:])
