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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.knime_backend import sources
from tests.knime_backend.cutting import cut
from tests.knime_backend.java import NodeFailure

__all__ = ["ON_KNIME", "Execution", "Node", "NodeFailure", "Run", "Session", "open_session", "prepare"]

ON_KNIME = os.environ.get("MICROSEG_BACKEND") == "knime"

_TEMP = tempfile.gettempdir()
"""As it was before KNIME's backend made a session's folder that of all temporary files."""


class Run(Protocol):
    """What a test's `cancel` can see of an execution."""

    progress: list[tuple[float, str | None]]


class Node(Protocol):
    """A node of a workflow. Whatever goes wrong raises NodeFailure."""

    settings: dict[str, Any]
    settings_version: str
    warnings: list[str]

    def set(self, **values: Any) -> Any:
        """Change some settings; a group takes a dict; returns the node."""

    def validate(self) -> str | None:
        """What is wrong with the settings."""

    def configure(self, *inputs: Any, flow_variables: dict[str, Any] | None = None) -> list[Any]:
        """The specs of the outputs."""

    def execute(
        self,
        *inputs: Any,
        flow_variables: dict[str, Any] | None = None,
        cancel: Callable[[Any], bool] | None = None,
        check: bool = True,
    ) -> Any:
        """Run the node; `check`: tables must be as `configure` announced."""


class Session(Protocol):
    """An extension, loaded."""

    id: str
    version: str
    nodes: list[dict[str, Any]]
    """What is known of each node; at least its "id" and its "name"."""

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
    return _on_knime(extension, temp) if ON_KNIME else StandInSession(extension, temp)


def _on_knime(extension: Path, temp: Path) -> Session:
    from tests.knime_backend.node import KnimeNode
    from tests.knime_backend.outputs import TableOutput
    from tests.knime_backend.session import KnimeSession

    class RealSession(KnimeSession):
        def node(self, node_id: str) -> Node:
            return KnimeNode(self, node_id)

        def make_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> Any:
            return TableOutput(self, self.write_table(data, row_ids, batches))

    return RealSession(extension, temp)


@dataclass
class _Run:
    progress: list[tuple[float, str | None]]


@dataclass(frozen=True)
class Execution:
    """What one execution left, on either backend."""

    outputs: tuple[Any, ...]
    view_html: str | None
    view_in_report: bool
    warnings: list[str]
    progress: list[tuple[float, str | None]]
    flow_variables: dict[str, Any]

    def __getitem__(self, index: int) -> Any:
        return self.outputs[index]

    def __len__(self) -> int:
        return len(self.outputs)


class StandInSession:
    """An extension in our own backend; tables and temporary files go to `temp`."""

    def __init__(self, extension: Path, temp: Path) -> None:
        from headless.backend import load_extension

        self.extension = load_extension(extension)
        self.id, self.version, self.temp = self.extension.id, self.extension.version, temp
        self.nodes = [{"id": node.id, "name": node.name} for node in self.extension.nodes.values()]

    def node(self, node_id: str) -> Node:
        """A node with its defaults."""
        return StandInNode(self, node_id)

    def make_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> Any:
        """A table to feed nodes with."""
        from headless.backend import TableOutput
        from headless.handover import table_output

        output = table_output(data, self.temp, row_ids)
        if batches is not None:
            cut(output.path, batches)
        return TableOutput(output.path)


class StandInNode:
    """A node of a workflow in our own backend."""

    def __init__(self, session: StandInSession, node_id: str) -> None:
        self._session = session
        self._instance = session.extension.nodes[node_id].create()
        self.warnings: list[str] = []

    @property
    def settings(self) -> dict[str, Any]:
        """As a workflow stores them."""
        return self._instance.settings

    @settings.setter
    def settings(self, settings: dict[str, Any]) -> None:
        self._instance.settings = settings

    @property
    def settings_version(self) -> str:
        """Of the extension that wrote the settings."""
        return self._instance.settings_version

    @settings_version.setter
    def settings_version(self, version: str) -> None:
        self._instance.settings_version = version

    def set(self, **values: Any) -> "StandInNode":
        """Change some settings."""
        self._instance.set(**values)
        return self

    def validate(self) -> str | None:
        """What is wrong with the settings."""
        return self._instance.validate()

    def configure(self, *inputs: Any, flow_variables: Mapping[str, Any] | None = None) -> list[Any]:
        """The specs of the outputs."""
        context = self._context(flow_variables, _Run([]), None)
        specs = _translated(lambda: self._instance.configure(inputs, context))
        self.warnings = context.warnings
        return list(specs)

    def execute(
        self,
        *inputs: Any,
        flow_variables: Mapping[str, Any] | None = None,
        cancel: Callable[[Any], bool] | None = None,
        check: bool = True,
    ) -> Execution:
        """Run the node."""
        run = _Run([])
        context = self._context(flow_variables, run, cancel)
        done = _translated(lambda: self._instance.execute(inputs, context))
        if check and done.problems:
            raise NodeFailure("; ".join(done.problems))
        html, in_report = done.view_html, done.view_in_report
        return Execution(done.outputs, html, in_report, context.warnings, run.progress, context.flow_variables)

    def _context(
        self, flow_variables: Mapping[str, Any] | None, run: _Run, cancel: Callable[[Any], bool] | None
    ) -> Any:
        from headless.backend import Context

        return Context(
            temp=self._session.temp,
            data_area=self._session.temp / "workflow" / "data",
            flow_variables=dict(flow_variables or {}),
            report=lambda fraction, message: run.progress.append((fraction, message or None)),
            is_canceled=lambda: bool(cancel and cancel(run)),
        )


def _translated(call: Callable[[], Any]) -> Any:
    from core.errors import Canceled
    from headless.backend import NodeError

    try:
        return call()
    except NodeError as error:
        raise NodeFailure(error.what, error.details, error.invalid_settings) from error
    except Canceled as error:
        raise NodeFailure("Canceled") from error
