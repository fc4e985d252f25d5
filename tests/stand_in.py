"""Drives nodes in our own stand-in for KNIME, see `tests.backends`."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.backends import Execution, Node, NodeFailure
from tests.knime_backend.cutting import cut
from tests.knime_backend.threads import elsewhere


@dataclass
class _Run:
    progress: list[tuple[float, str | None]]


class StandInSession:
    """An extension in our own backend; tables and temporary files go to `temp`."""

    def __init__(self, extension: Path, temp: Path) -> None:
        from headless.backend import load_extension

        self.extension = load_extension(extension)
        self.id, self.version, self.temp = self.extension.id, self.extension.version, temp
        self.nodes = [
            {
                "id": node.id,
                "name": node.name,
                "input_port_specifier": [
                    {"name": p.name, "optional": p.optional, "group": p.group} for p in node.input_ports
                ],
            }
            for node in self.extension.nodes.values()
        ]

    def node(self, node_id: str) -> Node:
        """A node with its defaults."""
        return StandInNode(self, node_id)

    def make_table(self, data: Any, row_ids: str = "auto", batches: Sequence[int] | None = None) -> Any:
        """A table to feed nodes with; as KNIME's own tables, it may have rows of any size."""
        from knime.extension import Table
        from knime.extension._writer import TableWriter, new_file

        from headless.backend import TableOutput

        made = (Table.from_pyarrow if isinstance(data, pa.Table) else Table.from_pandas)(data, row_ids=row_ids)
        writer = TableWriter(new_file(self.temp))
        writer.write(made.to_pyarrow())
        writer.close()
        if batches is not None:
            cut(writer.path, batches)
        return TableOutput(writer.path)


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

    def save_and_load_settings(self) -> "StandInNode":
        """The settings after a trip through a workflow's files."""
        from headless.model_settings import from_model, to_model
        from headless.settings_xml import document, parse, section

        model = to_model(self.settings["model"], self.settings_version)
        _, config = parse(document("settings.xml", {"model": model}).encode())
        self._instance.load(*from_model(section(config, "model")))
        return self

    def dialog_problems(self, *specs: Any) -> list[str]:
        """What is wrong with parameters and descriptions."""
        kind = self._instance.kind
        texts = {"the node": kind.description, "the first line": kind.summary}
        texts |= {f"port {port.name!r}": port.description for port in (*kind.input_ports, *kind.output_ports)}
        texts |= {f"parameter {p.key}": p.label and p.description for p in kind.parameters()}
        found = [f"{where}: no description" for where, text in texts.items() if not text.strip()]
        for parameter in kind.parameters():
            options = [choice.id for choice in parameter.choices]
            if options and parameter.default not in options:
                found.append(f"parameter {parameter.key}: {parameter.default!r} is none of the options")
        if not (self._session.extension.folder / kind.icon_path).is_file():
            found.append(f"there is no icon {kind.icon_path}")
        return found

    def configure(self, *inputs: Any, flow_variables: Mapping[str, Any] | None = None) -> list[Any]:
        """The specs of the outputs."""
        context = self._context(flow_variables, _Run([]), None)
        specs = _translated(lambda: self._instance.configure(self._all(inputs), context))
        self.warnings = context.warnings
        return list(specs)

    def execute(
        self,
        *inputs: Any,
        flow_variables: Mapping[str, Any] | None = None,
        cancel: Callable[[Any], bool] | None = None,
        check: bool = True,
        whole_files: bool = True,
    ) -> Execution:
        """Run the node; its inputs are always whole files."""
        run = _Run([])
        context = self._context(flow_variables, run, cancel)
        with _logged() as logs:
            done = _translated(lambda: self._instance.execute(self._all(inputs), context))
        if check and done.problems:
            raise NodeFailure("; ".join(done.problems))
        html, in_report = done.view_html, done.view_in_report
        return Execution(done.outputs, html, in_report, context.warnings, run.progress, context.flow_variables, logs)

    def _all(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs, None for the last ones where they are left out."""
        return [*inputs, *[None] * (len(self._instance.kind.input_ports) - len(inputs))]

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
        return elsewhere(call)
    except NodeError as error:
        raise NodeFailure(error.what, error.details, error.invalid_settings) from error
    except Canceled as error:
        raise NodeFailure("Canceled") from error


@contextmanager
def _logged() -> Iterator[list[tuple[str, str]]]:
    """What is logged within it: KNIME shows all of it, from every library, down to the smallest detail."""
    found: list[tuple[str, str]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            severity = {logging.WARNING: "warn"}.get(record.levelno, record.levelname.lower())
            found.append((severity, f"{record.name}:{record.getMessage()}"))

    root, handler = logging.getLogger(), Collector()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
