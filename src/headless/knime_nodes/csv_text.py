"""Texts of comma-separated values to rows of cells."""

import dataclasses
import re
from collections.abc import Iterator

from core.errors import UserInputError

_LINE_END = re.compile(r"\r\n|\r|\n")

Row = list[str | None]
"""Cells, None where missing."""


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How cells are separated and quoted.

    escape : stands before a quote within quotes; commonly the quote itself.
    comment : lines that begin with it are left out; "" for none.
    empty_quotes_are_missing : whether "" is a missing cell rather than an empty text.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    empty_quotes_are_missing: bool = True


def rows(text: str, dialect: Dialect) -> Iterator[Row]:
    """The rows of a text; blanks around cells do not count, empty lines are left out.

    Raises
    ------
    UserInputError : a quote that is not closed, or is followed by more text; names the line.
    """
    token = _token(dialect)
    place, row = 0, Row()
    while place < len(text):
        if not row and dialect.comment and text.startswith(dialect.comment, place):
            place = next_line(text, place)
            continue
        match = token.match(text, place)
        if match is None:
            line = len(_LINE_END.findall(text, 0, place)) + 1
            raise UserInputError(
                f"A quote in line {line} is not closed, or more text follows after it: {text[place : place + 40]!r}.",
                todo="Check the file, and the quote characters in the node's dialog.",
            )
        row.append(_cell(match, dialect))
        place = match.end()
        if match["end"] != dialect.delimiter:
            if len(row) > 1 or match[0].strip():
                yield row
            row = []
        elif place == len(text):
            row.append(None)
    if row:
        yield row


def _token(dialect: Dialect) -> re.Pattern[str]:
    delimiter, quote, escape = (re.escape(part) for part in (dialect.delimiter, dialect.quote, dialect.escape))
    blank = "[ ]*" if dialect.delimiter == "\t" else "[ \t]*"
    inside = f"[^{quote}{escape}]|{escape}{quote}|{escape}{escape}" + ("" if escape == quote else f"|{escape}")
    quoted = f"{blank}{quote}(?P<quoted>(?:{inside})*){quote}{blank}"
    plain = f"(?!{blank}{quote})(?P<plain>(?:(?!{delimiter})[^\r\n])*)"
    return re.compile(f"(?:{quoted}|{plain})(?P<end>{delimiter}|\r\n|\r|\n|\\Z)")


def _cell(match: re.Match[str], dialect: Dialect) -> str | None:
    if match["quoted"] is None:
        return match["plain"].strip() or None
    value = match["quoted"].replace(dialect.escape + dialect.quote, dialect.quote)
    if dialect.escape != dialect.quote:
        value = value.replace(dialect.escape * 2, dialect.escape)
    return value.strip() or (None if dialect.empty_quotes_are_missing else "")


def next_line(text: str, place: int) -> int:
    """Where the line behind that of `place` begins; the end of the text behind the last one."""
    end = _LINE_END.search(text, place)
    return len(text) if end is None else end.end()
