"""A workflow as KNIME stores it (a folder or a .knwf archive), read into frozen dataclasses."""

import contextlib
import dataclasses
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, TypeAlias, cast
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree

from core.errors import MicrosegError, UserInputError
from headless.model_settings import from_model
from headless.settings_xml import Config, Typed, number, parse, section, text

PYTHON_FACTORY = "org.knime.python3.nodes.extension.ExtensionNodeSetFactory$DynamicExtensionNodeFactory"
BORDER_FACTORY = "org.knime.core.node.workflow.virtual.subnode.VirtualSubNode{}NodeFactory"
"""Of the Component Input and Component Output."""
CONFIGURATION_FACTORY = "org.knime.js.base.node.configuration.{}DialogNodeFactory"
"""Of the fields of a component's dialog."""
_OLDEST_FORMAT = (4, 1, 0)
_FIXED_PORT = re.compile(r"(Input|Output) .* # \d+", re.DOTALL)

_DEEPEST = 50

VariableValue: TypeAlias = bool | int | float | str
NodePath: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Connection:
    """From an output port to an input port; port 0 carries flow variables, data ports count from 1."""

    source: int
    source_port: int
    dest: int
    dest_port: int


@dataclasses.dataclass(frozen=True)
class Assignment:
    """A setting (path of names through groups) that takes its value from a flow variable, or gives it to one."""

    path: tuple[str, ...]
    used: str | None = None
    exposed: str | None = None


@dataclasses.dataclass(frozen=True)
class NodeEntry:
    """One node as stored in a workflow.

    kind : NativeNode, MetaNode or SubNode (a component).
    label : the text below the node; empty when there is none.
    extension_id, node_id : who the node is; empty when it is not of a Python extension.
    parameters : as plain values, groups nested; of a component, what its dialog is set to.
    version : of the extension that wrote the parameters.
    port_groups : number of ports in each optional port or port group.
    factory : KNIME's class of the node; empty for components and metanodes.
    inner : what a component or metanode holds.
    borders : of a component, the numbers of its Component Input and Component Output.
    around : number and title of the components and metanodes around it, outermost first.
    """

    id: int
    kind: str
    name: str
    label: str = ""
    extension_id: str = ""
    node_id: str = ""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    version: str = "0.0.0"
    assignments: tuple[Assignment, ...] = ()
    port_groups: Mapping[str, int] = dataclasses.field(default_factory=dict)
    factory: str = ""
    inner: "Workflow | None" = None
    borders: tuple[int, int] | None = None
    around: tuple[tuple[int, str], ...] = ()

    @property
    def path(self) -> NodePath:
        """The numbers of what is around it and its own: it is the only node that has them."""
        return (*(number for number, _ in self.around), self.id)

    @property
    def title(self) -> str:
        """How messages call it: name and number as in KNIME's error list, after those of what is around it."""
        return " > ".join([*(title for _, title in self.around), f"{self.name} (#{self.id})"])


@dataclasses.dataclass(frozen=True)
class Workflow:
    """A workflow: `path` is its folder, absolute, `name` that folder's name."""

    path: Path
    name: str
    description: str
    nodes: tuple[NodeEntry, ...]
    connections: tuple[Connection, ...]
    variables: Mapping[str, VariableValue]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Workflow]:
    """The workflow in a folder or an archive (.knwf, .zip); an archive lies unpacked in a temporary folder meanwhile.

    Raises
    ------
    UserInputError : there is no workflow, or it is damaged; names the file.
    """
    if path.is_dir():
        yield read_workflow(path)
    elif path.is_file() and path.name == "workflow.knime":
        yield read_workflow(path.parent)
    elif path.is_file():
        with tempfile.TemporaryDirectory(prefix="microseg-workflow-", ignore_cleanup_errors=True) as folder:
            yield read_workflow(_unpack(path, Path(folder)))
    else:
        raise UserInputError("There is no such file or folder.", where=str(path))


def read_workflow(folder: Path) -> Workflow:
    """The workflow stored in a folder.

    Raises
    ------
    UserInputError : a file is missing or damaged, or the workflow is older than KNIME 4.1.
    """
    file = folder.resolve() / "workflow.knime"  # nodes may put its data area into tables and messages
    return _read(file, _load(file, "This folder is no KNIME workflow."), ())


def _read(where: Path, config: Config, around: tuple[tuple[int, str], ...]) -> Workflow:
    if len(around) > _DEEPEST:
        raise UserInputError(f"More than {_DEEPEST} components and metanodes lie in each other.", where=str(where))
    folder = where.parent
    format_version = text(config, "version")
    if not re.fullmatch(r"\d+\.\d+\.\d+", format_version) or _numbers(format_version) < _OLDEST_FORMAT:
        raise UserInputError(
            f"The workflow has the format {format_version or 'of an unknown KNIME'!r}.",
            where=str(where),
            todo="Open it in KNIME 5 and save it again.",
        )
    try:
        nodes = tuple(_node(folder, row, around) for row in _rows(config, "nodes"))
        connections = tuple(
            Connection(*(number(row, key) for key in ("sourceID", "sourcePort", "destID", "destPort")))
            for row in _rows(config, "connections")
        )
        _check_ids(nodes)
    except UserInputError as error:
        raise error if error.where else error.at(str(where)) from None
    variables = {text(row, "name"): _variable(row.get("value")) for row in _rows(config, "workflow_variables")}
    return Workflow(folder, folder.name, _description(folder), nodes, connections, variables)


