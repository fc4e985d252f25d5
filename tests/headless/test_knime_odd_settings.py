"""KNIME's own nodes with settings that nothing sensible has written: they run, or say what is wrong."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.headless.knime_nodes import BASE, execute, modern_names, names, node
from tests.headless.test_knime_csv import READER, WRITER, location, modern, reader, writer
from tests.headless.test_knime_filters import (
    COLUMN_FILTER,
    RENAMER,
    ROW_FILTER,
    ROW_SPLITTER,
    criteria,
    criterion,
    renamings,
)
from tests.headless.test_knime_older_settings import older_criterion, oldest_joiner
from tests.headless.test_knime_tables import (
    CONCATENATE,
    GROUP_BY,
    JOINER,
    TO_VARIABLE,
    concatenate,
    group_by,
    joiner,
    to_variables,
)
from tests.headless.test_running_components import field

from core.errors import MicrosegError, UserInputError
from headless.component import border
from headless.knime_nodes import KNIME_NODES
from headless.settings_xml import array
from headless.workflow import BORDER_FACTORY, NodeEntry

NEWER = {
    **criterion("n", "GT"),
    "filterValueParameters": {"@class": "x", "value": 1, "caseSensitivity": "CASE_SENSITIVE"},
}
MEDIAN = {"aggregationOperatorSettings": {"Median_V3.4_n": {"medianMethod": "Lower middle value"}}}
WANTED = group_by(["t"], ("n", "Median_V3.4", False), ("t", "First", True), ("n", "List", True), **MEDIAN)
TYPES = {**names(), "filter-type": "datatype", "datatype": {"typelist": {"org.knime.core.data.IntValue": True}}}
JOINING = {**joiner(("t", "t"), ("", "")), "rightColumnSelectionConfigV2": modern_names(mode="REGEX", pattern="n|t")}

STORED: list[tuple[str, Mapping[str, Any]]] = [
    (CONCATENATE, concatenate()),
    (JOINER, JOINING),
    (JOINER, oldest_joiner(("t", "t"), ("$RowID$", "t"))),
    (GROUP_BY, WANTED),
    (TO_VARIABLE, to_variables()),
    (ROW_FILTER, criteria(criterion("t", "WILDCARD", "*", "CASEINSENSITIVE"), criterion("ROW_NUMBER", "LT", 9))),
    (ROW_FILTER, criteria(older_criterion("n", "EQ", 1))),
    (ROW_SPLITTER, criteria(NEWER, match="OR")),
    (COLUMN_FILTER, {"column-filter": names("n", excluded=("t",))}),
    (COLUMN_FILTER, {"column-filter": names(pattern="n*")}),
    (COLUMN_FILTER, {"column-filter": TYPES}),
    (RENAMER, renamings(n="m")),
    (READER, reader()),
    (READER, modern()),
    (WRITER, writer()),
]
FIELDS = [
    field(2, "integer", 3, useMin=True, min=0, useMax=True, max=5),
    field(2, "double", 0.5, useMin=True, min=0.0),
    field(2, "boolean", True, pushIntVar=False),
    field(2, "string", "x"),
    field(2, "variable_value", array(["a"]), possible_choices=array(["a", "b"])),
]
TABLE = pa.table({"n": pa.array([1, 2, None], pa.int32()), "t": pa.array(["a", "a", None])})
ODD: tuple[Any, ...] = (3, {}, "x", [], None)


def oddities(stored: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings with one entry replaced, each entry by each odd value, and where that is."""

    def places(group: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, value in group.items():
            yield (*path, name)
            if isinstance(value, Mapping):
                yield from places(value, (*path, name))

    for *groups, name in places(stored, ()):
        for value in ODD:
            changed = copy.deepcopy(dict(stored))
            group = changed
            for step in groups:
                group = group[step]
            group[name] = value
            yield f"{'/'.join([*groups, name])} = {value!r}", changed


@contextmanager
def refused_in_words_if_at_all(where: str) -> Iterator[None]:
    try:
        yield
    except MicrosegError:
        pass
    except Exception as error:
        raise AssertionError(where) from error


def run(factory: str, stored: Mapping[str, Any], tmp_path: Path) -> None:
    count = {READER: 0, CONCATENATE: 2, JOINER: 2}.get(factory, 1)
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "t.csv").write_text("a\n1\n")
    execute(node(factory, stored), tmp_path, *[TABLE] * count)


@pytest.mark.parametrize(
    ("factory", "stored"),
    [*STORED, *((field.factory, field.model) for field in FIELDS)],
    ids=lambda value: value.rpartition(".")[2] if isinstance(value, str) else "",
)
def test_odd_settings_are_refused_in_words(tmp_path: Path, factory: str, stored: Mapping[str, Any]) -> None:
    run(factory, stored, tmp_path)
    for where, odd in oddities(stored):
        with refused_in_words_if_at_all(where):
            run(factory, odd, tmp_path)


def test_a_path_of_no_file_is_refused_beforehand() -> None:
    for factory, stored in ((READER, reader(location("a\0b"))), (WRITER, writer(location("a\0b")))):
        with pytest.raises(UserInputError, match="is that of no file"):
            node(factory, stored)


def test_every_node_is_tested() -> None:
    tested = {f"{BASE}.{factory}" for factory, _ in STORED} | {field.factory for field in FIELDS}
    assert tested == KNIME_NODES.keys()


def test_odd_borders_of_components_are_refused_in_words() -> None:
    stored = {"port-names": array(["Images"]), "variable-filter": names("a"), "variable-prefix": None}
    component = NodeEntry(1, "SubNode", "Component", borders=(2, 3))

    def pass_through(parameters: Mapping[str, Any]) -> None:
        entry = NodeEntry(2, "NativeNode", "Input", parameters=parameters, factory=BORDER_FACTORY.format("Input"))
        made = border(entry, component, ())
        made.check(made.parameters)
        made.passed({"a": 1})

    pass_through(stored)
    for where, odd in oddities(stored):
        with refused_in_words_if_at_all(where):
            pass_through(odd)
