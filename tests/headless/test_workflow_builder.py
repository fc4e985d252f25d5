"""What the builder writes is what KNIME writes: compared with a folder saved by KNIME 5.8, and read back."""

import re
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from defusedxml import ElementTree
from tests.headless.sample import GOLDEN, SAMPLE
from tests.headless.toy import build, product, toy

from core.errors import OutputError, UserInputError
from headless.packing import write_knwf
from headless.settings_xml import parse
from headless.workflow import Assignment, Connection, opened, read_workflow
from headless.workflow_builder import build_workflow, workflow_files
from headless.workflow_template import Note, Template, TemplateNode

WITH_VARIABLES = Template(
    "",
    (
        TemplateNode(
            1,
            "TensorSource",
            "Make two images",
            (200, 200),
            {"image": {"channels": 2}, "previews": False},
            {"n": "image_count", "image/dtype": "pixel_type"},
            {"image/height": "height_out"},
        ),
        TemplateNode(
            2, "TensorConsumer", "Score them", (400, 200), {"column": "tensor", "scale": 0.5}, {"scale": "score_scale"}
        ),
    ),
    ((1, "Model", 2, "Model"), (1, "Images", 2, "Images"), (1, "", 2, "")),
    {"image_count": 4, "pixel_type": "FLOAT32", "score_scale": 3.5},
)
IDENTITY = re.compile(r"node-(bundle|feature)-|flow_stack|created_by$|authorInformation|tableBackend|name$|_editor_")


@pytest.mark.parametrize(
    "name", ["workflow.knime", "Tensor Source (#1)/settings.xml", "Tensor Consumer (#2)/settings.xml"]
)
def test_settings_equal_those_that_knime_wrote(name: str) -> None:
    ours = parse(workflow_files(SAMPLE, WITH_VARIABLES)[name].encode())[1]
    knime = parse((GOLDEN / "with_flow_variables" / name).read_bytes())[1]
    order = [key for key in ours if not IDENTITY.search(key)]
    assert order == [key for key in knime if not IDENTITY.search(key)]
    for key in order:
        assert ours[key] == knime[key]
        assert str(ours[key]) == str(knime[key])  # the order of keys, too


def test_other_files_equal_those_that_knime_wrote() -> None:
    name = ".artifacts/workflow-configuration.json"
    assert workflow_files(SAMPLE, WITH_VARIABLES)[name] == (GOLDEN / "with_flow_variables" / name).read_text()
    name = ".artifacts/workflow-configuration-representation.json"
    assert workflow_files(SAMPLE, WITH_VARIABLES)[name] == (GOLDEN / "with_flow_variables" / name).read_text()


def test_an_optional_port_is_added_where_it_is_connected() -> None:
    connections = ((1, "Model", 2, "Model"), (1, "Images", 2, "Images"), (1, "Images", 2, "Extra"))
    template = Template("", (TemplateNode(1, "TensorSource"), TemplateNode(2, "TensorConsumer")), connections)
    files = workflow_files(SAMPLE, template)
    knime = GOLDEN / "python_optional_port"
    for name, key in (("Tensor Consumer (#2)/settings.xml", "node_creation_config"), ("workflow.knime", "connections")):
        assert str(parse(files[name].encode())[1][key]) == str(parse((knime / name).read_bytes())[1][key])


def test_nodes_carry_the_identity_of_the_installed_extension(tmp_path: Path) -> None:
    config = parse((product(tmp_path / "p") / "Multiplier (#3)" / "settings.xml").read_bytes())[1]
    assert config["node-bundle-symbolic-name"] == "org.example.toy"
    assert config["node-feature-symbolic-name"] == "org.example.features.toy.feature.group"
    assert config["node-bundle-version"] == "0.3.0"
    assert config["factory-id-uniquifier"] == "org.example.toy_!_Multiplier"
    assert (config["state"], config["hasContent"]) == ("CONFIGURED", False)


def test_what_is_built_is_read_back(tmp_path: Path) -> None:
    workflow = read_workflow(product(tmp_path / "Toy product"))
    assert (workflow.name, workflow.description) == ("Toy product", "A toy workflow.")
    assert [node.title for node in workflow.nodes] == ["Number Source (#1)", "Factor Maker (#2)", "Multiplier (#3)"]
    source = workflow.nodes[0]
    assert source.parameters == toy().nodes["NumberSource"].default_parameters()
    assert source.assignments == (
        Assignment(("count",), used="how_many"),
        Assignment(("values", "offset"), exposed="offset"),
    )
    assert workflow.connections == (Connection(1, 1, 3, 2), Connection(2, 1, 3, 1))
    assert workflow.variables == {"how_many": 3, "factor": 2.0, "output_folder": ""}


