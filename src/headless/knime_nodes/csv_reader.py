"""KNIME's CSV Reader."""

import dataclasses
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode
from headless.knime_nodes.charsets import decoded, encoding
from headless.knime_nodes.csv_modern import as_before
from headless.knime_nodes.csv_text import Dialect, next_line, rows
from headless.knime_nodes.csv_types import NumberFormat, column, guessed
from headless.knime_nodes.locations import Location
from headless.knime_nodes.names import unused
from headless.knime_nodes.polling import polled
from headless.knime_nodes.rows import Part, numbered, write_rows

_CELLS = {"IntCell": pa.int32(), "LongCell": pa.int64(), "DoubleCell": pa.float64(), "StringCell": pa.string()}
_GZIP = b"\x1f\x8b"
_LINE_ENDS = ("\n", "\r\n", "\r")


@dataclasses.dataclass(frozen=True)
class StoredColumn:
    """A column as it was when the node's dialog was closed: its name in the file, and what becomes of it."""

    source: str
    name: str
    kept: bool
    position: int
    kind: pa.DataType


@dataclasses.dataclass(frozen=True)
class CsvReaderSettings:
    """What is read, and how.

    skipped_lines, skipped_rows : of the file's beginning, and of the rows behind the names of columns.
    most_rows : at most so many rows; None: all.
    scanned_rows : the rows that tell the types of columns; None: all.
    stored : the columns, where they were decided upon in the dialog; None: the file tells.
    fixed_columns : whether the file must have those columns and no others.
    """

    location: Location
    encoding: str
    dialect: Dialect
    numbers: NumberFormat
    has_names: bool
    has_row_ids: bool
    takes_short_rows: bool
    skips_empty_rows: bool
    skipped_lines: int
    skipped_rows: int
    most_rows: int | None
    scanned_rows: int | None
    stored: tuple[StoredColumn, ...] | None
    fixed_columns: bool


class CsvReader(KnimeNode[CsvReaderSettings]):
    """Reads a table from a file of comma-separated values, which may be compressed with gzip."""

    factory = "org.knime.base.node.io.filehandling.csv.reader.CSVTableReaderNodeFactory"
    input_names = ()
    output_names = ("File Table",)

    def read(self, parameters: Mapping[str, Any]) -> CsvReaderSettings:
        """The settings."""
        if self.entry.port_groups.get("File System Connection", 0):
            raise UserInputError("A connection to another file system can be used by KNIME only.")
        parameters = as_before(parameters)
        main, limits = model.group(parameters, "settings"), model.group(parameters, "limit_rows")
        advanced = model.group(parameters, "advanced_settings")
        chosen = model.group(main, "file_selection")
        model.one_of(model.group(chosen, "filter_mode"), "filter_mode", ("FILE",))
        model.one_of(advanced, "quote_option", ("REMOVE_QUOTES_AND_TRIM",))
        for key in ("prepend_file_idx_to_row_id", "append_path_column_Internals"):
            if model.flag(advanced if key in advanced else main, key, default=False):
                raise model.only_knime(key)
        if not model.flag(main, "use_line_break_row_delimiter", default=False):
            model.one_of(main, "row_delimiter", _LINE_ENDS)
        path = model.group(chosen, "path")
        return CsvReaderSettings(
            Location.from_model(path),
            encoding(model.text(model.group(parameters, "encoding"), "charset"), "charset"),
            Dialect(
                _delimiter(model.text(main, "column_delimiter")),
                _character(main, "quote_char"),
                _character(main, "quote_escape_char"),
                model.text(main, "comment_char").strip("\0"),
                model.flag(advanced, "replace_empty_quotes_with_missing"),
            ),
            NumberFormat(
                model.text(advanced, "decimal_separator") if "decimal_separator" in advanced else ".",
                model.text(advanced, "thousands_separator").strip("\0") if "thousands_separator" in advanced else "",
            ),
            model.flag(main, "has_column_header"),
            model.flag(main, "has_row_id"),
            model.flag(main, "support_short_data_rows"),
            model.flag(main, "skip_empty_data_rows"),
            _counted(limits, "skip_lines", "number_of_lines_to_skip") or 0,
            _counted(limits, "skip_data_rows", "number_of_rows_to_skip") or 0,
            _counted(limits, "limit_data_rows", "max_rows"),
            _counted(advanced, "limit_data_rows_scanned", "max_data_rows_scanned"),
            _stored(parameters, model.text(path, "path")),
            model.flag(advanced, "check_table_spec", default=False),
        )

    def execute(
        self, settings: CsvReaderSettings, inputs: Sequence[pa.Table], context: Context
    ) -> Sequence[TableOutput]:
        """The table of the file."""
        path = settings.location.resolved(context.data_area)
        try:
            ids, columns = _content(_text(path, settings.encoding), settings, context)
            table = pa.table(_typed(columns, settings, len(ids), context))
        except OSError as error:
            raise UserInputError(f"The file cannot be read: {error.strerror}.", where=str(path)) from None
        except UserInputError as error:
            raise error.at(str(path)) from None
        return [write_rows(ids, [Part(table)], context)]


