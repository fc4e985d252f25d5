"""Parameters, ports, views, flow variables and failures are the same on KNIME's own package and on the stand-in."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.backends import NodeFailure, Session, open_session


@pytest.fixture(scope="module")
def session() -> Session:
    """Nodes that show how a backend behaves."""
    return open_session(Path(__file__).parent / "behaviour_extension")


NUMBERS = pa.table({"a": pa.array([1, 2, 3], pa.int32()), "b": ["x", "y", None], "c": [0.5, None, 1.5]})


@contextmanager
def failing(message: str, refused: bool = False) -> Iterator[None]:
    with pytest.raises(NodeFailure) as caught:
        yield
    assert re.search(message, caught.value.failure.message), caught.value
    assert caught.value.failure.invalid_settings == refused


def refused(message: str) -> AbstractContextManager[None]:
    return failing(message, refused=True)


def values(node: Any) -> list[Any]:
    found = node.execute()[0].column_values("settings")
    return list(json.loads(found[0]))


def test_parameters(session: Session) -> None:
    node = session.node("Settings")
    assert node.settings == {
        "model": {
            "text": "hello",
            "flag": True,
            "colour": "RED",
            "even": 2,
            "added": 11,
            "outer": {"number": 3, "inner": {"factor": 1.5}},
        }
    }
    node.set(text="µ", flag=False, colour="BLUE", outer={"inner": {"factor": 2}})
    assert node.validate() is None
    assert values(node) == ["µ", False, "BLUE", 2, 11, 3, 2.0]
    assert values(session.node("Settings")) == ["hello", True, "RED", 2, 11, 3, 1.5]
    with pytest.raises(KeyError):
        node.set(nonsense=1)


@pytest.mark.parametrize(
    ("parameters", "is_valid"),
    [
        ({"even": 3}, False),
        ({"outer": {"number": 0}}, False),
        ({"outer": {"number": 10}}, False),
        ({"outer": {"number": 9}}, True),
        ({"outer": {"number": 2.0}}, False),
        ({"outer": {"number": True}}, True),
        ({"outer": {"inner": {"factor": -1.0}}}, False),
        ({"outer": {"inner": {"factor": "1"}}}, False),
        ({"flag": 1}, False),
        ({"text": 1}, False),
        ({"colour": "GREEN"}, False),
        ({"colour": "Blue"}, False),
    ],
)
def test_validation(session: Session, parameters: Any, is_valid: bool) -> None:
    node = session.node("Settings").set(**parameters)
    message = node.validate()
    assert (message is None) == is_valid, message


def test_settings_of_other_versions(session: Session) -> None:
    node = session.node("Settings")
    del node.settings["model"]["added"]
    node.settings["model"]["unknown"] = 1
    node.settings_version = "1.0.0"
    assert node.validate() is None
    assert values(node)[4] == 11
    assert "unknown" not in node.settings["model"]
    del node.settings["model"]["added"]
    node.settings_version = "1.2.0"
    assert "added" in str(node.validate())


def test_columns(session: Session) -> None:
    node, table = session.node("Columns"), session.make_table(NUMBERS)
    (schema,) = node.configure(None, table)
    assert node.settings["model"]["column"] == "c"
    assert [(c.name, str(c.ktype)) for c in schema] == [("c", "Number (Float)")]
    assert node.execute(None, table)[0].to_pyarrow().to_pydict() == {
        "<RowID>": ["Row0", "Row1", "Row2"],
        "c": [0.5, None, 1.5],
    }
    node.set(column="z")
    with refused("no column 'z'"):
        node.configure(None, table)
    node.set(column="b")
    assert node.configure(None, table)[0].column_names == ["b"]


def test_schemas_follow_each_other(session: Session) -> None:
    (schema,) = session.node("Copy").configure(session.make_table(NUMBERS))
    (schema,) = session.node("Columns").set(column="a").configure(None, schema)
    assert schema.column_names == ["a"]
    assert session.node("ImageReader").configure(session.node("ImageSource").configure()[0])[0].num_columns == 3


def test_ports_views_and_optional_inputs(session: Session) -> None:
    writer, reader = session.node("NoteWriter"), session.node("NoteReader")
    (spec,) = writer.configure(None)
    assert spec.length == 3
    result = writer.execute(None)
    assert len(result) == 1
    assert result[0].path.read_bytes() == b"abc"
    assert result[0].spec.length == 3
    assert result.view_html is not None
    assert "<p>abc</p>" in result.view_html
    assert writer.execute(session.make_table(NUMBERS))[0].path.read_bytes() == b"abcabcabc"
    assert reader.configure(spec)[0].column_names == ["text", "length"]
    assert reader.configure(result[0])[0].column_names == ["text", "length"]
    read = reader.execute(result[0])
    assert read[0].to_pyarrow().to_pydict() == {"<RowID>": ["Row0"], "text": ["abc"], "length": [3]}
    assert read.view_html is None
    assert session.node("Columns").configure(spec, session.make_table(NUMBERS))[0].column_names == ["c"]


def test_flow_variables_progress_and_warnings(session: Session) -> None:
    result = session.node("Worker").execute(flow_variables={"number": 5, "text": "t"})
    assert result[0].column_values("number") == [5]
    assert result.flow_variables == {"number": 5, "text": "t", "made": [5, 2]}
    assert [(f, m) for f, m in result.progress if m] == [(i / 4, f"step {i}") for i in range(4)]
    assert result.warnings == ["Done."]


@pytest.mark.parametrize("parameters", [{"trouble": "numpy"}, {"trouble": "progress"}, {"name": "knime.x"}])
def test_wrong_use_of_the_context(session: Session, parameters: Any) -> None:
    with pytest.raises(NodeFailure) as caught:
        session.node("Worker").set(**parameters).execute()
    assert not caught.value.failure.invalid_settings


def test_failures(session: Session) -> None:
    with refused("^Bad setting.$"):
        session.node("Worker").set(trouble="configure").configure()
    with failing("bug"):
        session.node("Worker").set(trouble="bug in configure").configure()
    with refused("^Bad input.$"):
        session.node("Worker").set(trouble="refuse").execute()
    with failing("^Broken.$"):
        session.node("Worker").set(trouble="fail").execute()


def test_cancel(session: Session) -> None:
    seen = []

    def cancel(context: Any) -> bool:
        seen.append(len(context.progress))
        return len(context.progress) >= 2

    with pytest.raises(NodeFailure):
        session.node("Worker").execute(cancel=cancel)
    assert max(seen) == 2
