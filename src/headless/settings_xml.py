"""KNIME's settings files (settings.xml, workflow.knime) to plain Python values and back, byte for byte.

A config is a dict; an entry is None (a string that is not set), str, bool, int (32 bit), float, or Typed for KNIME's
rarer types. Arrays stay configs ("array-size", "0", "1", ...); `array` and `as_list` translate them.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape as escape_xml

import defusedxml.ElementTree

from core.errors import UserInputError

NAMESPACE = "http://www.knime.org/2008/09/XMLConfig"
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<config xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{NAMESPACE} http://www.knime.org/XMLConfig_2008_09.xsd" key="{{key}}">\n'
)
_ESCAPE = re.compile(r"%%(\d{5})")
_WHOLE_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
_DEEPEST = 100
_BITS = {"xbyte": 8, "xshort": 16, "xint": 32, "xlong": 64}


@dataclasses.dataclass(frozen=True)
class Typed:
    """An entry of a type that no plain Python value stands for: xlong, xshort, xbyte, xfloat, xchar, xpassword."""

    kind: str
    value: str | int | float | None


Scalar: TypeAlias = str | bool | int | float | Typed | None
Value: TypeAlias = "Scalar | dict[str, Value]"
Config: TypeAlias = dict[str, Value]


def escape(text: str) -> str:
    """KNIME's own escapes: control characters and UTF-16 units above U+D7FF become %% and five digits."""
    out = []
    for i, char in enumerate(text):
        code = ord(char)
        if code > 0xFFFF:
            code -= 0x10000
            out.append(f"%%{0xD800 + (code >> 10):05d}%%{0xDC00 + (code & 0x3FF):05d}")
        elif code < 32 or code > 0xD7FF or (char == "%" and text[i + 1 : i + 2] == "%"):
            out.append(f"%%{code:05d}")
        else:
            out.append(char)
    return "".join(out)


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    plain = _ESCAPE.sub(lambda match: chr(min(int(match[1]), 0xFFFF)), text)
    # Java escapes each half of a surrogate pair on its own; through UTF-16 they become one character again. A half
    # that is alone becomes U+FFFD: no file could hold it.
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def java_double(value: float) -> str:
    """A number as Java's Double.toString prints it: 1.0E-4, 0.05, 1.0E7, Infinity."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digit_tuple, exponent = Decimal(repr(float(value))).as_tuple()
    minus, all_digits = "-" if sign else "", "".join(map(str, digit_tuple))
    digits = all_digits.rstrip("0")
    if not digits:
        return minus + "0.0"
    point = len(all_digits) + int(exponent)  # value = 0.digits * 10 ** point
    if -2 <= point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    if 0 < point <= 7:
        return f"{minus}{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    return f"{minus}{digits[0]}.{digits[1:] or '0'}E{point - 1}"


def java_text(value: str | bool | int | float) -> str:
    """A value as Java prints it: true, 12, 1.0E-4."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return java_double(value) if isinstance(value, float) else str(value)


def array(values: Sequence[Scalar]) -> Config:
    """A list of equal types as KNIME's array."""
    return {"array-size": len(values)} | {str(i): value for i, value in enumerate(values)}


def as_list(config: Config, name: str) -> list[Value]:
    """The elements of KNIME's array, or of groups that are numbered instead of counted, in order.

    Raises
    ------
    UserInputError : one is missing; says so of the list of this name.
    """
    size = config.get("array-size", sum(key.isdecimal() for key in config))
    if not isinstance(size, int) or not all(str(i) in config for i in range(size)):
        raise UserInputError(f"The list {name!r} is damaged: its elements are not those that it counts.")
    return [config[str(i)] for i in range(size)]


def section(config: Config, key: str) -> Config:
    """The config under `key`; empty when there is none."""
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def text(config: Config, key: str, default: str = "") -> str:
    """The string under `key`; the default when it is absent or not set."""
    value = config.get(key)
    return value if isinstance(value, str) else default


def number(config: Config, key: str) -> int:
    """The whole number under `key`.

    Raises
    ------
    UserInputError : it is absent or of another type.
    """
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserInputError(f"The entry {key!r} is missing or no whole number.")
    return value


