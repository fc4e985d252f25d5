"""The stand-in for KNIME's API: parameters, groups, views, contexts and declarations behave as KNIME's own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import knime.extension as knext
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knime.extension import _settings
from knime.extension._contexts import FlowVariables

from headless.backend import Context

V1, V2, V3 = (knext.Version(n, 0, 0) for n in (1, 2, 3))


class Colour(knext.EnumParameterOptions):
    RED = ("Red", "Warm.")
    BLUE = ("Blue", "Cold.")


@knext.parameter_group("Inner")
class Inner:
    factor = knext.DoubleParameter("Factor", "", 1.5, min_value=0.0)


@knext.parameter_group("Outer")
class Outer:
    low = knext.IntParameter("Low", "", 1)
    high = knext.IntParameter("High", "", 2)
    inner = Inner()

    def validate(self, values: dict[str, Any]) -> None:
        if values["low"] > values["high"]:
            raise ValueError("Low is above high.")


class Base:
    inherited = knext.BoolParameter("Inherited", "", True)


class Node(Base):
    count = knext.IntParameter("Count", "", 3, min_value=1, max_value=9)
    free = knext.IntParameter("Free", "", 0, validator=lambda value: None, min_value=1)
    colour = knext.EnumParameter("Colour", "", Colour.RED.name, Colour)
    column = knext.ColumnParameter("Column", "")
    added = knext.IntParameter("Added", "", lambda version: 10 if version < V2 else 20, since_version="2.0.0")
    outer = Outer()


def stored(node: Any) -> dict[str, Any]:
    return _settings.extract(node, V3)


def test_names_are_keys_and_groups_are_nested() -> None:
    assert stored(Node()) == {
        "count": 3,
        "free": 0,
        "colour": "RED",
        "column": "",
        "added": 20,
        "outer": {"low": 1, "high": 2, "inner": {"factor": 1.5}},
        "inherited": True,
    }


def test_nodes_share_nothing() -> None:
    one, other = Node(), Node()
    one.count, one.outer.inner.factor = 5, 7.0
    assert (other.count, other.outer.inner.factor, Node().outer.inner.factor) == (3, 1.5, 1.5)


@given(st.integers(1, 9), st.floats(0, 1e9), st.sampled_from(["RED", "BLUE"]), st.none() | st.text(min_size=1))
def test_settings_survive(count: int, factor: float, colour: str, column: str | None) -> None:
    node, again = Node(), Node()
    node.count, node.outer.inner.factor, node.colour, node.column = count, factor, colour, column
    _settings.inject(stored(node), again, V3, V3)
    assert stored(again) == stored(node)
    assert again.column == column


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("count", 1.0, TypeError),
        ("count", "1", TypeError),
        ("count", None, TypeError),
        ("count", 0, ValueError),
        ("count", 10, ValueError),
        ("inherited", 1, TypeError),
        ("colour", "Red", ValueError),
        ("colour", Colour.RED, ValueError),
        ("outer", Outer(), RuntimeError),
    ],
)
def test_wrong_values_are_refused(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        setattr(Node(), name, value)


def test_a_validator_takes_the_place_of_the_own_check_and_true_is_a_number() -> None:
    node = Node()
    node.free = -7
    node.count = True
    assert (node.free, node.count) == (-7, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outer": {"low": 3, "high": 2, "inner": {"factor": 1.0}}}, "Low is above high"),
        ({"outer": {"low": 3, "high": 4, "inner": {}}}, "Parameter missing for key 'factor'"),
    ],
)
def test_groups_are_checked_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _settings.validate(stored(Node()) | change, Node(), V3)


def test_settings_of_older_versions_get_defaults() -> None:
    settings = stored(Node()) | {"unknown": 1}
    del settings["added"]
    node = Node()
    _settings.validate(settings, node, V1)
    _settings.inject(settings, node, V1, V3)
    assert node.added == 10
    with pytest.raises(ValueError, match="Parameter missing for key 'added'"):
        _settings.validate(settings, Node(), V2)


def test_rules_that_never_hold_are_refused() -> None:
    parameter = knext.EnumParameter("Colour", "", "RED", Colour)
    with pytest.raises(ValueError, match="Red"):
        knext.OneOf(parameter, ["Red"])
    other = knext.BoolParameter("Other", "")
    assert other.rule(knext.OneOf(parameter, ["RED"]), knext.Effect.HIDE) is other


@pytest.mark.parametrize("text", ["1", "1.2", "1.2.x", "", "1.2.3.4"])
def test_versions(text: str) -> None:
    assert knext.Version.parse_version("1.10.0") > knext.Version.parse_version("1.9.9")
    with pytest.raises(ValueError):
        knext.Version.parse_version(text)


def context(tmp_path: Path, **more: Any) -> knext.ExecutionContext:
    return knext.ExecutionContext(Context(tmp_path, **more))


def test_progress_is_a_float(tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    api = context(tmp_path, report=lambda fraction, message: told.append((fraction, message)))
    api.set_progress(0)
    api.set_progress(np.float64(0.5), "half")
    assert told == [(0.0, ""), (0.5, "half")]
    wrong: list[Callable[[], None]] = [
        lambda: api.set_progress(np.float32(0.5)),  # type: ignore[arg-type]
        lambda: api.set_progress(0.5, 1),  # type: ignore[arg-type]
        lambda: api.set_progress(1.01),
        lambda: api.set_progress(float("nan")),
    ]
    for call in wrong:
        with pytest.raises((TypeError, ValueError)):
            call()


def test_there_is_no_data_area_without_workflow(tmp_path: Path) -> None:
    assert context(tmp_path, data_area=tmp_path).get_workflow_data_area_dir() == str(tmp_path)
    with pytest.raises(RuntimeError, match="no data area"):
        context(tmp_path).get_workflow_data_area_dir()


@pytest.mark.parametrize("value", [np.float64(1), np.int32(1), None, {}, [np.float32(1)], Path()])
def test_flow_variables_are_plain(value: Any) -> None:
    variables = FlowVariables({"a": 1})
    variables["b"] = [1, 2]
    with pytest.raises(TypeError):
        variables["c"] = value
    with pytest.raises(ValueError, match="knime"):
        variables["knime.x"] = 1
    with pytest.raises(ValueError, match="deleted"):
        del variables["a"]


def test_a_node_is_a_function_with_ports_in_reading_order() -> None:
    @knext.input_table("First", "")
    @knext.input_table("Second", "", optional=True)
    @knext.output_view("View", "")
    class Made:
        """Makes."""

    assert [(port.name, port.optional) for port in Made.input_ports] == [  # type: ignore[attr-defined]
        ("First", False),
        ("Second", True),
    ]
    made = knext.node("Made", knext.NodeType.OTHER, "icon.png", "/", id="TestMade")(Made)
    assert not isinstance(made, type)
    assert isinstance(made(), Made)


def test_a_node_has_one_group_of_a_name() -> None:
    class Made:
        """Makes."""

    knext.input_table_group("Tables", "")(Made)
    knext.input_table("Tables", "")(Made)
    assert [(port.name, port.group) for port in Made.input_ports] == [  # type: ignore[attr-defined]
        ("Tables", False),
        ("Tables", True),
    ]
    with pytest.raises(ValueError, match="Tables"):
        knext.input_table_group("Tables", "")(Made)


def test_a_node_is_made_when_it_is_declared() -> None:
    def broken() -> Any:
        raise RuntimeError("cannot be made")

    with pytest.raises(RuntimeError, match="cannot be made"):
        knext.node("Broken", knext.NodeType.OTHER, "icon.png", "/")(broken)


def test_knimes_own_package_comes_first(tmp_path: Path) -> None:
    (tmp_path / "knime").mkdir()
    (tmp_path / "knime" / "extension.py").write_text("REAL = True")
    code = "import headless; import knime.extension as k; print(hasattr(k, 'REAL'))"
    source = Path(__file__).parents[2] / "src"
    for folder, expected in ((tmp_path, "True"), (tmp_path / "empty", "False")):
        command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(source)!r}, {str(folder)!r}]; {code}"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == expected
