"""Components are written as KNIME writes them: compared with folders saved by KNIME 5.8, and read back."""

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any, cast

import pytest
from defusedxml import ElementTree
from tests.headless.sample import GOLDEN, SAMPLE
from tests.headless.toy import build, toy

from core.errors import UserInputError
from headless.component_builder import component_files
from headless.settings_xml import Config, document, parse
from headless.workflow import read_workflow
from headless.workflow_builder import build_component, workflow_files
from headless.workflow_template import INPUT, OUTPUT, Component, Entry, Template, TemplateComponent, TemplateNode

SCORE = Component(
    "Score images",
    "",
    (TemplateNode(3, "TensorConsumer", "Score them", (150, 120), {"column": "tensor", "scale": 0.5}),),
    (
        (INPUT, "Port 2", 3, "Model"),
        (INPUT, "Port 1", 3, "Images"),
        (3, "Plot", OUTPUT, "Port 2"),
        (3, "Scores", OUTPUT, "Port 1"),
    ),
    {"Port 1": "", "Port 2": ""},
    {"Port 1": "", "Port 2": ""},
)
PLACED = TemplateComponent(5, SCORE, "Component with the consumer inside", (400, 200))
WITH_COMPONENT = Template(
    "",
    (TemplateNode(1, "TensorSource", "", (200, 200)), PLACED),
    ((1, "Images", 5, "Port 1"), (1, "Model", 5, "Port 2")),
)
NAMES = [
    "settings.xml",
    "workflow.knime",
    "Component Input (#1)/settings.xml",
    "Component Output (#2)/settings.xml",
    "Tensor Consumer (#3)/settings.xml",
]
OURS = ("variables",)
"""Written always: with it KNIME says what is wrong with settings, in place of taking the defaults."""
THEIRS = ("nodecontainer_message",)
"""A message of the moment in which the workflow was saved."""


def comparable(config: Config) -> str:
    """The text of a settings file without versions, installed features, places and what is of the moment."""
    shown = {k: v for k, v in config.items() if k not in (*OURS, *THEIRS) and not k.startswith("node-feature-")}
    for key in ("created_by", "node-bundle-version"):
        if key in shown:
            shown[key] = ""
    if shown.get("node-name") == "Tensor Consumer":  # registered for development there, installed with us
        shown = {k: v for k, v in shown.items() if not k.startswith("node-bundle-")}
    for row in cast(dict[str, Any], shown.get("nodes", {})).values():
        del row["ui_settings"]
    if isinstance(origin := shown.get("workflow_template_information"), dict):
        origin["timestamp"] = ""
    return document("x", shown)


def same(ours: str, knime: Path) -> None:
    assert comparable(parse(ours.encode())[1]) == comparable(parse(knime.read_bytes())[1])


@pytest.mark.parametrize("name", NAMES)
def test_a_component_equals_the_one_that_knime_wrote(name: str) -> None:
    folder = "Score images (#5)"
    same(workflow_files(SAMPLE, WITH_COMPONENT)[f"{folder}/{name}"], GOLDEN / "with_component" / folder / name)


@pytest.mark.parametrize("name", [*NAMES, "template.knime"])
def test_a_shared_component_equals_the_one_that_knime_wrote(name: str) -> None:
    files = component_files(SAMPLE, PLACED, shared=True)
    assert {*files} == {*NAMES, "template.knime", "component-metadata.xml"}
    same(files[name], GOLDEN / "with_component_template" / name)
    assert parse(files[name].encode())[0] == ("Template" if name == "template.knime" else name.rpartition("/")[2])


def test_the_metadata_equal_those_that_knime_wrote() -> None:
    ours = component_files(SAMPLE, PLACED)["component-metadata.xml"]
    knime = (GOLDEN / "with_component_template" / "component-metadata.xml").read_text()
    more = ("<author>", "<created>", "<component-type>", "<last-modified>")
    ours, knime = ("\n".join(x for x in text.split("\n") if not x.strip().startswith(more)) for text in (ours, knime))
    assert ours == knime


