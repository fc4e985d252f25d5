"""One node of a workflow in KNIME's Python backend."""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.backends import Execution
from tests.knime_backend.dialog import saved_and_loaded
from tests.knime_backend.java import JavaCallback, JavaContext, JavaSpec, NodeFailure
from tests.knime_backend.outputs import PortOutput, TableOutput, decode_port_spec
from tests.knime_backend.session import KnimeSession
from tests.knime_backend.value_factories import column_metadata

_TABLE_SPEC = "org.knime.core.data.DataTableSpec"


class KnimeNode:
    """A node, and its settings as JSON."""

    def __init__(self, session: KnimeSession, node_id: str) -> None:
        self._session, self.id = session, node_id
        self.settings_version = session.version
        self.settings = json.loads(session.call(self._proxy(session.callback()).getParameters))
        self._specs: list[Any] | None = None

    def set(self, **values: Any) -> "KnimeNode":
        """Change some settings; a group takes a dict."""
        _merge(self.settings["model"], values)
        return self

    def validate(self) -> str | None:
        """What is wrong with the settings."""
        proxy = self._proxy(self._session.callback())
        message: str | None = self._session.call(
            proxy.validateParameters, json.dumps(self.settings), self.settings_version
        )
        return message

    def save_and_load_settings(self) -> "KnimeNode":
        """The settings after the workflow was saved and opened again."""
        proxy = self._proxy(self._session.callback())
        schema = json.loads(self._session.call(proxy.getSchema, self._session.version))["properties"]["model"]
        self.settings = {"model": saved_and_loaded(self.settings["model"], schema, "model")}
        return self

    def dialog(self, *specs: Any) -> dict[str, Any]:
        """What KNIME makes the dialog of."""
        callback = self._session.callback()
        proxy = self._proxy(callback)
        flat, inputs, outputs = _port_maps(proxy._node, specs, required=False)
        flat = [spec if spec is None else self._java_spec(spec) for spec in flat]
        context = JavaContext(self._session.work, inputs, outputs, flat)
        text = self._session.call(
            proxy.getDialogRepresentation, json.dumps(self.settings), self.settings_version, context
        )
        callback.raise_if_failed()
        dialog: dict[str, Any] = json.loads(text)
        return dialog

    def configure(self, *inputs: Any, flow_variables: dict[str, Any] | None = None) -> list[Any]:
        """The specs of the outputs: a Schema, a spec of the extension, or None.

        Raises
        ------
        NodeFailure : the node, its backend, or Java would fail.
        """
        callback = self._session.callback(flow_variables)
        with _failures(callback):
            proxy = self._proxy(callback)
            flat, in_map, out_map = _port_maps(proxy._node, inputs)
            context = JavaContext(self._session.work, in_map, out_map)
            self._session.call(proxy.setParameters, json.dumps(self.settings), self.settings_version)
            specs = self._session.call(proxy.configure, [self._java_spec(s) for s in flat], context)
            callback.raise_if_failed()
            self._keep(proxy)
            if len(specs) != len(out_map):
                raise NodeFailure("The node returned the wrong number of specs.")
            self.warnings = context.warnings
            self._specs = [self._decoded(spec) for spec in specs]
        return list(self._specs)

    def execute(
        self,
        *inputs: Any,
        flow_variables: dict[str, Any] | None = None,
        cancel: Callable[[JavaContext], bool] | None = None,
        check: bool = True,
        whole_files: bool = True,
    ) -> Execution:
        """Run the node.

        Parameters
        ----------
        inputs : per port an output of another node, an Arrow table, a data frame, or None: not connected; a list
            of them per port group.
        cancel : asked by the node with its context, which knows the progress.
        check : whether tables must be as `configure` announced.
        whole_files : whether the files of the input tables are written to their end already.

        Raises
        ------
        NodeFailure : the node, its backend, or Java would fail.
        """
        callback = self._session.callback(flow_variables, executing=True)
        with _failures(callback):
            proxy = self._proxy(callback)
            flat, in_map, out_map = _port_maps(proxy._node, inputs)
            context = JavaContext(self._session.work, in_map, out_map, cancel=cancel)
            objects = [self._java_object(value, whole_files) for value in flat]
            self._session.call(proxy.setParameters, json.dumps(self.settings), self.settings_version)
            result = self._session.call(proxy.execute, objects, context)
            callback.raise_if_failed()
            self._keep(proxy)
            outputs = tuple(self._output(made, callback) for made in result)
            if len(outputs) != len(out_map):
                raise NodeFailure("The node returned the wrong number of outputs.")
            problems = [p for output in outputs if isinstance(output, TableOutput) for p in output.problems()]
            problems += self._unlike_announced(outputs) if check and not problems else []
            if problems:
                raise NodeFailure(f"KNIME would not take the output: {'; '.join(problems)}")
        view = callback.view
        return Execution(
            outputs,
            view.path.read_text(encoding="utf-8") if view else None,
            bool(view and view.in_report),
            context.warnings,
            context.progress,
            callback.made_variables,
            callback.logs,
        )

    def _proxy(self, callback: JavaCallback) -> Any:
        proxy = self._session.call(self._session.backend.createNodeFromExtension, self.id)
        proxy.initializeJavaCallback(callback)
        return proxy

    def _keep(self, proxy: Any) -> None:
        self.settings = json.loads(self._session.call(proxy.getParameters))
        self.settings_version = self._session.version

    def _java_spec(self, value: Any) -> Any:
        schemas = importlib.import_module("knime.api.schema")
        if isinstance(value, PortOutput):
            return value.java_spec()
        if hasattr(value, "_java_spec"):
            return value._java_spec
        if isinstance(value, TableOutput):
            value = value.schema
        if isinstance(value, schemas._ColumnarView):
            value = value.get()
        if not isinstance(value, schemas.Schema):
            raise TypeError(f"no spec: {value!r}")
        content = schemas.Schema.serialize(value)
        content["columnMetaData"] = [None, *(column_metadata(t) for t in content["schema"]["traits"][1:])]
        return JavaSpec(_TABLE_SPEC, json.dumps(content))

    def _java_object(self, value: Any, whole: bool) -> Any:
        if isinstance(value, PortOutput):
            return value.java_object()
        if not isinstance(value, TableOutput):
            value = TableOutput(self._session, self._session.write_table(value))
        return value.java_object(whole=whole)

    def _decoded(self, spec: Any) -> Any:
        if spec is None:
            return None
        schemas = importlib.import_module("knime.api.schema")
        class_name, content = spec.getJavaClassName(), json.loads(spec.toJsonString())
        if class_name == _TABLE_SPEC:
            content["columnMetaData"] = [None, *(column_metadata(t) for t in content["schema"]["traits"][1:])]
            return schemas.Schema.deserialize(content)
        return decode_port_spec(self._session, JavaSpec(class_name, spec.toJsonString()))

    def _output(self, made: Any, callback: JavaCallback) -> Any:
        kind = type(made).__name__
        if kind == "_PythonTablePortObject":
            return TableOutput(self._session, made.getPythonArrowDataSink())
        if kind == "_PythonBinaryPortObject":
            spec = JavaSpec(made.getSpec().getJavaClassName(), made.getSpec().toJsonString())
            path = callback.port_file(made.getFileStoreKey())
            return PortOutput(self._session, made.getJavaClassName(), spec, path)
        raise NodeFailure(f"An output of an unknown kind: {made!r}")

    def _unlike_announced(self, outputs: Sequence[Any]) -> list[str]:
        return [
            f"output {i} has {output.schema}, but {spec} was announced"
            for i, (spec, output) in enumerate(zip(self._specs or [], outputs, strict=False))
            if isinstance(output, TableOutput) and spec is not None and spec != output.schema
        ]


