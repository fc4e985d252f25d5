"""Cells as KNIME writes and compares them."""

import math
import struct
from typing import Any

from headless.settings_xml import java_text

_ALL_BUT_THE_SIGN = 0x7FFF_FFFF_FFFF_FFFF


def as_text(value: Any) -> str:
    """A cell as KNIME writes it: a missing one is a question mark."""
    return "?" if value is None else java_text(value)


def key(value: Any) -> Any:
    """What stands for a cell where cells are compared: a whole number for a fraction, any other value for itself.

    Keys of fractions are equal and ordered as in Java: NaN equals NaN and comes last, -0.0 is less than 0.0.
    """
    if not isinstance(value, float):
        return value
    bits: int = struct.unpack("<q", struct.pack("<d", math.nan if math.isnan(value) else value))[0]
    return bits if bits >= 0 else bits ^ _ALL_BUT_THE_SIGN


def caseless(text: str) -> str:
    """A text in which the case of letters no longer counts, as Java compares: letter by letter, none becoming two."""
    return "".join(_single(char).lower()[0] for char in text)


def _single(char: str) -> str:
    upper = char.upper()
    return upper if len(upper) == 1 else char
