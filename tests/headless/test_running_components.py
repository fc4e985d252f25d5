"""Components and metanodes: what is in them runs as if it were not, and a component keeps flow variables apart."""

from pathlib import Path
from typing import Any

import pytest
from tests.headless.knime_nodes import names
from tests.headless.running import Recorder, columns, run_workflow
from tests.headless.stored import CONFIGURATION, Node, component, metanode, toy_node, write
from tests.headless.toy import toy

from core.errors import UserInputError
from headless.arguments import SettingOption, setting_options
from headless.plan import make_plan
from headless.results import RunResult, Status
from headless.workflow import read_workflow


def run(folder: Path, **more: Any) -> RunResult:
    return run_workflow(folder, toy(), **more)


def trouble(identity: int, **parameters: Any) -> Node:
    return toy_node(identity, "Trouble", **parameters)


def source(identity: int, uses: dict[str, str] | None = None, **parameters: Any) -> Node:
    return toy_node(identity, "NumberSource", uses, **parameters)


PASS = [(1, 1, 3, 1), (3, 1, 2, 1)]


def test_metanodes_hand_tables_on_however_deep(tmp_path: Path) -> None:
    deepest = metanode(4, [trouble(3)], [(-1, 0, 3, 1), (3, 1, -1, 0)])
    middle = metanode(7, [deepest], [(-1, 0, 4, 0), (4, 0, -1, 0)])
    nodes = [source(1), middle, trouble(2)]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 7, 0), (7, 0, 2, 1)]))
    assert [node.entry.title for node in result.nodes] == [
        "Number Source (#1)",
        "Metanode (#7) > Metanode (#4) > Trouble (#3)",
        "Trouble (#2)",
    ]
    assert columns(result)["2 Numbers"]["value"] == [0.0, 1.0, 2.0]
    assert result.file_names() == {((2,), "Numbers"): "numbers.csv"}


def test_a_metanode_may_let_a_table_through_and_use_it_itself(tmp_path: Path) -> None:
    inner = metanode(2, [trouble(3)], [(-1, 0, 3, 1), (-1, 0, -1, 0), (3, 1, -1, 1)])
    nodes = [source(1), inner, trouble(4), trouble(5)]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 2, 0), (2, 0, 4, 1), (2, 1, 5, 1)]))
    assert result.ok
    assert len(columns(result)) == 4


def test_components_in_components_run(tmp_path: Path) -> None:
    inner = component(3, (1, 1), [trouble(3)], PASS, name="Inner")
    outer = component(2, (1, 1), [inner], PASS, name="Outer")
    result = run(write(tmp_path / "w", [source(1), outer, trouble(4)], [(1, 1, 2, 1), (2, 1, 4, 1)]))
    assert [node.entry.title for node in result.nodes] == [
        "Number Source (#1)",
        "Outer (#2) > Inner (#3) > Trouble (#3)",
        "Trouble (#4)",
    ]
    assert [table["value"] for table in columns(result).values()] == [[0.0, 1.0, 2.0]] * 3


def test_tables_of_nodes_before_an_unused_output_are_results(tmp_path: Path) -> None:
    result = run(write(tmp_path / "w", [source(1), component(2, (1, 1), [trouble(3)], PASS)], [(1, 1, 2, 1)]))
    assert result.file_names() == {((2, 3), "Numbers"): "numbers.csv"}


def test_variables_of_the_workflow_enter_metanodes_and_stop_at_components(tmp_path: Path) -> None:
    inside = source(3, {"count": "how_many"})
    for i, node in enumerate((metanode(2, [inside], []), component(2, (0, 0), [inside], []))):
        folder = write(tmp_path / f"w{i}", [node], [], {"how_many": 2})
        result = run(folder, variables={"how_many": 4})
        assert result.ok == (i == 0)
        if i == 0:
            assert len(columns(result)["2/3 Numbers"]["value"]) == 4
        else:
            assert "'how_many', which does not reach the node" in result.nodes[0].error


def test_a_metanode_may_have_variables_of_its_own(tmp_path: Path) -> None:
    inside = metanode(2, [source(3, {"count": "how_many"})], [], variables={"how_many": 1})
    assert len(columns(run(write(tmp_path / "w", [inside], [])))["2/3 Numbers"]["value"]) == 1


