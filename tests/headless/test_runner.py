"""Workflows run: order, ports, flow variables, failures of one branch, cancellation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.headless.running import GOLDEN, Recorder, columns, run_workflow
from tests.headless.toy import build, product, toy

from core.errors import UserInputError
from headless.arguments import SettingOption
from headless.plan import make_plan
from headless.results import RunResult, Status
from headless.settings_xml import document, parse
from headless.workflow import VariableValue, read_workflow
from headless.workflow_template import TemplateNode


def run(
    folder: Path,
    variables: Mapping[str, VariableValue] | None = None,
    options: Sequence[SettingOption] = (),
    is_canceled: Callable[[], bool] = lambda: False,
    observer: Recorder | None = None,
) -> RunResult:
    return run_workflow(folder, toy(), variables, options, is_canceled, observer)


def test_nodes_run_after_those_they_depend_on_and_hand_on_tables_and_objects(tmp_path: Path) -> None:
    recorder = Recorder()
    result = run(product(tmp_path / "w"), observer=recorder)
    assert result.ok
    assert recorder.lines == [
        "1/3 Number Source",
        "executed",
        "2/3 Factor Maker",
        "executed",
        "3/3 Multiplier",
        "executed",
    ]
    assert columns(result)["3 Products"]["product"] == [0.0, 2.0, 4.0]
    assert [(node.entry.id, table.port) for node, table in result.leaf_tables()] == [(3, "Products")]
    view = result.nodes[2].view
    assert view is not None
    assert "[0.0, 2.0, 4.0] px" in view


def test_order_does_not_depend_on_numbers(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "Trouble"), TemplateNode(5, "Trouble"), TemplateNode(9, "NumberSource"))
    folder = build(tmp_path / "w", nodes, ((9, "Numbers", 5, "Numbers"), (5, "Numbers", 1, "Numbers")))
    assert [node.entry.id for node in run(folder).nodes] == [9, 5, 1]


def test_workflow_variables_take_the_place_of_settings(tmp_path: Path) -> None:
    result = run(product(tmp_path / "w"), {"how_many": 2, "factor": 10.0})
    assert columns(result)["3 Products"]["product"] == [0.0, 10.0]
    assert result.nodes[0].settings == {"Count": 2}


def test_options_change_settings_in_groups(tmp_path: Path) -> None:
    options = [SettingOption((1,), ("values", "offset"), 100), SettingOption((1,), ("mode",), "SQUARE")]
    result = run(product(tmp_path / "w"), options=options)
    assert columns(result)["1 Numbers"]["value"] == [100.0, 101.0, 104.0]
    assert result.nodes[0].settings == {"Mode": "Square", "Values / Offset": 100}


def test_variables_flow_downstream_only(tmp_path: Path) -> None:
    nodes = (
        TemplateNode(1, "NumberSource", parameters={"values": {"offset": 7}}, exposes={"values/offset": "offset"}),
        TemplateNode(2, "NumberSource", uses={"count": "offset"}),
        TemplateNode(3, "NumberSource", uses={"count": "offset"}),
    )
    result = run(build(tmp_path / "w", nodes, ((1, "", 2, ""),)))
    assert len(columns(result)["2 Numbers"]["value"]) == 7
    assert result.nodes[2].status is Status.FAILED
    assert "'offset', which does not reach the node" in result.nodes[2].error


def test_what_a_node_sets_overrides_the_workflow_and_the_first_port_wins(tmp_path: Path) -> None:
    nodes = (
        TemplateNode(1, "FactorMaker", parameters={"factor": 3.0}),
        TemplateNode(2, "FactorMaker", parameters={"factor": 5.0}),
        TemplateNode(3, "NumberSource"),
        TemplateNode(4, "Multiplier"),
        TemplateNode(5, "NumberSource", uses={"values/scale": "factor_made"}),
    )
    connections = [(1, "Factor", 4, "Factor"), (2, "", 3, ""), (3, "Numbers", 4, "Numbers"), (4, "", 5, "")]
    folder = build(tmp_path / "w", nodes, connections, {"factor_made": 1.0})
    assert columns(run(folder))["5 Numbers"]["value"] == [0.0, 3.0, 6.0]


def test_an_optional_port_gets_its_table(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "NumberSource"), TemplateNode(2, "FactorMaker"), TemplateNode(3, "Multiplier"))
    connections = [(2, "Factor", 3, "Factor"), (1, "Numbers", 3, "Numbers"), (1, "Numbers", 3, "Extra")]
    result = run(build(tmp_path / "w", nodes, connections))
    assert columns(result)["3 Products"]["product"] == [0.0, 2.0, 4.0, 0.0, 2.0, 4.0]
    assert result.nodes[2].settings == {"Column": "value"}  # picked by the node itself


def adding(folder: Path, *into: str) -> Path:
    """Numbers 0, 1, 2 and their doubles into ports of an Adder with the factor 3."""
    nodes = (
        TemplateNode(1, "NumberSource"),
        TemplateNode(2, "NumberSource", parameters={"values": {"scale": 2.0}}),
        TemplateNode(3, "FactorMaker", parameters={"factor": 3.0}),
        TemplateNode(4, "Adder"),
    )
    connections = [(1 + i % 2, "Numbers", 4, port) for i, port in enumerate(into)]
    return build(folder, nodes, [(3, "Factor", 4, "Factor"), *connections])


@pytest.mark.parametrize(
    ("into", "times"),
    [
        (["Numbers 1"], 3),
        (["Numbers 1", "Numbers 2"], 9),
        (["Numbers 1", "Numbers 2", "Numbers 3"], 12),
        (["Numbers 1", "Extra"], 9),
    ],
)
def test_a_group_of_ports_gets_its_tables(tmp_path: Path, into: list[str], times: float) -> None:
    folder = adding(tmp_path / "w", *into)
    groups = {"Numbers": sum(name != "Extra" for name in into), "Extra": into.count("Extra")}
    assert read_workflow(folder).nodes[3].port_groups == groups
    assert columns(run(folder))["4 Sums"]["sum"] == [0.0, times, 2 * times]


def test_a_group_of_no_ports_is_for_the_node_to_judge(tmp_path: Path) -> None:
    assert run(adding(tmp_path / "w")).nodes[3].error == "There are no numbers to add."


def test_every_port_of_a_group_is_connected(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="no input port 'Numbers 2'"):
        adding(tmp_path / "gap", "Numbers 2")
    workflow = read_workflow(adding(tmp_path / "w", "Numbers 1", "Numbers 2"))
    lacking = replace(workflow, connections=workflow.connections[:-1])
    with pytest.raises(UserInputError, match="input port 'Numbers' is not connected"):
        make_plan(lacking, toy())


@pytest.mark.parametrize(("kind", "words"), [("configure", "The setting is bad."), ("execute", "The work went wrong.")])
def test_other_branches_run_when_one_fails(tmp_path: Path, kind: str, words: str) -> None:
    nodes = (
        TemplateNode(1, "NumberSource"),
        TemplateNode(2, "Trouble", parameters={"kind": kind}),
        TemplateNode(3, "Trouble"),
        TemplateNode(4, "Trouble"),
    )
    connections = [(1, "Numbers", 2, "Numbers"), (2, "Numbers", 3, "Numbers"), (1, "Numbers", 4, "Numbers")]
    result = run(build(tmp_path / "w", nodes, connections))
    states = {node.entry.id: node.status for node in result.nodes}
    assert states == {1: Status.EXECUTED, 2: Status.FAILED, 3: Status.SKIPPED, 4: Status.EXECUTED}
    assert not result.ok
    assert result.nodes[1].error == words
    assert "Traceback" not in result.nodes[1].error
    assert "Traceback" in result.nodes[1].traceback


def test_warnings_are_kept(tmp_path: Path) -> None:
    result = run(product(tmp_path / "w"), {"how_many": 0})
    assert result.nodes[0].warnings == ("There are no numbers.",)


def test_a_run_stops_where_it_is_canceled(tmp_path: Path) -> None:
    nodes = (
        TemplateNode(1, "NumberSource"),
        TemplateNode(2, "Trouble", parameters={"kind": "wait"}),
        TemplateNode(3, "Trouble"),
    )
    folder = build(tmp_path / "w", nodes, ((1, "Numbers", 2, "Numbers"), (2, "Numbers", 3, "Numbers")))
    recorder = Recorder()
    result = run(folder, is_canceled=lambda: len(recorder.fractions) > 3, observer=recorder)
    assert [node.status for node in result.nodes] == [Status.EXECUTED, Status.CANCELED, Status.CANCELED]
    assert result.canceled
    assert result.nodes[1].error == ""
    assert recorder.fractions[-1] < 0.1


def test_the_data_area_is_the_workflows(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "NumberSource"), TemplateNode(2, "TextWriter"))
    folder = build(tmp_path / "w", nodes, ((1, "Numbers", 2, "Numbers"),))
    (folder / "data").mkdir()
    before = sorted(folder.rglob("settings.xml"))
    stored = [path.read_bytes() for path in before]
    assert run(folder).ok
    assert (folder / "data" / "numbers.txt").read_text() == "3"
    assert [path.read_bytes() for path in sorted(folder.rglob("settings.xml"))] == stored


def edited(folder: Path, file: str, old: str, new: str) -> Path:
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return folder


def test_a_node_without_settings_runs_with_the_defaults(tmp_path: Path) -> None:
    folder = build(tmp_path / "w", (TemplateNode(1, "NumberSource", parameters={"count": 1}),))
    file = folder / "Number Source (#1)" / "settings.xml"
    key, config = parse(file.read_bytes())
    del config["model"]
    file.write_text(document(key, config))
    assert columns(run(folder))["1 Numbers"]["value"] == [0.0, 1.0, 2.0]


def test_nodes_that_are_stored_as_executed_run_again(tmp_path: Path) -> None:
    file = "Number Source (#1)/settings.xml"
    folder = edited(product(tmp_path / "w"), file, 'value="CONFIGURED"', 'value="EXECUTED"')
    assert run(folder).ok


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "with_flow_variables",
            r"Tensor Source \(#1\): This node is not of org\.example\.toy but of org\.example\.sample",
        ),
        ("with_knime_nodes", r"is not of org\.example\.toy"),
    ],
)
def test_nodes_of_others_are_refused_by_name(name: str, words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        make_plan(read_workflow(GOLDEN / name), toy())


def test_what_cannot_run_is_refused_beforehand(tmp_path: Path) -> None:
    def plan(folder: Path) -> None:
        make_plan(read_workflow(folder), toy())

    settings = "Multiplier (#3)/settings.xml"
    with pytest.raises(UserInputError, match="has no such node"):
        plan(
            edited(
                product(tmp_path / "a"),
                settings,
                'key="node_id" type="xstring" value="Multiplier"',
                'key="node_id" type="xstring" value="Gone"',
            )
        )
    with pytest.raises(UserInputError, match=r"Multiplier \(#1\): The input port 'Factor' is not connected"):
        plan(build(tmp_path / "b", (TemplateNode(1, "Multiplier"),)))
    with pytest.raises(UserInputError, match="input port 7"):
        plan(
            edited(
                product(tmp_path / "c"),
                "workflow.knime",
                'key="destPort" type="xint" value="1"',
                'key="destPort" type="xint" value="7"',
            )
        )
    with pytest.raises(UserInputError, match="node #8, which does not exist"):
        plan(
            edited(
                product(tmp_path / "d"),
                "workflow.knime",
                'key="destID" type="xint" value="3"',
                'key="destID" type="xint" value="8"',
            )
        )
    first = 'key="sourcePort" type="xint" value="1"'
    with pytest.raises(UserInputError, match=r"Multiplier \(#3\): .*output \(flow variables\) of Number Source \(#1\)"):
        plan(edited(product(tmp_path / "g"), "workflow.knime", first, first.replace('"1"', '"0"')))
    into = 'key="destPort" type="xint" value="1"'
    with pytest.raises(UserInputError, match=r"Multiplier \(#3\): .*\(port\) of Factor Maker.*\(flow variables\)"):
        plan(edited(product(tmp_path / "j"), "workflow.knime", into, into.replace('"1"', '"0"')))
    crossed = (TemplateNode(1, "FactorMaker"), TemplateNode(2, "Trouble"))
    with pytest.raises(UserInputError, match=r"Trouble \(#2\): .*output \(port\).*another kind \(table\)"):
        plan(build(tmp_path / "h", crossed, ((1, "Factor", 2, "Numbers"),)))
    twice = (TemplateNode(1, "NumberSource"), TemplateNode(2, "NumberSource"), TemplateNode(3, "Trouble"))
    with pytest.raises(UserInputError, match=r"Trouble \(#3\): Two connections lead to input port 1"):
        plan(build(tmp_path / "i", twice, ((1, "Numbers", 3, "Numbers"), (2, "Numbers", 3, "Numbers"))))
    with pytest.raises(UserInputError, match=r"Number Source \(#1\).*-1"):
        plan(
            edited(
                product(tmp_path / "e"),
                "Number Source (#1)/settings.xml",
                'type="xint" value="3"',
                'type="xint" value="-1"',
            )
        )
    circle = (TemplateNode(1, "Trouble"), TemplateNode(2, "Trouble"))
    with pytest.raises(UserInputError, match="circle"):
        plan(build(tmp_path / "f", circle, ((1, "Numbers", 2, "Numbers"), (2, "Numbers", 1, "Numbers"))))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (SettingOption((9,), ("count",), 1), "no node #9"),
        (SettingOption((1,), ("nope",), 1), r"Number Source \(#1\).*'nope'"),
        (SettingOption((1,), ("count",), "x"), "whole number"),
    ],
)
def test_options_for_what_is_not_there_are_refused(tmp_path: Path, option: SettingOption, words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        make_plan(read_workflow(product(tmp_path / "w")), toy(), [option])
