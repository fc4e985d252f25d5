"""KNIME's own nodes between ours: what flows from one to the other, options, flow variables, what is said of them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.headless.golden_extension import FOLDER
from tests.headless.knime_nodes import BASE, modern_names, names
from tests.headless.running import GOLDEN, Recorder, columns, run_workflow
from tests.headless.stored import FILTER, Node, component, toy_node, write
from tests.headless.test_knime_csv import READER, WRITER, location, reader, writer
from tests.headless.test_knime_filters import ROW_FILTER, criteria, criterion
from tests.headless.test_knime_tables import GROUP_BY, JOINER, TO_VARIABLE, group_by, joiner, to_variables
from tests.headless.toy import FOLDER as TOY
from tests.headless.toy import toy

from core.errors import UserInputError
from headless.arguments import setting_options
from headless.cli import main
from headless.knime_nodes import KNIME_NODES
from headless.plan import make_plan
from headless.results import RunResult, Status
from headless.workflow import read_workflow


def run(folder: Path, **more: Any) -> RunResult:
    return run_workflow(folder, toy(), **more)


def knime(identity: int, factory: str, model: dict[str, Any], **more: Any) -> Node:
    return Node(identity, f"{BASE}.{factory}", model, factory.rpartition(".")[2], **more)


SOURCE = toy_node(1, "NumberSource")


def test_a_row_becomes_variables_for_the_nodes_behind(tmp_path: Path) -> None:
    grouped = knime(2, GROUP_BY, group_by([], ("value", "Count", True)))
    variables = knime(3, TO_VARIABLE, to_variables())
    again = toy_node(4, "NumberSource", {"count": "Count(value)", "name": "RowID"}, values={"offset": 5, "scale": 1.0})
    nodes = [toy_node(1, "NumberSource", count=2), grouped, variables, again]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 2, 1), (2, 1, 3, 1), (3, 1, 4, 0)]))
    assert columns(result)["4 Numbers"] == {"<RowID>": ["Row0", "Row1"], "name": ["Row0", "Row0"], "value": [5.0, 6.0]}


def test_variables_travel_on_through_nodes_of_knime(tmp_path: Path) -> None:
    maker = toy_node(3, "FactorMaker", factor=4.0)
    last = toy_node(5, "NumberSource", {"values/scale": "factor_made"})
    nodes = [SOURCE, knime(2, ROW_FILTER, criteria(criterion("value", "GT", 0.5))), maker, last]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 2, 1), (3, 0, 2, 0), (2, 0, 5, 0)]))
    assert columns(result)["5 Numbers"]["value"] == [0.0, 4.0, 8.0]


def test_variables_and_options_set_what_nodes_of_knime_do(tmp_path: Path) -> None:
    value = "predicates/0/predicateValues/values/0/value"
    stored = criteria(criterion("value", "GT", 0.5))
    plain = write(tmp_path / "a", [SOURCE, knime(2, ROW_FILTER, stored)], [(1, 1, 2, 1)], {"least": 1.5})
    assert columns(run(plain))["2 Included Rows"]["value"] == [1.0, 2.0]
    options = setting_options([f"2,{value},-1.0,double"])
    assert columns(run(plain, options=options))["2 Included Rows"]["value"] == [0.0, 1.0, 2.0]
    used = write(
        tmp_path / "b", [SOURCE, knime(2, ROW_FILTER, stored, uses={value: "least"})], [(1, 1, 2, 1)], {"least": 1.5}
    )
    assert columns(run(used))["2 Included Rows"]["value"] == [2.0]
    with pytest.raises(UserInputError, match=r"RowFilterNodeFactory \(#2\): .*operator = 'NO'"):
        make_plan(read_workflow(plain), toy(), setting_options(["2,predicates/0/operator,NO,String"]))


def test_our_nodes_choose_columns_of_what_comes_from_knime(tmp_path: Path) -> None:
    kept = Node(2, FILTER, {"column-filter": names("value")}, "Column Filter")
    nodes = [SOURCE, kept, toy_node(3, "FactorMaker"), toy_node(4, "Multiplier")]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 2, 1), (3, 1, 4, 1), (2, 1, 4, 2)]))
    assert columns(result)["4 Products"]["product"] == [0.0, 2.0, 4.0]
    without = Node(2, FILTER, {"column-filter": names("name")}, "Column Filter")
    result = run(write(tmp_path / "v", [SOURCE, without, *nodes[2:]], [(1, 1, 2, 1), (3, 1, 4, 1), (2, 1, 4, 2)]))
    assert result.nodes[-1].error == "There is no column 'value'."


def test_files_are_written_and_read_in_the_data_area(tmp_path: Path) -> None:
    nodes = [SOURCE, knime(2, WRITER, writer(location("sub/t.csv"))), knime(3, READER, reader(location("sub/t.csv")))]
    folder = write(tmp_path / "w", nodes, [(1, 1, 2, 1), (2, 0, 3, 0)])
    got = columns(run(folder))["3 File Table"]
    assert got == {"<RowID>": ["Row0", "Row1", "Row2"], "name": ["n"] * 3, "value": [0, 1, 2]}
    assert (folder / "data" / "sub" / "t.csv").is_file()


JOIN = knime(2, JOINER, joiner(("name", "name"), rowKeyFactory="SEQUENTIAL"))
JOIN_INSIDE = dataclasses.replace(JOIN, id=3)
INTO_JOIN = [(1, 1, 2, 1), (1, 1, 2, 2)]


def test_what_lies_behind_an_output_that_is_not_in_use_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = [toy_node(i, "Trouble", kind="execute") for i in (3, 4, 6)]
    through = component(
        8, (2, 2), [toy_node(3, "Trouble"), toy_node(4, "NumberSource")], [(1, 1, 3, 1), (1, 2, 2, 2), (3, 1, 2, 1)]
    )
    nodes = [SOURCE, JOIN, *behind, toy_node(5, "NumberSource"), toy_node(7, "Trouble"), through]
    connections = [*INTO_JOIN, (2, 2, 3, 1), (3, 1, 4, 1), (3, 0, 5, 0), (2, 1, 7, 1)]
    connections += [(2, 1, 8, 1), (2, 3, 8, 2), (8, 1, 6, 1)]
    folder = write(tmp_path / "w", nodes, connections)
    result = run(folder)
    assert result.ok
    assert len(columns(result)["2 Join result"]["name"]) == 9
    ends = {node.entry.path: (node.status, *node.warnings) for node in result.nodes}
    nothing = f"{JOIN.name} (#2) is not in use."
    expected: dict[Any, Any] = {
        **dict.fromkeys([(1,), (2,), (7,)], (Status.EXECUTED,)),
        **dict.fromkeys([(3,), (4,), (5,)], (Status.INACTIVE, f"Output 2 of {nothing}")),
        **dict.fromkeys([(6,), (8, 3), (8, 4)], (Status.INACTIVE, f"Output 3 of {nothing}")),
    }
    assert ends == expected
    assert main(["--extension", str(TOY), "run", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "because an output before is not in use: Trouble (#3), " in capsys.readouterr().err
    assert f"Output 2 of {nothing}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_an_output_that_is_not_in_use_inside_a_component_is_named_by_its_place(tmp_path: Path) -> None:
    inside = component(8, (1, 1), [JOIN_INSIDE], [(1, 1, 3, 1), (1, 1, 3, 2), (3, 2, 2, 1)])
    nodes = [SOURCE, inside, toy_node(4, "Trouble"), toy_node(5, "Trouble")]
    result = run(write(tmp_path / "w", nodes, [(1, 1, 8, 1), (8, 1, 4, 1), (1, 1, 5, 1)]))
    ends = {node.entry.path: (node.status, *node.warnings) for node in result.nodes}
    reason = f"Output 2 of Component (#8) > {JOIN.name} (#3) is not in use."
    assert ends[(4,)] == (Status.INACTIVE, reason)
    assert result.ok
    assert ends[(8, 3)] == ends[(5,)] == (Status.EXECUTED,)


@pytest.mark.parametrize("has_workflow_variable", [True, False])
def test_a_row_becomes_variables_whatever_reaches_the_node(tmp_path: Path, has_workflow_variable: bool) -> None:
    # Both variables RowID reach node 8; the one of its first port, Row0, equals that of the workflow.
    first, second = knime(3, TO_VARIABLE, to_variables()), knime(6, TO_VARIABLE, to_variables())
    others = knime(5, ROW_FILTER, criteria(criterion("value", "GT", 0.5)))
    shown = toy_node(9, "NumberSource", {"name": "RowID"})
    nodes = [SOURCE, first, others, second, toy_node(7, "NumberSource"), toy_node(8, "Trouble"), shown]
    connections = [(1, 1, 3, 1), (1, 1, 5, 1), (5, 1, 6, 1), (6, 1, 7, 0), (3, 1, 8, 0), (7, 1, 8, 1), (8, 0, 9, 0)]
    variables = {"RowID": "Row0"} if has_workflow_variable else {}
    result = run(write(tmp_path / "w", nodes, connections, variables))
    assert columns(result)["9 Numbers"]["name"] == ["Row0"] * 3


def test_a_variable_of_another_type_is_another_variable(tmp_path: Path) -> None:
    nodes = [toy_node(1, "FactorMaker", factor=1.0), toy_node(2, "NumberSource", {"name": "factor_made"})]
    folder = write(tmp_path / "w", nodes, [(1, 0, 2, 0)], {"factor_made": 1})
    assert columns(run(folder))["2 Numbers"]["name"] == ["1.0"] * 3


def test_nodes_of_knime_stop_when_they_are_canceled(tmp_path: Path) -> None:
    recorder = Recorder()
    nodes = [SOURCE, Node(2, FILTER, {"column-filter": names("value")}, "Column Filter")]
    folder = write(tmp_path / "w", nodes, [(1, 1, 2, 1)])
    result = run(folder, observer=recorder, is_canceled=lambda: recorder.lines[-1:] == ["2/2 Column Filter"])
    assert [node.status for node in result.nodes] == [Status.EXECUTED, Status.CANCELED]


def test_inputs_of_nodes_of_knime_must_be_connected_and_of_their_kind(tmp_path: Path) -> None:
    two = knime(2, JOINER, {**joiner(("a", "a")), "leftColumnSelectionConfigV2": modern_names()})
    with pytest.raises(UserInputError, match="input port 'Right table' is not connected"):
        make_plan(read_workflow(write(tmp_path / "a", [SOURCE, two], [(1, 1, 2, 1)])), toy())
    nodes = [toy_node(1, "FactorMaker"), Node(2, FILTER, {"column-filter": names()}, "Column Filter")]
    with pytest.raises(UserInputError, match=r"Column Filter \(#2\): .*output \(port\).*another kind \(table\)"):
        make_plan(read_workflow(write(tmp_path / "b", nodes, [(1, 1, 2, 1)])), toy())
    nodes = [SOURCE, knime(2, TO_VARIABLE, to_variables()), toy_node(3, "Trouble")]
    with pytest.raises(UserInputError, match=r"Trouble \(#3\): .*output \(flow variables\).*another kind \(table\)"):
        make_plan(read_workflow(write(tmp_path / "c", nodes, [(1, 1, 2, 1), (2, 1, 3, 1)])), toy())


def test_a_node_of_knime_without_settings_is_refused_by_name(tmp_path: Path) -> None:
    for i, factory in enumerate(KNIME_NODES):
        folder = write(tmp_path / str(i), [Node(2, factory, {}, "Bare")], [])
        with pytest.raises(UserInputError, match=r"Bare \(#2\): The (setting '.*' is missing|input port)"):
            make_plan(read_workflow(folder), toy())


def test_the_report_and_the_console_tell_of_what_is_in_components(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["--extension", str(FOLDER), "run", str(GOLDEN / "with_linked_component"), "--out", str(tmp_path / "out")])
        == 0
    )
    shown = capsys.readouterr()
    assert "[2/2] with_component_template (#2) > Tensor Consumer (#3)" in shown.err
    assert "Tables: scores.csv" in shown.out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "with_component_template (#2) &gt; Tensor Consumer (#3)" in page
    assert "2 of 2 nodes executed" in page
    assert (tmp_path / "out" / "scores.csv").read_text().splitlines()[2] == "Row1,im1,6.5"


def test_every_node_of_knime_is_named_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").lower().replace(" ", "")
    for factory in KNIME_NODES:
        name = factory.rpartition(".")[2].removesuffix("NodeFactory").removesuffix("Dialog")
        known = {"AppendedRows": "Concatenate", "DataColumnSpecFilter": "Column Filter", "CSVTableReader": "CSV Reader"}
        known |= {"CSVWriter2": "CSV Writer", "Joiner3": "Joiner", "TableToVariable3": "Table Row to Variable"}
        assert known.get(name, name).lower().replace(" ", "") in readme
