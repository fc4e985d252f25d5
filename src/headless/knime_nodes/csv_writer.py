"""KNIME's CSV Writer."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from io import TextIOWrapper
from typing import Any

import pyarrow as pa

from core.errors import MicrosegError, OutputError, UserInputError
from core.io.write import atomic
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.cells import as_text
from headless.knime_nodes.charsets import continued, encoding
from headless.knime_nodes.locations import Location
from headless.knime_nodes.polling import ROWS, polled
from headless.knime_nodes.types import is_number

_LINE_ENDS = ("\n", "\r\n", "\r")
_COMMENTS = ("add_user_to_comment", "add_time_to_comment", "add_table_name_to_comment", "add_custom_text_to_comment")


@dataclasses.dataclass(frozen=True)
class CsvWriterSettings:
    """What is written, and how.

    if_exists : "overwrite", "append" or "fail".
    quoting : "IF_NEEDED", "ALWAYS", "STRINGS_ONLY" or "NEVER"; then delimiters become `replacement`.
    writes_names : "always", "never", or "new": not when rows are appended.
    scientific : whether small and large numbers are written with an exponent.
    trailing_zero : whether whole numbers of a column of fractions end with .0.
    """

    location: Location
    makes_folders: bool
    if_exists: str
    delimiter: str
    line_end: str
    quote: str
    escape: str
    quoting: str
    replacement: str
    writes_names: str
    writes_row_ids: bool
    missing: str
    decimal: str
    scientific: bool
    trailing_zero: bool
    encoding: str


class CsvWriter(KnimeNode[CsvWriterSettings]):
    """Writes a table into a file of comma-separated values."""

    factory = "org.knime.base.node.io.filehandling.csv.writer.CSVWriter2NodeFactory"
    output_names = ()

    def read(self, parameters: Mapping[str, Any]) -> CsvWriterSettings:
        """The settings."""
        if any(self.entry.port_groups.values()):
            raise UserInputError("A connection to another file system can be used by KNIME only.")
        main, advanced = model.group(parameters, "settings"), model.group(parameters, "advanced_settings")
        chosen = model.group(main, "file_chooser_settings")
        if model.flag(advanced, "compress_with_gzip", default=False):
            raise model.only_knime("compress_with_gzip")
        comments = model.group(parameters, "comment_header_settings")
        for key in _COMMENTS:
            if model.flag(comments, key, default=False):
                raise model.only_knime(key)
        names, appended = model.flag(main, "write_column_header"), model.flag(main, "skip_column_header_on_append")
        delimiter = model.text(main, "column_delimiter").replace("\\t", "\t")
        missing = model.text(advanced, "missing_value_pattern")
        if not delimiter:
            raise UserInputError("The column delimiter is empty.")
        if delimiter in missing:
            raise UserInputError(f"The text for missing cells, {missing!r}, holds the column delimiter {delimiter!r}.")
        return CsvWriterSettings(
            Location.from_model(model.group(chosen, "path")),
            model.flag(chosen, "create_missing_folders"),
            model.one_of(chosen, "if_path_exists", ("overwrite", "append", "fail")),
            delimiter,
            model.one_of(main, "row_delimiter", _LINE_ENDS) if model.text(main, "row_delimiter") else os.linesep,
            model.text(main, "quote_char"),
            model.text(main, "quote_escape_char"),
            model.one_of(advanced, "quote_mode", ("IF_NEEDED", "ALWAYS", "STRINGS_ONLY", "NEVER")),
            model.text(advanced, "separator_replacement"),
            "never" if not names else "new" if appended else "always",
            model.flag(main, "write_row_header"),
            missing,
            model.text(advanced, "decimal_separator"),
            model.flag(advanced, "use_scientific_format"),
            model.flag(advanced, "keep_trailing_zero_in_decimals"),
            encoding(model.text(model.group(parameters, "encoding"), "character_set"), "character_set"),
        )

    def execute(
        self, settings: CsvWriterSettings, inputs: Sequence[pa.Table], context: Context
    ) -> Sequence[TableOutput]:
        """Write the file; one that stood there stays as it was until the new one is whole."""
        (table,) = inputs
        for field in list(table.schema)[1:]:
            if not (is_number(field.type) or field.type in (pa.string(), pa.bool_()) or pa.types.is_null(field.type)):
                raise UserInputError(
                    f"The column {field.name!r} cannot be written: it holds no texts or numbers ({field.type}).",
                    todo="Filter it out before.",
                )
        if settings.decimal and settings.decimal in settings.delimiter and any(map(_is_numeric, table.columns[1:])):
            raise UserInputError(
                f"The column delimiter {settings.delimiter!r} holds the decimal separator {settings.decimal!r}.",
                todo="Choose another one in the node's dialog.",
            )
        path = settings.location.resolved(context.data_area)
        exists = path.exists()
        if exists and settings.if_exists == "fail":
            raise OutputError(
                "The file is there already.", where=str(path), todo="Let the node overwrite it, in KNIME."
            )
        # The data area itself belongs to every workflow, though a copy may lack it while it is empty.
        if not path.parent.is_dir() and not settings.makes_folders and path.parent != context.data_area:
            raise OutputError("There is no such folder.", where=str(path.parent))
        appends = exists and settings.if_exists == "append"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_bytes() if appends else b""
            with atomic(path) as partial, partial.open("wb") as file:
                file.write(before)
                name, start = continued(before, settings.encoding)
                with TextIOWrapper(file, name, newline="") as text:
                    text.write(start)
                    for line in _lines(table, settings, appends, context.is_canceled):
                        text.write(line + settings.line_end)
        except MicrosegError:
            raise
        except OSError as error:
            raise OutputError(f"The file cannot be written: {error.strerror}.", where=str(path)) from None
        except UnicodeEncodeError as error:
            raise OutputError(
                f"{error.object[error.start : error.end]!r} cannot be written as {settings.encoding}.",
                where=str(path),
                todo="Choose UTF-8 in the node's dialog.",
            ) from None
        return []


def _lines(
    table: pa.Table, settings: CsvWriterSettings, appends: bool, is_canceled: Callable[[], bool]
) -> Iterator[str]:
    names, first = table.column_names, 0 if settings.writes_row_ids else 1
    if settings.writes_names == "always" or (settings.writes_names == "new" and not appends):
        header = ["row ID", *names[1:]][first:]
        yield settings.delimiter.join(_quoted(name, False, settings) for name in header)
    for batch in table.to_batches(max_chunksize=ROWS):
        columns = [_cells(column, settings) for column in batch.columns[first:]]
        for row in polled(zip(*columns, strict=True) if columns else [()] * batch.num_rows, is_canceled):
            yield settings.delimiter.join(row)


def _is_numeric(column: pa.Array | pa.ChunkedArray) -> bool:
    """Whether KNIME takes the cells for numbers: truth values are, too."""
    return bool(column.type != pa.string())


def _cells(column: pa.Array, settings: CsvWriterSettings) -> list[str]:
    is_numeric = _is_numeric(column)
    return [
        settings.missing
        if value is None
        else _quoted(_number(value, settings) if is_numeric else value, is_numeric, settings)
        for value in column.to_pylist()
    ]


def _number(value: Any, settings: CsvWriterSettings) -> str:
    if settings.scientific:
        return as_text(value)
    if not isinstance(value, float):
        return str(int(float(value)))  # KNIME writes them as fractions of 64 bits, truth values as 1 and 0
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "∞" if value > 0 else "-∞"
    text = format(Decimal(repr(value)), "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if settings.trailing_zero:
        whole = re.sub(r"^(-?)0$", r"\1", whole)
        text = f"{whole}.{fraction or '0'}"
    else:
        text = f"{whole}.{fraction}" if fraction else whole
    return text.replace(".", settings.decimal)


def _quoted(text: str, is_numeric: bool, settings: CsvWriterSettings) -> str:
    if settings.quoting == "NEVER":
        return text if is_numeric else text.replace(settings.delimiter, settings.replacement)
    has_end = settings.delimiter in text or "\r" in text or "\n" in text
    if settings.quoting == "ALWAYS" or (not is_numeric if settings.quoting == "STRINGS_ONLY" else has_end):
        if settings.quote != settings.escape:
            text = text.replace(settings.escape, settings.escape * 2)
        return settings.quote + text.replace(settings.quote, settings.escape + settings.quote) + settings.quote
    return text
