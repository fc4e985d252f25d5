"""Types of columns. Equal types are equal objects; `repr` is the name that KNIME shows."""

import json
from enum import Enum, unique
from typing import Any

_VALUES = "org.knime.core.data."
_LIST_VALUE = _VALUES + "collection.ListDataValue"


class KnimeType:
    """What the cells of a column hold."""

    def __repr__(self) -> str:
        return str(self)

    @property
    def preferred_value_type(self) -> str:
        """The Java class by which KNIME's dialogs filter columns."""
        return _VALUES + "DataValue"


@unique
class PrimitiveTypeId(Enum):
    """The names of the types without structure."""

    INT = "Number (Integer)"
    LONG = "Number (Long Integer)"
    STRING = "String"
    DOUBLE = "Number (Float)"
    BOOL = "Boolean"
    BLOB = "blob"
    NULL = "null"


_PREFERRED = {
    PrimitiveTypeId.INT: "IntValue",
    PrimitiveTypeId.LONG: "LongValue",
    PrimitiveTypeId.STRING: "StringValue",
    PrimitiveTypeId.DOUBLE: "DoubleValue",
    PrimitiveTypeId.BOOL: "BooleanValue",
}


class PrimitiveType(KnimeType):
    """A type without structure, see `int32` and its siblings; there is one object for each."""

    def __init__(self, type_id: PrimitiveTypeId) -> None:
        self._id = type_id

    @property
    def preferred_value_type(self) -> str:
        """The Java class by which KNIME's dialogs filter columns."""
        return _VALUES + _PREFERRED.get(self._id, "DataValue")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrimitiveType) and self._id is other._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __str__(self) -> str:
        return self._id.value


class ListType(KnimeType):
    """A list of values of one type."""

    def __init__(self, inner_type: KnimeType) -> None:
        if not isinstance(inner_type, KnimeType):
            raise TypeError(f"A list holds values of a KNIME type, not of {inner_type!r}.")
        self.inner_type = inner_type

    @property
    def preferred_value_type(self) -> str:
        """The Java class by which KNIME's dialogs filter columns."""
        return _LIST_VALUE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListType) and self.inner_type == other.inner_type

    def __hash__(self) -> int:
        return hash(("list", self.inner_type))

    def __str__(self) -> str:
        return f"List (Collection of: {self.inner_type})"


class StructType(KnimeType):
    """Several values without names, one type each. No column has such a type, logical types are stored as one."""

    def __init__(self, inner_types: tuple[KnimeType, ...]) -> None:
        for inner in inner_types:
            if not isinstance(inner, KnimeType):
                raise TypeError(f"A struct holds values of KNIME types, not of {inner!r}.")
        self.inner_types = tuple(inner_types)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StructType) and self.inner_types == other.inner_types

    def __hash__(self) -> int:
        return hash(("struct", self.inner_types))

    def __str__(self) -> str:
        return f"struct<{', '.join(map(str, self.inner_types))}>"


class LogicalType(KnimeType):
    """A type whose values are objects in Python, and stored as another type.

    Parameters
    ----------
    value_type : the full name of the Python class.
    factory : the Java class that reads and writes such cells.
    storage_type : how cells are stored.
    shown : the name of the type that KNIME shows.
    preferred : the Java class by which KNIME's dialogs filter columns.
    """

    def __init__(self, value_type: str, factory: str, storage_type: KnimeType, shown: str, preferred: str) -> None:
        self.value_type = value_type
        self.logical_type = json.dumps({"value_factory_class": factory}, separators=(",", ":"))
        self.storage_type = storage_type
        self._shown, self._preferred = shown, preferred

    @property
    def preferred_value_type(self) -> str:
        """The Java class by which KNIME's dialogs filter columns."""
        return self._preferred

    def to_pyarrow(self) -> Any:
        """The Arrow extension type of such a column."""
        from knime.extension.arrow_types import CellType

        return CellType(self.logical_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogicalType) and self.logical_type == other.logical_type

    def __hash__(self) -> int:
        return hash(self.logical_type)

    def __str__(self) -> str:
        return self._shown


_PRIMITIVES = {type_id: PrimitiveType(type_id) for type_id in PrimitiveTypeId}


def int32() -> PrimitiveType:
    """Whole numbers of 32 bits."""
    return _PRIMITIVES[PrimitiveTypeId.INT]


def int64() -> PrimitiveType:
    """Whole numbers of 64 bits."""
    return _PRIMITIVES[PrimitiveTypeId.LONG]


def double() -> PrimitiveType:
    """Floating point numbers of 64 bits."""
    return _PRIMITIVES[PrimitiveTypeId.DOUBLE]


def bool_() -> PrimitiveType:
    """True or false."""
    return _PRIMITIVES[PrimitiveTypeId.BOOL]


def string() -> PrimitiveType:
    """Text."""
    return _PRIMITIVES[PrimitiveTypeId.STRING]


def blob() -> PrimitiveType:
    """Bytes. No column has this type, logical types are stored as it."""
    return _PRIMITIVES[PrimitiveTypeId.BLOB]


def null() -> PrimitiveType:
    """Nothing but missing cells."""
    return _PRIMITIVES[PrimitiveTypeId.NULL]


def list_(inner_type: KnimeType) -> ListType:
    """Lists of values of one type."""
    return ListType(inner_type)


def struct(*inner_types: KnimeType) -> StructType:
    """Several values, see `StructType`."""
    return StructType(inner_types)


LOGICAL_TYPES = (
    LogicalType(
        "PIL.Image.Image",
        "org.knime.core.data.image.png.PNGImageValueFactory",
        struct(string(), blob()),
        "PNG Image",
        _VALUES + "image.png.PNGImageValue",
    ),
    LogicalType(
        "knime.types.builtin.DenseByteVectorValue",
        "org.knime.core.data.v2.value.DenseByteVectorValueFactory",
        blob(),
        "Byte vector",
        _VALUES + "vector.bytevector.ByteVectorValue",
    ),
)
"""The logical types known outside KNIME."""


def logical(value_type: type) -> LogicalType:
    """The type of columns whose cells are objects of a class.

    Raises
    ------
    TypeError : no type of column is known for the class.
    """
    name = f"{getattr(value_type, '__module__', '')}.{getattr(value_type, '__qualname__', value_type)}"
    for known in LOGICAL_TYPES:
        if known.value_type == name:
            return known
    raise TypeError(
        f"Could not find registered KNIME extension type for {value_type}. "
        f"Outside KNIME these are known: {', '.join(t.value_type for t in LOGICAL_TYPES)}."
    )
