"""Executes a workflow: node after node, each as KNIME would drive it.

A node whose predecessor did not end well is skipped; everything else still runs, as in KNIME. What the file says
about nodes executed earlier is not used: stored data is never read, every node is executed afresh.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from core.errors import UserInputError
from headless.backend import Context, Execution, NodeInstance, Output, TableOutput
from headless.flow_variables import assigned, exposed, joined
from headless.plan import Step
from headless.results import NodeResult, RunResult, Status, TableResult
from headless.workflow import NodeEntry, VariableValue, Workflow


class Observer(Protocol):
    """Who is told how the run goes."""

    def started(self, entry: NodeEntry, index: int, total: int) -> None:
        """A node begins, the `index`-th (from 1) of `total`."""

    def progress(self, fraction: float, message: str) -> None:
        """The node reached `fraction` (0 to 1) of its work."""

    def finished(self, result: NodeResult) -> None:
        """The node that began last ended."""


class Runner:
    """One run of a workflow.

    Parameters
    ----------
    workflow : what to run; its `path` holds the data area data/.
    steps : its plan.
    variables : the workflow variables' values for this run.
    observer : is told how it goes.
    is_canceled : asked between nodes, and by the nodes at every step.
    temp : folder for the tables and for the nodes' temporary files; the results lie there, too.
    """

    def __init__(
        self,
        workflow: Workflow,
        steps: Sequence[Step],
        variables: Mapping[str, VariableValue],
        observer: Observer,
        is_canceled: Callable[[], bool],
        temp: Path,
    ) -> None:
        self._workflow, self._steps, self._variables = workflow, steps, variables
        self._observer, self._is_canceled, self._temp = observer, is_canceled, temp
        self._outputs: dict[int, Sequence[Output]] = {}
        self._pushed: dict[int, dict[str, VariableValue]] = {}

    def run(self) -> RunResult:
        """Run all that can be run."""
        results = []
        for index, step in enumerate(self._steps, start=1):
            if self._is_canceled():
                result = NodeResult(step.entry, Status.CANCELED)
            elif any(source not in self._outputs for source in step.upstream):
                result = NodeResult(step.entry, Status.SKIPPED)
            else:
                self._observer.started(step.entry, index, len(self._steps))
                result = self._attempt(step)
                self._observer.finished(result)
            results.append(result)
        return RunResult(self._workflow, tuple(results))

    def _attempt(self, step: Step) -> NodeResult:
        started = time.monotonic()
        warnings: list[str] = []
        try:
            instance, execution = self._execute(step, warnings)
        except Exception as error:  # noqa: BLE001  whatever a node raises is this node's failure, not the run's
            canceled = self._is_canceled()
            return NodeResult(
                step.entry,
                Status.CANCELED if canceled else Status.FAILED,
                time.monotonic() - started,
                tuple(dict.fromkeys(warnings)),
                "" if canceled else str(error) or type(error).__name__,
                "" if canceled else "".join(traceback.format_exception(error)),
            )
        self._outputs[step.entry.id] = execution.outputs
        return NodeResult(
            step.entry,
            Status.EXECUTED,
            time.monotonic() - started,
            tuple(dict.fromkeys([*warnings, *execution.problems])),
            tables=tuple(_tables(step, execution.outputs)),
            view=execution.view_html,
            settings=_changed(instance),
        )

    def _execute(self, step: Step, warnings: list[str]) -> tuple[NodeInstance, Execution]:
        entry = step.entry
        upstream = joined(self._pushed[source] for source in step.upstream)
        visible = {**self._variables, **upstream}
        instance = step.type.create()
        instance.load(assigned(step.parameters, entry.assignments, visible), entry.version)
        if problem := instance.validate():
            raise UserInputError(problem)
        temp = self._temp / str(entry.id)
        temp.mkdir()
        context = Context(
            temp, self._workflow.path / "data", dict(visible), self._observer.progress, self._is_canceled, warnings
        )
        inputs = [None if origin is None else self._outputs[origin[0]][origin[1]] for origin in step.inputs]
        instance.configure(inputs, context)
        execution = instance.execute(inputs, context)
        made = {name: value for name, value in context.flow_variables.items() if visible.get(name) != value}
        self._pushed[entry.id] = {**upstream, **exposed(instance.parameters, entry.assignments), **made}
        return instance, execution


def _tables(step: Step, outputs: Sequence[Output]) -> Iterator[TableResult]:
    for i, (port, output) in enumerate(zip(step.type.output_ports, outputs, strict=True)):
        if isinstance(output, TableOutput):
            yield TableResult(port.name, output.to_pyarrow, i not in step.consumed)


def _changed(instance: NodeInstance) -> dict[str, Any]:
    """Label to shown value of the settings that are not at their defaults."""
    result = {}
    for parameter in instance.kind.parameters():
        value: Any = instance.parameters
        for name in parameter.path:
            value = value[name]
        if value != parameter.default and not (parameter.kind == "column" and not value and not parameter.default):
            labels = {choice.id: choice.label for choice in parameter.choices}
            result[" / ".join((*parameter.groups, parameter.label))] = labels.get(value, value)
    return result