def test_component_input_and_output_choose_the_variables_that_pass(tmp_path: Path) -> None:
    # Inside, a factor node connected to the Component Input makes the variable factor_made.
    maker = toy_node(3, "FactorMaker", {"factor": "in_factor"})
    inside = component(
        2, (0, 0), [maker], [(1, 0, 3, 0), (3, 0, 2, 0)], names("factor"), names("factor_made"), prefix="in_"
    )
    after = source(4, {"values/scale": "factor_made"})
    folder = write(tmp_path / "w", [inside, after], [(2, 0, 4, 0)], {"factor": 3.0, "secret": 1})
    assert columns(run(folder))["4 Numbers"]["value"] == [0.0, 3.0, 6.0]

    behind = source(4, {"values/scale": "in_factor"})  # not chosen by the Component Output
    result = run(write(tmp_path / "v", [inside, behind], [(2, 0, 4, 0)], {"factor": 3.0}))
    assert "'in_factor', which does not reach the node" in result.nodes[1].error


def test_variables_from_before_a_component_go_on_behind_it(tmp_path: Path) -> None:
    maker = toy_node(1, "FactorMaker", factor=5.0)
    after = source(4, {"values/scale": "factor_made"})
    nodes = [maker, component(2, (0, 0), [source(3)], []), after]
    result = run(write(tmp_path / "w", nodes, [(1, 0, 2, 0), (2, 0, 4, 0)]))
    assert columns(result)["4 Numbers"]["value"] == [0.0, 5.0, 10.0]


def test_nothing_behind_a_component_runs_when_a_node_in_it_fails(tmp_path: Path) -> None:
    # The failing node does not lead to the component's output; KNIME waits for it all the same.
    inside = [trouble(3), trouble(4, kind="execute")]
    nodes = [source(1), component(2, (1, 1), inside, [*PASS, (1, 1, 4, 1)]), trouble(5), trouble(6)]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 2, 1), (2, 1, 5, 1), (1, 1, 6, 1)]))
    assert {node.entry.path: node.status for node in result.nodes} == {
        (1,): Status.EXECUTED,
        (2, 3): Status.EXECUTED,
        (2, 4): Status.FAILED,
        (5,): Status.SKIPPED,
        (6,): Status.EXECUTED,
    }


def test_a_node_in_a_component_waits_for_what_comes_into_it(tmp_path: Path) -> None:
    nodes = [source(1), trouble(5, kind="execute"), component(2, (1, 1), [trouble(3), source(4)], PASS)]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 5, 1), (5, 1, 2, 1)]))
    states = {node.entry.path: node.status for node in result.nodes}
    assert states[(2, 4)] is states[(2, 3)] is Status.SKIPPED


def field(identity: int, kind: str, stored: Any, name: str = "wanted", **more: Any) -> Node:
    factories = {
        "integer": "input.integer.Integer",
        "double": "input.dbl.Double",
        "boolean": "input.bool.Boolean",
        "string": "input.string.String",
        "variable_value": "selection.single.SingleSelection",
    }
    model = {
        "defaultValue": {kind: stored},
        "parameterName": name,
        "label": "Wanted",
        "flowVariableName": name,
        **more,
    }
    return Node(identity, f"{CONFIGURATION}.{factories[kind]}DialogNodeFactory", model, "Configuration")


def with_field(tmp_path: Path, node: Node, setting: str, **more: Any) -> Path:
    """A component of a field and of a source that uses its variable."""
    inside = component(2, (0, 0), [node, source(4, {setting: node.model["flowVariableName"]})], [(3, 1, 4, 0)], **more)
    return write(tmp_path, [inside], [], {"outer": 6})


@pytest.mark.parametrize(
    ("kind", "default", "dialog", "setting", "expected"),
    [
        ("integer", 2, 5, "count", (2, 5)),
        ("double", 0.5, 2.0, "values/scale", (0.5, 2.0)),
        ("string", "a", "b", "name", ("a", "b")),
        (
            "variable_value",
            {"array-size": 1, "0": "LINEAR"},
            {"array-size": 1, "0": "SQUARE"},
            "mode",
            ("Linear", "Square"),
        ),
    ],
)
def test_a_field_of_the_dialog_sets_its_variable(
    tmp_path: Path, kind: str, default: Any, dialog: Any, setting: str, expected: tuple[Any, Any]
) -> None:
    more: dict[str, Any] = (
        {"possible_choices": {"array-size": 2, "0": "LINEAR", "1": "SQUARE"}} if kind == "variable_value" else {}
    )
    node = field(3, kind, default, **more)
    stored = {"wanted-3": {kind: dialog}}
    for i, (model, value) in enumerate(zip(({}, stored), expected, strict=True)):
        result = run(with_field(tmp_path / str(i), node, setting, model=model))
        assert result.ok
        label = {"count": "Count", "values/scale": "Values / Scale", "name": "Name", "mode": "Mode"}[setting]
        shown = result.nodes[1].settings.get(label, {"mode": "Linear"}.get(setting))
        assert shown == value
        assert bool(result.nodes[0].settings) == (model != {})
        assert result.nodes[0].entry.title == "Component (#2) > Configuration (#3)"


