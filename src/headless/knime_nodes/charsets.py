"""Texts to bytes and back, in the encodings that KNIME's nodes choose by name."""

import codecs

from headless.knime_nodes import model

_PYTHONS_OWN = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def encoding(charset: str, key: str) -> str:
    """Python's name of a character set; UTF-8 where none is set, for which KNIME takes that of its computer.

    Raises
    ------
    UserInputError : it is not known here; names the setting `key`.
    """
    try:
        "".encode(charset or "UTF-8")  # fails for what makes no bytes of texts
        name = codecs.lookup(charset or "UTF-8").name
    except (LookupError, ValueError):
        name = "undefined"
    if name in _PYTHONS_OWN:
        raise model.only_knime(f"{key} = {charset!r}")
    return name


def decoded(data: bytes, name: str) -> str:
    """The text without its byte order mark; UTF-16 that has none is big-endian, as in Java.

    Raises
    ------
    UnicodeError : it is not encoded so.
    """
    return data.decode(_of_16_bits(data) if name == "utf-16" else name).removeprefix("\ufeff")


def continued(before: bytes, name: str) -> tuple[str, str]:
    """The encoding of what is appended to `before`, and what comes first: UTF-16 begins with its byte order mark."""
    if name != "utf-16":
        return name, ""
    return _of_16_bits(before), "" if before else "\ufeff"


def _of_16_bits(data: bytes) -> str:
    return _UTF_16.get(data[:2], "utf-16-be")