def test_the_workflow_holds_it_as_knime_does() -> None:
    ours = cast(dict[str, Any], parse(workflow_files(SAMPLE, WITH_COMPONENT)["workflow.knime"].encode())[1])
    knime = cast(dict[str, Any], parse((GOLDEN / "with_component" / "workflow.knime").read_bytes())[1])
    assert ours["state"] == knime["state"] == "IDLE"
    for key in ("node_1", "node_5"):
        assert str(ours["nodes"][key]) == str(knime["nodes"][key])
    for key in ("connection_0", "connection_1"):
        assert str(ours["connections"][key]) == str(knime["connections"][key])


TYPED = Entry(12, "start", "Start", "The first number.", 0.5, minimum=0.0, maximum=9.0)
DIALOG = (
    Entry(11, "how-many", "How many", "Numbers to make.", 3, minimum=1),
    TYPED,
    Entry(13, "column", "Column", "Whose numbers.", "value", choices=("value", "other")),
    Entry(14, "note", "Note", "For people.", ""),
    Entry(15, "twice", "Twice", "Whether twice.", False),
)
MAKER = Component(
    "Make & multiply numbers",
    "Makes numbers.\n\nAnd multiplies them by a factor < 9.",
    (
        TemplateNode(3, "NumberSource", uses={"count": "how-many", "values/offset": "start"}),
        TemplateNode(4, "Multiplier", uses={"column": "column"}),
    ),
    ((3, "Numbers", 4, "Numbers"), (INPUT, "The factor", 4, "Factor"), (4, "Products", OUTPUT, "Products")),
    {"The factor": 'A "factor".'},
    {"Products": "One row per number."},
    DIALOG,
    kind="Source",
    icon=b"png",
)


def used(**values: Any) -> TemplateComponent:
    return TemplateComponent(7, MAKER, "Ten numbers", values={k.replace("_", "-"): v for k, v in values.items()})


def settings(files: dict[str, str], name: str) -> dict[str, Any]:
    return cast(dict[str, Any], parse(files[name].encode())[1])


def test_the_dialog_is_a_chain_of_configuration_nodes() -> None:
    inner = settings(component_files(toy(), used()), "workflow.knime")
    ends = [tuple(row.values()) for row in inner["connections"].values()][3:]
    chain = [(11, 12, 1, 0), (12, 13, 1, 0), (13, 14, 1, 0), (14, 15, 1, 0)]  # source, destination, their ports
    assert ends == [*chain, (15, 3, 1, 0), (15, 4, 1, 0)]


@pytest.mark.parametrize(
    ("name", "factory", "value", "rest"),
    [
        ("Integer Configuration (#11)", "input.integer.Integer", {"integer": 3},
         {"useMin": True, "useMax": False, "min": 1, "max": 0}),
        ("Double Configuration (#12)", "input.dbl.Double", {"double": 0.5},
         {"useMin": True, "useMax": True, "min": 0.0, "max": 9.0}),
        ("Single Selection Configuration (#13)", "selection.single.SingleSelection",
         {"variable_value": {"array-size": 1, "0": "value"}},
         {"possible_choices": {"array-size": 2, "0": "value", "1": "other"}, "type": "Dropdown",
          "limit_number_visible_options": False, "number_visible_options": 5}),
        ("String Configuration (#14)", "input.string.String", {"string": ""},
         {"regex": "", "error_message": "", "editorType": "Single-line", "multilineEditorWidth": 60,
          "multilineEditorHeight": 5}),
        ("Boolean Configuration (#15)", "input.bool.Boolean", {"boolean": False}, {"pushIntVar": False}),
    ],
)  # fmt: skip
def test_entries_are_configuration_nodes(name: str, factory: str, value: Any, rest: dict[str, Any]) -> None:
    config = settings(component_files(toy(), used()), f"{name}/settings.xml")
    assert config["factory"] == f"org.knime.js.base.node.configuration.{factory}DialogNodeFactory"
    assert config["node-name"] == config["name"] == name.rpartition(" (")[0]
    assert config["node-bundle-symbolic-name"] == "org.knime.js.quickforms"
    assert list(config["ports"]) == ["port_1"]
    model = config["model"]
    (entry,) = (entry for entry in DIALOG if f"(#{entry.id})" in name)
    assert model.pop("defaultValue") == value
    assert model == {
        "hideInDialog": False,
        "parameterName": entry.name,
        "label": entry.label,
        "description": entry.description,
        "required": True,
        "flowVariableName": entry.name,
        **rest,
    }


