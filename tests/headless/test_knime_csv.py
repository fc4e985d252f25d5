"""KNIME's CSV Reader and CSV Writer."""

import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.headless.knime_nodes import byte_vectors, execute, node, numbered, result, with_ids

from core.errors import Canceled, MicrosegError, UserInputError
from headless.knime_nodes.csv_text import Dialect, rows
from headless.knime_nodes.csv_types import NumberFormat, guessed

READER = "io.filehandling.csv.reader.CSVTableReaderNodeFactory"
WRITER = "io.filehandling.csv.writer.CSVWriter2NodeFactory"


def location(path: str, kind: str = "RELATIVE", base: str = "knime.workflow.data") -> dict[str, Any]:
    specifier = {"file_system_specifier": base} if kind != "LOCAL" else {}
    return {"location_present": True, "file_system_type": kind, **specifier, "path": path}


def reader(path: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A CSV Reader's settings; `more` changes entries wherever they are."""
    stored: dict[str, Any] = {
        "settings": {
            "file_selection": {"path": path or location("t.csv"), "filter_mode": {"filter_mode": "FILE"}},
            "has_column_header": True,
            "has_row_id": False,
            "support_short_data_rows": False,
            "skip_empty_data_rows": False,
            "prepend_file_idx_to_row_id": False,
            "comment_char": "#",
            "column_delimiter": ",",
            "quote_char": '"',
            "quote_escape_char": '"',
            "use_line_break_row_delimiter": True,
            "row_delimiter": "\n",
        },
        "advanced_settings": {
            "append_path_column_Internals": False,
            "limit_data_rows_scanned": True,
            "max_data_rows_scanned": 10000,
            "check_table_spec": False,
            "quote_option": "REMOVE_QUOTES_AND_TRIM",
            "replace_empty_quotes_with_missing": True,
            "thousands_separator": "\0",
            "decimal_separator": ".",
        },
        "limit_rows": {
            "skip_lines": False,
            "number_of_lines_to_skip": 1,
            "skip_data_rows": False,
            "number_of_rows_to_skip": 1,
            "limit_data_rows": False,
            "max_rows": 50,
        },
        "encoding": {"charset": "UTF-8"},
    }
    return changed(stored, more)


def changed(stored: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for name, value in more.items():
        places = [stored, *(group for group in stored.values() if isinstance(group, dict))]
        next((place for place in places if name in place), stored)[name] = value
    return stored


def read(tmp_path: Path, text: str | bytes, **more: Any) -> dict[str, list[Any]]:
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return result(node(READER, reader(**more)), tmp_path)


def test_a_file_is_read_and_its_types_are_guessed(tmp_path: Path) -> None:
    lines = (
        "image,count,large,area,note",
        ' a.tif ,3,1,2.5,"x, ""y"""',
        "#no row",
        '"b ",-4,3000000000,1e3,',
        'c,,0,7,""',
    )
    text = "".join(f"{line}\r\n" for line in lines)
    assert read(tmp_path, text) == {
        "<RowID>": ["Row0", "Row1", "Row2"],
        "image": ["a.tif", "b", "c"],
        "count": [3, -4, None],
        "large": [1, 3000000000, 0],
        "area": [2.5, 1000.0, 7.0],
        "note": ['x, "y"', None, None],
    }


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("1,2\n3,4", {"has_column_header": False}, {"<RowID>": ["Row0", "Row1"], "Column0": [1, 3], "Column1": [2, 4]}),
        ("id,v\na,1\nb,2\n", {"has_row_id": True}, {"<RowID>": ["a", "b"], "v": [1, 2]}),
        ("id,id,\na,1,2\n", {"has_row_id": True}, {"<RowID>": ["a"], "id": [1], "Column1": [2]}),
        (gzip.compress(b"v\n1\n", mtime=0), {}, {"<RowID>": ["Row0"], "v": [1]}),
        ("\ufeffv\n\u03b1\n".encode("utf-16-le"), {"charset": "UTF-16LE"}, {"<RowID>": ["Row0"], "v": ["α"]}),
        ("v\n\u03b1\n".encode("utf-16"), {"charset": "UTF-16"}, {"<RowID>": ["Row0"], "v": ["α"]}),
        ("v\n\u03b1\n".encode("utf-16-be"), {"charset": "UTF-16"}, {"<RowID>": ["Row0"], "v": ["α"]}),
        ("v\n\u03b1\n", {"charset": None}, {"<RowID>": ["Row0"], "v": ["α"]}),
        (
            "v;w\n1,5;2\n",
            {"column_delimiter": ";", "decimal_separator": ","},
            {"<RowID>": ["Row0"], "v": [1.5], "w": [2]},
        ),
        ("v\tw\n1\t2\n", {"column_delimiter": "\t"}, {"<RowID>": ["Row0"], "v": [1], "w": [2]}),
        ("v\n1.234\n", {"thousands_separator": ".", "decimal_separator": ","}, {"<RowID>": ["Row0"], "v": [1234]}),
        ("v,v,\n1,2,3\n", {}, {"<RowID>": ["Row0"], "v": [1], "v (#1)": [2], "Column2": [3]}),
        ("v,w\n1\n", {"support_short_data_rows": True}, {"<RowID>": ["Row0"], "v": [1], "w": [None]}),
        ("v\n\n1\n\n", {}, {"<RowID>": ["Row0"], "v": [1]}),
        ("v,w\n,\n1,2\n", {"skip_empty_data_rows": True}, {"<RowID>": ["Row0"], "v": [1], "w": [2]}),
        ('v\n""\n', {"replace_empty_quotes_with_missing": False}, {"<RowID>": ["Row0"], "v": [""]}),
        ("x\ny\nv\n1\n", {"skip_lines": True, "number_of_lines_to_skip": 2}, {"<RowID>": ["Row0"], "v": [1]}),
        (
            "v\n1\n2\n3\n",
            {"skip_data_rows": True, "limit_data_rows": True, "max_rows": 1},
            {"<RowID>": ["Row0"], "v": [2]},
        ),
        ("v\n'a\\'b'\n", {"quote_char": "'", "quote_escape_char": "\\"}, {"<RowID>": ["Row0"], "v": ["a'b"]}),
        ("v\n\xe4\n".encode("latin-1"), {"charset": "ISO-8859-1"}, {"<RowID>": ["Row0"], "v": ["ä"]}),
        ("\ufeffv\n1\n", {}, {"<RowID>": ["Row0"], "v": [1]}),
        ("v\n", {}, {"<RowID>": [], "v": []}),
        ('v\n"a\nb"\n', {}, {"<RowID>": ["Row0"], "v": ["a\nb"]}),
        (
            "v\n5\n",
            {
                "file_selection": {
                    "path": location("data/t.csv", base="knime.workflow"),
                    "filter_mode": {"filter_mode": "FILE"},
                }
            },
            {"<RowID>": ["Row0"], "v": [5]},
        ),
        (
            "v\n5\n",
            {
                "file_selection": {
                    "path": location("knime://knime.workflow/data/t.csv", "CUSTOM_URL", "1000"),
                    "filter_mode": {"filter_mode": "FILE"},
                }
            },
            {"<RowID>": ["Row0"], "v": [5]},
        ),
    ],
)
def test_settings_of_the_reader_count(
    tmp_path: Path, text: Any, more: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert read(tmp_path, text, **more) == expected


def test_an_absolute_path_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("v\n1\n")
    assert result(node(READER, reader(location(str(tmp_path / "x.csv"), "LOCAL"))), tmp_path)["v"] == [1]


def stored_columns(path: str = "t.csv", **kinds: tuple[str, int, bool, str]) -> dict[str, Any]:
    """What the dialog decided: source to new name, position, whether it is kept, and class of cells."""
    columns = [
        {
            "external_spec": {"name": source, "has_type": True},
            "name": name,
            "keep": keep,
            "position": position,
            "production_path": {"_converter": f"org.knime.core.data.def.{cell}${cell}Factory.create(class x)"},
        }
        for source, (name, position, keep, cell) in kinds.items()
    ]
    return {
        "table_spec_config_Internals": {
            "source_group_id": path,
            "table_transformation": {"columns": {**numbered(*columns), "num_columns": len(columns)}},
        }
    }


def test_columns_decided_upon_in_the_dialog(tmp_path: Path) -> None:
    wanted = stored_columns(
        a=("number", 1, True, "DoubleCell"), b=("text", 0, True, "StringCell"), c=("c", 2, False, "OtherCell")
    )
    got = read(tmp_path, "a,b,c\n1,2,3\n", **wanted)
    assert list(got.items()) == [("<RowID>", ["Row0"]), ("text", ["2"]), ("number", [1.0])]
    assert read(tmp_path, "a,d\n1,2\n", **wanted) == {"<RowID>": ["Row0"], "text": [None], "number": [1.0]}
    with pytest.raises(UserInputError, match="columns are others than when the node was set: 'b', 'c', 'd'"):
        read(tmp_path, "a,d\n1,2\n", **wanted, check_table_spec=True)
    with pytest.raises(UserInputError, match=r"t\.csv: The cell 'x' in row 1 of the column 'number'"):
        read(tmp_path, "a,b,c\nx,2,3\n", **wanted)
    other_file = stored_columns("other.csv", a=("number", 0, True, "StringCell"))
    assert read(tmp_path, "a\n1\n", **other_file) == {"<RowID>": ["Row0"], "a": [1]}
    with pytest.raises(UserInputError, match=r"type '.*LocalDateCell.*' of the column 'd'"):
        node(READER, reader(**stored_columns(d=("d", 0, True, "LocalDateCell"))))


def modern(**more: Any) -> dict[str, Any]:
    """A CSV Reader's settings as KNIME 5.9 and later store them; `more` changes groups."""

    def one(key: str, value: Any) -> dict[str, Any]:
        return {f"{key}Params": {key: value}}

    return {
        "csvReaderParameters": {
            "multiFileSelectionParams": {"source": {"filterMode": "FILE", "path": location("t.csv")}},
            **one("skipFirstDataRows", 0),
            "maxNumberOfRowsParams": {"maximumNumberOfRows": 0, "maximumNumberOfRows_is_present": False},
            "ifSchemaChangesParams": {"ignoreSchemaChange": False, "ifSchemaChangesOption": "FAIL"},
            "multiFileReaderParams": {"appendPathColumn": None, "appendPathColumn_is_present": False},
            "fileEncodingParams": {"fileEncoding": "UTF_8", "customEncoding": ""},
            **one("skipFirstLines", 0),
            "csvFormatParams": {
                "commentLineCharacter": "#",
                "rowDelimiterOption": "CUSTOM",
                "customRowDelimiter": "\\n",
                "columnDelimiter": "\\t",
                "quoteCharacter": "'",
                "quoteEscapeCharacter": "'",
                "decimalSeparator": ".",
                "thousandsSeparator": "",
            },
            **one("firstRowContainsColumnNames", True),
            **one("firstColumnContainsRowIds", False),
            "ifRowHasFewerColumnsParams": {"ifRowHasLessColumnsOption": "FAIL"},
            "quotedStringsParams": {
                "replaceEmptyQuotedStringsByMissingValues": True,
                "quotedStringsOption": "REMOVE_QUOTES_AND_TRIM",
            },
            "limitScannedRowsParams": {"maxDataRowsScanned": 10000, "maxDataRowsScanned_is_present": True},
            "prependFileIndexParams": {"prependFileIndexToRowId": False},
            **more,
        },
        "sourceId_Internals": "t.csv",
        "transformationParameters": {
            "columnTransformation": numbered(
                {
                    "columnName": "a",
                    "columnRename": "number",
                    "includeInOutput": True,
                    "productionPath": {"_converter": "org.knime.core.data.def.DoubleCell$DoubleCellFactory.create(x)"},
                },
                {"columnName": None, "columnRename": None, "includeInOutput": True},
            )
        },
    }


def test_readers_of_newer_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "t.csv"
    file.write_text("a\n1\n2\n3\n")
    assert result(node(READER, modern()), tmp_path)["number"] == [1.0, 2.0, 3.0]
    limits = {
        "skipFirstDataRowsParams": {"skipFirstDataRows": 1},
        "maxNumberOfRowsParams": {"maximumNumberOfRows": 1, "maximumNumberOfRows_is_present": True},
    }
    assert result(node(READER, modern(**limits)), tmp_path)["number"] == [2.0]
    file.write_text("a\tb\n1\t'x y'\n")
    with pytest.raises(UserInputError, match="columns are others than when the node was set: 'b'"):
        result(node(READER, modern()), tmp_path)
    others = modern(ifSchemaChangesParams={"ifSchemaChangesOption": "USE_NEW_SCHEMA"})
    assert result(node(READER, others), tmp_path) == {"<RowID>": ["Row0"], "a": [1], "b": ["x y"]}
    file.write_bytes("a\n1\nä\n".encode("latin-1"))
    encoded = modern(
        fileEncodingParams={"fileEncoding": "OTHER", "customEncoding": "latin-1"},
        ifSchemaChangesParams={"ifSchemaChangesOption": "USE_NEW_SCHEMA"},
    )
    assert result(node(READER, encoded), tmp_path)["a"] == ["1", "ä"]
    folders = {"source": {"filterMode": "FILES_IN_FOLDERS", "path": location("t")}}
    with pytest.raises(UserInputError, match="FILES_IN_FOLDERS"):
        node(READER, modern(multiFileSelectionParams=folders))
    with pytest.raises(UserInputError, match="fileEncoding = 'KLINGON'"):
        node(READER, modern(fileEncodingParams={"fileEncoding": "KLINGON"}))


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("v,w\n1\n", {}, "Row 1 has 1 cells, not 2"),
        ('v\n"a\n', {}, "quote in line 2 is not closed"),
        ('v\n"a"b\n', {}, "quote in line 2 is not closed, or more text"),
        ("v\n\xe4\n".encode("latin-1"), {}, r"t\.csv: The file is not encoded as utf-8\."),
        (b"v\n1\n\0", {"charset": "UTF-16"}, r"t\.csv: The file is not encoded as utf-16\."),
        (gzip.compress(b"v\n1\n", mtime=0)[:-9], {}, r"t\.csv: The file is compressed with gzip, and damaged"),
        ("id\na\na\n", {"has_row_id": True}, "same row ID"),
        ("v\n1\n2.5\n", {"max_data_rows_scanned": 1}, "'2.5' in row 2 of the column 'v'"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, text: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        read(tmp_path, text, **more)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match=r"t\.csv: The file cannot be read: No such file"):
        result(node(READER, reader()), tmp_path)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (reader({**location(""), "location_present": False}), "No file is chosen"),
        (reader(location("a.csv", base="knime.mountpoint")), "file_system_specifier = 'knime.mountpoint'"),
        (reader(location("a.csv", "MOUNTPOINT")), "file_system_type = 'MOUNTPOINT'"),
        (reader(location("https://example.org/a.csv", "CUSTOM_URL")), "path = 'https://"),
        (reader(location("a.csv", "LOCAL")), "'a.csv' is not absolute"),
        (reader(quote_option="KEEP_QUOTES"), "quote_option = 'KEEP_QUOTES'"),
        (reader(quote_char=""), "quote_char = ''"),
        (reader(column_delimiter=""), "delimiter is empty"),
        *((reader(charset=name), "charset = ") for name in ("UTF-99", "base64", "rot13", "UTF-8\0", "idna")),
        (reader(limit_data_rows=True, max_rows=-1), "'max_rows' is -1, less than 0"),
        (reader(skip_lines=True, number_of_lines_to_skip=-2), "'number_of_lines_to_skip' is -2"),
        (modern(skipFirstDataRowsParams={"skipFirstDataRows": -1}), "'number_of_rows_to_skip' is -1"),
        (reader(use_line_break_row_delimiter=False, row_delimiter="|"), r"row_delimiter = '\|'"),
        (reader(prepend_file_idx_to_row_id=True), "prepend_file_idx_to_row_id"),
        (reader(append_path_column_Internals=True), "append_path_column"),
        (
            reader(file_selection={"path": location("x"), "filter_mode": {"filter_mode": "FILES_IN_FOLDERS"}}),
            "FILES_IN_FOLDERS",
        ),
        ({}, "'settings' is missing"),
    ],
)
def test_files_that_only_knime_reads_are_refused_beforehand(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(READER, stored)
    with pytest.raises(UserInputError, match="another file system"):
        node(READER, reader(), {"File System Connection": 1})


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6), min_size=2, max_size=2),
        max_size=6,
    )
)
@settings(deadline=None)
def test_quoted_texts_come_back(table: list[list[str]]) -> None:
    text = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in table)
    dialect = Dialect(empty_quotes_are_missing=False)
    assert list(rows(text, dialect)) == [[cell.strip() for cell in row] for row in table]