def _text(path: Path, encoding: str) -> str:
    data = path.read_bytes()
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise UserInputError("The file is compressed with gzip, and damaged.") from None
    try:
        return decoded(data, encoding)
    except UnicodeError:
        raise UserInputError(f"The file is not encoded as {encoding}.", todo="Choose another encoding.") from None


def _content(
    text: str, settings: CsvReaderSettings, context: Context
) -> tuple[pa.Array, dict[str, Sequence[str | None]]]:
    """The row IDs, and the cells of each column by its name."""
    begin = 0
    for _ in polled(range(settings.skipped_lines), context.is_canceled):
        begin = next_line(text, begin)
    lines = polled(rows(text[begin:], settings.dialect), context.is_canceled)
    header = next(lines, []) if settings.has_names else []
    stop = None if settings.most_rows is None else settings.skipped_rows + settings.most_rows
    given = (row for row in lines if not settings.skips_empty_rows or any(cell is not None for cell in row))
    found = list(islice(given, settings.skipped_rows, stop))
    width = max([len(header), *map(len, found)])
    for i, row in enumerate(found):
        if len(row) < width:
            if not settings.takes_short_rows:
                raise UserInputError(f"Row {i + 1} has {len(row)} cells, not {width}.")
            row.extend([None] * (width - len(row)))
    cells: list[Sequence[str | None]] = list(zip(*found, strict=True)) if found else [()] * width
    ids = numbered(len(found))
    if settings.has_row_ids and cells:
        ids, header = pa.array(cells.pop(0), pa.string()), header[1:]
    columns: dict[str, Sequence[str | None]] = {}
    for i, column_cells in enumerate(cells):
        name = (header[i] if i < len(header) else None) or f"Column{i}"
        columns[unused(name, columns)] = column_cells
    return ids, columns


def _typed(
    columns: Mapping[str, Sequence[str | None]], settings: CsvReaderSettings, count: int, context: Context
) -> dict[str, pa.Array]:
    def typed(name: str, cells: Sequence[str | None], kind: pa.DataType) -> pa.Array:
        return column(name, polled(cells, context.is_canceled), kind, settings.numbers)

    if settings.stored is None:
        seen = {name: cells[: settings.scanned_rows] for name, cells in columns.items()}
        kinds = {name: guessed(cells, settings.numbers, context.is_canceled) for name, cells in seen.items()}
        return {name: typed(name, cells, kinds[name]) for name, cells in columns.items()}
    known = {stored.source for stored in settings.stored}
    if settings.fixed_columns and known != columns.keys():
        changed = ", ".join(map(repr, sorted(known ^ columns.keys())))
        raise UserInputError(f"The columns are others than when the node was set: {changed}.")
    kept = sorted((stored for stored in settings.stored if stored.kept), key=lambda stored: stored.position)
    return {
        stored.name: typed(stored.name, columns.get(stored.source, (None,) * count), stored.kind) for stored in kept
    }


def _stored(parameters: Mapping[str, Any], path: str) -> tuple[StoredColumn, ...] | None:
    """The columns decided upon in the dialog; they count as long as the node reads the same file."""
    if "table_spec_config_Internals" not in parameters:
        return None
    config = model.group(parameters, "table_spec_config_Internals")
    if config.get("source_group_id") != path:
        return None
    transformation = model.group(config, "table_transformation")
    if model.flag(transformation, "skip_empty_columns", default=False):
        raise model.only_knime("skip_empty_columns")
    stored = model.group(transformation, "columns")
    return tuple(_stored_column(model.group(stored, str(i))) for i in range(model.whole(stored, "num_columns")))


def _stored_column(stored: Mapping[str, Any]) -> StoredColumn:
    converter = model.text(model.group(stored, "production_path"), "_converter")
    cell = re.match(r"org\.knime\.core\.data\.def\.(\w+)\$", converter)
    kept, name = model.flag(stored, "keep"), model.text(stored, "name")
    if kept and (cell is None or cell[1] not in _CELLS):
        raise model.only_knime(f"type {converter!r} of the column {name!r}")
    kind = _CELLS.get(cell[1] if cell else "", pa.string())
    source = model.text(model.group(stored, "external_spec"), "name")
    return StoredColumn(source, name, kept, model.whole(stored, "position"), kind)


def _counted(stored: Mapping[str, Any], flag: str, key: str) -> int | None:
    if not model.flag(stored, flag):
        return None
    if (count := model.whole(stored, key)) < 0:
        raise UserInputError(f"The setting {key!r} is {count}, less than 0.")
    return count


def _delimiter(text: str) -> str:
    delimiter = text.replace("\\t", "\t")
    if not delimiter:
        raise UserInputError("The column delimiter is empty.")
    return delimiter


def _character(stored: Mapping[str, Any], key: str) -> str:
    character = model.text(stored, key)
    if len(character) != 1 or character == "\0":
        raise model.only_knime(f"{key} = {character!r}")
    return character
