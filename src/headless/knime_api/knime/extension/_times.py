"""Cells of dates, times and durations: what they hold, and how KNIME stores it."""

import datetime as dt
from typing import Any

import pyarrow as pa

_EPOCH = dt.date(1970, 1, 1)
_SECOND, _MICROSECOND, _DAY = (dt.timedelta(**one) for one in ({"seconds": 1}, {"microseconds": 1}, {"days": 1}))

STORAGE = {
    "datetime.date": pa.int64(),  # days since 1970
    "datetime.time": pa.int64(),  # nanoseconds since midnight
    "datetime.datetime": pa.struct([pa.field("0", pa.int64()), pa.field("1", pa.int64())]),  # both of these
    "datetime.timedelta": pa.struct([pa.field("0", pa.int64()), pa.field("1", pa.int32())]),  # seconds, nanoseconds
}
"""Arrow's type behind the cells of a Python class."""


def encode(value: Any) -> Any:
    """What is stored for a date, time, date with time, or duration; None for a missing one."""
    match value:
        case dt.datetime():
            return {"0": encode(value.date()), "1": encode(value.time())}
        case dt.date():
            return (value - _EPOCH).days
        case dt.time():
            since = dt.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
            return (since // _MICROSECOND + value.microsecond) * 1000
        case dt.timedelta():
            return {"0": value // _SECOND, "1": value.microseconds * 1000}
    return None


def decode(value_type: str, stored: Any) -> Any:
    """The value of a cell from what is stored of it, to the microsecond."""
    if value_type == "datetime.date":
        return _EPOCH + dt.timedelta(days=stored)
    if value_type == "datetime.time":
        return (dt.datetime.min + dt.timedelta(microseconds=stored // 1000)).time()
    if value_type == "datetime.timedelta":
        return dt.timedelta(seconds=stored["0"], microseconds=stored["1"] // 1000)
    return dt.datetime.combine(decode("datetime.date", stored["0"]), decode("datetime.time", stored["1"]))


def cells_of(kind: pa.DataType) -> tuple[str, pa.DataType] | None:
    """The class whose cells hold an array of a type, and the type that its values are read as; None: no times."""
    if pa.types.is_date(kind):
        return "datetime.date", pa.date32()
    if pa.types.is_time(kind):
        return "datetime.time", pa.time64("us")
    if pa.types.is_duration(kind):
        return "datetime.timedelta", pa.duration("us")
    if pa.types.is_timestamp(kind):
        return "datetime.datetime", pa.timestamp("us")
    return None
