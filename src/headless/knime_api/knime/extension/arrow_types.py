"""Arrow types of columns: which are accepted, how they are stored, which KNIME type they stand for."""

import io
from typing import Any

import pyarrow as pa

from knime.extension import types as kt
from knime.types.builtin import DenseByteVectorValue

_PLAIN = {
    pa.int32(): kt.int32(),
    pa.int64(): kt.int64(),
    pa.float64(): kt.double(),
    pa.bool_(): kt.bool_(),
    pa.string(): kt.string(),
    pa.null(): kt.null(),
}
_LOGICAL = {known.logical_type: known for known in kt.LOGICAL_TYPES}
_LENGTH_BYTES = 4


class CellType(pa.ExtensionType):  # type: ignore[misc]
    """The Arrow type of a column of a logical type: bytes, or a struct of a key and bytes."""

    def __init__(self, logical_type: str) -> None:
        self.logical_type = logical_type
        super().__init__(_storage(_LOGICAL[logical_type].storage_type), "microseg.knime.cell")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.logical_type.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "CellType":
        return cls(serialized.decode())

    def __arrow_ext_scalar_class__(self) -> type:
        return Cell

    def __reduce__(self) -> Any:
        return CellType, (self.logical_type,)


class Cell(pa.ExtensionScalar):  # type: ignore[misc]
    """A cell of a logical type."""

    def as_py(self, **_: Any) -> Any:
        """The cell's value: a picture that is decoded when used, or a byte vector; None where missing."""
        stored = None if self.value is None else self.value.as_py()
        if stored is None:
            return None
        return _picture(stored) if isinstance(stored, dict) else DenseByteVectorValue(stored)


def _picture(stored: dict[str, Any]) -> Any:
    """A picture lies in the table: the number of its bytes as a little-endian int32, then a PNG file."""
    import PIL.Image

    content = memoryview(stored["1"])
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    return PIL.Image.open(io.BytesIO(content[_LENGTH_BYTES : _LENGTH_BYTES + length]))


def encoded(kind: kt.LogicalType, values: list[Any]) -> pa.Array:
    """Pictures or byte vectors as an Arrow array; None is a missing cell."""
    arrow_type = kind.to_pyarrow()
    if pa.types.is_struct(arrow_type.storage_type):
        values = [None if value is None else {"0": None, "1": _png(value)} for value in values]
    return pa.ExtensionArray.from_storage(arrow_type, pa.array(values, arrow_type.storage_type))


def _png(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.tell().to_bytes(_LENGTH_BYTES, "little") + file.getvalue()


def storable(column: pa.Array | pa.ChunkedArray, name: str) -> pa.Array | pa.ChunkedArray:
    """The column as it is stored: without dictionary, floating point numbers of 64 bits.

    Raises
    ------
    ValueError : KNIME has no cells for the Arrow type; names column and type.
    """
    kind = column.type
    if isinstance(kind, CellType):
        return column
    if pa.types.is_dictionary(kind) and kind.value_type in _PLAIN:
        return column.cast(kind.value_type)
    if pa.types.is_float32(kind):
        return column.cast(pa.float64())
    if _is_list(kind) and pa.types.is_float32(kind.value_type):
        return column.cast(pa.list_(pa.float64()))
    if kind in _PLAIN or (_is_list(kind) and kind.value_type in _PLAIN):
        return column
    hint = " Dates and times can only be used within KNIME." if pa.types.is_temporal(kind) else ""
    raise ValueError(f"Data type '{kind}' in column '{name}' is not supported in KNIME Python.{hint}")


def knime_type(kind: pa.DataType) -> kt.KnimeType:
    """The KNIME type of a column that is `storable`."""
    if isinstance(kind, CellType):
        return _LOGICAL[kind.logical_type]
    return kt.list_(_PLAIN[kind.value_type]) if _is_list(kind) else _PLAIN[kind]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _storage(kind: kt.KnimeType) -> pa.DataType:
    if isinstance(kind, kt.StructType):
        return pa.struct([(str(i), _storage(inner)) for i, inner in enumerate(kind.inner_types)])
    return pa.large_binary() if kind == kt.blob() else pa.string()


pa.register_extension_type(CellType(kt.LOGICAL_TYPES[0].logical_type))
