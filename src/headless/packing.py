"""Workflows as archives, to be imported by KNIME or run as they are."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from core.io.write import atomic
from headless.settings_xml import parse, section, text

_WORKFLOW = "workflow.knime"
_FILES = {
    _WORKFLOW,
    "settings.xml",
    "template.knime",
    "workflow-metadata.xml",
    "component-metadata.xml",
    "workflowset.meta",
    "workflow.svg",
}
_RESULTS = "results"
"""The folder of the data area that our templates write into."""


def write_knwf(folder: Path, archive: Path) -> None:
    """Pack a workflow as .knwf, or a folder of workflows and components as .knar; the same files give the same bytes.

    What belongs to the workflow is packed, and its data area but for data/results. Tables and other results of nodes,
    logs, locks and folders of nodes that are gone stay behind.

    Raises
    ------
    OutputError : the archive cannot be written.
    UserInputError : a workflow is damaged.
    """
    with atomic(archive) as partial, zipfile.ZipFile(partial, "w") as bundle:
        for path in sorted(_members(folder)):
            name = f"{folder.resolve().name}/{path.relative_to(folder).as_posix()}"
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            bundle.writestr(info, path.read_bytes())


def _members(folder: Path) -> Iterator[Path]:
    """The files of a workflow, a node, or a group of workflows."""
    paths = list(folder.iterdir())
    names = {path.name for path in paths}
    nodes = _nodes(folder / _WORKFLOW) if _WORKFLOW in names else set()
    is_group = not names & {_WORKFLOW, "settings.xml"}
    for path in paths:
        if path.is_file():
            if path.name in _FILES:
                yield path
        elif is_group or path.name in nodes:
            yield from _members(path)
        elif _WORKFLOW in names and path.name in ("data", ".artifacts"):
            inside = (p for p in path.rglob("*") if p.is_file())
            yield from (p for p in inside if p.relative_to(path).parts[0] != _RESULTS)


def _nodes(file: Path) -> set[str]:
    """The folders of the nodes that a workflow has."""
    nodes = section(parse(file.read_bytes(), str(file))[1], "nodes").values()
    return {text(node, "node_settings_file").split("/")[0] for node in nodes if isinstance(node, dict)}
