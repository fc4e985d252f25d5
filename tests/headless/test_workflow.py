"""Workflows are read from folders and archives; damaged ones are refused with their place."""

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
    "extra",
    [{"../evil.txt": b""}, {"/evil.txt": b""}, {"flow/..\\evil.txt": b""}, {"C:/evil.txt": b""}, {"second/a": b""}],
)
def test_an_archive_that_points_elsewhere_is_refused(tmp_path: Path, extra: dict[str, bytes]) -> None:
    archive = pack(tmp_path / "a.knwf", golden_entries() | extra)
    with pytest.raises(UserInputError, match=r"a\.knwf"), opened(archive):
        pass
    assert not list(tmp_path.rglob("evil.txt"))


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


def test_a_settings_file_outside_the_workflow_is_refused(tmp_path: Path) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace("Tensor Source (#1)/settings.xml", "../settings.xml"))
    with pytest.raises(UserInputError, match="outside"):
        read_workflow(file.parent)


def test_damage_in_connections_names_the_file(tmp_path: Path) -> None:
    file = copy(tmp_path) / "workflow.knime"
    file.write_text(file.read_text().replace('key="sourcePort"', 'key="other"'))
    with pytest.raises(UserInputError, match=r"workflow\.knime.*sourcePort"):
        read_workflow(file.parent)