def parse(data: bytes, where: str = "") -> tuple[str, Config]:
    """Root key and content of a settings file.

    Raises
    ------
    UserInputError : no XML, or an element, type or value that KNIME's reader refuses too; names `where`.
    """
    todo = "The file is damaged; take it from its source again or save the workflow once more in KNIME."
    try:
        root = defusedxml.ElementTree.fromstring(data)
        if _tag(root) != "config":
            raise UserInputError(f"The root element is <{_tag(root)}>, not <config>.")
        return root.get("key", ""), _config(root, 1)
    except UserInputError as error:
        raise UserInputError(error.what, where=where, todo=todo) from None
    except (ParseError, LookupError, ValueError) as error:  # the last two: encodings, and what defusedxml forbids
        raise UserInputError(f"No valid XML: {error}.", where=where, todo=todo) from None


def document(key: str, config: Config) -> str:
    """The text of a settings file with this root key, with a newline at its end."""
    return _HEAD.format(key=_attribute(key)) + "".join(f"{line}\n" for line in _lines(config, 1)) + "</config>\n"


def _lines(config: Config, depth: int) -> Iterator[str]:
    pad = "    " * depth
    for key, value in config.items():
        if isinstance(value, dict):
            if value:
                yield f'{pad}<config key="{_attribute(key)}">'
                yield from _lines(value, depth + 1)
                yield f"{pad}</config>"
            else:
                yield f'{pad}<config key="{_attribute(key)}"/>'
        else:
            yield pad + _entry_text(key, value)


def _entry_text(key: str, value: Scalar) -> str:
    kind, plain = (value.kind, value.value) if isinstance(value, Typed) else (_kind(value), value)
    if plain is None:
        return f'<entry key="{_attribute(key)}" type="{kind}" isnull="true" value=""/>'
    if isinstance(plain, int) and not isinstance(plain, bool):
        limit = 1 << (_BITS[kind] - 1)
        if not -limit <= plain < limit:
            raise UserInputError(f"{plain} does not fit into {_BITS[kind]} bits.", where=key)
    return f'<entry key="{_attribute(key)}" type="{kind}" value="{_attribute(java_text(plain))}"/>'


def _kind(value: str | bool | int | float | None) -> str:
    if isinstance(value, bool):
        return "xboolean"
    if isinstance(value, int):
        return "xint"
    return "xdouble" if isinstance(value, float) else "xstring"


def _attribute(value: str) -> str:
    return escape_xml(escape(value), {'"': "&quot;"})


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _config(element: Element, depth: int) -> Config:
    if depth > _DEEPEST:
        raise UserInputError(f"More than {_DEEPEST} <config> lie in each other.")
    config: Config = {}
    for child in element:
        key = unescape(child.get("key", ""))
        if _tag(child) == "config":
            config[key] = _config(child, depth + 1)
        elif _tag(child) == "entry":
            config[key] = _entry(key, child.get("type", ""), unescape(child.get("value", "")), child.get("isnull"))
        else:
            raise UserInputError(f"The element <{_tag(child)}> is neither <config> nor <entry>.")
    return config


def _entry(key: str, kind: str, value: str, is_null: str | None) -> Scalar:
    if is_null == "true" and kind in ("xstring", "xpassword"):
        return None if kind == "xstring" else Typed(kind, None)
    if kind == "xstring":
        return value
    if kind == "xboolean":
        return value.lower() == "true"
    if (
        kind in _BITS
        and _WHOLE_NUMBER.fullmatch(value)
        and -(1 << _BITS[kind] - 1) <= int(value) < 1 << _BITS[kind] - 1
    ):
        return int(value) if kind == "xint" else Typed(kind, int(value))
    if kind in ("xdouble", "xfloat"):
        try:
            return float(value) if kind == "xdouble" else Typed(kind, float(value))
        except ValueError:
            pass
    elif kind in ("xchar", "xpassword"):
        return Typed(kind, value)
    raise UserInputError(f"The entry {key!r} of type {kind!r} has the value {value!r}.")