@pytest.mark.parametrize(("more", "expected"), [({}, 1), ({"pushIntVar": True}, 1), ({"pushIntVar": False}, "true")])
def test_a_truth_value_may_become_a_number(tmp_path: Path, more: dict[str, Any], expected: Any) -> None:
    node = field(3, "boolean", True, **more)
    result = run(with_field(tmp_path / "w", node, "name"))
    assert result.nodes[1].settings == {"Name": str(expected)}


def test_a_text_must_match_its_pattern_if_it_is_of_one_line(tmp_path: Path) -> None:
    node = field(3, "string", "a", regex="[a-c]+", error_message="? will not do.", editorType="Single-line")
    assert columns(run(with_field(tmp_path / "a", node, "name")))["2/4 Numbers"]["name"] == ["a"] * 3
    dialog = {"wanted-3": {"string": "abcd"}}
    with pytest.raises(UserInputError, match=r"Component \(#2\): abcd will not do\."):
        make_plan(read_workflow(with_field(tmp_path / "b", node, "name", model=dialog)), toy())
    result = run(with_field(tmp_path / "c", node, "name", uses={"wanted-3/string": "outer"}))
    assert "6 will not do." in [node.error for node in result.nodes]
    silent = field(3, "string", "x", regex="[a-c]+")
    with pytest.raises(UserInputError, match=r"'x' is not allowed, only texts of the form \[a-c\]\+"):
        make_plan(read_workflow(with_field(tmp_path / "d", silent, "name")), toy())
    odd = field(3, "string", "x", regex="[a-", editorType="Single-line")
    with pytest.raises(UserInputError, match=r"regular expression '\[a-' cannot be used here"):
        make_plan(read_workflow(with_field(tmp_path / "e", odd, "name")), toy())
    lines = field(3, "string", "x", regex="[a-c]+", editorType="Multi-line")
    assert run(with_field(tmp_path / "f", lines, "name")).ok


def test_a_field_sets_its_variable_whatever_reaches_it(tmp_path: Path) -> None:
    # Node 4 gets the variable from the field and from node 6; that of the field equals the workflow's.
    maker, shown = toy_node(5, "FactorMaker", factor=9.0), source(7, {"values/scale": "factor_made"})
    nodes = [field(3, "double", 2.0, name="factor_made"), maker, source(6), trouble(4), shown]
    connections = [(5, 0, 6, 0), (3, 1, 4, 0), (6, 1, 4, 1), (4, 0, 7, 0)]
    result = run(write(tmp_path / "w", nodes, connections, {"factor_made": 2.0}))
    assert columns(result)["7 Numbers"]["value"] == [0.0, 2.0, 4.0]


def test_a_selection_also_tells_the_place_of_what_is_chosen(tmp_path: Path) -> None:
    choices = {"array-size": 2, "0": "a", "1": "b"}
    node = field(3, "variable_value", {"array-size": 1, "0": "b"}, possible_choices=choices)
    inside = component(2, (0, 0), [node, source(4, {"count": "wanted (index)"})], [(3, 1, 4, 0)])
    assert len(columns(run(write(tmp_path / "w", [inside], [])))["2/4 Numbers"]["value"]) == 1


def test_a_component_that_asks_for_a_variable_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = with_field(tmp_path / "w", field(3, "integer", 2), "count", uses={"wanted-3/integer": "gone"})
    recorder = Recorder()
    result = run(folder, observer=recorder)
    assert recorder.lines == ["1/2 Component", "failed"]
    assert [node.status for node in result.nodes] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert result.nodes[0].entry.title == "Component (#2)"
    assert "'gone', which does not reach the node" in result.nodes[0].error


def test_a_variable_from_outside_may_set_a_field(tmp_path: Path) -> None:
    folder = with_field(tmp_path / "w", field(3, "integer", 2), "count", uses={"wanted-3/integer": "outer"})
    assert len(columns(run(folder))["2/4 Numbers"]["value"]) == 6


@pytest.mark.parametrize(
    "option",
    [
        "2,wanted-3/integer,7,int",  # as KNIME
        "2,wanted-3,7,int",
        "2,wanted,7,int",
        "2/3,defaultValue/integer,7,int",
    ],
)
def test_options_set_fields_of_components(tmp_path: Path, option: str) -> None:
    folder = with_field(tmp_path / "w", field(3, "integer", 2), "count")
    assert len(columns(run(folder, options=setting_options([option])))["2/4 Numbers"]["value"]) == 7


