"""Flow variables take the place of settings as in KNIME."""

from typing import Any

import pytest

from core.errors import UserInputError
from headless.flow_variables import assigned, exposed, joined, with_setting
from headless.workflow import Assignment, VariableValue

PARAMETERS: dict[str, Any] = {
    "epochs": 30,
    "rate": 0.5,
    "flip": True,
    "name": "a",
    "column": None,
    "columns": ["a"],
    "group": {"inner": {"seed": 1}},
}


def test_the_first_port_wins() -> None:
    assert joined([{"a": 1, "b": 2}, {"b": 3, "c": 4}]) == {"a": 1, "b": 2, "c": 4}
    assert joined([]) == {}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("epochs", 5, 5),
        ("rate", 2, 2.0),
        ("rate", 0.1, 0.1),
        ("flip", False, False),
        ("flip", "false", False),
        ("name", 1e-4, "1.0E-4"),
        ("name", 3, "3"),
        ("name", True, "true"),
        ("column", "image", "image"),
    ],
)
def test_values_are_converted_as_knime_converts_them(path: str, value: VariableValue, expected: Any) -> None:
    changed = assigned(PARAMETERS, [Assignment((path,), used="v")], {"v": value})[path]
    assert changed == expected
    assert type(changed) is type(expected)


@pytest.mark.parametrize(
    ("path", "value"), [("epochs", 0.5), ("epochs", "5"), ("epochs", True), ("rate", "x"), ("flip", 1), ("columns", 1)]
)
def test_values_that_do_not_fit_are_refused(path: str, value: VariableValue) -> None:
    with pytest.raises(UserInputError, match=path):
        with_setting(PARAMETERS, (path,), value)


def test_settings_in_groups_change_and_the_original_stays() -> None:
    changed = with_setting(PARAMETERS, ("group", "inner", "seed"), 7)
    assert changed["group"]["inner"]["seed"] == 7
    assert PARAMETERS["group"]["inner"]["seed"] == 1


@pytest.mark.parametrize("path", [("nope",), ("group", "nope"), ("group",), ("epochs", "deeper")])
def test_settings_that_do_not_exist_are_refused(path: tuple[str, ...]) -> None:
    with pytest.raises(UserInputError, match=path[-1] if len(path) == 1 else "setting"):
        with_setting(PARAMETERS, path, 1)


def test_an_unknown_variable_is_named_with_those_that_exist() -> None:
    with pytest.raises(UserInputError, match=r"'gone'.*Variables that do: here"):
        assigned(PARAMETERS, [Assignment(("epochs",), used="gone")], {"here": 1})


def test_settings_are_exposed() -> None:
    assignments = [Assignment(("group", "inner", "seed"), exposed="s"), Assignment(("column",), exposed="c")]
    assert exposed(PARAMETERS, assignments) == {"s": 1, "c": ""}
