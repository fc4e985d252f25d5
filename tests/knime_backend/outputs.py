"""What nodes gave, as KNIME keeps it."""

import contextlib
import importlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.knime_backend.java import JavaPortObject, JavaSink, JavaSource, JavaSpec, JavaTable
from tests.knime_backend.session import KnimeSession
from tests.knime_backend.value_factories import FACTORIES, ROW_KEY, factory_of


class TableOutput:
    """A table in a file."""

    def __init__(self, session: KnimeSession, sink: JavaSink) -> None:
        self._session, self._sink = session, sink

    def java_object(self, *, whole: bool = True) -> JavaTable:
        """The table as Java hands it to Python; a file that is not `whole` has no footer yet."""
        offsets = None if whole else self._sink.offsets
        return JavaTable(JavaSource(self._sink.path, self._arrow_schema().names[1:], offsets))

    def to_pyarrow(self) -> pa.Table:
        """The table as a node would read it."""
        with self._session.tables():
            return self._table().to_pyarrow()

    def to_pandas(self) -> Any:
        """The table as a data frame."""
        with self._session.tables():
            return self._table().to_pandas()

    @property
    def schema(self) -> Any:
        """As the next node sees it."""
        table = self._table()
        table._inject_metadata(self._session.callback().get_preferred_value_types_as_json)
        return table.schema

    @property
    def num_rows(self) -> int:
        return int(self._table().num_rows)

    @property
    def column_names(self) -> list[str]:
        return list(self._arrow_schema().names[1:])

    def batch_lengths(self) -> list[int]:
        with pa.memory_map(str(self._sink.path)) as file:
            reader = pa.ipc.open_file(file)
            return [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]

    def column_values(self, name: str) -> list[Any]:
        """The cells of a column as Python objects; pictures are read."""
        with self._session.tables():
            values = [cell.as_py() for cell in self._table().to_pyarrow().column(name)]
            for value in values:
                if hasattr(value, "load"):
                    with contextlib.suppress(OSError):
                        value.load()
        return values

    def problems(self) -> list[str]:
        """What Java would not take."""
        arrow_types = importlib.import_module("knime._arrow._types")
        if not self._sink.path.stat().st_size:
            return ["no batch was written"]
        schema, found = self._arrow_schema(), []
        if not (arrow_types.is_value_factory_type(schema.types[0]) and _factory(schema.types[0]) == ROW_KEY):
            found.append("the first column holds no row IDs")
        if "<RowID>" in schema.names[1:] or len(set(schema.names)) < len(schema.names):
            return [f"no next node could read the columns {schema.names}"]
        for column, storage in list(zip(schema, self._sink.schema, strict=True))[1:]:
            if arrow_types.is_dict_encoded_value_factory_type(column.type):
                continue
            if not arrow_types.is_value_factory_type(column.type):
                found.append(f"column {column.name!r}: Java has no cells for {column.type}")
                continue
            factory = FACTORIES.get(_factory(column.type))
            if factory is None or (factory.storage and factory.storage != storage):
                found.append(f"column {column.name!r}: {_factory(column.type)} is not stored as {storage}")
        with self._session.tables():
            for column in self._table()._get_table().columns:
                if any(map(_lacks_values, column.chunks)):
                    found.append(f"a batch has keys without their values, of the type {column.type}")
            ids = self._table()._get_table().column(0)
            texts = pa.chunked_array([chunk.storage for chunk in ids.chunks], pa.string()).to_pylist()
        if None in texts:
            found.append("a row has no row ID")
        if len(set(texts)) < len(texts):
            found.append("two rows have the same row ID")
        lengths = [length for length in self.batch_lengths() if length]
        if len(set(lengths[:-1])) > 1:
            found.append(f"the batches have different numbers of rows: {lengths}")
        return found

    def _table(self) -> Any:
        arrow, gateway = (importlib.import_module(n) for n in ("knime._arrow._table", "knime._backend._gateway"))
        return arrow.ArrowSourceTable(gateway.data_source_mapper(self.java_object().getDataSource()))

    def _arrow_schema(self) -> pa.Schema:
        with pa.memory_map(str(self._sink.path)) as file:
            return pa.ipc.open_file(file).schema


class PortOutput:
    """An object of a port type: its spec as JSON, its content in a file."""

    def __init__(self, session: KnimeSession, class_name: str, spec: JavaSpec, path: Path) -> None:
        self._session, self._class_name, self._spec, self.path = session, class_name, spec, path

    def java_object(self) -> JavaPortObject:
        """The object as Java hands it to Python."""
        return JavaPortObject(self._class_name, self._spec, self.path)

    def java_spec(self) -> JavaSpec:
        """The spec as Java hands it to Python."""
        return self._spec

    @property
    def spec(self) -> Any:
        """What is known of the object."""
        return decode_port_spec(self._session, self._spec)

    def load(self) -> Any:
        """The object."""
        port_type = self._session.backend.get_port_type_for_id(json.loads(self._spec.text)["id"])
        return port_type.object_class.deserialize(self.spec, self.path.read_bytes())


def decode_port_spec(session: KnimeSession, spec: JavaSpec) -> Any:
    """A spec of an extension from its JSON; it remembers the JSON, to be handed on."""
    content = json.loads(spec.text)
    port_type = session.backend.get_port_type_for_id(content["id"])
    try:
        decoded = port_type.spec_class.deserialize(content["data"], None)
    except TypeError:
        decoded = port_type.spec_class.deserialize(content["data"])
    decoded.__dict__["_java_spec"] = spec
    return decoded


def _factory(kind: Any) -> str:
    return factory_of(kind.logical_type)


def _lacks_values(array: Any) -> bool:
    """Whether the first cell with a key does not hold its value, where cells are stored by a dictionary."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name.startswith("knime.struct_dict_encoded"):
            first: dict[int, Any] = {}
            for entry in array.storage.to_pylist():
                if entry is not None and entry["0"] is not None:
                    first.setdefault(entry["0"], entry["1"])
            return None in first.values()
        return _lacks_values(array.storage)
    return pa.types.is_struct(kind) and any(map(_lacks_values, array.flatten()))