@pytest.mark.parametrize("is_component", [True, False])
def test_options_reach_nodes_in_components_and_metanodes(tmp_path: Path, is_component: bool) -> None:
    inside = component(2, (0, 0), [source(4)], []) if is_component else metanode(2, [source(4)], [])
    folder = write(tmp_path / "w", [inside], [])
    options = setting_options(["2/4,values/offset,9,int"])
    assert columns(run(folder, options=options))["2/4 Numbers"]["value"] == [9.0, 10.0, 11.0]
    with pytest.raises(UserInputError, match="no node #2/5"):
        make_plan(read_workflow(folder), toy(), [SettingOption((2, 5), ("count",), 1)])


def test_values_out_of_a_fields_limits_are_refused_beforehand(tmp_path: Path) -> None:
    node = field(3, "integer", 2, useMin=True, useMax=True, min=1, max=9)
    folder = with_field(tmp_path / "w", node, "count", model={"wanted-3": {"integer": 10}})
    with pytest.raises(UserInputError, match=r"Component \(#2\): 10 is not allowed, only at least 1 at most 9"):
        make_plan(read_workflow(folder), toy())
    folder = with_field(tmp_path / "v", node, "count", uses={"wanted-3/integer": "outer"})
    assert run(folder).ok
    assert not run(folder, variables={"outer": 0}).ok


def test_what_is_wrong_in_components_is_refused_beforehand(tmp_path: Path) -> None:
    def plan(*arguments: Any) -> None:
        plan.count += 1  # type: ignore[attr-defined]
        make_plan(read_workflow(write(tmp_path / str(plan.count), *arguments)), toy())  # type: ignore[attr-defined]

    plan.count = 0  # type: ignore[attr-defined]
    through = component(2, (1, 1), [trouble(3)], PASS)
    with pytest.raises(UserInputError, match=r"Component \(#2\): The input port 'Port 1' is not connected"):
        plan([through], [])
    with pytest.raises(UserInputError, match=r"Component \(#2\): A connection leads to input port 2"):
        plan([source(1), through], [(1, 1, 2, 2)])
    with pytest.raises(UserInputError, match=r"Component \(#2\) > Trouble \(#3\): The input port .* is not connected"):
        plan([component(2, (0, 0), [trouble(3)], [])], [])
    with pytest.raises(
        UserInputError, match=r"Component \(#2\) > Trouble \(#3\): .* of Factor Maker \(#1\).*\(table\)"
    ):
        plan([toy_node(1, "FactorMaker"), through], [(1, 1, 2, 1)])
    with pytest.raises(UserInputError, match="Two connections lead to input port 1"):
        plan([source(1), source(4), through], [(1, 1, 2, 1), (4, 1, 2, 1)])
    with pytest.raises(UserInputError, match=r"circle: .*Component \(#2\)"):
        plan([through], [(2, 1, 2, 1)])
    with pytest.raises(UserInputError, match="circle"):
        plan([metanode(2, [], [(-1, 0, -1, 0)]), trouble(1)], [(2, 0, 2, 0), (2, 0, 1, 1)])
    with pytest.raises(UserInputError, match=r"node #9, which does not exist"):
        plan([component(2, (0, 0), [trouble(3)], [(9, 1, 3, 1)])], [])
    by_type = {"filter-type": "typefilter"}
    with pytest.raises(UserInputError, match=r"Component Input \(#1\): The setting filter-type = 'typefilter'"):
        plan([component(2, (0, 0), [], [], by_type)], [])


def test_components_that_are_damaged_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "w", [component(2, (0, 0), [source(3)], [])], [])
    settings = folder / "N2" / "settings.xml"
    good = settings.read_text()
    settings.write_text(
        good.replace('key="virtual-in-ID" type="xint" value="1"', 'key="virtual-in-ID" type="xint" value="7"')
    )
    with pytest.raises(UserInputError, match=r"Component \(#2\): Its node #7 should be"):
        make_plan(read_workflow(folder), toy())
    settings.write_text(
        good.replace('key="virtual-in-ID" type="xint" value="1"', 'key="virtual-in-ID" type="xint" value="3"')
    )
    with pytest.raises(UserInputError, match=r"Component \(#2\): Its node #3 should be"):
        make_plan(read_workflow(folder), toy())
    for name, words in (
        ("workflow.knime.encrypted", "locked"),
        ("../w.knime", "outside"),
        ("none.knime", "content is missing"),
    ):
        settings.write_text(good.replace('value="workflow.knime"', f'value="{name}"'))
        with pytest.raises(UserInputError, match=words):
            read_workflow(folder)


def test_a_metanode_in_itself_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "w", [metanode(2, [], [])], [])
    file = folder / "workflow.knime"
    file.write_text(file.read_text().replace("N2/workflow.knime", "workflow.knime"))
    with pytest.raises(UserInputError, match="lie in each other"):
        read_workflow(folder)
