"""One way to drive nodes for two backends: the stand-in of `headless`, and KNIME's own Python backend.

    MICROSEG_BACKEND=knime KNIME_PYTHON_SOURCE=... pytest tests/nodes tests/knime_backend

runs the same tests on KNIME's; one process runs on one of them, because both bring the package `knime`.

    def test_something(session):
        node = session.node("InstanceCounter").set(edge={"rule": "ALL"})
        specs = node.configure(table)
        result = node.execute(table)
        result[0].to_pyarrow(); result.view_html; result.warnings
"""

import atexit
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.knime_backend import sources
from tests.knime_backend.java import NodeFailure

__all__ = ["ON_KNIME", "Execution", "Node", "NodeFailure", "Run", "Session", "open_session", "prepare"]

ON_KNIME = os.environ.get("MICROSEG_BACKEND") == "knime"

_TEMP = tempfile.gettempdir()
"""As it was before KNIME's backend made a session's folder that of all temporary files."""


class Run(Protocol):
    """What a test's `cancel` can see of an execution."""

    progress: list[tuple[float, str | None]]


class Node(Protocol):
    """A node of a workflow. Whatever goes wrong raises NodeFailure.

    Inputs are given in the order of the ports, lists for groups; the last ones may be left out, and are not connected.
    """

    settings: dict[str, Any]
    settings_version: str
    warnings: list[str]

    def set(self, **values: Any) -> Any:
        """Change some settings; a group takes a dict; returns the node."""

    def validate(self) -> str | None:
        """What is wrong with the settings."""

    def save_and_load_settings(self) -> Any:
        """Have the settings saved with the workflow, and opened again; returns the node."""

    def dialog_problems(self, *specs: Any) -> list[str]:
        """What is wrong with the dialog and with what it says; `specs` of the inputs, as far as they are known."""

    def configure(self, *inputs: Any, flow_variables: dict[str, Any] | None = None) -> list[Any]:
        """The specs of the outputs."""

    def execute(
        self,
        *inputs: Any,
        flow_variables: dict[str, Any] | None = None,
        cancel: Callable[[Any], bool] | None = None,
        check: bool = True,
        whole_files: bool = True,
    ) -> Any:
        """Run the node; `check`: tables must be as `configure` announced; `whole_files`: see KnimeNode.execute."""


class Session(Protocol):
    """An extension, loaded."""

    id: str
    version: str
    nodes: list[dict[str, Any]]
    """What is known of each node; at least its "id", its "name" and its "input_port_specifier", see KNIME's JSON."""

    def node(self, node_id: str) -> Node:
        """A node with its defaults."""

    def make_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> Any:
        """A table to feed nodes with, of an Arrow table or data frame, in batches of these lengths."""


def prepare() -> None:
    """Bring one of the two packages `knime` onto Python's path, before any node is imported."""
    if ON_KNIME:
        sources.put_on_path(sources.export())
    else:
        importlib.import_module("headless")


def open_session(extension: Path) -> Session:
    """Load the extension whose knime.yml lies in a folder. Its tables lie in a folder that goes with the process."""
    temp = Path(tempfile.mkdtemp(prefix="microseg-tests-", dir=_TEMP))
    atexit.register(shutil.rmtree, temp, ignore_errors=True)
    (temp / "workflow" / "data").mkdir(parents=True)
    if ON_KNIME:
        return _on_knime(extension, temp)
    from tests.stand_in import StandInSession

    return StandInSession(extension, temp)


def _on_knime(extension: Path, temp: Path) -> Session:
    from tests.knime_backend.dialog import description_problems, dialog_problems
    from tests.knime_backend.node import KnimeNode
    from tests.knime_backend.outputs import TableOutput
    from tests.knime_backend.session import KnimeSession

    class RealNode(KnimeNode):
        def dialog_problems(self, *specs: Any) -> list[str]:
            described = next(node for node in self._session.nodes if node["id"] == self.id)
            found = description_problems(described, self._session.categories, self._session.folder)
            return found + dialog_problems(self.dialog(*specs))

    class RealSession(KnimeSession):
        def node(self, node_id: str) -> Node:
            return RealNode(self, node_id)

        def make_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> Any:
            return TableOutput(self, self.write_table(data, row_ids, batches))

    return RealSession(extension, temp)


@dataclass(frozen=True)
class Execution:
    """What one execution left, on either backend."""

    outputs: tuple[Any, ...]
    view_html: str | None
    view_in_report: bool
    warnings: list[str]
    progress: list[tuple[float, str | None]]
    flow_variables: dict[str, Any]
    logs: list[tuple[str, str]]
    """(severity, message) of all that was logged meanwhile."""

    def __getitem__(self, index: int) -> Any:
        return self.outputs[index]

    def __len__(self) -> int:
        return len(self.outputs)
