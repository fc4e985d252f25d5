"""The checks that imitate KNIME's Java side find what they should; on KNIME's backend, our extension passes them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.backends import ON_KNIME, open_session
from tests.knime_backend.cutting import cut
from tests.knime_backend.dialog import description_problems, dialog_problems, saved_and_loaded

ROOT = Path(__file__).parents[2]


def dialog(value: Any, schema: dict[str, Any], scope: str = "a") -> dict[str, Any]:
    """A dialog of one control."""
    inner = {"type": "object", "properties": {"a": schema}}
    return {
        "data": {"model": {"a": value}},
        "schema": {"type": "object", "properties": {"model": inner}},
        "ui_schema": {
            "elements": [{"type": "Control", "label": "A", "scope": f"#/properties/model/properties/{scope}"}]
        },
    }


CHOICE = {"type": "string", "oneOf": [{"const": "RED", "title": "Red"}]}


@pytest.mark.parametrize(
    ("value", "schema"),
    [(1, {"type": "integer"}), (1.5, {"type": "number"}), (True, {"type": "boolean"}), ("RED", CHOICE)],
)
def test_good_dialogs(value: Any, schema: dict[str, Any]) -> None:
    assert dialog_problems(dialog(value, schema)) == []


@pytest.mark.parametrize(
    ("value", "schema"),
    [(2**31, {"type": "integer"}), ("1", {"type": "number"}), (1, {"type": "boolean"}), ("GREEN", CHOICE)],
)
def test_values_that_do_not_fit_the_schema(value: Any, schema: dict[str, Any]) -> None:
    assert len(dialog_problems(dialog(value, schema))) == 1


def test_what_is_no_object() -> None:
    group = {"type": "object", "properties": {}}
    assert dialog_problems(dialog(None, group)) == ["/model/a: None is no object"]
    assert saved_and_loaded(None, {"type": "object"}, "model") == {}


def test_controls_of_nothing() -> None:
    assert dialog_problems(dialog(1, {"type": "integer"}, scope="b")) == [
        "control 'A': #/properties/model/properties/b is not in the schema"
    ]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [(3, "integer", 3), (2**31, "integer", -(2**31)), (1, "number", 1.0), ("x", "string", "x"), (None, "string", None)],
)
def test_what_settings_files_keep(value: Any, kind: str, expected: Any) -> None:
    assert saved_and_loaded(value, {"type": kind}, "model") == expected


@pytest.mark.parametrize("kind", ["integer", "number", "boolean"])
def test_settings_files_hold_no_missing_numbers(kind: str) -> None:
    with pytest.raises(ValueError, match="model/a"):
        saved_and_loaded({"a": None}, {"type": "object", "properties": {"a": {"type": kind}}}, "model")


def test_descriptions() -> None:
    parts: dict[str, list[Any]] = {
        key: [] for key in ("input_port_specifier", "output_port_specifier", "options", "tabs", "views")
    }
    node = {**parts, "full_description": "", "icon_path": "no.png", "category": "/nowhere", "node_type": "Unknown"}
    assert len(description_problems({**node, "short_description": "a < b"}, [], ROOT)) == 4


@pytest.mark.parametrize(
    "text", ["**bold", "<p>a <i>b</i> *c*</p>", "`code`", "<p>\n- a\n- b</p>", "[a](b)", "<th>a</th>"]
)
def test_markdown_that_knime_leaves(text: str) -> None:
    views = [{"name": "V", "description": text}]
    parts: dict[str, list[Any]] = {
        key: [] for key in ("input_port_specifier", "output_port_specifier", "options", "tabs")
    }
    node = {**parts, "views": views, "short_description": "A.", "full_description": "<p><tt>*.tif</tt> 2 * 3</p>"}
    node |= {"icon_path": "icons/category.png", "category": "/community", "node_type": "Source"}
    assert len(description_problems(node, [], ROOT)) == 1
    views[0]["description"] = "Fine: a_b, x-y, 2 * 3, <b>c</b>."
    assert description_problems(node, [], ROOT) == []


def test_where_batches_begin(tmp_path: Path) -> None:
    """Where KNIME reads them as long as the file has no end."""
    table = pa.table({"a": range(6), "b": list("xyzxyz")})
    path = tmp_path / "table"
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    offsets = cut(path, [1, 3, 2])
    with pa.OSFile(str(path)) as file:
        found = []
        for offset in offsets:
            file.seek(offset)
            found += pa.ipc.read_record_batch(file, table.schema).to_pylist()
    assert found == table.to_pylist()
    assert cut(path, []) == []


@pytest.mark.skipif(not ON_KNIME, reason="needs KNIME's sources")
def test_what_java_would_not_take(session: Any) -> None:
    from tests.knime_backend.foreign import java_cells

    numbers = pa.table({"a": range(4)})
    assert session.make_table(numbers, batches=[2, 2]).problems() == []
    assert session.make_table(numbers, batches=[1, 2, 1]).problems() == [
        "the batches have different numbers of rows: [1, 2, 1]"
    ]
    whole = pa.table({"a": java_cells([b"x", b"y", b"x"])})
    assert session.make_table(whole).problems() == []
    (problem,) = session.make_table(whole.slice(1)).problems()
    assert "keys without their values" in problem


@pytest.mark.skipif(not ON_KNIME, reason="needs KNIME's sources")
def test_our_extension_in_knime() -> None:
    import knime.extension
    from tests.knime_backend.harness import problems_of

    assert "knime_api" not in str(knime.extension.__file__)
    session: Any = open_session(ROOT)
    assert {node["id"]: problems_of(session, node) for node in session.nodes} == {
        node["id"]: [] for node in session.nodes
    }
