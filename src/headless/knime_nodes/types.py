"""Types of columns by the names that KNIME has for them."""

import pyarrow as pa
from knime.extension._arrow import CellType

_DATA = "org.knime.core.data"
_VALUES = {
    pa.int32(): f"{_DATA}.IntValue",
    pa.int64(): f"{_DATA}.LongValue",
    pa.float64(): f"{_DATA}.DoubleValue",
    pa.bool_(): f"{_DATA}.BooleanValue",
    pa.string(): f"{_DATA}.StringValue",
}
_OBJECTS = {
    "knime.types.builtin.DenseByteVectorValue": f"{_DATA}.vector.bytevector.ByteVectorValue",
    "PIL.Image.Image": f"{_DATA}.image.png.PNGImageValue",
}
_CELLS = {
    "IntCell": (pa.int32(),),
    "LongCell": (pa.int64(), pa.int32()),
    "DoubleCell": (pa.float64(), pa.int64(), pa.int32()),
    "BooleanCell": (pa.bool_(),),
    "StringCell": (pa.string(),),
}


def value_class(kind: pa.DataType) -> str:
    """KNIME's value class of a column; "" for columns without values."""
    if isinstance(kind, CellType):
        return _OBJECTS[kind.value_type]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{_DATA}.collection.ListDataValue"
    return _VALUES.get(kind, "")


def is_number(kind: pa.DataType) -> bool:
    """Whether the column holds numbers; KNIME's truth values are none of these."""
    return bool(kind in (pa.int32(), pa.int64(), pa.float64()))


def fits_cell_class(kind: pa.DataType, cell_class: str) -> bool:
    """Whether a column is of KNIME's class of cells, or of one that is a kind of it; classes unknown here fit all."""
    name = cell_class.rpartition(".")[2]
    return name not in _CELLS or kind in _CELLS[name]
