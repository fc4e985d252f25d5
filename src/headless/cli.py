"""The command `microseg`: run workflows and look nodes up, without KNIME."""

import argparse
import io
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

from core.blockwise.lock import locked
from core.errors import MicrosegError, OutputError, UserInputError
from headless.arguments import make_parser, setting_options, variables, workflow_path
from headless.backend import load_extension
from headless.console import Console, write
from headless.describe import describe, list_nodes
from headless.leftovers import Files, files, keep, refuse_lost
from headless.plan import make_plan
from headless.report import write_results
from headless.results import RunResult, Status
from headless.runner import Runner
from headless.tables import as_text
from headless.workflow import VariableValue, Workflow, opened

SUCCESS, WRONG_OPTIONS, NOT_LOADED, NOT_EXECUTED = 0, 2, 3, 4
_OUTPUT_VARIABLE = "output_folder"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, numbered as those of KNIME's batch application."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail
    parser = make_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:  # argparse has printed what is wrong
        return int(end.code or SUCCESS)
    if arguments.command is None:
        parser.print_help()
        return SUCCESS
    try:
        if arguments.command == "run":
            return _run(arguments)
        extension = load_extension(arguments.extension or _own_extension())
        _print(list_nodes(extension) if arguments.command == "nodes" else describe(extension, arguments.node))
    except MicrosegError as error:
        return _explain(error, WRONG_OPTIONS, arguments.debug)
    except KeyboardInterrupt:
        sys.stderr.write("\nCanceled.\n")
        return NOT_EXECUTED
    return SUCCESS


def _run(arguments: argparse.Namespace) -> int:
    path = workflow_path(arguments)
    given, options = variables(arguments.variables), setting_options(arguments.options)
    console = Console(sys.stderr)
    if arguments.destination:
        console.line("warning: the executed workflow is not saved; --out DIR writes the results.")
    own = nullcontext() if arguments.out is None else locked(arguments.out)
    with _cancelable(console) as is_canceled, own, _folder() as temp:
        try:
            extension = load_extension(arguments.extension or _own_extension())
            with opened(path) as workflow:
                steps = make_plan(workflow, extension, options)
                is_archive = path.is_file() and path.name != "workflow.knime"
                if is_archive and arguments.out is None:
                    refuse_lost(steps)
                if arguments.noexecute:
                    return SUCCESS
                values = _variables(workflow, given, arguments.out, is_archive, console)
                before = files(workflow.path) if is_archive else {}
                run = Runner(workflow, steps, values, console, is_canceled, temp).run()
                code = _conclude(run, arguments.out, console, arguments.debug)
                kept = _keep(workflow, before, arguments.out, arguments.debug) if is_archive else SUCCESS
                return code or kept
        except MicrosegError as error:
            return _explain(error, NOT_LOADED, arguments.debug)


def _variables(
    workflow: Workflow, given: dict[str, VariableValue], out: Path | None, is_archive: bool, console: Console
) -> dict[str, VariableValue]:
    for name in sorted(set(given) - set(workflow.variables)):
        console.line(f"warning: the workflow has no variable {name!r}; it is added.")
    values = {**workflow.variables, **given}
    if _OUTPUT_VARIABLE in workflow.variables and _OUTPUT_VARIABLE not in given:
        if out is not None:
            values[_OUTPUT_VARIABLE] = str(out.resolve())
        elif is_archive:
            console.line("warning: what is written into an archive's data area is lost; --out DIR keeps it.")
        elif not os.access(next(p for p in (workflow.path / "data", workflow.path) if p.exists()), os.W_OK):
            raise OutputError(
                "This workflow writes its results into its folder data, which cannot be written.",
                where=str(workflow.path),
                todo="Name a folder of your own with --out.",
            )
    return values


@contextmanager
def _folder() -> Iterator[Path]:
    """For the tables; Windows cannot delete those that are still mapped into memory."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="microseg-run-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(
            f"There is no folder for temporary files: {error.strerror}.",
            todo="Set the environment variable TMPDIR to a folder on a disk with free space that you may write.",
        ) from None
    with folder as name:
        yield Path(name)


def _conclude(run: RunResult, out: Path | None, console: Console, debug: bool) -> int:
    if debug:
        for node in run.nodes:
            if node.traceback:
                console.line(node.traceback)
    written, failure = [], None
    if out is not None:
        try:
            written = write_results(run, out)
        except MicrosegError as error:
            failure = error
    for node, table in run.leaf_tables():
        _print(f"\n{node.entry.label or node.entry.name}: {table.port}\n{as_text(table.load())}")
    if failure is not None:
        return _explain(failure, NOT_EXECUTED, debug)
    if written:
        _print(f"\nReport: {written[0].resolve()}")
        if len(written) > 1:
            _print(f"Tables: {', '.join(path.name for path in written[1:])}")
    if run.canceled:
        console.line("Canceled.")
    for status, why in (
        (Status.SKIPPED, "because a node before failed"),
        (Status.INACTIVE, "because an output before is not in use"),
    ):
        if titles := [node.entry.title for node in run.nodes if node.status is status]:
            console.line(f"Not run, {why}: {', '.join(titles)}.")
    return SUCCESS if run.ok else NOT_EXECUTED


def _keep(workflow: Workflow, before: Files, out: Path | None, debug: bool) -> int:
    try:
        copies = keep(workflow.path, before, out)
    except MicrosegError as error:
        return _explain(error, NOT_EXECUTED, debug)
    if copies:
        _print(f"Written into the workflow: {', '.join(map(str, copies))}")
    return SUCCESS


@contextmanager
def _cancelable(console: Console) -> Iterator[Callable[[], bool]]:
    """Ctrl-C (or SIGTERM) asks the nodes to stop at their next step; pressed once more, it stops at once."""
    pressed = False
    if threading.current_thread() is not threading.main_thread():  # Python takes signals in the main thread only
        yield lambda: False
        return

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        console.line("\nStopping ... (Ctrl-C once more stops at once)")

    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: pressed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _own_extension() -> Path:
    for folder in Path(__file__).resolve().parents:
        if (folder / "knime.yml").is_file():
            return folder
    raise UserInputError(
        "There is no knime.yml above the program.", todo="Install from a checkout, or name its folder with --extension."
    )


def _explain(error: MicrosegError, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    sys.stderr.write(f"microseg: {error}\n")
    return code


def _print(text: str) -> None:
    write(sys.stdout, f"{text}\n")
