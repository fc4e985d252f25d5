"""Texts of cells to numbers, as KNIME's CSV Reader reads them."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from core.errors import UserInputError
from headless.knime_nodes.polling import polled

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)")
_BITS = {pa.int32(): 32, pa.int64(): 64}
GUESSED = (pa.int32(), pa.int64(), pa.float64(), pa.string())
"""Types that a column may turn out to be, the narrowest first."""


@dataclasses.dataclass(frozen=True)
class NumberFormat:
    """How numbers are written; `thousands` is "" where digits stand together."""

    decimal: str = "."
    thousands: str = ""

    def parsed(self, text: str, kind: pa.DataType) -> str | int | float | None:
        """The text as a value of a type, None if it is none."""
        if kind == pa.string():
            return text
        if self.thousands:
            groups = re.escape(self.thousands)
            tail = "" if kind in _BITS else rf"(?:{re.escape(self.decimal)}[0-9]*)?(?:[eE][+-]?[0-9]+)?[fFdD]?"
            if re.fullmatch(rf"[+-]?[0-9]{{0,3}}(?:{groups}[0-9]{{3}})*{tail}", text) is None:
                return None
            text = text.replace(self.thousands, "")
        if kind in _BITS:
            limit = 1 << _BITS[kind] - 1
            number = int(text) if _WHOLE.fullmatch(text) and len(text) < 25 else limit
            return number if -limit <= number < limit else None
        if self.decimal != ".":
            if "." in text:
                return None
            text = text.replace(self.decimal, ".")
        return float(text.rstrip("fFdD")) if _NUMBER.fullmatch(text) else None


def guessed(
    cells: Sequence[str | None], numbers: NumberFormat, is_canceled: Callable[[], bool] = lambda: False
) -> pa.DataType:
    """The narrowest type that all cells fit; text where all are missing.

    Raises
    ------
    Canceled : the user stopped it.
    """
    present = [cell for cell in cells if cell is not None]
    if not present:
        return pa.string()
    return next(
        kind for kind in GUESSED if all(numbers.parsed(cell, kind) is not None for cell in polled(present, is_canceled))
    )


def column(name: str, cells: Iterable[str | None], kind: pa.DataType, numbers: NumberFormat) -> pa.Array:
    """The cells as a column of a type.

    Raises
    ------
    UserInputError : a cell is none; names it and its row.
    """
    values = []
    for i, cell in enumerate(cells):
        value = None if cell is None else numbers.parsed(cell, kind)
        if value is None and cell is not None:
            raise UserInputError(f"The cell {cell!r} in row {i + 1} of the column {name!r} is not of the type {kind}.")
        values.append(value)
    return pa.array(values, kind)
