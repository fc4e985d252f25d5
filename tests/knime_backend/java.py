"""KNIME's Java side, as far as its Python backend calls it: objects that would come over py4j."""

import json
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from tests.knime_backend.value_factories import FACTORIES, column_metadata, factory_of


@dataclass(frozen=True)
class Failure:
    """What a failed node tells KNIME.

    Parameters
    ----------
    message : what KNIME shows.
    details : the traceback.
    invalid_settings : whether the node raised InvalidParametersError.
    """

    message: str
    details: str = ""
    invalid_settings: bool = False


class NodeFailure(RuntimeError):
    """A node refused or failed, or KNIME would not take what it gave."""

    def __init__(self, message: str, details: str = "", invalid_settings: bool = False) -> None:
        super().__init__(f"{message}\n{details}".strip())
        self.failure = Failure(message, details, invalid_settings)


class JavaSpec:
    """The spec of a port object: a class name and JSON."""

    def __init__(self, class_name: str, text: str) -> None:
        self.class_name, self.text = class_name, text

    def getJavaClassName(self) -> str:
        return self.class_name

    def toJsonString(self) -> str:
        return self.text


class JavaSink:
    """Where Python writes a table to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offsets: list[int] = []
        self.schema: Any = None

    def getIdentifier(self) -> str:
        return "org.knime.python3.arrow"

    def getAbsolutePath(self) -> str:
        return str(self.path)

    def reportBatchWritten(self, offset: int) -> None:
        self.offsets.append(int(offset))

    def setColumnarSchema(self, schema: Any) -> None:
        self.schema = schema

    def setFinalSize(self, size: int) -> None:
        self.size = int(size)


class JavaSource:
    """Where Python reads a table from.

    Parameters
    ----------
    offsets : where each batch begins, None: the file is whole, and says it itself.
    """

    def __init__(self, path: Path, names: list[str], offsets: list[int] | None = None) -> None:
        self._path, self._names, self._offsets = path, names, offsets

    def getIdentifier(self) -> str:
        return "org.knime.python3.arrow"

    def getAbsolutePath(self) -> str:
        return str(self._path)

    def isFooterWritten(self) -> bool:
        return self._offsets is None

    def numBatches(self) -> int:
        return len(self._offsets or [])

    def getRecordBatchOffset(self, index: int) -> int:
        return (self._offsets or [])[index]

    def hasColumnNames(self) -> bool:
        return True

    def getColumnNames(self) -> list[str]:
        return self._names


class JavaTable:
    """A table as port object."""

    def __init__(self, source: JavaSource) -> None:
        self._source = source

    def getJavaClassName(self) -> str:
        return "org.knime.core.node.BufferedDataTable"

    def getDataSource(self) -> JavaSource:
        return self._source


class JavaPortObject:
    """A port object of an extension: its spec and a file."""

    def __init__(self, class_name: str, spec: JavaSpec, path: Path) -> None:
        self._class_name, self._spec, self._path = class_name, spec, path

    def getJavaClassName(self) -> str:
        return self._class_name

    def getSpec(self) -> JavaSpec:
        return self._spec

    def getFilePath(self) -> str:
        return str(self._path)


class JavaViewSink:
    """Where Python writes a view to."""

    def __init__(self, path: Path) -> None:
        self.path, self.in_report = path, False

    def getIdentifier(self) -> str:
        return "org.knime.python3.views"

    def getOutputFilePath(self) -> str:
        return str(self.path)

    def setCanBeUsedInReport(self, value: bool) -> None:
        self.in_report = value


class JavaFileStores:
    """Files beside tables, for cells that are kept in one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self) -> tuple[str, str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        key = uuid4().hex
        return self.path(key), key

    def path(self, key: str) -> str:
        return str(self._folder / key)


class JavaMap(dict[Any, Any]):
    """A map that is filled over py4j, which translates plain values only."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not _translatable(value):
            raise AttributeError(f"{type(value).__name__!r} object has no attribute '_get_object_id'")
        super().__setitem__(key, value)


class JavaCallback:
    """What Python asks KNIME for while it works with a node."""

    def __init__(
        self, folder: Path, cells: JavaFileStores, variables: Mapping[str, Any] | None = None, executing: bool = False
    ) -> None:
        self._folder, self._cells, self._executing = folder, cells, executing
        self._variables = dict(variables or {})
        self.made_variables: dict[str, Any] = {}
        self.failure: NodeFailure | None = None
        self.logs: list[tuple[str, str]] = []
        self.view: JavaViewSink | None = None

    def log(self, message: str, severity: str) -> None:
        self.logs.append((severity, message))

    def create_sink(self) -> JavaSink:
        self._only_while_executing()
        return JavaSink(self._folder / f"table_{uuid4().hex}.knable")

    def create_filestore_file(self) -> SimpleNamespace:
        self._only_while_executing()
        key = uuid4().hex
        return SimpleNamespace(get_key=lambda: key, get_file_path=lambda: str(self.port_file(key)))

    def port_file(self, key: str) -> Path:
        """The file of a port object; as in KNIME it does not exist yet."""
        return self._folder / f"port_{key}"

    def create_view_sink(self) -> JavaViewSink:
        self._only_while_executing()
        self.view = self.view or JavaViewSink(self._folder / f"view_{uuid4().hex}.html")
        return self.view

    def get_flow_variables(self) -> dict[str, Any]:
        return self._variables

    def set_flow_variables(self, variables: Mapping[str, Any]) -> None:
        self.made_variables = dict(variables)

    def set_failure(self, message: str, details: str, invalid_settings: bool) -> None:
        self.failure = NodeFailure(message, details, invalid_settings)

    def get_preferred_value_types_as_json(self, schema: str) -> str:
        return json.dumps([column_metadata(traits) for traits in json.loads(schema)["schema"]["traits"][1:]])

    def create_file_store(self) -> tuple[str, str]:
        return self._cells.create()

    def file_store_key_to_absolute_path(self, key: str) -> str:
        return self._cells.path(key)

    def raise_if_failed(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _only_while_executing(self) -> None:
        if not self._executing:
            raise RuntimeError("This can be made while the node is executed only.")


class JavaContext:
    """What Python asks KNIME for on behalf of the node."""

    def __init__(
        self,
        folder: Path,
        inputs: Mapping[str, list[int]],
        outputs: Mapping[str, list[int]],
        specs: Sequence[Any] = (),
        cancel: Callable[["JavaContext"], bool] | None = None,
    ) -> None:
        self._folder, self._inputs, self._outputs = folder, inputs, outputs
        self._specs, self._cancel = list(specs), cancel
        self.warnings: list[str] = []
        self.progress: list[tuple[float, str | None]] = []

    def get_credential_names(self) -> list[str]:
        return []

    def get_input_port_map(self) -> Mapping[str, list[int]]:
        return self._inputs

    def get_output_port_map(self) -> Mapping[str, list[int]]:
        return self._outputs

    def get_input_specs(self) -> list[Any]:
        return self._specs

    def get_node_id(self) -> str:
        return "3:1"

    def set_warning(self, message: str) -> None:
        assert isinstance(message, str)
        self.warnings.append(message)

    def set_progress(self, progress: float, message: str | None = None) -> None:
        assert isinstance(progress, float)
        self.progress.append((progress, message))

    def is_canceled(self) -> bool:
        return bool(self._cancel and self._cancel(self))

    def get_workflow_temp_dir(self) -> str:
        return str(self._folder)

    def get_workflow_dir(self) -> str:
        return str(self._folder / "workflow")

    def get_knime_home_dir(self) -> str:
        return str(self._folder)

    def get_view_data(self) -> None:
        return None


def client_server() -> SimpleNamespace:
    """What stands for py4j's connection to Java."""
    return SimpleNamespace(_gateway_client=None, jvm=_jvm(), new_array=lambda kind, length: [None] * length)


class _SchemaBuilder:
    def __init__(self) -> None:
        self._specs: list[Any] = []

    def addColumn(self, spec: Any, traits: Any = None) -> None:
        self._specs.append(spec)

    def build(self) -> list[Any]:
        return self._specs


def _jvm() -> SimpleNamespace:
    names = {"boolean": "boolean", "byte": "byte", "double": "double", "float": "float", "int": "int", "long": "long"}
    names |= {"varBinary": "variable_width_binary", "void": "void", "string": "string"}
    kinds = SimpleNamespace(**{f"{name}Spec": lambda value=value: value for name, value in names.items()})
    schema = SimpleNamespace(
        DataSpec=kinds,
        StructDataSpec=lambda inner: {"type": "struct", "inner_types": list(inner)},
        ListDataSpec=lambda inner: {"type": "list", "inner_type": inner},
    )
    utils = SimpleNamespace(getTypeNameForLogicalTypeString=lambda text: FACTORIES[factory_of(text)].name)
    python3 = SimpleNamespace(
        arrow=SimpleNamespace(PythonColumnarSchemaBuilder=_SchemaBuilder),
        PythonEntryPointUtils=SimpleNamespace(getSupportedTimeZones=lambda: sorted(zoneinfo.available_timezones())),
    )
    core = SimpleNamespace(
        table=SimpleNamespace(schema=schema),
        data=SimpleNamespace(v2=SimpleNamespace(ValueFactoryUtils=utils)),
    )
    return SimpleNamespace(org=SimpleNamespace(knime=SimpleNamespace(python3=python3, core=core)))


def _translatable(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_translatable, value))
    return value is None or isinstance(value, bool | int | float | str | bytes)