@contextmanager
def _failures(callback: JavaCallback) -> Iterator[None]:
    """Whatever goes wrong in a call, KNIME shows as a failure of the node."""
    try:
        yield
    except NodeFailure:
        raise
    except Exception as error:
        callback.raise_if_failed()
        raise NodeFailure(str(error) or type(error).__name__) from error


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name not in into:
            raise KeyError(f"There is no parameter {name!r}; there are {', '.join(into)}.")
        if isinstance(value, Mapping) and isinstance(into[name], dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _port_maps(
    node: Any, inputs: Sequence[Any], *, required: bool = True
) -> tuple[list[Any], dict[str, list[int]], dict[str, list[int]]]:
    """The connected inputs, and the port maps that Java makes of the ports."""
    flat: list[Any] = []
    in_map: dict[str, list[int]] = {}
    inputs = [*inputs, *[None] * (len(node.input_ports) - len(inputs))]
    for i, (port, value) in enumerate(zip(node.input_ports, inputs, strict=True)):
        if not hasattr(port, "optional"):  # a group
            in_map[port.name] = list(range(len(flat), len(flat) + len(value or [])))
            flat += value or []
            continue
        key = port.name if port.optional else f"Input {port.name} # {i}"
        if value is None and not port.optional and required:
            raise NodeFailure(f"The input {port.name!r} is not connected.", invalid_settings=True)
        absent = value is None and port.optional
        in_map[key] = [] if absent else [len(flat)]
        flat += [] if absent else [value]
    out_map = {f"Output {port.name} # {i}": [i] for i, port in enumerate(node.output_ports)}
    return flat, in_map, out_map
