"""Columns of tables as Arrow arrays: which types there are, and what they become."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from knime.extension import _kinds, _times
from knime.types.builtin import DenseByteVectorValue

ROW_ID = "<RowID>"
_BYTES, _PICTURE = "knime.types.builtin.DenseByteVectorValue", "PIL.Image.Image"
_STORAGE = {
    _BYTES: pa.large_binary(),
    # Either the key of a file beside the table (KNIME's own way), or the length as int32 and the picture's bytes.
    _PICTURE: pa.struct([pa.field("0", pa.string()), pa.field("1", pa.large_binary())]),
    **_times.STORAGE,
}
_LENGTH_BYTES = 4


class CellType(pa.ExtensionType):  # type: ignore[misc]
    """Arrow's type of cells that hold values of a Python class."""

    def __init__(self, value_type: str) -> None:
        self.value_type = value_type
        super().__init__(_STORAGE[value_type], "microseg.cell")

    def __arrow_ext_serialize__(self) -> bytes:
        return self.value_type.encode()

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "CellType":
        return cls(serialized.decode())

    def __arrow_ext_scalar_class__(self) -> type:
        return Cell

    def __reduce__(self) -> tuple[Any, ...]:
        return CellType, (self.value_type,)


class Cell(pa.ExtensionScalar):  # type: ignore[misc]
    """One cell; `as_py` gives a DenseByteVectorValue, a PIL image, a date or the like, None where missing."""

    def as_py(self, **kwargs: Any) -> Any:
        """The cell's value."""
        if not self.is_valid:
            return None
        content = self.value.as_py()
        if self.type.value_type == _BYTES:
            return DenseByteVectorValue(content)
        if self.type.value_type in _times.STORAGE:
            return _times.decode(self.type.value_type, content)
        import PIL.Image

        return PIL.Image.open(io.BytesIO(content["1"][_LENGTH_BYTES:]))


pa.register_extension_type(CellType(_BYTES))

_PLAIN = {
    pa.int32(): _kinds.int32(),
    pa.int64(): _kinds.int64(),
    pa.float64(): _kinds.double(),
    pa.bool_(): _kinds.bool_(),
    pa.string(): _kinds.string(),
}


def kind_of(kind: pa.DataType) -> _kinds.KnimeType:
    """The type of a column from that of an array that `as_column` gave."""
    if isinstance(kind, CellType):
        return _kinds.LogicalType(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _kinds.list_(kind_of(kind.value_type))
    return _kinds.null() if pa.types.is_null(kind) else _PLAIN[kind]


def as_column(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """An array as a column.

    Raises
    ------
    ValueError : tables have no columns of this type; names column and type.
    """
    times = None if getattr(values.type, "tz", None) else _times.cells_of(values.type)
    if times is None:
        return values.cast(_accepted(name, values.type))
    kind = CellType(times[0])
    stored = [_times.encode(value) for value in values.cast(times[1], safe=False).to_pylist()]
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, pa.array(stored, kind.storage_type))])


def _accepted(name: str, kind: pa.DataType) -> pa.DataType:
    """What an array must be cast to, to become a column."""
    if isinstance(kind, CellType) or kind in _PLAIN or pa.types.is_null(kind):
        return kind
    if kind == pa.float32():
        return pa.float64()
    if pa.types.is_dictionary(kind):
        return _accepted(name, kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = pa.float64() if kind.value_type == pa.float32() else kind.value_type
        if inner in _PLAIN:
            return pa.list_(inner) if pa.types.is_list(kind) else pa.large_list(inner)
    hint = " Times with a time zone are supported within KNIME only." if pa.types.is_timestamp(kind) else ""
    raise ValueError(f"Data type '{kind}' in column '{name}' is not supported in KNIME Python.{hint}")


def cells(values: Sequence[Any]) -> pa.Array | None:
    """Pictures, byte vectors, dates or times as an array, None for other classes; None and NaN are missing."""
    values = [None if value is None or isinstance(value, float) else value for value in values]
    first = next((value for value in values if value is not None), None)
    names = [f"{base.__module__}.{base.__qualname__}" for base in type(first).__mro__]
    kind = next((CellType(name) for name in names if name in _STORAGE), None)
    if kind is None:
        return None
    if kind.value_type == _PICTURE:
        values = [None if value is None else {"0": None, "1": _picture(value)} for value in values]
    if kind.value_type in _times.STORAGE:
        values = [_times.encode(value) for value in values]
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


def _picture(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.tell().to_bytes(_LENGTH_BYTES, "little") + file.getvalue()