@given(st.lists(st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats()), min_size=1))
@settings(deadline=None)
def test_guessed_types_hold_the_values(values: list[int | float | None]) -> None:
    cells = [None if value is None else str(value).replace("nan", "NaN").replace("inf", "Infinity") for value in values]
    numbers = NumberFormat()
    kind = guessed(cells, numbers)
    parsed = [numbers.parsed(cell, kind) for cell in cells if cell is not None]
    if kind == pa.string():
        assert not parsed
    else:
        assert [repr(float(value)) for value in parsed if value is not None] == [
            repr(float(value)) for value in values if value is not None
        ]


def writer(path: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A CSV Writer's settings; `more` changes entries wherever they are."""
    stored: dict[str, Any] = {
        "settings": {
            "file_chooser_settings": {
                "path": path or location("out/t.csv"),
                "create_missing_folders": True,
                "if_path_exists": "overwrite",
            },
            "column_delimiter": ",",
            "row_delimiter": "\n",
            "quote_char": '"',
            "quote_escape_char": '"',
            "write_column_header": True,
            "skip_column_header_on_append": False,
            "write_row_header": False,
        },
        "encoding": {"character_set": "UTF-8"},
        "advanced_settings": {
            "compress_with_gzip": False,
            "quote_mode": "IF_NEEDED",
            "separator_replacement": "",
            "missing_value_pattern": "",
            "decimal_separator": ".",
            "use_scientific_format": False,
            "keep_trailing_zero_in_decimals": False,
        },
        "comment_header_settings": {"add_user_to_comment": False, "custom_comment_text": ""},
    }
    chooser = stored["settings"]["file_chooser_settings"]
    chooser.update({key: more.pop(key) for key in list(more) if key in chooser})
    return changed(stored, more)


TABLE = with_ids(
    ["r0", "r1", "r2"],
    text=pa.array(["a", 'b, "c"', None]),
    whole=pa.array([1, None, -3], pa.int32()),
    real=pa.array([0.5, 2.0, 1.5e-7]),
    flag=pa.array([True, False, None]),
)


def written(tmp_path: Path, **more: Any) -> str:
    outputs, _ = execute(node(WRITER, writer(**more)), tmp_path, TABLE)
    assert outputs == []
    return (tmp_path / "data" / "out" / "t.csv").read_bytes().decode()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 'text,whole,real,flag\na,1,0.5,1\n"b, ""c""",,2,0\n,-3,0.00000015,\n'),
        (
            {
                "write_row_header": True,
                "quote_mode": "STRINGS_ONLY",
                "row_delimiter": "\r\n",
                "missing_value_pattern": "?",
            },
            '"row ID","text","whole","real","flag"\r\n"r0","a",1,0.5,1\r\n'
            '"r1","b, ""c""",?,2,0\r\n"r2",?,-3,0.00000015,?\r\n',
        ),
        (
            {"quote_mode": "ALWAYS", "quote_escape_char": "\\", "write_column_header": False},
            '"a","1","0.5","1"\n"b, \\"c\\"",,"2","0"\n,"-3","0.00000015",\n',
        ),
        (
            {"quote_mode": "NEVER", "separator_replacement": ";", "use_scientific_format": True},
            'text,whole,real,flag\na,1,0.5,true\nb; "c",,2.0,false\n,-3,1.5E-7,\n',
        ),
        (
            {"column_delimiter": "\t", "decimal_separator": ",", "keep_trailing_zero_in_decimals": True},
            'text\twhole\treal\tflag\na\t1\t,5\t1\nb, "c"\t\t2,0\t0\n\t-3\t,00000015\t\n',
        ),
    ],
)
def test_settings_of_the_writer_count(tmp_path: Path, more: dict[str, Any], expected: str) -> None:
    assert written(tmp_path, **more) == expected


