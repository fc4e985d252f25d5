"""Run workflows in tests."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from headless.arguments import SettingOption
from headless.backend import Extension
from headless.plan import make_plan
from headless.results import NodeResult, RunResult
from headless.runner import Runner
from headless.workflow import NodeEntry, VariableValue, read_workflow

GOLDEN = Path(__file__).parent / "golden"


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fractions: list[float] = []

    def started(self, entry: NodeEntry, index: int, total: int) -> None:
        self.lines.append(f"{index}/{total} {entry.name}")

    def progress(self, fraction: float, message: str) -> None:
        self.fractions.append(fraction)

    def finished(self, result: NodeResult) -> None:
        self.lines.append(result.status.value)


def run_workflow(
    folder: Path,
    extension: Extension,
    variables: Mapping[str, VariableValue] | None = None,
    options: Sequence[SettingOption] = (),
    is_canceled: Callable[[], bool] = lambda: False,
    observer: Recorder | None = None,
    temp: Path | None = None,
) -> RunResult:
    """Run the workflow in a folder; its tables lie beside it, or in `temp`."""
    workflow = read_workflow(folder)
    temp = temp or folder.parent / f"temp of {folder.name}"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir()
    values = {**workflow.variables, **(variables or {})}
    steps = make_plan(workflow, extension, options)
    return Runner(workflow, steps, values, observer or Recorder(), is_canceled, temp).run()


def columns(result: RunResult) -> dict[str, dict[str, list[Any]]]:
    """Numbers of a node and name of its port, to the columns of the table."""
    return {
        f"{'/'.join(map(str, node.entry.path))} {table.port}": table.load().to_pydict()
        for node in result.nodes
        for table in node.tables
    }
