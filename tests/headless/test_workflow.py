"""Workflows are read from folders and archives; damaged ones are refused with their place."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from core.errors import UserInputError
from headless.workflow import Assignment, Connection, opened, read_workflow

GOLDEN = Path(__file__).parent / "golden"


def test_nodes_connections_and_variables_are_read() -> None:
    workflow = read_workflow(GOLDEN / "with_flow_variables")
    source, consumer = workflow.nodes
    assert (source.id, source.name, source.title) == (1, "Tensor Source", "Tensor Source (#1)")
    assert (source.extension_id, source.node_id, source.version) == ("org.example.sample", "TensorSource", "0.2.0")
    assert source.label == "Make two images"
    assert source.parameters == {
        "n": 2,
        "image": {"dtype": "UINT16", "height": 4, "width": 7, "channels": 2},
        "previews": False,
    }
    assert source.assignments == (
        Assignment(("n",), used="image_count"),
        Assignment(("image", "dtype"), used="pixel_type"),
        Assignment(("image", "height"), exposed="height_out"),
    )
    assert consumer.port_groups == {"Extra": 0}
    assert workflow.connections == (Connection(1, 2, 2, 1), Connection(1, 1, 2, 2), Connection(1, 0, 2, 0))
    assert workflow.variables == {"image_count": 4, "pixel_type": "FLOAT32", "score_scale": 3.5}


def test_an_added_optional_port_is_counted() -> None:
    assert read_workflow(GOLDEN / "python_optional_port").nodes[1].port_groups == {"Extra": 1}


def test_a_component_is_told_apart() -> None:
    kinds = {node.name: node.kind for node in read_workflow(GOLDEN / "with_component").nodes}
    assert kinds["Score images"] == "SubNode"
    assert kinds["Tensor Source"] == "NativeNode"


def pack(archive: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, content in entries.items():
            bundle.writestr(name, content)
    return archive


def golden_entries() -> dict[str, bytes]:
    folder = GOLDEN / "with_flow_variables"
    return {f"flow/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_archive_is_the_same_workflow_and_leaves_nothing(tmp_path: Path) -> None:
    with opened(pack(tmp_path / "a.knwf", golden_entries())) as workflow:
        assert workflow.nodes == read_workflow(GOLDEN / "with_flow_variables").nodes
        unpacked = workflow.path
        assert unpacked.name == "flow"
    assert not unpacked.exists()


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/evil.txt", "flow/../../evil.txt", "flow/..\\evil.txt", "C:/evil.txt"]
)
def test_an_archive_that_points_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.knwf", golden_entries() | {name: b""})
    with pytest.raises(UserInputError, match=r"a\.knwf: It holds an entry .* that points out of it"), opened(archive):
        pass


@pytest.mark.parametrize("name", ["second/a", "a", "./"])
def test_an_archive_of_more_than_a_workflow_is_refused(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.knwf", golden_entries() | {name: b""})
    with pytest.raises(UserInputError, match="exactly one workflow folder"), opened(archive):
        pass


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.knwf"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in golden_entries().items():
            bundle.writestr(name, content)
        start = bundle.infolist()[0].header_offset + 60
        bundle.writestr("flow/ä.txt", b"")
    content = archive.read_bytes()
    for damaged in (
        content[: len(content) // 2],
        content[:start] + b"\xff" * 30 + content[start + 30 :],
        content.replace("ä".encode(), b"\xff\xfe"),
    ):
        archive.write_bytes(damaged)
        with pytest.raises(UserInputError, match=r"a\.knwf: It is no readable archive"), opened(archive):
            pass


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_an_archive_may_hold_names_with_colons(tmp_path: Path) -> None:
    with opened(pack(tmp_path / "a.knwf", golden_entries() | {"flow/data/12:30.png": b"x"})) as workflow:
        assert (workflow.path / "data" / "12:30.png").read_bytes() == b"x"


def test_the_path_of_a_workflow_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(tmp_path)
    monkeypatch.chdir(folder)
    for path in (Path(), Path("workflow.knime"), Path("../flow")):
        with opened(path) as workflow:
            assert (workflow.path, workflow.name) == (folder.resolve(), "flow")


def test_what_is_no_workflow_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.knwf").write_text("no zip")
    for path, words in [
        (tmp_path / "absent", "no such file"),
        (tmp_path, "no KNIME workflow"),
        (tmp_path / "text.knwf", "no readable archive"),
    ]:
        with pytest.raises(UserInputError, match=words) as info, opened(path):
            pass
        assert str(path) in str(info.value)


def copy(tmp_path: Path) -> Path:
    return shutil.copytree(GOLDEN / "with_flow_variables", tmp_path / "flow")


def test_missing_and_damaged_node_settings_are_named(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    settings = folder / "Tensor Source (#1)" / "settings.xml"
    settings.write_text(settings.read_text().replace('type="xint" value="2"', 'type="xint" value="two"'))
    with pytest.raises(UserInputError, match=r"Tensor Source \(#1\).*'two'"):
        read_workflow(folder)
    settings.unlink()
    with pytest.raises(UserInputError, match="node #1 are missing"):
        read_workflow(folder)


@pytest.mark.parametrize("version", ["3.7.0", "abc", ""])
def test_formats_that_cannot_be_read_are_refused(tmp_path: Path, version: str) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace('value="5.1.0"', f'value="{version}"'))
    with pytest.raises(UserInputError, match="format"):
        read_workflow(file.parent)


@pytest.mark.parametrize("path", ["../settings.xml", "/settings.xml", "C:/settings.xml", "..\\settings.xml", ""])
def test_a_settings_file_outside_the_workflow_is_refused(tmp_path: Path, path: str) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace("Tensor Source (#1)/settings.xml", path))
    with pytest.raises(UserInputError, match="outside"):
        read_workflow(file.parent)


def test_a_number_that_two_nodes_have_is_refused(tmp_path: Path) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace('key="id" type="xint" value="2"', 'key="id" type="xint" value="1"'))
    with pytest.raises(UserInputError, match=r"workflow\.knime: 2 nodes have the number #1"):
        read_workflow(file.parent)


def test_damaged_metadata_do_not_matter(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    for content in ("no XML", "<?xml version='1.0' encoding='gbk'?><a/>"):
        (folder / "workflow-metadata.xml").write_text(content)
        assert read_workflow(folder).description == ""


def test_damage_in_connections_names_the_file(tmp_path: Path) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace('key="sourcePort"', 'key="other"'))
    with pytest.raises(UserInputError, match=r"workflow\.knime.*sourcePort"):
        read_workflow(file.parent)
