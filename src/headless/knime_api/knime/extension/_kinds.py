"""Types of columns."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_LOGICAL = {
    "knime.types.builtin.DenseByteVectorValue": "Byte vector",
    "PIL.Image.Image": "PNG Image",
    "datetime.date": "Local Date",
    "datetime.time": "Local Time",
    "datetime.datetime": "Local Date Time",
    "datetime.timedelta": "Duration",
}


class KnimeType:
    """What the cells of a column hold."""


class PrimitiveType(KnimeType):
    """Numbers, truth values and text; there is one object per type."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return self._name

    __repr__ = __str__


class ListType(KnimeType):
    """Lists of values of one type."""

    def __init__(self, inner_type: KnimeType) -> None:
        if not isinstance(inner_type, KnimeType):
            raise TypeError(f"A list holds values of a KNIME type, not of {inner_type!r}.")
        self.inner_type = inner_type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListType) and self.inner_type == other.inner_type

    def __hash__(self) -> int:
        return hash((ListType, self.inner_type))

    def __str__(self) -> str:
        return f"List (Collection of: {self.inner_type})"

    __repr__ = __str__


class LogicalType(KnimeType):
    """Values of a Python class: byte vectors, PNG pictures, dates and times."""

    def __init__(self, value_type: str) -> None:
        self.value_type = value_type

    def to_pyarrow(self) -> "pa.ExtensionType":
        """Arrow's type of such cells."""
        from knime.extension._arrow import CellType

        return CellType(self.value_type)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogicalType) and self.value_type == other.value_type

    def __hash__(self) -> int:
        return hash((LogicalType, self.value_type))

    def __str__(self) -> str:
        return _LOGICAL[self.value_type]

    __repr__ = __str__


_INT32, _INT64 = PrimitiveType("Number (Integer)"), PrimitiveType("Number (Long Integer)")
_DOUBLE, _BOOL = PrimitiveType("Number (Float)"), PrimitiveType("Boolean")
_STRING, _NULL = PrimitiveType("String"), PrimitiveType("null")


def int32() -> PrimitiveType:
    """Whole numbers of 32 bits."""
    return _INT32


def int64() -> PrimitiveType:
    """Whole numbers of 64 bits."""
    return _INT64


def double() -> PrimitiveType:
    """Numbers of double precision."""
    return _DOUBLE


def bool_() -> PrimitiveType:
    """True or false."""
    return _BOOL


def string() -> PrimitiveType:
    """Text."""
    return _STRING


def null() -> PrimitiveType:
    """Nothing: all values are missing."""
    return _NULL


def list_(inner_type: KnimeType) -> ListType:
    """Lists of values of a type."""
    return ListType(inner_type)


def logical(value_type: type) -> LogicalType:
    """The type of cells that hold values of a Python class.

    Raises
    ------
    TypeError : KNIME (here: the stand-in) has no cells for such values.
    """
    if not isinstance(value_type, type):
        raise TypeError(f"{value_type!r} is no class.")
    name = f"{value_type.__module__}.{value_type.__qualname__}"
    if name not in _LOGICAL:
        raise TypeError(f"There are no cells for values of {name}, only of {', '.join(_LOGICAL)}.")
    return LogicalType(name)


def datetime(date: bool | None = True, time: bool | None = True, timezone: bool | None = False) -> LogicalType:
    """The type of dates, of times, or of both.

    Raises
    ------
    ValueError : none of them, or a time zone without a time.
    NotImplementedError : with a time zone.
    """
    if not date and not time:
        raise ValueError("A date, a time, or both.")
    if timezone and not time:
        raise ValueError("A time zone goes with a time.")
    if timezone:
        raise NotImplementedError("Times with a time zone are supported within KNIME only.")
    return LogicalType(f"datetime.{'datetime' if date and time else 'date' if date else 'time'}")
