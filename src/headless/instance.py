"""One node of a workflow: its settings, and the calls that KNIME makes.

As in KNIME, every call gets a node object of its own: what `configure` leaves on `self` besides parameters is gone when
`execute` begins.
"""

import copy
import errno
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knime.extension import InvalidParametersError, _contexts, _settings, _table, _views
from knime.extension._version import Version

from core.errors import Canceled, MicrosegError
from headless.handover import Output, check_spec, collect, hand_over_object, hand_over_spec, spec_of
from headless.node_type import NodeType


class NodeError(MicrosegError):
    """A node refused or failed.

    Parameters
    ----------
    what : the node's own message.
    invalid_settings : whether the node asks for other settings or another input, rather than being at fault.
    details : the traceback, for a log.
    """

    def __init__(self, what: str, *, invalid_settings: bool, details: str) -> None:
        super().__init__(what)
        self.invalid_settings, self.details = invalid_settings, details


@dataclass
class Context:
    """What surrounds a node.

    Parameters
    ----------
    temp : folder for output tables and temporary files; must last as long as the outputs are used.
    data_area : the workflow's folder data/, None: none.
    flow_variables : what reaches the node; after a call, with what the node has set.
    report : told the progress, 0 to 1, and a message.
    is_canceled : asked by the node.
    warnings : the node's warnings are added to it.
    dialog : what the dialog of the component around the node is set to, as stored.
    """

    temp: Path
    data_area: Path | None = None
    flow_variables: dict[str, Any] = field(default_factory=dict)
    report: Callable[[float, str], None] = lambda fraction, message: None
    is_canceled: Callable[[], bool] = lambda: False
    warnings: list[str] = field(default_factory=list)
    dialog: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """What a node made: an output per port, and its view as HTML.

    problems : what KNIME would only log, or fail at later: tables unlike their spec.
    """

    outputs: tuple[Output | None, ...]
    view_html: str | None
    view_in_report: bool = False
    problems: tuple[str, ...] = ()


class NodeInstance:
    """A node of a workflow.

    Parameters
    ----------
    kind : its type.
    """

    def __init__(self, kind: NodeType) -> None:
        self.kind = kind
        self.settings: dict[str, Any] = {"model": kind.default_parameters()}
        self.settings_version = kind.version
        self._specs: list[Any] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings as stored, groups nested."""
        parameters: dict[str, Any] = self.settings["model"]
        return parameters

    def load(self, parameters: Mapping[str, Any], version: str | None = None) -> None:
        """Take settings as a workflow stores them, written by `version` of the extension (None: this one)."""
        self.settings = {"model": copy.deepcopy(dict(parameters))}
        self.settings_version = version or self.kind.version

    def set(self, **values: Any) -> "NodeInstance":
        """Change some settings; a group takes a dict.

        Raises
        ------
        KeyError : there is no such setting.
        """
        _merge(self.parameters, values, self.kind.id)
        return self

    def validate(self) -> str | None:
        """What is wrong with the settings, None if nothing."""
        try:
            _settings.validate(self._json(), self.kind.entry.make(), Version.parse_version(self.settings_version))
        except Exception as error:  # noqa: BLE001  validators are the nodes' code
            return str(error) or repr(error)
        return None

    def configure(self, inputs: Sequence[Any], context: Context) -> list[Any]:
        """The specs of the outputs, a Schema or spec object or None per port.

        Parameters
        ----------
        inputs : per declared port a Schema, port object spec, output of a node, or None: not connected; a list of them
            for a port group.

        Raises
        ------
        NodeError : the settings or inputs are refused, or the node is at fault.
        """
        with self._failures(context):
            node = self._node()
            specs = [
                hand_over_spec(value, port)
                for value, port in zip(inputs, self.kind.entry.input_ports(node), strict=True)
            ]
            _settings.check_columns(node, self.kind.entry.input_ports(node))
            api = _contexts.ConfigurationContext(context)
            returned = node.configure(api, *specs)
            self._keep(node)
            ports = self.kind.entry.output_ports(node)
            result = [None] * len(ports) if returned is None else _flat(returned)
            self._specs = [spec_of(r, p) for r, p in zip(_counted(result, len(ports), "specs"), ports, strict=True)]
            context.flow_variables.update(api.flow_variables)
        return list(self._specs)

    def execute(self, inputs: Sequence[Any], context: Context) -> Execution:
        """Run the node. `configure` should have run with the same settings.

        Parameters
        ----------
        inputs : per declared port an output of another node, an Arrow table, or None: not connected; a list of them for
            a port group.

        Raises
        ------
        NodeError : the node refused or failed, or gave what KNIME does not take.
        Canceled : the user stopped it.
        """
        with self._failures(context):
            node = self._node()
            in_ports, out_ports = self.kind.entry.input_ports(node), self.kind.entry.output_ports(node)
            with _table.tables_in(context.temp):
                objects = [
                    hand_over_object(value, port, context.temp) for value, port in zip(inputs, in_ports, strict=True)
                ]
                api = _contexts.ExecutionContext(context)
                result = _flat(node.execute(api, *objects))
                if context.is_canceled():
                    raise Canceled
                self._keep(node)
                view = _views.as_view(result.pop()) if self.kind.view_name and result else None
                made = _counted(result, len(out_ports), "outputs")
                outputs = tuple(collect(o, p, context.temp) for o, p in zip(made, out_ports, strict=True))
            context.flow_variables.update(api.flow_variables)
        problems = check_spec(self._specs, outputs)
        if view is None:
            return Execution(outputs, None, problems=problems)
        return Execution(outputs, view.html, view.can_be_used_in_report, problems)

    def _json(self) -> dict[str, Any]:
        """The parameters after a trip through JSON, as they come to Python from KNIME."""
        parameters: dict[str, Any] = json.loads(json.dumps(self.parameters))
        return parameters

    def _node(self) -> Any:
        node = self.kind.entry.make()
        saved, current = map(Version.parse_version, (self.settings_version, self.kind.version))
        _settings.inject(self._json(), node, saved, current)
        return node

    def _keep(self, node: Any) -> None:
        """Keep the parameters that the node has set itself."""
        self.settings = {"model": _settings.extract(node, Version.parse_version(self.kind.version))}
        self.settings_version = self.kind.version

    @contextmanager
    def _failures(self, context: Context) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if context.is_canceled():
                raise Canceled() from error
            refused = isinstance(error, InvalidParametersError)
            details = "" if refused else "".join(traceback.format_exception(error))
            message = str(error) or type(error).__name__
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                message = "The disk of the temporary folder is full. Free some space, or set TMPDIR to another folder."
            raise NodeError(message, invalid_settings=refused, details=details) from error


def _merge(into: dict[str, Any], values: Mapping[str, Any], where: str) -> None:
    for name, value in values.items():
        if name not in into:
            raise KeyError(f"{where} has no parameter {name!r}; it has {', '.join(into)}.")
        if isinstance(value, Mapping) and isinstance(into[name], dict):
            _merge(into[name], value, f"{where}.{name}")
        else:
            into[name] = value


def _flat(result: Any) -> list[Any]:
    """What a node returned as a list: nothing, one thing, or several."""
    if result is None:
        return []
    return list(result) if isinstance(result, list | tuple) else [result]


def _counted(result: list[Any], count: int, what: str) -> list[Any]:
    if len(result) != count:
        raise RuntimeError(f"The node has {count} output ports, but returned {len(result)} {what}.")
    return result
