"""Parameters behave on every backend as tested here."""

import copy
from typing import Any

import pytest
from tests.backends import NodeFailure, Session

DEFAULTS: dict[str, Any] = {
    "number": 1,
    "factor": 1.0,
    "flag": True,
    "text": "x",
    "colour": "RED",
    "column": "",
    "maybe": "",
    "later": 7,
    "shade": "BLUE",
    "even": 2,
    "outer": {"low": 3, "inner": {"depth": 1, "newer": "n"}, "high": 7},
    "pair": {"first": 0.0, "second": 1.0},
    "other_pair": {"first": 0.0, "second": 1.0},
    "range": {"begin": 0, "to": 1},
    "strict_range": {"begin": 0, "to": 1},
    "shared": "s",
}


@pytest.fixture
def schema(nodes: Any) -> Any:
    import knime.extension as knext

    return knext.Schema.from_columns([knext.Column(knext.int32(), "a")])


def test_defaults_and_their_order(session: Session) -> None:
    settings = session.node("Parameters").settings
    assert settings == {"model": DEFAULTS}
    assert list(settings["model"]) == list(DEFAULTS)


def test_defaults_are_asked_for_in_this_version(session: Session, nodes: Any) -> None:
    session.node("Parameters")
    assert set(nodes.versions) == {"0.3.0"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 0),
        ("number", 5),
        ("number", True),
        ("factor", 2),
        ("factor", True),
        ("text", "anything"),
        ("colour", "BLUE"),
        ("column", "not there"),
        ("column", "<none>"),
        ("maybe", "<none>"),
        ("even", 3),
        ("even", -1),
        ("even", "not even a number"),
        ("pair", {"first": 9.0, "second": 1.0}),
    ],
)
def test_accepted(session: Session, schema: Any, name: str, value: Any) -> None:
    node = session.node("Parameters").set(**{name: value})
    assert node.validate() is None
    node.configure(schema)
    assert node.settings["model"] == {**DEFAULTS, name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", -1),
        ("number", 6),
        ("number", 1.0),
        ("number", "1"),
        ("number", None),
        ("factor", -0.5),
        ("factor", "1"),
        ("factor", None),
        ("flag", 1),
        ("flag", None),
        ("text", 1),
        ("text", None),
        ("colour", "Red"),
        ("colour", "GREEN"),
        ("colour", None),
        ("shade", "RED"),
        ("shade", "GREEN"),
        ("even", 13),
        ("outer", {"low": -1}),
        ("outer", {"inner": {"depth": "x"}}),
    ],
)
def test_refused(session: Session, schema: Any, name: str, value: Any) -> None:
    node = session.node("Parameters").set(**{name: value})
    assert node.validate()
    with pytest.raises(NodeFailure):
        node.configure(schema)


def test_groups_check_their_values_together(session: Session, schema: Any) -> None:
    node = session.node("Parameters").set(outer={"low": 8})
    assert node.validate() == "low is above high"
    node.configure(schema)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("range", {"begin": 3}, None),
        ("range", {"to": 10}, "too far"),
        ("strict_range", {"begin": 3}, "begin is above to"),
        ("strict_range", {"to": 10}, "too far"),
        ("strict_range", {"begin": 2, "to": 3}, None),
    ],
)
def test_a_check_of_a_group_by_decorator(
    session: Session, name: str, values: dict[str, int], message: str | None
) -> None:
    assert session.node("Parameters").set(**{name: values}).validate() == message


def test_settings_survive_a_workflow(session: Session) -> None:
    odd = {"text": "a <b> & %%00010 \t 🙂", "column": "Übung", "outer": {"low": -(2**31)}, "factor": 1e-300}
    node = session.node("Parameters").set(**odd)
    before = copy.deepcopy(node.settings)
    assert node.save_and_load_settings().settings == before


@pytest.mark.parametrize("chosen", ["", None])
def test_no_column_is_none(session: Session, nodes: Any, schema: Any, chosen: str | None) -> None:
    seen = []
    nodes.Probe.configure = staticmethod(lambda node, schema: seen.append(node.column))
    node = session.node("Parameters").set(column=chosen)
    node.configure(schema)
    assert seen == [None]
    assert node.settings["model"]["column"] == ""


