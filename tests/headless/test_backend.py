"""Nodes are loaded and called as KNIME does, and what KNIME would refuse is refused with its place."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from tests.headless.toy import toy

from core.errors import Canceled, UserInputError
from headless.backend import Context, Execution, Extension, NodeError, PortOutput, TableOutput, load_extension

HEADER = """
import knime.extension as knext
import pyarrow as pa
def node(id): return knext.node(id, knext.NodeType.OTHER, "icon.png", "/", id=id)
def table(**columns): return knext.Table.from_pyarrow(pa.table(columns), row_ids="generate")
INTS = knext.Schema.from_columns([knext.Column(knext.int32(), "a")])
"""
NODE = """
@node({id!r})
@knext.output_table("Out", "")
class Node:
    \"\"\"{summary}\"\"\"
    def configure(self, ctx):
        return {spec}
    def execute(self, ctx):
        return {result}
"""


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Extension]:
    """Loads an extension of one module with such code."""
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))

    def load(code: str) -> Extension:
        name = f"extension_{uuid4().hex}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(HEADER + textwrap.dedent(code))
        (folder / "knime.yml").write_text(f"name: x\ngroup_id: org.example\nversion: 1.2.3\nextension_module: {name}\n")
        return load_extension(folder)

    return load


def simple(id: str = "A", summary: str = "Does it.", spec: str = "INTS", result: str = "table(a=[1])") -> str:
    return NODE.format(id=id, summary=summary, spec=spec, result=result)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    folder = tmp_path / "temp"
    folder.mkdir()
    return Context(folder)


def run(extension: Extension, context: Context, id: str = "A") -> Execution:
    node = extension.nodes[id].create()
    node.configure([], context)
    return node.execute([], context)


def test_an_extension_says_who_it_is_and_can_be_loaded_twice() -> None:
    extension = toy()
    assert (extension.id, extension.version, extension.vendor) == ("org.example.toy", "0.3.0", "Example")
    assert list(load_extension(extension.folder).nodes) == list(extension.nodes)
    multiplier = extension.nodes["Multiplier"]
    assert [(p.name, p.kind, p.optional) for p in multiplier.input_ports] == [
        ("Factor", "port", False),
        ("Numbers", "table", False),
        ("Extra", "table", True),
    ]
    assert (multiplier.summary, multiplier.description) == ("Multiplies numbers.", "With a factor.")
    assert extension.nodes["NumberSource"].default_parameters()["values"] == {"offset": 0, "scale": 1.0}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (simple() + simple(), "two nodes with the id 'A'"),
        (simple(summary="Finds <all objects."), r"first line of the docstring.*&lt;"),
        (simple(summary="Finds & counts."), r"A: The first line of the docstring"),
        ("raise OSError('no such thing')", "cannot be imported.*no such thing"),
        ("import does_not_exist", "does_not_exist"),
    ],
)
def test_what_knime_could_not_load_is_refused(extension: Callable[[str], Extension], code: str, message: str) -> None:
    with pytest.raises(UserInputError, match=message):
        extension(code)


@pytest.mark.parametrize(
    "content", [None, "", "a: [", "name: x\ngroup_id: y\n", "name: x\ngroup_id: y\nversion: 1\nextension_module: z"]
)
def test_a_wrong_knime_yml_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "knime.yml").write_text(content)
    with pytest.raises(UserInputError, match=r"knime\.yml"):
        load_extension(tmp_path)


def test_tables_and_objects_go_from_node_to_node(context: Context) -> None:
    nodes = toy().nodes
    maker, source, multiplier = (nodes[name].create() for name in ("FactorMaker", "NumberSource", "Multiplier"))
    factor_spec, numbers_spec = maker.configure([], context)[0], source.configure([], context)[0]
    assert multiplier.configure([factor_spec, numbers_spec, None], context)[0].column_names == ["product"]
    assert multiplier.parameters["column"] == "value"  # chosen by the node itself, and kept
    factor, numbers = maker.execute([], context).outputs[0], source.execute([], context).outputs[0]
    assert isinstance(factor, PortOutput)
    assert context.flow_variables == {"factor_made": 2.0}
    result = multiplier.execute([factor, numbers, numbers], context)
    assert isinstance(result.outputs[0], TableOutput)
    assert result.outputs[0].column_values("product") == [0.0, 2.0, 4.0] * 2
    assert result.view_html is not None
    assert "px" in result.view_html
    assert result.problems == ()


def test_wrong_connections_are_refused_with_a_message_only(context: Context) -> None:
    nodes = toy().nodes
    multiplier = nodes["Multiplier"].create()
    schema = nodes["NumberSource"].create().configure([], context)[0]
    for inputs in ([None, schema, None], [schema, schema, None]):
        with pytest.raises(NodeError) as caught:
            multiplier.configure(inputs, context)
    with pytest.raises(NodeError, match="not connected") as caught:
        multiplier.configure([None, schema, None], context)
    assert caught.value.invalid_settings
    assert caught.value.details == ""


def test_bugs_come_with_a_traceback_apart_from_the_message(context: Context) -> None:
    node = toy().nodes["Trouble"].create().set(kind="execute")
    numbers = toy().nodes["NumberSource"].create().execute([], context).outputs[0]
    with pytest.raises(NodeError) as caught:
        node.execute([numbers], context)
    assert str(caught.value) == "The work went wrong."
    assert "Traceback" in caught.value.details
    assert not caught.value.invalid_settings


@pytest.mark.parametrize("kind", ["wait", "none"])
def test_cancelled_is_cancelled_whatever_the_node_does(context: Context, kind: str) -> None:
    numbers = toy().nodes["NumberSource"].create().execute([], context).outputs[0]
    context.is_canceled = lambda: True
    with pytest.raises(Canceled):
        toy().nodes["Trouble"].create().set(kind=kind).execute([numbers], context)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "1 output ports, but returned 0"),
        ("(table(a=[1]), table(a=[1]))", "returned 2 outputs"),
        ("pa.table({'a': [1]})", "must be a Table"),
        ("3", "must be a Table"),
        ("knext.Table.from_pyarrow(pa.table({'<RowID>': ['x', 'x'], 'a': [1, 2]}))", "row ID"),
        ("knext.Table.from_pyarrow(pa.table({'a': pa.array([b'x'])}))", "binary"),
    ],
)
def test_outputs_that_knime_does_not_take_are_refused(
    extension: Callable[[str], Extension], context: Context, result: str, message: str
) -> None:
    with pytest.raises(NodeError, match=message):
        run(extension(simple(result=result)), context)


@pytest.mark.parametrize("spec", ["3", "(INTS, INTS)", "knext.Schema.from_columns([*INTS, *INTS])"])
def test_specs_that_knime_does_not_take_are_refused(
    extension: Callable[[str], Extension], context: Context, spec: str
) -> None:
    with pytest.raises(NodeError):
        run(extension(simple(spec=spec)), context)


@pytest.mark.parametrize(
    ("result", "is_as_announced"),
    [
        ("table(a=pa.array([1], pa.int32()))", True),
        ("table(a=['x'])", False),
        ("table(b=pa.array([1], pa.int32()))", False),
    ],
)
def test_tables_are_compared_with_what_was_announced(
    extension: Callable[[str], Extension], context: Context, result: str, is_as_announced: bool
) -> None:
    assert (run(extension(simple(result=result)), context).problems == ()) == is_as_announced


def test_execute_gets_a_fresh_node_with_the_parameters_of_configure(
    extension: Callable[[str], Extension], context: Context
) -> None:
    loaded = extension("""
        @node("A")
        @knext.output_table("Out", "")
        class Node:
            "Remembers."
            n = knext.IntParameter("N", "", 1)
            seen = False
            def configure(self, ctx):
                self.n, self.seen = 7, True
            def execute(self, ctx):
                return [table(n=[self.n], seen=[self.seen])]
    """)
    node = loaded.nodes["A"].create()
    assert node.configure([], context) == [None]
    output: Any = node.execute([], context).outputs[0]
    assert (output.column_values("n"), output.column_values("seen")) == ([7], [False])
    assert loaded.nodes["A"].default_parameters() == {"n": 1}


PORT = """
class Spec(knext.PortObjectSpec):
    def serialize(self): return {spec}
    @classmethod
    def deserialize(cls, {arguments}): return cls()
