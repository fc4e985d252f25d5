"""Nodes that show how a backend treats parameters, tables, ports, views and flow variables."""

import io
import json
from collections.abc import Callable
from typing import Any

import knime.extension as knext
import numpy as np
import pyarrow as pa

category = knext.category("/community", "behaviour", "Behaviour", "Behaviour", icon="icons/icon.png")
LOOK: dict[str, Any] = {"node_type": knext.NodeType.OTHER, "icon_path": "icons/icon.png", "category": category}


class NoteSpec(knext.PortObjectSpec):
    """How long a note is."""

    def __init__(self, length: int) -> None:
        self.length = length

    def serialize(self) -> dict[str, Any]:
        return {"length": self.length}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "NoteSpec":
        return cls(data["length"])


class Note(knext.PortObject):
    """A text."""

    def __init__(self, spec: NoteSpec, text: str) -> None:
        super().__init__(spec)
        self.text = text

    def serialize(self) -> bytes:
        return self.text.encode()

    @classmethod
    def deserialize(cls, spec: NoteSpec, storage: bytes) -> "Note":
        return cls(spec, storage.decode())


note_port = knext.port_type("Note", Note, NoteSpec, id="org.example.behaviour.note")


class Colour(knext.EnumParameterOptions):
    """A colour."""

    RED = ("Red", "Like blood.")
    BLUE = ("Blue", "Like the sky.")


@knext.parameter_group("Inner")
class Inner:
    """Inside."""

    factor = knext.DoubleParameter("Factor", "A number.", 1.5, min_value=0.0)


@knext.parameter_group("Outer")
class Outer:
    """Outside."""

    number = knext.IntParameter("Number", "A whole number.", 3, min_value=1, max_value=9)
    inner = Inner()


@knext.node("Settings", id="Settings", **LOOK)
@knext.output_table("Values", "Of the parameters.")
class Settings:
    """Tells its parameters.

    As JSON.
    """

    text = knext.StringParameter("Text", "A text.", "hello")
    flag = knext.BoolParameter("Flag", "Yes or no.", True)
    colour = knext.EnumParameter("Colour", "A colour.", Colour.RED.name, Colour)
    even = knext.IntParameter("Even", "An even number.", 2)
    added = knext.IntParameter("Added", "Came with version 1.1.", 11, since_version="1.1.0")
    outer = Outer()

    @even.validator
    def _check(value: int) -> None:
        if value % 2:
            raise ValueError(f"{value} is odd.")

    def configure(self, context: Any) -> Any:
        return knext.Schema.from_columns([knext.Column(knext.string(), "settings")])

    def execute(self, context: Any) -> Any:
        values = [self.text, self.flag, self.colour, self.even, self.added, self.outer.number, self.outer.inner.factor]
        return knext.Table.from_pyarrow(pa.table({"settings": [json.dumps(values)]}))


@knext.node("Columns", id="Columns", **LOOK)
@knext.input_port("Note", "A note.", note_port, optional=True)
@knext.input_table("Table", "A table.")
@knext.output_table("Chosen", "The chosen column.")
class Columns:
    """Chooses a column.

    By itself if nobody does.
    """

    column = knext.ColumnParameter("Column", "Of numbers.", 1, lambda c: c.ktype in (knext.int32(), knext.double()))

    def configure(self, context: Any, note: Any, schema: Any) -> Any:
        if self.column is None:
            self.column = schema.column_names[-1]
        if self.column not in schema.column_names:
            raise knext.InvalidParametersError(f"There is no column {self.column!r}.")
        return schema[[self.column]]

    def execute(self, context: Any, note: Any, table: Any) -> Any:
        return knext.Table.from_pyarrow(table[[self.column]].to_pyarrow().combine_chunks())


def _whole(table: Any) -> Any:
    return knext.Table.from_pyarrow(table.to_pyarrow())


def _combined(table: Any) -> Any:
    return knext.Table.from_pyarrow(table.to_pyarrow().combine_chunks())


def _per_batch(table: Any) -> Any:
    out = knext.BatchOutputTable.create()
    for batch in table.batches():
        assert isinstance(batch.to_pyarrow(), pa.RecordBatch)
        out.append(batch)
    return out


def _per_row(table: Any) -> Any:
    out = knext.BatchOutputTable.create()
    for batch in table.batches():
        for i in range(batch.num_rows):
            out.append(batch.to_pyarrow().slice(i, 1))
    if not out.num_batches:
        out.append(table.to_pyarrow().slice(0, 0))
    return out


