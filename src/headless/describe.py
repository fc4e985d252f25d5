"""Nodes as text: a list of them, and one with its ports and settings."""

import textwrap

from core.errors import UserInputError
from headless.backend import Extension, NodeType, Parameter, Port

_WIDTH = 100


def list_nodes(extension: Extension) -> str:
    """One line per node: id, name, what it does."""
    width = max((len(node) for node in extension.nodes), default=0)
    shown = [node for node in extension.nodes.values() if not node.is_hidden]
    lines = [f"{node.id.ljust(width)}  {node.name}: {node.summary}" for node in shown]
    return "\n".join([f"{extension.description} {extension.version} ({extension.id})", "", *lines])


def describe(extension: Extension, name: str) -> str:
    """Ports, settings with type, default, choices and range, and the description of a node.

    Raises
    ------
    UserInputError : there is no node of this id or name; says which ones there are.
    """
    wanted = name.casefold()
    found = [node for node in extension.nodes.values() if wanted in (node.id.casefold(), node.name.casefold())]
    if not found:
        raise UserInputError(f"There is no node {name!r}.", todo=f"Nodes are: {', '.join(extension.nodes)}.")
    return "\n".join(_node(found[0])) + "\n"


def _node(node: NodeType) -> list[str]:
    lines = [f"{node.name} ({node.id})", "", _wrapped(node.summary)]
    if node.description:
        lines += ["", *(_wrapped(paragraph) for paragraph in _paragraphs(node.description))]
    for title, ports in (("Inputs", node.input_ports), ("Outputs", node.output_ports)):
        if ports:
            lines += ["", title, *(line for port in ports for line in _port(port))]
    if node.view_name:
        lines += ["", "View", f"  {node.view_name}", _wrapped(node.view_description, 6)]
    parameters = node.parameters()
    if parameters:
        lines += ["", "Settings", *(line for parameter in parameters for line in _parameter(parameter))]
    return lines


def _port(port: Port) -> list[str]:
    kind = port.port_type or port.kind
    many = ", any number" if port.group else ", optional" if port.optional else ""
    return [f"  {port.name} ({kind}{many})", _wrapped(port.description, 6)]


def _parameter(parameter: Parameter) -> list[str]:
    facts = [parameter.kind, f"default {parameter.shown_default}", parameter.range]
    facts += ["advanced"] * parameter.is_advanced + [parameter.condition]
    label = " / ".join((*parameter.groups, parameter.label))
    head = f"{parameter.key}  {label!r} ({', '.join(filter(None, facts))})"
    lines = [_wrapped(head, 2, 6), _wrapped(parameter.description, 6)]
    width = max((len(choice.id) for choice in parameter.choices), default=0)
    for choice in parameter.choices:
        text = ": ".join(part for part in (choice.label, choice.description) if part)
        lines.append(_wrapped(f"{choice.id.ljust(width)}  {text}", 8, 10 + width))
    return lines


def _paragraphs(markdown: str) -> list[str]:
    """The lines joined to paragraphs and list items, empty lines kept."""
    result: list[str] = []
    for line in markdown.splitlines():
        stripped = line.strip()
        begins = not stripped or stripped.startswith(("- ", "* ", "#", "|")) or stripped[0].isdigit()
        if begins or not result or not result[-1]:
            result.append(stripped)
        else:
            result[-1] += f" {stripped}"
    return result


def _wrapped(text: str, indent: int = 0, hanging: int | None = None) -> str:
    after = " " * (indent if hanging is None else hanging)
    return textwrap.fill(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=after, break_on_hyphens=False)