class Object(knext.PortObject):
    def serialize(self): return {content}
    @classmethod
    def deserialize(cls, spec, storage): return cls(spec)
@node("A")
@knext.output_port("Out", "", knext.port_type("Port", Object, Spec, id="org.example.port"))
class Node:
    "Makes."
    def configure(self, ctx): return Spec()
    def execute(self, ctx): return Object(Spec())
"""


@pytest.mark.parametrize("arguments", ["data", "data, callback"])
def test_specs_are_made_with_and_without_callback(
    extension: Callable[[str], Extension], context: Context, arguments: str
) -> None:
    output = run(extension(PORT.format(spec={"a": 1}, content=b"x", arguments=arguments)), context).outputs[0]
    assert isinstance(output, PortOutput)
    assert type(output.load()).__name__ == "Object"


@pytest.mark.parametrize(("spec", "content"), [("{'a': b'x'}", "b'x'"), ("{'a': 1}", "'text'"), ("[1]", "b'x'")])
def test_objects_that_cannot_be_stored_are_refused(
    extension: Callable[[str], Extension], context: Context, spec: str, content: str
) -> None:
    with pytest.raises(NodeError):
        run(extension(PORT.format(spec=spec, content=content, arguments="data")), context)


def test_settings_are_validated_with_their_version(extension: Callable[[str], Extension]) -> None:
    loaded = extension("""
        @node("A")
        class Node:
            "Has settings."
            old = knext.IntParameter("Old", "", 1, min_value=0)
            new = knext.IntParameter("New", "", 2, since_version="1.1.0")
            def configure(self, ctx): return None
            def execute(self, ctx): return None
    """)
    node = loaded.nodes["A"].create()
    node.load({"old": 5, "unknown": 1}, "1.0.0")
    assert node.validate() is None
    node.load({"old": 5}, "1.1.0")
    assert node.validate() == "Parameter missing for key 'new'."
    node.load({"old": -5, "new": 1})
    assert "-5" in str(node.validate())
    with pytest.raises(KeyError, match="old, new"):
        node.set(nope=1)


def test_a_table_from_outside_is_an_input(context: Context) -> None:
    numbers = pa.table({"<RowID>": ["r"], "value": [0.5], "name": ["n"]})
    output: Any = toy().nodes["Trouble"].create().execute([numbers], context).outputs[0]
    assert output.to_pyarrow().to_pydict() == {"<RowID>": ["r"], "value": [0.5], "name": ["n"]}


def test_settings_say_when_they_are_shown_and_what_they_can_be(extension: Callable[[str], Extension]) -> None:
    settings = """