COPIES: dict[str, Callable[[Any], Any]] = {
    "same": lambda table: table,
    "view": lambda table: table[:],
    "head": lambda table: table[:, :2],
    "middle": lambda table: table[:, 1:3],
    "whole": _whole,
    "combined": _combined,
    "per batch": _per_batch,
    "per row": _per_row,
    "nothing": lambda table: knext.BatchOutputTable.create(),
    "pandas": lambda table: knext.Table.from_pandas(table.to_pandas()),
    "generated": lambda table: knext.BatchOutputTable.from_batches(table.batches()),
    "frame": lambda table: table.to_pandas(),
    "arrow": lambda table: table.to_pyarrow(),
    "two": lambda table: [table, table],
}


@knext.node("Copy", id="Copy", **LOOK)
@knext.input_table("Table", "A table.")
@knext.output_table("Copy", "The same.")
class Copy:
    """Copies a table.

    In one of many ways.
    """

    way = knext.StringParameter("Way", "How.", "same")

    def configure(self, context: Any, schema: Any) -> Any:
        return schema if self.way != "nothing" else knext.Schema.from_columns([])

    def execute(self, context: Any, table: Any) -> Any:
        return COPIES[self.way](table)


def png(pixels: Any) -> bytes:
    """A picture as the content of a cell: the number of bytes, then these."""
    import PIL.Image

    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return len(file.getvalue()).to_bytes(4, "little") + file.getvalue()


@knext.node("Image Source", id="ImageSource", **LOOK)
@knext.output_table("Images", "As bytes and pictures.")
class ImageSource:
    """Makes images.

    One per row and batch.
    """

    count = knext.IntParameter("Count", "How many; every third is missing.", 3, min_value=0)

    def configure(self, context: Any) -> Any:
        return knext.Schema.from_columns([knext.Column(kind, name) for name, kind in self._types().items()])

    def execute(self, context: Any) -> Any:
        out = knext.BatchOutputTable.create("generate")
        for i in range(self.count):
            out.append(self._rows([None if i % 3 == 2 else np.full((4, 5), 10 * i, np.uint8)]))
        if self.count == 0:
            out.append(self._rows([]))
        return out

    def _types(self) -> dict[str, Any]:
        import PIL.Image
        from knime.types.builtin import DenseByteVectorValue

        return {"bytes": knext.logical(DenseByteVectorValue), "picture": knext.logical(PIL.Image.Image)}

    def _rows(self, images: list[Any]) -> Any:
        types = {name: kind.to_pyarrow() for name, kind in self._types().items()}
        cells = pa.array([None if i is None else i.tobytes() for i in images], pa.large_binary())
        content = pa.array([None if i is None else png(i) for i in images], pa.large_binary())
        pictures = pa.StructArray.from_arrays(
            [pa.nulls(len(images), pa.string()), content],
            fields=list(types["picture"].storage_type),
            mask=pa.array([i is None for i in images], pa.bool_()),
        )
        return pa.table(
            {
                "bytes": pa.ExtensionArray.from_storage(types["bytes"], cells),
                "picture": pa.ExtensionArray.from_storage(types["picture"], pictures),
            }
        )


@knext.node("Image Reader", id="ImageReader", **LOOK)
@knext.input_table("Images", "Of an Image Source.")
@knext.output_table("Means", "Of bytes and pictures.")
class ImageReader:
    """Reads images.

    Bytes without copying.
    """

    def configure(self, context: Any, schema: Any) -> Any:
        names = ("kind", "bytes", "picture")
        kinds = (knext.string(), knext.double(), knext.double())
        return knext.Schema.from_columns([knext.Column(k, n) for k, n in zip(kinds, names, strict=True)])

    def execute(self, context: Any, table: Any) -> Any:
        import PIL.Image

        rows: list[tuple[Any, ...]] = []
        for batch in table.batches():
            record = batch.to_pyarrow()
            storage = record.column("bytes").storage
            for i in range(len(record)):
                value = record.column("picture")[i].as_py()
                assert value is None or isinstance(value, PIL.Image.Image)
                raw = np.frombuffer(storage[i].as_buffer(), np.uint8) if storage[i].is_valid else None
                kind = type(record.column("bytes")[i].as_py()).__name__
                rows.append((kind, _mean(raw), _mean(None if value is None else np.asarray(value))))
        kinds, raws, pictures = zip(*rows, strict=True) if rows else ((), (), ())
        columns = {
            "kind": pa.array(kinds, pa.string()),
            "bytes": pa.array(raws, pa.float64()),
            "picture": pa.array(pictures, pa.float64()),
        }
        return knext.Table.from_pyarrow(pa.table(columns))


def _mean(array: Any) -> float | None:
    return None if array is None else float(array.mean())