def test_a_file_that_is_there_is_replaced_extended_or_kept(tmp_path: Path) -> None:
    first = written(tmp_path)
    assert written(tmp_path) == first
    assert written(tmp_path, if_path_exists="append") == first * 2
    body = first.partition("\n")[2]
    assert written(tmp_path, if_path_exists="append", skip_column_header_on_append=True) == first * 2 + body
    with pytest.raises(MicrosegError, match=r"t\.csv: The file is there already"):
        written(tmp_path, if_path_exists="fail")
    (tmp_path / "data" / "out" / "t.csv").unlink()
    assert written(tmp_path, if_path_exists="append", skip_column_header_on_append=True) == first
    assert sorted(path.name for path in (tmp_path / "data" / "out").iterdir()) == ["t.csv"]


def test_utf_16_begins_with_one_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "data" / "out" / "t.csv"
    table = with_ids(["a", "b"], v=pa.array(["α", "β"]))
    stored = writer(character_set="UTF-16", if_path_exists="append", write_column_header=False)
    for count in (1, 2):
        execute(node(WRITER, stored), tmp_path, table)
        assert file.read_bytes() == "\ufeff".encode("utf-16-be") + ("α\nβ\n" * count).encode("utf-16-be")
    file.write_bytes("γ\n".encode("utf-16"))  # little-endian, from elsewhere
    execute(node(WRITER, stored), tmp_path, table)
    assert file.read_bytes().decode("utf-16") == "γ\nα\nβ\n"


