"""Workflows saved by KNIME itself run to the end and give the right tables."""

import shutil
from pathlib import Path

import pytest
from tests.headless.golden_extension import sample
from tests.headless.running import GOLDEN, columns, run_workflow

from core.errors import UserInputError
from headless.plan import make_plan
from headless.results import RunResult
from headless.settings_xml import document, parse
from headless.workflow import read_workflow


def run(name: str, tmp_path: Path, **more: object) -> RunResult:
    result = run_workflow(GOLDEN / name, sample(), temp=tmp_path / "temp", **more)  # type: ignore[arg-type]
    assert result.ok, [node.error for node in result.nodes if node.error]
    return result


def test_with_nodes_of_knime(tmp_path: Path) -> None:
    result = run("with_knime_nodes", tmp_path)
    tables = columns(result)
    assert tables["3 Included Rows"]["name"] == ["im0", "im2", "im3"]
    assert tables["3 Included Rows"]["<RowID>"] == ["Row0", "Row2", "Row3"]
    assert list(tables["4 Filtered table"]) == ["<RowID>", "tensor", "name"]
    assert tables["5 Group table"] == {
        "<RowID>": ["Row0", "Row1", "Row2"],
        "name": ["im0", "im2", "im3"],
        "Count(tensor)": [1, 1, 1],
    }
    together = tables["6 Concatenated table"]
    assert list(together) == ["<RowID>", "tensor", "name"]
    assert together["name"] == [f"im{i}" for i in (0, 2, 3, *range(6), *range(6))]
    assert together["<RowID>"] == [f"Row{i}" for i in range(15)]
    assert together["tensor"][3:9] == tables["1 Images"]["tensor"]
    joined = tables["7 Join result"]
    assert list(joined) == ["<RowID>", "tensor", "name", "tensor_scored", "preview", "score"]
    assert joined["<RowID>"] == ["Row0_Row0", "Row2_Row2", "Row3_Row3"]
    assert joined["tensor"] == joined["tensor_scored"]
    assert joined["score"] == [1.5, 11.5, 16.5]  # half of the means 0, 20 and 30, and the model's bias of 1.5
    assert "mean score" in tables["8 Output Table"]
    assert tables["9 Group table"] == {
        "<RowID>": ["Row0"],
        "Mean(mean score)": [pytest.approx(29.5 / 3)],
        "Count(name)": [3],
    }
    leaves = {(node.entry.id, table.port) for node, table in result.leaf_tables()}
    assert leaves == {(5, "Group table"), (6, "Concatenated table")}


def test_with_flow_variables(tmp_path: Path) -> None:
    tables = columns(run("with_flow_variables", tmp_path, variables={"image_count": 5, "score_scale": 10.0}))
    assert tables["2 Scores"]["score"] == [1.5, 101.5, 201.5, 301.5, 401.5]


def without_image_to_table(tmp_path: Path) -> Path:
    folder = shutil.copytree(GOLDEN / "with_component", tmp_path / "w")
    file = folder / "workflow.knime"
    key, config = parse(file.read_bytes())
    for part, name in (("nodes", "node_4"), ("connections", "connection_3")):
        rows = config[part]
        assert isinstance(rows, dict)
        del rows[name]
    file.write_text(document(key, config))
    return folder


def test_with_a_component(tmp_path: Path) -> None:
    result = run_workflow(without_image_to_table(tmp_path), sample())
    assert result.ok
    assert [node.entry.title for node in result.nodes] == [
        "Tensor Source (#1)",
        "Score images (#5) > Tensor Consumer (#3)",
        "Column Filter (#3)",
    ]
    tables = columns(result)
    assert tables["3 Filtered table"] == {"<RowID>": ["Row0", "Row1"], "name": ["im0", "im1"], "score": [1.5, 6.5]}
    assert [node.entry.path for node, _ in result.leaf_tables()] == [(3,)]


def test_a_linked_component_is_what_the_workflow_holds_of_it(tmp_path: Path) -> None:
    result = run("with_linked_component", tmp_path)
    tables = columns(result)
    assert tables["2/3 Scores"]["score"] == [1.5, 6.5, 11.5]
    assert result.file_names() == {((2, 3), "Scores"): "scores.csv"}


def test_a_node_that_only_knime_runs_is_refused_by_name() -> None:
    with pytest.raises(UserInputError, match=r"Image to Table \(#4\): Of KNIME's own nodes.*ImageToTableNodeFactory"):
        make_plan(read_workflow(GOLDEN / "with_component"), sample())
