"""Executes a workflow: node after node, each as KNIME would drive it.

A node whose predecessor did not end well is skipped; everything else still runs, as in KNIME. Where a node leaves an
output unused, as a Joiner may, all behind it is inactive: it does not run, and that is no failure. What the file says
about nodes executed earlier is not used: stored data is never read, every node is executed afresh.
"""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from headless.backend import Context, Output, TableOutput
from headless.component import Border
from headless.flow_variables import assigned, exposed, joined
from headless.plan import Step
from headless.results import NodeResult, RunResult, Status, TableResult
from headless.runnable import Ran
from headless.workflow import NodeEntry, NodePath, VariableValue, Workflow


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
        self._outputs: dict[NodePath, Sequence[Output | None]] = {}
        self._inactive: dict[NodePath, str] = {}
        self._pushed: dict[NodePath, Mapping[str, VariableValue]] = {}
        self._around: dict[NodePath, Mapping[str, VariableValue]] = {}
        self._dialogs: dict[NodePath, Mapping[str, Any]] = {}

    def run(self) -> RunResult:
        """Run all that can be run."""
        results = []
        titles = {step.path: step.entry.title for step in self._steps}
        total = sum(not isinstance(step.node, Border) for step in self._steps)
        index = 0
        for step in self._steps:
            is_border = isinstance(step.node, Border)
            index += not is_border
            if self._is_canceled():
                result = NodeResult(step.entry, Status.CANCELED)
            elif not step.waits <= self._outputs.keys():
                result = NodeResult(step.entry, Status.SKIPPED)
            elif (reason := self._unused(step, titles)) is not None:
                result = NodeResult(step.entry, Status.INACTIVE, warnings=(reason,))
                self._inactive[step.path], self._outputs[step.path] = reason, ()
            elif is_border:
                result = self._attempt(step)
                if result.status is Status.FAILED:
                    self._observer.started(step.entry, min(index + 1, total), total)
                    self._observer.finished(result)
            else:
                self._observer.started(step.entry, index, total)
                result = self._attempt(step)
                self._observer.finished(result)
            if not is_border or result.status is Status.FAILED:  # components are told of by what they hold
                results.append(result)
        return RunResult(self._workflow, tuple(results))

    def _attempt(self, step: Step) -> NodeResult:
        started = time.monotonic()
        warnings: list[str] = []
        try:
            ran = self._execute(step, warnings)
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
        self._outputs[step.path] = ran.execution.outputs
        return NodeResult(
            step.entry,
            Status.EXECUTED,
            time.monotonic() - started,
            tuple(dict.fromkeys([*warnings, *ran.execution.problems])),
            tables=tuple(_tables(step, ran.execution.outputs)),
            view=ran.execution.view_html,
            settings=ran.shown,
        )

    def _execute(self, step: Step, warnings: list[str]) -> Ran:
        assignments = step.entry.assignments
        upstream = joined(self._pushed[source] for source in step.upstream)
        own = self._variables if step.component_input is None else {}  # a component is a wall for those of the workflow
        visible = {**own, **step.variables, **upstream}
        is_output = isinstance(step.node, Border) and not step.node.is_input
        parameters = dict(step.parameters) if is_output else assigned(step.parameters, assignments, visible)
        temp = self._temp / "_".join(map(str, step.path))
        temp.mkdir()
        context = Context(
            temp, self._workflow.path / "data", dict(visible), self._observer.progress, self._is_canceled, warnings
        )
        if step.component_input is not None:
            context.dialog = self._dialogs[step.component_input]
        inputs = [None if origin is None else self._outputs[origin[0]][origin[1]] for origin in step.inputs]
        ran = step.node.run(parameters, inputs, context)
        made = {
            name: value
            for name, value in context.flow_variables.items()
            if name not in visible or (type(visible[name]), visible[name]) != (type(value), value)
        }
        behind = {**upstream, **({} if is_output else exposed(ran.parameters, assignments)), **made, **ran.variables}
        self._pushed[step.path] = self._through(step, parameters, visible, behind)
        return ran

    def _through(
        self,
        step: Step,
        parameters: Mapping[str, Any],
        visible: Mapping[str, VariableValue],
        behind: Mapping[str, VariableValue],
    ) -> Mapping[str, VariableValue]:
        """The variables that the nodes behind a step get: all, or, through a component's border, those it chooses."""
        if not isinstance(step.node, Border):
            return behind
        if step.node.is_input:
            self._dialogs[step.path], self._around[step.path] = parameters, behind
            return step.node.passed(visible)
        assert step.component_input is not None
        return {**self._around[step.component_input], **step.node.passed(visible)}

    def _unused(self, step: Step, titles: Mapping[NodePath, str]) -> str | None:
        """The output that a step lies behind and that is not in use, in words."""
        for path in (*step.upstream, step.component_input):
            if path in self._inactive:
                return self._inactive[path]
        for path, index in filter(None, step.inputs):
            if self._outputs[path][index] is None:
                return f"Output {index + 1} of {titles[path]} is not in use."
        return None


def _tables(step: Step, outputs: Sequence[Output | None]) -> Iterator[TableResult]:
    for i, (port, output) in enumerate(zip(step.node.outputs, outputs, strict=True)):
        if isinstance(output, TableOutput):
            yield TableResult(port.name, output.to_pyarrow, i not in step.consumed)