def test_a_delimiter_that_numbers_hold_is_refused(tmp_path: Path) -> None:
    stored = writer(column_delimiter=", ", decimal_separator=",")
    texts = TABLE.select([0, 1])
    execute(node(WRITER, stored), tmp_path, texts)
    for name in ("whole", "real", "flag"):
        with pytest.raises(UserInputError, match="column delimiter ', ' holds the decimal separator ','"):
            execute(node(WRITER, stored), tmp_path, texts.append_column(name, TABLE.column(name)))


def test_reading_and_writing_many_rows_can_be_stopped(tmp_path: Path) -> None:
    table = pa.table({"v": pa.array(range(30_000), pa.int32()), "t": pa.array(["x"] * 30_000)})
    whole = writer(location("t.csv"))
    for made, tables in ((node(WRITER, whole), [table]), (node(READER, reader(limit_data_rows_scanned=False)), [])):
        asked = 0

        def count() -> bool:
            nonlocal asked
            asked += 1
            return False

        execute(made, tmp_path, *tables, is_canceled=count)
        last = asked
        assert last >= 3 if tables else last >= 3 * (1 + 2 * 2)  # lines; guessing and converting two columns
        for stop in range(1, last + 1):
            answers = iter([False] * (stop - 1) + [True])
            with pytest.raises(Canceled):
                execute(made, tmp_path, *tables, is_canceled=answers.__next__)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["t.csv"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MicrosegError, match=r"out: There is no such folder"):
        written(tmp_path, create_missing_folders=False)
    with pytest.raises(MicrosegError, match="'ä' cannot be written as ascii"):
        execute(node(WRITER, writer(character_set="US-ASCII")), tmp_path, with_ids(["a"], v=pa.array(["ä"])))
    with pytest.raises(MicrosegError, match="column 'image' cannot be written"):
        execute(node(WRITER, writer()), tmp_path, with_ids(["a"], image=byte_vectors(b"1")))
    folder = tmp_path / "data" / "out" / "t.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(MicrosegError, match=r"t\.csv: The file could not be written: there is a folder of this name"):
        written(tmp_path)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (writer(if_path_exists="ask"), "if_path_exists = 'ask'"),
        (writer(quote_mode="SOMETIMES"), "quote_mode = 'SOMETIMES'"),
        (writer(compress_with_gzip=True), "compress_with_gzip"),
        (writer(add_user_to_comment=True), "add_user_to_comment"),
        *((writer(character_set=name), "character_set = ") for name in ("UTF-99", "base64", "rot13", "UTF-8\0")),
        (writer(column_delimiter=""), "delimiter is empty"),
        (writer(missing_value_pattern="n,a"), "'n,a', holds the column delimiter ','"),
        (writer(row_delimiter="|"), r"row_delimiter = '\|'"),
        (writer(location("x.csv", base="knime.space")), "knime.space"),
    ],
)
def test_files_that_only_knime_writes_are_refused_beforehand(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        node(WRITER, stored)


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.none(), st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)
            ),
            st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_again_by_pandas_and_by_the_reader(
    tmp_path: Path, table: list[tuple[Any, Any]]
) -> None:
    texts, numbers = zip(*table, strict=True)
    data = pa.table({"t": pa.array(texts, pa.string()), "n": pa.array(numbers, pa.float64())})
    execute(node(WRITER, writer(location("t.csv"), quote_mode="STRINGS_ONLY")), tmp_path, data)
    text = (tmp_path / "data" / "t.csv").read_text(encoding="utf-8")
    frame = pd.read_csv(
        io.StringIO(text),
        dtype={"t": str, "n": float},
        keep_default_na=False,
        na_values={"n": [""]},
        float_precision="round_trip",
    )
    assert frame["t"].tolist() == [text or "" for text in texts]
    assert [None if n != n else n for n in frame["n"]] == list(numbers)
    wanted = stored_columns(t=("t", 0, True, "StringCell"), n=("n", 1, True, "DoubleCell"))
    again = result(node(READER, reader(comment_char="\0", **wanted)), tmp_path)
    assert (again["t"], again["n"]) == (list(texts), list(numbers))
