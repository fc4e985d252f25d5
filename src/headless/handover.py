"""What goes from node to node: tables and port objects as files, specs as JSON, as KNIME hands them on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from knime.extension import (
    Column,
    InvalidParametersError,
    PortObject,
    PortObjectSpec,
    Schema,
)
from knime.extension._columnar import real
from knime.extension._ports import PortEntry, PortType, port_type_of
from knime.extension._table import BatchOutputTable, SourceTable, Table, column_metadata
from knime.extension._writer import TableWriter, new_file


@dataclass(frozen=True)
class TableOutput:
    """A table in an Arrow file."""

    path: Path

    def to_pyarrow(self) -> pa.Table:
        """The table, mapped into memory, the row ID first."""
        return SourceTable(self.path).to_pyarrow()

    @property
    def schema(self) -> Schema:
        """As the next node sees it."""
        return SourceTable(self.path).schema

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return SourceTable(self.path).num_rows

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, without the row ID."""
        return SourceTable(self.path).column_names

    def to_pandas(self) -> Any:
        """As data frame with the row ID as index."""
        return SourceTable(self.path).to_pandas()

    def column_values(self, name: str) -> list[Any]:
        """The cells of one column as Python objects, None where missing."""
        return [cell.as_py() for cell in self.to_pyarrow().column(name)]

    def batch_lengths(self) -> list[int]:
        """Number of rows of each batch."""
        return [batch.num_rows for batch in SourceTable(self.path).batches()]


@dataclass(frozen=True)
class PortOutput:
    """An object of a port type: its spec as JSON, its content in a file."""

    port_type: PortType
    spec_json: str
    path: Path

    @property
    def spec(self) -> PortObjectSpec:
        """What is known of it."""
        spec: PortObjectSpec = _deserialized(self.port_type, self.spec_json)
        return spec

    def load(self) -> PortObject:
        """The object."""
        return self.port_type.object_class.deserialize(self.spec, self.path.read_bytes())


Output = TableOutput | PortOutput


def hand_over_spec(value: Any, port: PortEntry) -> Any:
    """What `configure` gets for an input: a spec of its own, or None; for a group a list of them."""
    if port.group:
        return [hand_over_spec(one, replace(port, group=False)) for one in value or ()]
    value = real(value)
    if value is None:
        return _absent(port)
    if isinstance(value, TableOutput):
        value = value.schema
    if isinstance(value, PortOutput):
        value = value.spec
    if port.kind == "table":
        if not isinstance(value, Schema):
            raise TypeError(f"The input {port.name!r} is a table, not {value!r}.")
        return Schema.from_columns([Column(c.ktype, c.name, column_metadata(c.ktype)) for c in value])
    sent = port_type_of(value)
    _check_type(sent, port)
    assert sent is not None
    return _deserialized(sent, _serialized(value))


def hand_over_object(value: Any, port: PortEntry, temp: Path) -> Any:
    """What `execute` gets for an input: a table or object of its own, or None; for a group a list of them."""
    if port.group:
        return [hand_over_object(one, replace(port, group=False), temp) for one in value or ()]
    if value is None:
        return _absent(port)
    if isinstance(value, PortOutput):
        _check_type(value.port_type, port)
        return value.load()
    if not isinstance(value, TableOutput):
        value = table_output(value, temp)
    if port.kind != "table":
        raise InvalidParametersError(f"The input {port.name!r} is no table.")
    return SourceTable(value.path)


def spec_of(value: Any, port: PortEntry) -> Any:
    """What `configure` returned for an output, checked and made independent of the node; None: not known yet.

    Raises
    ------
    TypeError : it is no spec of that port.
    ValueError : columns have the same name.
    """
    value = real(value)
    if value is None:
        return None
    if port.kind == "table":
        if isinstance(value, Column):
            value = Schema.from_columns(value)
        if not isinstance(value, Schema):
            raise TypeError(f"The spec of the output {port.name!r} must be a Schema, not {value!r}.")
        if len(set(value.column_names)) < value.num_columns:
            raise ValueError(f"The output {port.name!r} has columns of the same name: {value.column_names}.")
        return Schema.from_columns([Column(c.ktype, c.name, column_metadata(c.ktype)) for c in value])
    assert port.port_type is not None
    if not isinstance(value, port.port_type.spec_class):
        expected = port.port_type.spec_class.__name__
        raise TypeError(f"The spec of the output {port.name!r} must be a {expected}, not {value!r}.")
    return _deserialized(port.port_type, _serialized(value))


def collect(value: Any, port: PortEntry, temp: Path) -> Output:
    """What `execute` returned for an output, as files in `temp`.

    Raises
    ------
    TypeError : it is nothing for that port.
    ValueError : the table breaks a rule, see `TableWriter`.
    """
    value = real(value)
    if port.kind == "table":
        if isinstance(value, BatchOutputTable):
            value.writer.close()
            return TableOutput(value.writer.path)
        if isinstance(value, Table):
            return table_output(value, temp)
        raise TypeError(f"The output {port.name!r} must be a Table or BatchOutputTable, not a {type(value).__name__}.")
    assert port.port_type is not None
    if not isinstance(value, port.port_type.object_class):
        raise TypeError(f"The output {port.name!r} must be a {port.port_type.object_class.__name__}, not {value!r}.")
    path = new_file(temp, ".port")
    path.write_bytes(value.serialize())
    return PortOutput(port.port_type, _serialized(value.spec), path)


def table_output(data: Any, folder: Path, row_ids: str = "auto") -> TableOutput:
    """A table, Arrow table or data frame as a file in a folder; `row_ids` as in `Table.from_pyarrow`."""
    if isinstance(data, pa.Table | pa.RecordBatch):
        data = Table.from_pyarrow(data, row_ids=row_ids)
    elif not isinstance(data, Table):
        data = Table.from_pandas(data, row_ids=row_ids)
    writer = TableWriter(new_file(folder))
    data.write(writer)
    writer.close()
    return TableOutput(writer.path)


def check_spec(specs: Sequence[Any] | None, outputs: Sequence[Output]) -> tuple[str, ...]:
    """Where tables differ from what `configure` announced; KNIME logs that as an error of the node's author."""
    return tuple(
        f"Output {i} has {output.schema}, but {spec} was announced."
        for i, (spec, output) in enumerate(zip(specs or [], outputs, strict=False))
        if isinstance(output, TableOutput) and spec is not None and spec != output.schema
    )


def _absent(port: PortEntry) -> None:
    if not port.optional:
        raise InvalidParametersError(f"The input {port.name!r} is not connected.")


def _check_type(sent: PortType | None, port: PortEntry) -> None:
    if sent is None or port.port_type is None or not port.port_type.accepts(sent):
        got = sent.name if sent else "something else"
        raise InvalidParametersError(f"The input {port.name!r} takes another kind of object than {got}.")


def _serialized(spec: PortObjectSpec) -> str:
    data = spec.serialize()
    if not isinstance(data, dict):
        raise TypeError(f"A spec must be stored as a dict, not as {data!r}.")
    return json.dumps(data)


def _deserialized(port_type: PortType, text: str) -> Any:
    data = json.loads(text)
    try:  # KNIME offers a second argument first, which few specs take
        return port_type.spec_class.deserialize(data, None)  # type: ignore[call-arg]
    except TypeError:
        return port_type.spec_class.deserialize(data)
