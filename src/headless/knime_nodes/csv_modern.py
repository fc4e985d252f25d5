"""The settings of CSV Readers saved by KNIME 5.9 and later, in the words of those before."""

from collections.abc import Mapping
from typing import Any

from headless.knime_nodes import model

_ENCODINGS = {
    "DEFAULT": "",
    **{name.replace("-", "_"): name for name in ("ISO-8859-1", "US-ASCII", "UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE")},
}
_NUL = "\0"


def as_before(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings as KNIME 4.2 to 5.8 store them, whichever version stored them.

    Raises
    ------
    UserInputError : one is missing, or can be run by KNIME only.
    """
    if "csvReaderParameters" not in parameters:
        return parameters
    new = model.group(parameters, "csvReaderParameters")
    form, quotes = model.group(new, "csvFormatParams"), model.group(new, "quotedStringsParams")
    source = model.group(model.group(new, "multiFileSelectionParams"), "source")
    changes, files = model.group(new, "ifSchemaChangesParams"), model.group(new, "multiFileReaderParams")
    option = model.one_of(changes, "ifSchemaChangesOption", ("FAIL", "USE_NEW_SCHEMA"))
    lines, rows = _count(new, "skipFirstLines"), _count(new, "skipFirstDataRows")
    most = model.group(new, "maxNumberOfRowsParams")
    scanned = model.group(new, "limitScannedRowsParams")
    short = model.group(new, "ifRowHasFewerColumnsParams")
    before: dict[str, Any] = {
        "settings": {
            "file_selection": {
                "path": model.group(source, "path"),
                "filter_mode": {"filter_mode": model.text(source, "filterMode")},
            },
            "has_column_header": _flag(new, "firstRowContainsColumnNames"),
            "has_row_id": _flag(new, "firstColumnContainsRowIds"),
            "support_short_data_rows": model.one_of(short, "ifRowHasLessColumnsOption", ("FAIL", "INSERT_MISSING"))
            == "INSERT_MISSING",
            "skip_empty_data_rows": False,  # can no longer be chosen
            "prepend_file_idx_to_row_id": model.flag(
                model.group(new, "prependFileIndexParams"), "prependFileIndexToRowId"
            ),
            "comment_char": model.text(form, "commentLineCharacter"),
            "column_delimiter": model.text(form, "columnDelimiter"),
            "quote_char": model.text(form, "quoteCharacter"),
            "quote_escape_char": model.text(form, "quoteEscapeCharacter"),
            "use_line_break_row_delimiter": model.one_of(form, "rowDelimiterOption", ("LINE_BREAK", "CUSTOM"))
            == "LINE_BREAK",
            "row_delimiter": model.text(form, "customRowDelimiter").replace("\\r", "\r").replace("\\n", "\n"),
        },
        "advanced_settings": {
            "append_path_column_Internals": model.flag(files, "appendPathColumn_is_present"),
            "limit_data_rows_scanned": model.flag(scanned, "maxDataRowsScanned_is_present"),
            "max_data_rows_scanned": model.whole(scanned, "maxDataRowsScanned"),
            "check_table_spec": option == "FAIL" and not model.flag(changes, "ignoreSchemaChange", default=False),
            "quote_option": model.text(quotes, "quotedStringsOption"),
            "replace_empty_quotes_with_missing": model.flag(quotes, "replaceEmptyQuotedStringsByMissingValues"),
            "thousands_separator": model.text(form, "thousandsSeparator") or _NUL,
            "decimal_separator": model.text(form, "decimalSeparator"),
        },
        "limit_rows": {
            "skip_lines": lines != 0,
            "number_of_lines_to_skip": lines,
            "skip_data_rows": rows != 0,
            "number_of_rows_to_skip": rows,
            "limit_data_rows": model.flag(most, "maximumNumberOfRows_is_present"),
            "max_rows": model.whole(most, "maximumNumberOfRows"),
        },
        "encoding": {"charset": _encoding(model.group(new, "fileEncodingParams"))},
    }
    if option == "FAIL" and "sourceId_Internals" in parameters:
        before["table_spec_config_Internals"] = _columns(parameters)
    return before


def _count(new: Mapping[str, Any], key: str) -> int:
    return model.whole(model.group(new, f"{key}Params"), key)


def _flag(new: Mapping[str, Any], key: str) -> bool:
    return model.flag(model.group(new, f"{key}Params"), key)


def _encoding(stored: Mapping[str, Any]) -> str:
    name = model.one_of(stored, "fileEncoding", (*_ENCODINGS, "OTHER"))
    return model.text(stored, "customEncoding") if name == "OTHER" else _ENCODINGS[name]


def _columns(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What was decided in the dialog; the column without a name stands for those that are unknown."""
    stored = model.elements(model.group(parameters, "transformationParameters"), "columnTransformation", dict)
    columns = {
        str(i): {
            "external_spec": {"name": column["columnName"]},
            "name": model.text(column, "columnRename"),
            "keep": model.flag(column, "includeInOutput"),
            "position": i,
            "production_path": model.group(column, "productionPath"),
        }
        for i, column in enumerate(column for column in stored if column.get("columnName") is not None)
    }
    return {
        "source_group_id": parameters["sourceId_Internals"],
        "table_transformation": {"columns": {**columns, "num_columns": len(columns)}},
    }
