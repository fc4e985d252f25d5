"""Nodes that copy tables, make columns of all types, and make and read images."""

import io
import json
from collections.abc import Callable
from typing import Any

import knime.extension as knext
import numpy as np
import pyarrow as pa

category = knext.category("/community", "behaviour", "Behaviour", "Behaviour", icon="icons/icon.png")
LOOK: dict[str, Any] = {"node_type": knext.NodeType.OTHER, "icon_path": "icons/icon.png", "category": category}


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
