"""Columns of tables as Arrow arrays: which types there are, and what they become."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from knime.extension import _kinds
from knime.types.builtin import DenseByteVectorValue

ROW_ID = "<RowID>"
_BYTES, _PICTURE = "knime.types.builtin.DenseByteVectorValue", "PIL.Image.Image"
_STORAGE = {
    _BYTES: pa.large_binary(),
    # Either the key of a file beside the table (KNIME's own way), or the length as int32 and the picture's bytes.
    _PICTURE: pa.struct([pa.field("0", pa.string()), pa.field("1", pa.large_binary())]),
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
    """One cell; `as_py` gives a DenseByteVectorValue or a PIL image, None where missing."""

    def as_py(self, **kwargs: Any) -> Any:
        """The cell's value."""
        if not self.is_valid:
            return None
        content = self.value.as_py()
        if self.type.value_type == _BYTES:
            return DenseByteVectorValue(content)
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
    """The type of a column from that of an array that `accepted` gave."""
    if isinstance(kind, CellType):
        return _kinds.LogicalType(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _kinds.list_(kind_of(kind.value_type))
    return _kinds.null() if pa.types.is_null(kind) else _PLAIN[kind]


def accepted(name: str, kind: pa.DataType) -> pa.DataType:
    """What an array must be cast to, to become a column.

    Raises
    ------
    ValueError : tables have no columns of this type; names column and type.
    """
    if isinstance(kind, CellType) or kind in _PLAIN or pa.types.is_null(kind):
        return kind
    if kind == pa.float32():
        return pa.float64()
    if pa.types.is_dictionary(kind) and kind.value_type == pa.string():
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = pa.float64() if kind.value_type == pa.float32() else kind.value_type
        if inner in _PLAIN:
            return pa.list_(inner) if pa.types.is_list(kind) else pa.large_list(inner)
    hint = " Dates and times are supported within KNIME only." if pa.types.is_temporal(kind) else ""
    raise ValueError(f"Data type '{kind}' in column '{name}' is not supported in KNIME Python.{hint}")


def cells(values: Sequence[Any]) -> pa.Array | None:
    """Pictures or byte vectors as an array, None for values of other classes; None and NaN are missing."""
    values = [None if value is None or isinstance(value, float) else value for value in values]
    first = next((value for value in values if value is not None), None)
    names = [f"{base.__module__}.{base.__qualname__}" for base in type(first).__mro__]
    kind = next((CellType(name) for name in _STORAGE if name in names), None)
    if kind is None:
        return None
    if kind.value_type == _PICTURE:
        values = [None if value is None else {"0": None, "1": _picture(value)} for value in values]
    return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))


def _picture(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.tell().to_bytes(_LENGTH_BYTES, "little") + file.getvalue()