def test_what_is_entered_lies_in_the_component() -> None:
    config = settings(component_files(toy(), used(how_many=10, column="other", twice=True)), "settings.xml")
    assert config["model"] == {
        "how-many-11": {"integer": 10},
        "column-13": {"variable_value": {"array-size": 1, "0": "other"}},
        "twice-15": {"boolean": True},
    }
    rows = json.loads(config["configurationLayoutJSON"])["rows"]
    assert [row["columns"][0]["content"][0]["nodeID"] for row in rows] == ["11", "12", "13", "14", "15"]


def test_metadata_tell_ports_kind_and_icon(tmp_path: Path) -> None:
    build_component(tmp_path, toy(), MAKER)
    root = ElementTree.parse(tmp_path / "component-metadata.xml").getroot()
    found = {child.tag.rpartition("}")[2]: child for child in root}
    assert [*found] == [
        "author", "created", "last-modified", "description", "component-type", "icon", "in-ports", "out-ports",
    ]  # fmt: skip
    assert (found["description"].text, found["component-type"].text) == (MAKER.description, "Source")
    assert base64.b64decode(found["icon"].text or "") == b"png"
    assert (found["in-ports"][0].get("name"), found["in-ports"][0].text) == ("The factor", 'A "factor".')


def test_nodes_behind_a_component_are_idle_and_all_are_read_back(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "FactorMaker"), used(how_many=2), TemplateNode(3, "Multiplier"))
    connections = ((1, "Factor", 7, "The factor"), (7, "Products", 3, "Numbers"), (1, "Factor", 3, "Factor"))
    workflow = read_workflow(build(tmp_path, nodes, connections))
    assert [(node.id, node.kind) for node in workflow.nodes] == [(1, "NativeNode"), (7, "SubNode"), (3, "NativeNode")]
    names = ("Factor Maker (#1)", "Make _ multi (#7)", "Make _ multi (#7)/Number Source (#3)", "Multiplier (#3)")
    states = [parse((tmp_path / name / "settings.xml").read_bytes())[1]["state"] for name in names]
    assert states == ["CONFIGURED", "IDLE", "IDLE", "IDLE"]


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (dataclasses.replace(MAKER, connections=MAKER.connections[1:2]), "'Products' is not connected"),
        (dataclasses.replace(MAKER, inputs={"Other": ""}), "'Other' is not connected"),
        (dataclasses.replace(MAKER, connections=(*MAKER.connections, (9, "", 3, ""))), "node 9"),
        (dataclasses.replace(MAKER, nodes=(TemplateNode(3, "Nope"),)), "no node 'Nope'"),
        (dataclasses.replace(MAKER, nodes=(TemplateNode(11, "NumberSource"),)), "the same number"),
        (dataclasses.replace(MAKER, dialog=DIALOG[1:]), "sets the variable 'how-many'"),
        (
            dataclasses.replace(MAKER, dialog=(*DIALOG, dataclasses.replace(TYPED, id=16, name="start-2"))),
            "refuses 'start-2'",
        ),
        (
            dataclasses.replace(MAKER, dialog=(*DIALOG, dataclasses.replace(TYPED, id=16, default=10.0))),
            "does not take 10.0",
        ),
    ],
)
def test_mistakes_in_a_component_are_named(component: Component, words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        component_files(toy(), TemplateComponent(1, component))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"nope": 1}, "no entry 'nope'"),
        ({"how_many": 0}, "does not take 0"),
        ({"how_many": 2.0}, "does not take 2.0"),
        ({"twice": 1}, "does not take 1"),
        ({"start": 9.5}, "does not take 9.5"),
        ({"column": "third"}, "does not take 'third'"),
    ],
)
def test_mistakes_in_what_is_entered_are_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        component_files(toy(), used(**values))
