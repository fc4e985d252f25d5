"""Write the reference of the nodes, docs/nodes, from what KNIME loads: `make reference`. A test compares the files.

python docs/reference.py [FOLDER]

Pictures of dialogs, docs/nodes/<id>.png, and the overview of the icons are shown where they are; others make them.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from headless.backend import Extension, NodeType, Parameter, Port, load_extension

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "nodes"

PURPOSES = {
    "Images in": ("MicroscopyImageReader", "NucleiSimulator"),
    "Models": ("PretrainedSegmentationModel", "ModelReader", "ModelWriter"),
    "Learning": ("SegmentationLearner", "SelfSupervisedPretrainer", "PretrainingAdvisor", "SegmentationRetrainer"),
    "Finding objects": ("SegmentationPredictor", "LargeImagePredictor", "LargeImageTiler", "TileMerger"),
    "Another microscope": ("DomainGapReport", "DomainAdaptationLearner", "StyleTransferLearner", "StyleTransfer"),
    "Results": ("FragmentGrouper", "InstanceCounter", "SegmentationScorer", "SegmentationLabelWriter"),
}

OPTION_TYPES = {"integer": "int", "number": "double", "boolean": "boolean"}
"""What `-option` calls the kinds of settings; all others are of the type String."""

MADE = "<!-- Written by `make reference`: do not edit. -->"


def reference(extension: Extension) -> dict[str, str]:
    """The pages by their file names.

    Raises
    ------
    ValueError : a node has no purpose, or two.
    """
    sorted_in = [node for nodes in PURPOSES.values() for node in nodes]
    if sorted(sorted_in) != sorted(extension.nodes):
        raise ValueError(f"PURPOSES does not hold every node once: {set(sorted_in) ^ set(extension.nodes)}")
    pages = {f"{node.id}.md": _page(node, extension) for node in extension.nodes.values()}
    return {"README.md": _overview(extension.nodes), **pages}


def _overview(nodes: Mapping[str, NodeType]) -> str:
    lines = [MADE, "# The nodes", ""]
    for purpose, ids in PURPOSES.items():
        lines += [f"## {purpose}", "", "| | node | what it does |", "|---|---|---|"]
        lines += [f"| {_icon(nodes[i])} | [{nodes[i].name}]({i}.md) | {nodes[i].summary} |" for i in ids]
        lines.append("")
    lines += ["## The icons", "", "![All icons, enlarged, at their size, and small](icons.png)", ""]
    lines += [
        "`make reference` writes these pages, `make icons` the pictures. Back to [the documentation](../README.md)."
    ]
    return "\n".join(lines) + "\n"


def _page(node: NodeType, extension: Extension) -> str:
    others = {one.name: one.id for one in extension.nodes.values() if one is not node}
    lines = [MADE, f"# {_icon(node)} {node.name}", "", f"**{node.summary}**", "", _linked(node.description, others), ""]
    for title, ports in (("Inputs", node.input_ports), ("Outputs", node.output_ports)):
        if ports:
            lines += [
                f"## {title}",
                "",
                "| port | what it is |",
                "|---|---|",
                *(_port(port, others) for port in ports),
                "",
            ]
    if node.view_name:
        lines += ["## View", "", f"**{node.view_name}**: {node.view_description}", ""]
    if (FOLDER / f"{node.id}.png").is_file():
        lines += ["## Dialog", "", f"![The dialog of {node.name}]({node.id}.png)", ""]
    lines += _settings(node)
    lines += ["## Templates", "", _templates(node), "", "All nodes: [reference](README.md)."]
    return "\n".join(lines) + "\n"


def _icon(node: NodeType) -> str:
    return f'<img src="../../{node.icon_path}" width="24" alt="">'


def _linked(text: str, pages: Mapping[str, str]) -> str:
    """A text in which the names of other nodes lead to their pages."""

    def link(match: re.Match[str]) -> str:
        name = " ".join(match[1].split())
        return f"[{name}]({pages[name]}.md)" if name in pages else match[0]

    return re.sub(r"(?<!\*)\*([^*]+)\*(?!\*)", link, text)


def _port(port: Port, pages: Mapping[str, str]) -> str:
    kind = ", ".join(
        ["model" if port.port_type else "table", *["optional"] * port.optional, *["any number"] * port.group]
    )
    return f"| **{port.name}** ({kind}) | {_cell(_linked(port.description, pages))} |"


def _settings(node: NodeType) -> list[str]:
    parameters = node.parameters()
    if not parameters:
        return []
    first = next((one for one in parameters if one.kind != "column"), parameters[0])
    lines = [
        "## Settings",
        "",
        "Below the name of a setting is what it is stored as: its name for flow variables, and for the command line, "
        f"`-option=3,{first.key},VALUE,{_type(first)}` where the node has the number 3. Of choices, the word in "
        "capitals is stored. *Advanced* settings are hidden until they are asked for."
        + " A column that is not set is found by its name and type; an optional one is left out."
        * any(one.kind == "column" for one in parameters),
        "",
    ]
    for groups in dict.fromkeys(one.groups for one in parameters):
        if groups:
            lines += [f"### {' / '.join(groups)}", ""]
        lines += ["| setting | what it does | default | values | shown |", "|---|---|---|---|---|"]
        lines += [_setting(one) for one in parameters if one.groups == groups]
        lines.append("")
    return lines


def _setting(one: Parameter) -> str:
    default = next((choice.label for choice in one.choices if choice.id == one.default), one.shown_default)
    shown = filter(None, [*["advanced"] * one.is_advanced, one.condition])
    cells = [
        f"**{one.label}**<br>`{one.key}` ({_type(one)})",
        one.description,
        default,
        "<br>".join(f"**{c.label}** `{c.id}`: {c.description}" for c in one.choices) or one.range or _VALUES[one.kind],
        ", ".join(shown) or "always",
    ]
    return f"| {' | '.join(map(_cell, cells))} |"


_VALUES = {"boolean": "true or false", "column": "a column", "text": "text", "integer": "any", "number": "any"}


def _type(one: Parameter) -> str:
    return OPTION_TYPES.get(one.kind, "String")


def _cell(text: str) -> str:
    """A text within one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _templates(node: NodeType) -> str:
    used = [folder.name for folder in _workflows() if _uses(folder, node)]
    links = [f"[{name}](../../workflows/{name})" for name in used]
    return f"Used in {_listed(links)}." if links else "No template uses it."


def _workflows() -> Iterable[Path]:
    return sorted(path.parent for path in (ROOT / "workflows").glob("*/workflow.knime"))


def _uses(workflow: Path, node: NodeType) -> bool:
    """Whether a workflow has the node, in a component perhaps."""
    entry = f'key="node_id" type="xstring" value="{node.id}"'
    return any(entry in path.read_text("utf-8") for path in workflow.rglob("settings.xml"))


def _listed(items: list[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def main(folder: Path = FOLDER) -> None:
    """Write all pages."""
    for name, text in reference(load_extension(ROOT)).items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