@knext.node("Types", id="Types", **LOOK)
@knext.output_table("Column", "Of a type.")
class Types:
    """Makes a column of an Arrow type.

    Given as text.
    """

    type = knext.StringParameter("Type", "Python for a pyarrow type.", "int32()")
    row_ids = knext.StringParameter("Row IDs", "auto, keep, generate.", "auto")
    first = knext.StringParameter("First column", "JSON list of what becomes the first column.", "")

    def configure(self, context: Any) -> None:
        return None

    def execute(self, context: Any) -> Any:
        kind = eval(f"pa.{self.type}", {"pa": pa})
        columns = {"<RowID>": pa.array(json.loads(self.first))} if self.first else {}
        length = len(next(iter(columns.values()))) if columns else 2
        table = pa.table({**columns, "column": pa.nulls(length, kind)})
        return knext.Table.from_pyarrow(table, row_ids=self.row_ids)


@knext.node("Note Writer", id="NoteWriter", **LOOK)
@knext.input_table("Table", "Optional.", optional=True)
@knext.output_port("Note", "A note.", note_port)
@knext.output_view("Note", "The note.")
class NoteWriter:
    """Writes a note.

    And shows it.
    """

    text = knext.StringParameter("Text", "Of the note.", "abc")

    def configure(self, context: Any, schema: Any) -> Any:
        if schema is None:
            context.set_warning("There is no table.")
        return NoteSpec(len(self.text))

    def execute(self, context: Any, table: Any) -> Any:
        text = self.text * (1 if table is None else table.num_rows)
        return Note(NoteSpec(len(text)), text), knext.view_html(f"<!doctype html><p>{text}</p>")


@knext.node("Note Reader", id="NoteReader", **LOOK)
@knext.input_port("Note", "A note.", note_port)
@knext.output_table("Text", "Of the note.")
class NoteReader:
    """Reads a note.

    And its spec.
    """

    def configure(self, context: Any, note: NoteSpec) -> Any:
        context.set_warning(f"length {note.length}")
        return knext.Schema.from_columns([knext.Column(knext.string(), "text"), knext.Column(knext.int64(), "length")])

    def execute(self, context: Any, note: Note) -> Any:
        return knext.Table.from_pyarrow(pa.table({"text": [note.text], "length": [note.spec.length]}))


@knext.node("Worker", id="Worker", **LOOK)
@knext.output_table("Nothing", "A number.")
class Worker:
    """Works for a while.

    Or fails.
    """

    trouble = knext.StringParameter("Trouble", "What goes wrong.", "")
    name = knext.StringParameter("Variable", "Which flow variable is set.", "made")

    def configure(self, context: Any) -> Any:
        if self.trouble == "configure":
            raise knext.InvalidParametersError("Bad setting.")
        if self.trouble == "bug in configure":
            raise KeyError("bug")
        return knext.Schema.from_columns([knext.Column(knext.int64(), "number")])

    def execute(self, context: Any) -> Any:
        if self.trouble == "refuse":
            raise knext.InvalidParametersError("Bad input.")
        if self.trouble == "fail":
            raise RuntimeError("Broken.")
        number = context.flow_variables.get("number", 1)
        for i in range(4):
            if context.is_canceled():
                raise RuntimeError("Canceled by the user.")
            context.set_progress(i / 4, f"step {i}")
        if self.trouble == "progress":
            context.set_progress(np.float32(0.5))
        context.flow_variables[self.name] = np.int64(2) if self.trouble == "numpy" else [number, 2]
        context.set_warning("Done.")
        return knext.Table.from_pyarrow(pa.table({"number": [number]}))


@knext.node("Large", id="Large", **LOOK)
@knext.output_table("Bytes", "Many.")
class Large:
    """Makes large cells.

    In one table, or batch by batch.
    """

    rows = knext.IntParameter("Rows", "How many.", 1)
    mebibytes = knext.IntParameter("MiB", "Per row.", 1)
    by_batch = knext.BoolParameter("By batch", "Whether each row is a batch.", False)

    def configure(self, context: Any) -> None:
        return None

    def execute(self, context: Any) -> Any:
        from knime.types.builtin import DenseByteVectorValue

        kind = knext.logical(DenseByteVectorValue).to_pyarrow()
        cells = pa.array([bytes(self.mebibytes * 2**20)], pa.large_binary())
        row = pa.table({"bytes": pa.ExtensionArray.from_storage(kind, cells)})
        if self.by_batch:
            return knext.BatchOutputTable.from_batches(row for _ in range(self.rows))
        return knext.Table.from_pyarrow(pa.concat_tables([row] * self.rows))