def test_values_that_a_node_sets_are_kept(session: Session, nodes: Any, schema: Any) -> None:
    def choose(node: Any, schema: Any) -> None:
        node.column, node.outer.low, node.pair.first = "a", 4, 5.0

    nodes.Probe.configure = staticmethod(choose)
    node = session.node("Parameters")
    node.configure(schema)
    expected = {"column": "a", "outer": {**DEFAULTS["outer"], "low": 4}, "pair": {"first": 5.0, "second": 1.0}}
    assert node.settings["model"] == {**DEFAULTS, **expected}
    assert session.node("Parameters").settings["model"] == DEFAULTS


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("number", 6, ValueError),
        ("number", 1.5, TypeError),
        ("colour", "GREEN", ValueError),
        ("outer.low", -1, ValueError),
        ("flag", 0, TypeError),
    ],
)
def test_nodes_cannot_set_wrong_values(
    session: Session, nodes: Any, schema: Any, path: str, value: Any, error: type[Exception]
) -> None:
    def choose(node: Any, schema: Any) -> None:
        *groups, name = path.split(".")
        for group in groups:
            node = getattr(node, group)
        with pytest.raises(error):
            setattr(node, name, value)

    nodes.Probe.configure = staticmethod(choose)
    session.node("Parameters").configure(schema)


def test_groups_cannot_be_replaced(session: Session, nodes: Any, schema: Any) -> None:
    def replace(node: Any, schema: Any) -> None:
        with pytest.raises(RuntimeError):
            node.pair = 3

    nodes.Probe.configure = staticmethod(replace)
    session.node("Parameters").configure(schema)


def test_configure_leaves_nothing_but_parameters(session: Session, nodes: Any, schema: Any) -> None:
    nodes.Probe.configure = staticmethod(lambda node, schema: setattr(node, "note", 1))
    nodes.Probe.execute = staticmethod(lambda node, table: found.append(hasattr(node, "note")))
    found: list[bool] = []
    node = session.node("Parameters")
    node.configure(schema)
    import pyarrow as pa

    node.execute(pa.table({"a": pa.array([1], pa.int32())}))
    assert found == [False]


@pytest.mark.parametrize(
    ("missing", "version", "complete"),
    [
        ("number", "0.1.0", False),
        ("number", "0.3.0", False),
        ("later", "0.1.0", True),
        ("later", "0.2.0", False),
        ("later", "9.0.0", False),
        ("outer", "0.1.9", True),
        ("outer", "0.2.0", False),
        ("outer.low", "0.1.0", True),
        ("outer.low", "0.2.0", False),
        ("outer.inner", "0.1.0", True),
        ("outer.inner.depth", "0.1.0", True),
        ("outer.inner.depth", "0.3.0", False),
        ("outer.inner.newer", "0.1.0", True),
    ],
)
def test_settings_of_another_version(session: Session, schema: Any, missing: str, version: str, complete: bool) -> None:
    node = session.node("Parameters")
    *groups, name = missing.split(".")
    level = node.settings["model"]
    for group in groups:
        level = level[group]
    del level[name]
    node.settings_version = version
    assert (node.validate() is None) is complete
    node.configure(schema)
    assert node.settings["model"] == DEFAULTS


@pytest.mark.parametrize(("version", "asked"), [("0.1.0", "0.1.0"), ("0.2.0", "0.3.0"), ("0.3.0", "0.3.0")])
def test_missing_values_are_those_of_the_version_that_lacked_them(
    session: Session, nodes: Any, schema: Any, version: str, asked: str
) -> None:
    node = session.node("Parameters")
    del node.settings["model"]["later"]
    node.settings_version = version
    nodes.versions.clear()
    node.configure(schema)
    assert nodes.versions == [asked]


def test_unknown_settings_are_dropped(session: Session, schema: Any) -> None:
    node = session.node("Parameters")
    node.settings["model"]["unknown"] = 1
    assert node.validate() is None
    node.configure(schema)
    assert node.settings["model"] == DEFAULTS


def test_columns_are_those_of_a_table(session: Session, nodes: Any) -> None:
    nodes.Probe.configure = staticmethod(lambda ctx, *inputs: nodes.NoteSpec("t") if not inputs else None)
    (spec,) = session.node("NoteSource").configure()
    with pytest.raises(NodeFailure):
        session.node("WrongColumn").configure(spec, None)
    assert session.node("RightColumn").configure(spec, None) == []


def test_options(nodes: Any) -> None:
    assert nodes.Colour.get_all_options() == ["RED", "BLUE"]
    assert (nodes.Colour.RED.name, nodes.Colour.RED.label, nodes.Colour.RED.description) == (
        "RED",
        "Red",
        "Like blood.",
    )


def test_a_rule_needs_a_condition(nodes: Any) -> None:
    import knime.extension as knext

    with pytest.raises(ValueError):
        knext.And()


def test_a_decorated_node_is_a_function(nodes: Any) -> None:
    assert not isinstance(nodes.Parameters, type)
    assert type(nodes.Parameters()).__name__ == "Parameters"
