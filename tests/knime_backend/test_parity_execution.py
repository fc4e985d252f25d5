"""What nodes return, report, and exchange through ports behaves on every backend as tested here."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.backends import NodeFailure, Session

Run = Callable[..., Any]
NUMBERS = {"<RowID>": ["r1", "r2", "r3"], "a": [1, 2, None]}


def table() -> Any:
    import knime.extension as knext

    return knext.Table.from_pyarrow(pa.table({**NUMBERS, "a": pa.array(NUMBERS["a"], pa.int32())}))


def numbers() -> pa.Table:
    return pa.table({**NUMBERS, "a": pa.array(NUMBERS["a"], pa.int32())})


@pytest.mark.parametrize("wrapped", [lambda t: t, lambda t: [t], lambda t: (t,)], ids=["bare", "list", "tuple"])
def test_one_output(execute: Run, wrapped: Any) -> None:
    assert execute("TableSource", lambda ctx: wrapped(table()))[0].to_pyarrow().to_pydict() == NUMBERS


@pytest.mark.parametrize(
    ("node", "count"), [("TableSource", 0), ("TableSource", 2), ("TwoTables", 1), ("TwoTables", 3)]
)
def test_the_number_of_outputs(execute: Run, node: str, count: int) -> None:
    with pytest.raises(NodeFailure):
        execute(node, lambda ctx: [table() for _ in range(count)])


def test_two_outputs(execute: Run) -> None:
    assert [o.num_rows for o in execute("TwoTables", lambda ctx: (table(), table()[:, :1])).outputs] == [3, 1]


def test_no_output(execute: Run) -> None:
    seen = []
    assert len(execute("TableSink", lambda ctx, t: seen.append(t.num_rows), numbers())) == 0
    assert seen == [3]
    with pytest.raises(NodeFailure):
        execute("TableSink", lambda ctx, t: t, numbers())


@pytest.mark.parametrize("made", [numbers, lambda: numbers().to_pandas(), lambda: "text"])
def test_only_tables_are_tables(execute: Run, made: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("TableSource", lambda ctx: made())


def noting(seen: list[Any], look: Callable[..., Any], give: Callable[..., Any]) -> Callable[..., Any]:
    """A node that notes what it saw of its inputs, and gives something."""

    def work(ctx: Any, *inputs: Any) -> Any:
        seen.append(look(*inputs))
        return give(*inputs)

    return work


def test_optional_inputs(execute: Run, configure: Run, session: Session) -> None:
    seen: list[Any] = []
    schema = session.make_table(numbers()).schema
    configure("TableNode", noting(seen, lambda first, second: second, lambda *_: None), schema, None)
    execute("TableNode", noting(seen, lambda first, second: second, lambda first, _: first), numbers(), None)
    assert seen == [None, None]
    execute("TableNode", noting(seen, lambda first, second: second.num_rows, lambda first, _: first), *[numbers()] * 2)
    assert seen[2:] == [3]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_groups_of_inputs(execute: Run, configure: Run, session: Session, count: int) -> None:
    seen: list[Any] = []
    schema = session.make_table(numbers()).schema

    def names(first: Any, many: Any, more: Any) -> Any:
        return first.column_names, [one.column_names for one in many], more

    configure("TableGroup", noting(seen, names, lambda *_: None), schema, [schema] * count, None)
    rows = [numbers().slice(0, i) for i in range(count)]
    execute("TableGroup", noting(seen, names, lambda first, *_: first), numbers(), rows, None)
    assert seen == [(["a"], [["a"]] * count, None)] * 2

    def lengths(first: Any, many: Any, more: Any) -> Any:
        return [one.num_rows for one in (first, *many, more)]

    execute("TableGroup", noting(seen, lengths, lambda first, *_: first), numbers(), rows, numbers().slice(0, 2))
    assert seen[2] == [3, *range(count), 2]


def test_a_column_of_a_group_is_one_of_a_table_in_it(configure: Run, session: Session) -> None:
    schema = session.make_table(numbers()).schema
    with pytest.raises(NodeFailure):
        configure("GroupColumn", lambda ctx, many: None, [schema])


def test_a_missing_input_is_refused(execute: Run, configure: Run) -> None:
    with pytest.raises(NodeFailure):
        configure("TableNode", lambda ctx, *inputs: None, None, None)
    with pytest.raises(NodeFailure):
        execute("TableNode", lambda ctx, *inputs: None, None, None)


# --- specs -----------------------------------------------------------------------------------------------------------


def specs() -> dict[str, Callable[[], Any]]:
    import knime.extension as knext

    a, b = knext.Column(knext.int32(), "a"), knext.Column(knext.string(), "b")
    return {
        "schema": lambda: knext.Schema.from_columns([a, b]),
        "list": lambda: [knext.Schema.from_columns([a, b])],
        "tuple": lambda: (knext.Schema.from_columns([a, b]),),
        "view": lambda: knext.Schema.from_columns([b, a])[["a", "b"]],
        "append": lambda: knext.Schema.from_columns(a).append(b),
        "insert": lambda: knext.Schema.from_columns([b]).insert(a, 0),
        "remove": lambda: knext.Schema.from_columns([a, b, knext.Column(bool_type(), "c")]).remove("c"),
    }


def bool_type() -> Any:
    import knime.extension as knext

    return knext.bool_()


@pytest.mark.parametrize("form", ["schema", "list", "tuple", "view", "append", "insert", "remove"])
def test_forms_of_a_spec(configure: Run, form: str) -> None:
    (schema,) = configure("TableSource", lambda ctx: specs()[form]())
    assert [(c.name, str(c.ktype)) for c in schema] == [("a", "Number (Integer)"), ("b", "String")]


def test_a_column_is_a_schema(configure: Run) -> None:
    import knime.extension as knext

    column = knext.Column(knext.int32(), "a")
    assert configure("TableSource", lambda ctx: column)[0].column_names == ["a"]
    assert configure("TableSource", lambda ctx: knext.Schema.from_columns(column)["a"])[0].column_names == ["a"]


@pytest.mark.parametrize(("node", "count"), [("TableSource", 1), ("TwoTables", 2)])
def test_unknown_specs(configure: Run, node: str, count: int) -> None:
    assert configure(node, lambda ctx: None) == [None] * count


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: "text",
        lambda s: (s, s),
        lambda s: [],
        lambda s: s.append(s),
        lambda s: s["z"],
        lambda s: s.remove("z"),
        lambda s: 3,
    ],
)
def test_wrong_specs(configure: Run, wrong: Any) -> None:
    with pytest.raises(NodeFailure):
        configure("TableSource", lambda ctx: wrong(specs()["schema"]()))


def test_schemas_of_inputs_carry_metadata(configure: Run, session: Session) -> None:
    import knime.extension as knext

    seen: list[Any] = []
    spec = session.make_table(numbers()).schema
    (passed,) = configure("TableNode", noting(seen, lambda schema, _: schema, lambda schema, _: schema), spec, None)
    assert passed == spec
    plain = knext.Column(knext.int32(), "a")
    assert seen[0]["a"].get() != plain
    assert (seen[0]["a"].name, seen[0]["a"].ktype) == ("a", knext.int32())


def test_other_tables_than_announced_are_found(session: Session, nodes: Any) -> None:
    import knime.extension as knext

    nodes.Probe.configure = staticmethod(lambda ctx: knext.Schema.from_columns(knext.Column(knext.int64(), "a")))
    nodes.Probe.execute = staticmethod(lambda ctx: table())
    node = session.node("TableSource")
    node.configure()
    with pytest.raises(NodeFailure):
        node.execute()
    assert node.execute(check=False)[0].num_rows == 3


# --- views -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"can_be_used_in_report": True}, {"svg_or_png": "<svg/>"}, {}])
def test_views(execute: Run, options: dict[str, Any]) -> None:
    import knime.extension as knext

    result = execute("Viewer", lambda ctx: (table(), knext.view_html("<p>x", **options)))
    assert result.view_html == "<p>x"
    assert result.view_in_report == ("can_be_used_in_report" in options)
    assert len(result) == 1


@pytest.mark.parametrize("wrong", ["<html><p>x</html>", "text", b"bytes", 3, "<svg></svg>"])
def test_what_cannot_be_shown(execute: Run, wrong: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("Viewer", lambda ctx: (table(), wrong))


def test_the_view_is_the_last_value(execute: Run) -> None:
    with pytest.raises(NodeFailure):
        execute("Viewer", lambda ctx: table())


# --- progress, cancel, warnings, variables ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 1, 1.0, True, np.float64(0.5)])
def test_progress(execute: Run, value: Any) -> None:
    result = execute("TableSource", lambda ctx: (ctx.set_progress(value, "text"), table())[1])
    assert result.progress == [(float(value), "text")]


@pytest.mark.parametrize(
    "arguments", [(-0.1,), (1.1,), ("0.5",), (None,), (np.float32(0.5),), (np.int64(1),), (0.5, 3), (0.5, b"x")]
)
def test_wrong_progress(execute: Run, arguments: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("TableSource", lambda ctx: (ctx.set_progress(*arguments), table())[1])


def test_progress_without_message(execute: Run) -> None:
    result = execute("TableSource", lambda ctx: (ctx.set_progress(0.5), ctx.set_progress(0.6, None), table())[2])
    assert result.progress == [(0.5, None), (0.6, None)]


def test_a_canceled_node_gives_nothing(execute: Run) -> None:
    with pytest.raises(NodeFailure, match="Canceled"):
        execute("TableSource", lambda ctx: table(), cancel=lambda run: True)


def test_cancel_can_be_asked(execute: Run) -> None:
    def work(ctx: Any) -> Any:
        for i in range(10):
            if ctx.is_canceled():
                raise RuntimeError("stopped")
            ctx.set_progress(i / 10)
        return table()

    with pytest.raises(NodeFailure):
        execute("TableSource", work, cancel=lambda run: len(run.progress) > 2)
    assert execute("TableSource", work, cancel=lambda run: False)[0].num_rows == 3


def test_warnings(session: Session, nodes: Any) -> None:
    nodes.Probe.configure = staticmethod(lambda ctx: ctx.set_warning("early"))
    nodes.Probe.execute = staticmethod(lambda ctx: (ctx.set_warning("late"), ctx.set_warning(3), table())[2])
    node = session.node("TableSource")
    node.configure()
    assert node.warnings == ["early"]
    assert node.execute().warnings == ["late", "3"]


@pytest.mark.parametrize("value", [1, 1.5, "x", True, [1, 2], ["x"], [1.5], [True], [], 2**40])
def test_flow_variables(execute: Run, value: Any) -> None:
    def work(ctx: Any) -> Any:
        assert ctx.flow_variables["given"] == 1
        assert "other" not in ctx.flow_variables
        ctx.flow_variables["made"] = value
        return table()

    result = execute("TableSource", work, flow_variables={"given": 1, "knime.workspace": "w"})
    assert result.flow_variables == {"given": 1, "knime.workspace": "w", "made": value}


def test_changed_flow_variables(execute: Run) -> None:
    result = execute(
        "TableSource", lambda ctx: (ctx.flow_variables.update(given="x"), table())[1], flow_variables={"given": 1}
    )
    assert result.flow_variables == {"given": "x"}


@pytest.mark.parametrize(
    ("name", "value"), [("a", np.int64(1)), ("a", {"b": 1}), ("a", object()), ("knime.a", 1), ("knimes", 1), (3, 1)]
)
def test_wrong_flow_variables(execute: Run, name: Any, value: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("TableSource", lambda ctx: (ctx.flow_variables.update({name: value}), table())[1])


def test_flow_variables_cannot_be_deleted(execute: Run) -> None:
    with pytest.raises(NodeFailure):
        execute("TableSource", lambda ctx: (ctx.flow_variables.pop("a"), table())[1], flow_variables={"a": 1})


def test_folders(execute: Run) -> None:
    from pathlib import Path

    seen: list[str] = []

    def work(ctx: Any) -> Any:
        seen.extend([ctx.get_workflow_temp_dir(), ctx.get_workflow_data_area_dir()])
        return table()

    execute("TableSource", work)
    assert all(isinstance(folder, str) for folder in seen)
    assert Path(seen[0]).is_dir()
    assert Path(seen[1]).name == "data"


def test_logs(execute: Run) -> None:
    def work(ctx: Any) -> Any:
        log = logging.getLogger("parity")
        log.debug("small %d", 1)
        log.info("news")
        log.warning("careful")
        log.error("lost")
        return table()

    logs = [one for one in execute("TableSource", work).logs if "parity:" in one[1]]
    assert logs == [
        ("debug", "parity:small 1"), ("info", "parity:news"), ("warn", "parity:careful"), ("error", "parity:lost")
    ]  # fmt: skip


def test_nodes_do_not_run_in_the_main_thread(execute: Run, configure: Run) -> None:
    threads: list[Any] = []
    configure("TableSource", noting(threads, threading.current_thread, lambda: None))
    execute("TableSource", noting(threads, threading.current_thread, table))
    assert len(threads) == 2
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("name", ["no_such_thing", "get_progress"])
def test_contexts_have_no_other_names(execute: Run, name: str) -> None:
    with pytest.raises(NodeFailure, match=name):
        execute("TableSource", lambda ctx: (getattr(ctx, name), table())[1])


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["configure", "execute"])
def test_refusals_are_told_from_faults(configure: Run, execute: Run, phase: str) -> None:
    import knime.extension as knext

    run = {"configure": configure, "execute": execute}[phase]

    def refuse(*_: Any) -> None:
        raise knext.InvalidParametersError("not like this")

    def fail(*_: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(NodeFailure) as refused:
        run("TableSource", refuse)
    assert (refused.value.failure.message, refused.value.failure.invalid_settings) == ("not like this", True)
    with pytest.raises(NodeFailure) as failed:
        run("TableSource", fail)
    assert (failed.value.failure.message, failed.value.failure.invalid_settings) == ("broken", False)
    assert "Traceback" in failed.value.failure.details


# --- ports -----------------------------------------------------------------------------------------------------------


def note(nodes: Any, session: Session) -> tuple[Any, Any]:
    """Spec and object of a note."""
    nodes.Probe.configure = staticmethod(lambda ctx: nodes.NoteSpec("weather"))
    nodes.Probe.execute = staticmethod(lambda ctx: nodes.Note(nodes.NoteSpec("rain"), "It pours."))
    node = session.node("NoteSource")
    return node.configure()[0], node.execute()[0]


def test_objects_travel_with_their_specs(nodes: Any, session: Session) -> None:
    spec, made = note(nodes, session)
    assert (spec.topic, made.spec.topic, made.load().text) == ("weather", "rain", "It pours.")
    seen: list[Any] = []

    import knime.extension as knext

    schema = knext.Schema.from_columns(knext.Column(knext.int32(), "a"))

    def configure(ctx: Any, spec: Any, number: Any) -> Any:
        seen.append((type(spec).__name__, spec.topic, number))
        return schema

    def execute(ctx: Any, note: Any, number: Any) -> Any:
        seen.append((type(note).__name__, note.text, note.spec.topic, number))
        return table()

    nodes.Probe.configure, nodes.Probe.execute = staticmethod(configure), staticmethod(execute)
    reader = session.node("NoteReader")
    specs = reader.configure(spec, None)
    assert specs[0].column_names == ["a"]
    reader.configure(made, None)
    assert reader.execute(made, None)[0].num_rows == 3
    assert seen == [("NoteSpec", "weather", None), ("NoteSpec", "rain", None), ("Note", "It pours.", "rain", None)]


def test_sub_types_are_accepted(nodes: Any, session: Session) -> None:
    nodes.Probe.configure = staticmethod(lambda ctx: nodes.LongNoteSpec("weather"))
    nodes.Probe.execute = staticmethod(lambda ctx: nodes.LongNote(nodes.LongNoteSpec("rain"), "It pours."))
    node = session.node("LongNoteSource")
    (spec,), made = node.configure(), node.execute()[0]
    seen: list[str] = []
    nodes.Probe.configure = staticmethod(noting(seen, lambda s, n: type(s).__name__, lambda *_: None))
    nodes.Probe.execute = staticmethod(noting(seen, lambda s, n: type(s).__name__, lambda *_: table()))
    session.node("NoteReader").configure(spec, None)
    session.node("NoteReader").execute(made, None)
    assert seen == ["LongNoteSpec", "LongNote"]


def test_other_types_are_refused(nodes: Any, session: Session) -> None:
    nodes.Probe.configure = staticmethod(lambda ctx: nodes.NumberSpec())
    nodes.Probe.execute = staticmethod(lambda ctx: nodes.Number(nodes.NumberSpec()))
    node = session.node("NumberSource")
    (spec,), made = node.configure(), node.execute()[0]
    nodes.Probe.configure = staticmethod(lambda ctx, s, n: None)
    with pytest.raises(NodeFailure) as caught:
        session.node("NoteReader").configure(spec, None)
    assert caught.value.failure.invalid_settings
    with pytest.raises(NodeFailure):
        session.node("NoteReader").execute(made, None)
    note_spec, _ = note(nodes, session)
    nodes.Probe.configure = staticmethod(lambda ctx, s, n: None)
    assert session.node("NoteReader").configure(note_spec, spec) == [None]


@pytest.mark.parametrize(
    "wrong", [lambda nodes: nodes.NumberSpec(), lambda nodes: "text", lambda nodes: {"topic": "x"}]
)
def test_wrong_port_specs(configure: Run, nodes: Any, wrong: Any) -> None:
    with pytest.raises(NodeFailure):
        configure("NoteSource", lambda ctx: wrong(nodes))


@pytest.mark.parametrize(
    "wrong", [lambda nodes: nodes.Number(nodes.NumberSpec()), lambda nodes: b"bytes", lambda n: None]
)
def test_wrong_port_objects(execute: Run, nodes: Any, wrong: Any) -> None:
    with pytest.raises(NodeFailure):
        execute("NoteSource", lambda ctx: wrong(nodes))


def test_specs_and_objects_must_be_storable(configure: Run, execute: Run, nodes: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(nodes.NoteSpec, "serialize", lambda self: {"topic": object()})
    with pytest.raises(NodeFailure):
        configure("NoteSource", lambda ctx: nodes.NoteSpec("x"))
    monkeypatch.undo()
    monkeypatch.setattr(nodes.Note, "serialize", lambda self: "text, not bytes")
    with pytest.raises(NodeFailure):
        execute("NoteSource", lambda ctx: nodes.Note(nodes.NoteSpec("x"), "y"))
