"""The shared components run from end to end, outside KNIME, and do what their dialogs say."""

import dataclasses
from pathlib import Path
from typing import Any

from tests.scripts import script
from tests.workflows.common import WORKFLOWS, table

from headless.backend import load_extension
from headless.cli import main
from headless.workflow_builder import build_workflow
from headless.workflow_template import Template, TemplateComponent, TemplateNode

LEARNER = {"training/steps": 1, "training/batch_size": 1, "model/base": 8}
SHORT = [f"-option=4/3,{name},{value},int" for name, value in LEARNER.items()]
FEW = [f"-option={node},images,{images},int" for node, images in ((1, 4), (2, 2), (3, 3))]
SMALL = [f"-option={node},{side},192,int" for node in (1, 2, 3) for side in ("width", "height")]


def entered(template: Template, number: int, **values: Any) -> Template:
    """The template with these values in the dialog of a component."""
    given = {name.replace("_", "-"): value for name, value in values.items()}
    nodes = [
        dataclasses.replace(node, values=given) if isinstance(node, TemplateComponent) and node.id == number else node
        for node in template.nodes
    ]
    return dataclasses.replace(template, nodes=nodes)


def run(folder: Path, template: Template, *options: str) -> Path:
    """Where the results lie."""
    build_workflow(folder / "workflow", load_extension(WORKFLOWS.parent), template)
    assert main(["run", str(folder / "workflow"), "--out", str(folder / "out"), *options]) == 0
    return folder / "out"


def test_the_example(tmp_path: Path) -> None:
    """A training far too short to find much."""
    example = script("workflows/shared_components.py").EXAMPLE
    out = run(tmp_path, entered(example, 4, epochs=2, patch_size=64), *SHORT, *FEW, *SMALL)
    assert len(table(out / "history.csv")) == 2
    tested, counted = ([f"hl60_seed{s}_{i:04d}_medium_light" for i in range(1, n + 1)] for s, n in ((2, 2), (3, 3)))
    assert [row["Image"] for row in table(out / "scores.csv")] == tested
    assert [row["Images"] for row in table(out / "summary.csv")] == ["2"]
    assert [row["RowID"] for row in table(out / "counts.csv")] == counted


def test_what_is_entered_decides_what_counts(tmp_path: Path) -> None:
    module = script("workflows/shared_components.py")
    template = Template(
        "",
        [
            TemplateNode(1, "PretrainedSegmentationModel", parameters={"model": "NUCLEI_FLUORESCENCE"}),
            TemplateNode(2, "NucleiSimulator", parameters={"images": 3, **module.NUCLEI}),
            TemplateComponent(3, module.SEGMENT_AND_COUNT),
        ],
        [(1, "Model", 3, "Model"), (2, "Images", 3, "Images")],
    )
    every = table(run(tmp_path / "all", template) / "objects.csv")
    areas = sorted(float(row["Area (px)"]) for row in every)
    limit = areas[len(areas) // 2]
    few = run(tmp_path / "few", entered(template, 3, edge="EXCLUDE", smallest_area=limit))
    left = [row for row in every if row["Touches edge"] == "false" and float(row["Area (px)"]) >= limit]
    assert 0 < len(left) < len(every)
    assert table(few / "objects.csv") == left
    assert sum(float(row["Count"]) for row in table(few / "counts.csv")) == len(left)
    sure = run(tmp_path / "sure", entered(template, 3, thresholds="MANUAL", probability=0.95))
    assert len(table(sure / "objects.csv")) < len(every)