def _load(path: Path, missing: str) -> Config:
    try:
        return parse(path.read_bytes(), str(path))[1]
    except OSError as error:
        reason = missing if not path.exists() else f"The file cannot be read: {error.strerror}."
        raise UserInputError(reason, where=str(path)) from None


def _rows(config: Config, key: str) -> list[Config]:
    return [row for row in section(config, key).values() if isinstance(row, dict)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _node(folder: Path, row: Config, around: tuple[tuple[int, str], ...]) -> NodeEntry:
    identity, kind = number(row, "id"), text(row, "node_type", "NativeNode")
    file = text(row, "node_settings_file")
    if not file or _leads_out(file):
        raise UserInputError(f"The settings file {file!r} of node #{identity} lies outside the workflow.")
    path = folder / file
    config = _load(path, f"The settings of node #{identity} are missing.")
    stored = section(config, "factory_settings")
    try:
        extension_id = text(stored, "extension_id")
        parameters, version = (
            from_model(section(config, "model")) if extension_id else (_plain(section(config, "model")), "0.0.0")
        )
    except UserInputError as error:
        raise error.at(str(path)) from None
    entry = NodeEntry(
        id=identity,
        kind=kind,
        name=text(config, "node-name") or text(config, "name") or re.sub(r" \(#\d+\)$", "", path.parent.name),
        label=text(section(config, "nodeAnnotation"), "text"),
        extension_id=extension_id,
        node_id=text(stored, "node_id"),
        parameters=parameters,
        version=version,
        assignments=tuple(_assignments(section(section(config, "variables"), "tree"), ())),
        port_groups={
            name: len(group)
            for name, group in section(config, "node_creation_config").items()
            if isinstance(group, dict) and not _FIXED_PORT.fullmatch(name)
        },
        factory=text(config, "factory"),
        around=around,
    )
    return entry if kind == "NativeNode" else _with_content(entry, path, config)


def _with_content(entry: NodeEntry, path: Path, config: Config) -> NodeEntry:
    """A component or metanode with what it holds."""
    borders = None
    if entry.kind == "SubNode":
        file = text(config, "workflow-file", "workflow.knime")
        if _leads_out(file):
            raise UserInputError(f"The file {file!r} lies outside the workflow.", where=str(path))
        path, borders = path.parent / file, (number(config, "virtual-in-ID"), number(config, "virtual-out-ID"))
        if path.suffix == ".encrypted":
            raise UserInputError("It is locked with a password.", where=entry.title, todo="Unlock it in KNIME.")
        config = _load(path, "The component's content is missing.")
        entry = dataclasses.replace(entry, name=text(config, "name") or entry.name)  # its folder's name may be cut off
    inner = _read(path, config, (*entry.around, (entry.id, f"{entry.name} (#{entry.id})")))
    return dataclasses.replace(entry, inner=inner, borders=borders)


def _plain(config: Config) -> dict[str, Any]:
    """The model of a node of KNIME's own, or of a component, without its types; arrays stay configs."""
    return {
        name: _plain(value) if isinstance(value, dict) else value.value if isinstance(value, Typed) else value
        for name, value in config.items()
    }


def _check_ids(nodes: Sequence[NodeEntry]) -> None:
    for identity, count in Counter(node.id for node in nodes).items():
        if count > 1:
            raise UserInputError(f"{count} nodes have the number #{identity}.")


def _assignments(tree: Config, path: tuple[str, ...]) -> Iterator[Assignment]:
    for name, value in tree.items():
        if not isinstance(value, dict):
            continue
        if "used_variable" in value or "exposed_variable" in value:
            used, exposed = text(value, "used_variable") or None, text(value, "exposed_variable") or None
            if used or exposed:
                yield Assignment((*path, name), used, exposed)
        else:
            yield from _assignments(value, (*path, name))


def _variable(value: object) -> VariableValue:
    plain = value.value if isinstance(value, Typed) else value
    return "" if plain is None or isinstance(plain, dict) else cast(VariableValue, plain)


def _description(folder: Path) -> str:
    try:
        root = defusedxml.ElementTree.fromstring((folder / "workflow-metadata.xml").read_bytes())
    except (OSError, ParseError, LookupError, ValueError):
        return ""  # KNIME opens a workflow without metadata, too
    return next((child.text or "" for child in root if child.tag.endswith("}description")), "").strip()


def _unpack(archive: Path, target: Path) -> Path:
    todo = "Export the workflow from KNIME again: one workflow in one .knwf file."
    try:
        with zipfile.ZipFile(archive) as bundle:
            names = [info.filename for info in bundle.infolist()]
            for name in names:
                if _leads_out(name):
                    raise UserInputError(f"It holds an entry {name!r} that points out of it.")
            tops = {name.split("/")[0] for name in names}
            if len(tops) != 1 or f"{next(iter(tops))}/workflow.knime" not in names:
                raise UserInputError("It does not hold exactly one workflow folder.")
            bundle.extractall(target)
    except UserInputError as error:
        raise UserInputError(error.what, where=str(archive), todo=todo) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise UserInputError(f"It is no readable archive: {error}.", where=str(archive), todo=todo) from None
    except OSError as error:
        raise MicrosegError(f"It cannot be unpacked: {error}.", where=str(archive)) from None
    return target / tops.pop()


def _leads_out(name: str) -> bool:
    """Whether a relative path with slashes would leave its folder, on any system."""
    return name.startswith("/") or "\\" in name or ".." in name.split("/") or bool(PureWindowsPath(name).drive)
