"""The command line in KNIME's spelling."""

from pathlib import Path

import pytest

from core.errors import UserInputError
from headless.arguments import SettingOption, make_parser, setting_options, variables, workflow_path


def test_variables_have_types_and_values_may_hold_commas_and_quotes() -> None:
    assert variables(["n,3,int", 'text,"a, b",String', "x,1e-3,double", "b,true,boolean", "e,,String"]) == {
        "n": 3,
        "text": "a, b",
        "x": 0.001,
        "b": True,
        "e": "",
    }


@pytest.mark.parametrize(
    "text",
    ["n", "n,3", ",3,int", "n,x,int", "n,3,number", "n,2147483648,int", "b,yes,boolean", "n,1.5,int"],
)
def test_variables_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UserInputError, match=r"^-workflow\.variable: "):
        variables([text])


def test_settings_lead_through_groups() -> None:
    assert setting_options(["2,training/epochs,3,int", "1,folder,a,b,String"]) == [
        SettingOption((2,), ("training", "epochs"), 3),
        SettingOption((1,), ("folder",), "a,b"),
    ]


@pytest.mark.parametrize("text", ["2", "2,a", "2,a,1", "x,a,1,int", "2,,1,int", "2,a,b,int"])
def test_settings_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UserInputError, match=r"^-option: "):
        setting_options([text])


def test_knime_spelling_is_understood(tmp_path: Path) -> None:
    words = [
        "run",
        f"-workflowDir={tmp_path}",
        "-reset",
        "-nosave",
        "-failonloaderror",
        "-preferences=x.epf",
        "-nosplash",
        "-consoleLog",
        "-workflow.variable=a,1,int",
        "-workflow.variable=b,2,int",
        "-option=1,x,2,int",
    ]
    arguments = make_parser().parse_args(words)
    assert workflow_path(arguments) == tmp_path
    assert arguments.variables == ["a,1,int", "b,2,int"]
    assert arguments.options == ["1,x,2,int"]


def test_exactly_one_workflow_is_named(tmp_path: Path) -> None:
    parse = make_parser().parse_args
    for words in (["run"], ["run", str(tmp_path), f"-workflowFile={tmp_path}"], ["run", str(tmp_path / "absent")]):
        with pytest.raises(UserInputError):
            workflow_path(parse(words))


def test_unknown_options_are_refused() -> None:
    with pytest.raises(SystemExit) as info:
        make_parser().parse_args(["run", "x", "-nope"])
    assert info.value.code == 2