class Kind(knext.EnumParameterOptions):
    A = ("First", "")
    B = ("Second", "")
    C = ("Third", "")
@node("Node")
@knext.input_table("Images", "")
@knext.input_table("More images", "", optional=True)
class Node:
    \"\"\"Has rules.\"\"\"
    kind = knext.EnumParameter("Kind", "", "A", Kind)
    many = knext.BoolParameter("Many", "", True)
    free = knext.IntParameter("Free", "", 100_000, min_value=-1, max_value=10**6)
    one = knext.DoubleParameter("One", "", 1e-7, min_value=1e-9).rule(knext.OneOf(kind, ["B", "C"]), knext.Effect.SHOW)
    two = knext.IntParameter("Two", "", 0, max_value=9).rule(knext.OneOf(kind, ["A"]), knext.Effect.HIDE)
    both = knext.StringParameter("Both", "", "").rule(
        knext.And(knext.OneOf(kind, ["A"]), knext.OneOf(many, [True])), knext.Effect.ENABLE
    )
    table = knext.StringParameter("Table", "", "x").rule(
        knext.DialogContextCondition(lambda ctx: ctx.get_input_specs()[1] is not None), knext.Effect.SHOW
    )
    column = knext.ColumnParameter("Column", "").rule(knext.OneOf(free, ["", "<none>"]), knext.Effect.DISABLE)
"""
    found = {one.key: one for one in extension(settings).nodes["Node"].parameters()}
    assert {key: one.condition for key, one in found.items() if one.condition} == {
        "one": 'if Kind is "Second" or "Third"',
        "two": 'unless Kind is "First"',
        "both": 'if Kind is "First" and Many is on',
        "table": "if More images is connected",
        "column": "unless Free is none",
    }
    ranges = ["-1 to 1,000,000", "at least 0.000000001", "at most 9", ""]
    assert [found[key].range for key in ("free", "one", "two", "both")] == ranges
    defaults = [found[key].shown_default for key in ("many", "free", "one", "both", "table")]
    assert defaults == ["true", "100,000", "0.0000001", "not set", "x"]