def test_a_column_that_is_not_set_is_null(tmp_path: Path) -> None:
    nodes = (TemplateNode(1, "Multiplier"),)
    text = (build(tmp_path, nodes) / "Multiplier (#1)" / "settings.xml").read_text()
    assert '<entry key="column" type="xstring" isnull="true" value=""/>' in text


def test_metadata_notes_and_states(tmp_path: Path) -> None:
    notes = (Note("<p>Read & count</p>", 20, 40, 300, 120),)
    nodes = (TemplateNode(1, "NumberSource", state="IDLE"),)
    build(tmp_path, nodes, notes=notes, tags=("a & b",), links={"Paper <1>": "https://example.org/?a&b"})
    config = parse((tmp_path / "workflow.knime").read_bytes())[1]
    note = cast(dict[str, Any], config["annotations"])["annotation_0"]
    assert (note["text"], note["contentType"], note["width"]) == ("<p>Read & count</p>", "text/html", 300)
    assert config["state"] == "IDLE"
    root = ElementTree.parse(tmp_path / "workflow-metadata.xml").getroot()
    assert [child.tag.rpartition("}")[2] for child in root] == [
        "author",
        "created",
        "last-modified",
        "description",
        "tags",
        "links",
    ]
    assert root[4][0].text == "a & b"
    assert (root[5][0].text, root[5][0].get("href")) == ("Paper <1>", "https://example.org/?a&b")


@pytest.mark.parametrize(
    ("node", "connection", "words"),
    [
        (TemplateNode(1, "Nope"), None, "no node 'Nope'"),
        (TemplateNode(1, "NumberSource", parameters={"nope": 1}), None, "no parameter 'nope'"),
        (TemplateNode(1, "NumberSource", uses={"values": "v"}), None, "'values' for a flow variable"),
        (TemplateNode(1, "NumberSource", exposes={"values/nope": "v"}), None, "'values/nope'"),
        (TemplateNode(1, "NumberSource"), (1, "Nope", 1, ""), "no output port 'Nope'"),
        (TemplateNode(1, "NumberSource"), (1, "Numbers", 9, "Numbers"), "node 9"),
    ],
)
def test_mistakes_in_a_template_are_named(
    tmp_path: Path, node: TemplateNode, connection: tuple[int, str, int, str] | None, words: str
) -> None:
    with pytest.raises(UserInputError, match=words):
        build(tmp_path / "w", (node,), (connection,) if connection else ())
    assert not (tmp_path / "w").exists()


def test_an_archive_holds_one_folder_and_is_reproducible(tmp_path: Path) -> None:
    folder = product(tmp_path / "Toy product")
    (folder / "data").mkdir()
    (folder / "data" / "a.txt").write_text("a")
    write_knwf(folder, tmp_path / "a.knwf")
    write_knwf(folder, tmp_path / "b.knwf")
    assert (tmp_path / "a.knwf").read_bytes() == (tmp_path / "b.knwf").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.knwf") as bundle:
        assert {name.split("/")[0] for name in bundle.namelist()} == {"Toy product"}
    with opened(tmp_path / "a.knwf") as workflow:
        assert workflow.nodes == read_workflow(folder).nodes
        assert (workflow.path / "data" / "a.txt").read_text() == "a"


def test_an_archive_holds_nothing_that_a_run_left(tmp_path: Path) -> None:
    folder = product(tmp_path / "group" / "Toy product")
    (folder / "data" / "sub" / "results").mkdir(parents=True)
    (folder / "data" / "sub" / "results" / "a.txt").write_text("a")
    kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    node, gone = folder / "Number Source (#1)", folder / "Gone (#7)"
    for path in (
        *(folder / name for name in (".knimeLock", ".savedWithData", "knime.log", "notes.txt", "data/results/b/c.csv")),
        *(node / name for name in ("data.xml", "internal/x", "port_1/data.zip", "filestore/1/y", "drop/z")),
        gone / "settings.xml",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    write_knwf(folder, tmp_path / "a.knwf")
    write_knwf(folder.parent, tmp_path / "a.knar")
    for name, top in (("a.knwf", folder), ("a.knar", folder.parent)):
        with zipfile.ZipFile(tmp_path / name) as bundle:
            assert sorted(bundle.namelist()) == sorted(p.relative_to(top.parent).as_posix() for p in kept)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        build_workflow(tmp_path / "file", toy(), Template("", (), ()))
    with pytest.raises(OutputError, match="absent"):
        write_knwf(product(tmp_path / "p"), tmp_path / "absent" / "a.knwf")
