"""The command line: our own options, and those of KNIME's batch application in its spelling."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.errors import UserInputError
from headless.workflow import NodePath, VariableValue

_TYPES = "String, int, long, double, float or boolean"
# What KNIME's launcher and batch application take and what has no meaning here.
_IGNORED_FLAGS = ("-nosplash", "-consoleLog", "-noversioncheck", "-showlocation", "-allowdeadlock", "-checkforupdates")
_IGNORED_VALUES = ("-preferences", "-perspective", "-profileList", "-profileLocation", "-data", "-application")
EPILOG = """\
exit codes: 0 every node was executed; 2 wrong options, or a folder to write into that cannot be or is in use; 3 the
workflow cannot be loaded or holds a node that only KNIME can run; 4 a node failed, results could not be written, or the
run was canceled (Ctrl-C, SIGTERM).

Every node is executed afresh (-reset) and the workflow itself is not saved (-nosave); both options are accepted and
always in force. With --out, a workflow variable named output_folder is set to that folder, unless -workflow.variable
sets it; without it, nodes may write into the folder data of the workflow. What they write into an archive is copied
to the folder workflow of --out; without --out, that is an error."""


@dataclasses.dataclass(frozen=True)
class SettingOption:
    """A setting of one node, given on the command line: `path` leads through groups to it.

    node : its number, after those of the metanodes and components around it.
    """

    node: NodePath
    path: tuple[str, ...]
    value: VariableValue


def make_parser() -> argparse.ArgumentParser:
    """The parser of `microseg`."""
    parser = argparse.ArgumentParser(
        prog="microseg",
        description="Run KNIME workflows made of Microseg's nodes and some of KNIME's own, without KNIME.",
        allow_abbrev=False,
    )
    parser.add_argument("--extension", type=Path, metavar="DIR", help="folder with another extension's knime.yml")
    parser.add_argument("--debug", action="store_true", help="show stack traces")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands)
    commands.add_parser("nodes", help="list the nodes")
    describe = commands.add_parser("describe", help="show the ports and settings of a node")
    describe.add_argument("node", metavar="NODE", help="a node's ID or name")
    return parser


def workflow_path(arguments: argparse.Namespace) -> Path:
    """Where the workflow lies, whichever way it was said.

    Raises
    ------
    UserInputError : it was not said, said twice, or nothing lies there.
    """
    given = [path for path in (arguments.path, arguments.workflow_dir, arguments.workflow_file) if path is not None]
    if len(given) != 1:
        raise UserInputError("Name one workflow: a folder or a .knwf file.")
    path: Path = given[0]
    if not path.exists():
        raise UserInputError("There is no such workflow.", where=str(path))
    return path


def variables(texts: Sequence[str]) -> dict[str, VariableValue]:
    """Flow variables from NAME,VALUE,TYPE; VALUE may hold commas and may stand in quotes.

    Raises
    ------
    UserInputError : a text of another form, or a value that is not of its type.
    """
    result = {}
    for text in texts:
        name, comma, rest = text.partition(",")
        value, second, kind = rest.rpartition(",")
        if not (name and comma and second):
            raise UserInputError(f"{text!r} is not NAME,VALUE,TYPE.", where="-workflow.variable")
        result[name.strip()] = _value(value, kind, "-workflow.variable")
    return result


def setting_options(texts: Sequence[str]) -> list[SettingOption]:
    """Settings from NODE,NAME,VALUE,TYPE.

    NODE is a number, or several with / that lead through metanodes and components; NAME may lead through groups with /.

    Raises
    ------
    UserInputError : a text of another form, or a value that is not of its type.
    """
    result = []
    for text in texts:
        node, _, rest = text.partition(",")
        name, _, rest = rest.partition(",")
        value, comma, kind = rest.rpartition(",")
        numbers = node.strip().split("/")
        if not (all(number.isdecimal() for number in numbers) and name and comma):
            raise UserInputError(f"{text!r} is not NODE,NAME,VALUE,TYPE with the node's number.", where="-option")
        place, path = tuple(map(int, numbers)), tuple(name.strip().split("/"))
        result.append(SettingOption(place, path, _value(value, kind, "-option")))
    return result


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser(
        "run",
        help="execute a workflow",
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("path", nargs="?", type=Path, metavar="PATH", help="workflow folder or .knwf file")
    run.add_argument("--out", type=Path, metavar="DIR", help="write a report and the result tables there")
    named = run.add_argument_group("in the spelling of KNIME's batch application")
    named.add_argument("-workflowDir", dest="workflow_dir", type=Path, metavar="DIR", help="the workflow's folder")
    named.add_argument(
        "-workflowFile", dest="workflow_file", type=Path, metavar="FILE", help="the workflow's .knwf file"
    )
    named.add_argument(
        "-workflow.variable",
        dest="variables",
        action="append",
        default=[],
        metavar="NAME,VALUE,TYPE",
        help=f"set a workflow variable; TYPE is {_TYPES}",
    )
    named.add_argument(
        "-option",
        dest="options",
        action="append",
        default=[],
        metavar="NODE,NAME,VALUE,TYPE",
        help="set a setting of a node; NODE is its number, or ID/ID inside a metanode or component; "
        "NAME leads through groups with /",
    )
    named.add_argument("-reset", action="store_true", help="always in force")
    named.add_argument("-nosave", action="store_true", help="always in force")
    named.add_argument("-failonloaderror", action="store_true", help="always in force")
    named.add_argument("-noexecute", action="store_true", help="only load the workflow")
    for name in ("-destDir", "-destFile"):
        named.add_argument(name, dest="destination", metavar="PATH", help="accepted, nothing is saved: use --out")
    for name in _IGNORED_FLAGS:
        named.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    for name in _IGNORED_VALUES:
        named.add_argument(name, help=argparse.SUPPRESS)


def _value(text: str, kind: str, where: str) -> VariableValue:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    kind = kind.strip()
    if kind not in _CONVERTERS:
        raise UserInputError(f"There is no type {kind!r}.", where=where, todo=f"Types are {_TYPES}.")
    try:
        return _CONVERTERS[kind](text)
    except ValueError:
        raise UserInputError(f"{text!r} is not of the type {kind}.", where=where) from None


def _int(text: str) -> int:
    if not -(2**31) <= int(text) < 2**31:
        raise ValueError
    return int(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


_CONVERTERS: Mapping[str, Callable[[str], VariableValue]] = {
    **dict.fromkeys(("String", "StringCell", "char"), str),
    **dict.fromkeys(("int", "IntCell", "short", "byte"), _int),
    **dict.fromkeys(("long", "LongCell"), int),
    **dict.fromkeys(("double", "float", "DoubleCell"), float),
    "boolean": _boolean,
}
