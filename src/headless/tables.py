"""Result tables for people: as text on the console, as HTML in the report, as CSV files."""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import pyarrow as pa

ROW_ID = "<RowID>"
_DIGITS = 4


def readable(table: pa.Table) -> pa.Table:
    """The table without the columns that are no text, number, date or list of these (images, tensors)."""
    return table.select([field.name for field in table.schema if _is_readable(field.type)])


def write_csv(table: pa.Table, file: io.TextIOBase) -> None:
    """Write the readable columns, the row ID first under the name RowID; numbers unrounded, absent values empty."""
    rows = csv.writer(file, lineterminator="\n")
    shown = readable(table)
    rows.writerow(_names(shown))
    for batch in shown.to_batches():
        rows.writerows([_exact(value) for value in row] for row in zip(*_columns(batch), strict=True))


def as_text(table: pa.Table, max_rows: int = 12, max_width: int = 40) -> str:
    """The readable columns that hold something, as aligned lines; long tables end with the number of rows left out."""
    shown = readable(table)
    shown = shown.select([n for n in shown.column_names if not shown.num_rows or shown[n].null_count < shown.num_rows])
    head = shown.slice(0, max_rows)
    columns = [[name, *map(_rounded, values)] for name, values in zip(_names(shown), _columns(head), strict=True)]
    columns = [
        [cell if len(cell) <= max_width else cell[: max_width - 1] + "…" for cell in column] for column in columns
    ]
    numeric = [_is_number(field.type) for field in shown.schema]
    aligned = [
        [cell.rjust(width) if right else cell.ljust(width) for cell in column]
        for column, right in zip(columns, numeric, strict=True)
        for width in (max(map(len, column)),)
    ]
    lines = ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]
    if shown.num_rows > max_rows:
        lines.append(f"... and {shown.num_rows - max_rows} more rows")
    return "\n".join(lines)


def as_html(table: pa.Table, max_rows: int = 10) -> str:
    """The readable columns as an HTML table with a caption that says how much is shown."""
    shown = readable(table)
    numeric = [' class="n"' if _is_number(field.type) else "" for field in shown.schema]
    header = "".join(f"<th{kind}>{escape(name)}</th>" for name, kind in zip(_names(shown), numeric, strict=True))
    rows = "".join(
        "<tr>" + "".join(f"<td{k}>{escape(_rounded(v))}</td>" for v, k in zip(row, numeric, strict=True)) + "</tr>"
        for row in zip(*_columns(shown.slice(0, max_rows)), strict=True)
    )
    left_out = table.num_columns - shown.num_columns
    caption = f"{table.num_rows} row{'s' * (table.num_rows != 1)}"
    if table.num_rows > max_rows:
        caption += f", the first {max_rows} shown"
    if left_out:
        caption += f", {left_out} image column{'s' if left_out > 1 else ''} left out"
    return (
        f'<div class="scroll"><table><caption>{caption}</caption>'
        f"<thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _names(table: pa.Table) -> list[str]:
    return ["RowID" if name == ROW_ID else name for name in table.column_names]


def _columns(table: pa.Table | pa.RecordBatch) -> Sequence[list[Any]]:
    return [column.to_pylist() for column in table.columns]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_readable(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return False
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_readable(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_boolean(kind) or _is_number(kind) or pa.types.is_temporal(kind))


def _exact(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(map(_exact, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rounded(value: Any) -> str:
    if value is None:
        return "?"
    if isinstance(value, list):
        return ", ".join(map(_rounded, value))
    if isinstance(value, float):
        if 1000 <= abs(value) < 1e15 or value == 0:
            return f"{value:.0f}" if value.is_integer() else f"{value:.1f}"
        return f"{value:.{_DIGITS}g}"
    return _exact(value)
