"""Every node in every situation that a workflow can bring it into: it works, or says clearly why not.

A node without a recipe in `recipes` fails here. On KNIME's own backend the same is run with KNIME's own checks.
"""

import copy
import random
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.backends import ON_KNIME, NodeFailure
from tests.nodes.recipes import IDS, RECIPES, Rows, World, large_row, make_world

from core.io.write import make_folder

FED = [node for node, recipe in RECIPES.items() if recipe.port is not None]
"""Nodes with an input table."""

LARGE = [node for node, recipe in RECIPES.items() if recipe.large]

VARIABLES = {"text": "µ/x", "number": 3, "share": 0.5, "yes": True, "numbers": [1, 2], "texts": ["a"], "none": []}


@pytest.fixture(scope="module")
def world(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), trained)


@pytest.fixture(autouse=True)
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """KNIME shows what a node prints as an error."""
    yield
    assert capfd.readouterr().out == ""


class Kitchen:
    """Runs one node by its recipe, and checks what holds for every run."""

    def __init__(self, session: Any, world: World, node_id: str, folder: Path) -> None:
        self.session, self.world, self.recipe = session, world, RECIPES[node_id]
        self.ports = next(n for n in session.nodes if n["id"] == node_id)["input_port_specifier"]
        self.node = session.node(node_id).set(**copy.deepcopy(self.recipe.settings(world, folder)))
        self.inputs = self.recipe.inputs(world)

    @property
    def table(self) -> Any:
        """The Arrow table that situations vary."""
        assert self.recipe.port is not None
        varied = self.inputs[self.recipe.port]
        return varied[0] if isinstance(varied, list) else varied

    def feed(self, table: Any, batches: Sequence[int] | None = None) -> list[Any]:
        """The inputs, with another table in place of the one that is varied."""
        varied = self.session.make_table(table, row_ids="keep", batches=batches)
        inputs = list(self.inputs)
        assert self.recipe.port is not None
        given = inputs[self.recipe.port]
        inputs[self.recipe.port] = [varied, *given[1:]] if isinstance(given, list) else varied
        return inputs

    def run(self, inputs: Sequence[Any], **options: Any) -> Any:
        """Configure and execute the node."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            made = self.made(inputs)
            caught.clear()
            specs = self.node.configure(*made, flow_variables=VARIABLES)
            result = self.node.execute(*made, flow_variables=VARIABLES, **options)
            assert not [str(w.message) for w in caught if _is_ours(w)]
        assert len(specs) == len(result)
        for spec, output in zip(specs, result.outputs, strict=True):
            if hasattr(output, "load"):
                assert spec is not None
                output.load().load().summary()
                assert getattr(spec, "head", None) in (None, getattr(output.spec, "head", None))
                assert spec.channels in (None, output.spec.channels)
        fractions = [fraction for fraction, _ in result.progress]
        assert [0, *fractions, 1] == sorted([0, *fractions, 1])
        assert fractions or 0 in self.lengths(made)
        assert result.flow_variables == VARIABLES
        assert not [message for _, message in result.logs if not message.startswith("knime.")]
        return result

    def expect(self, expected: Rows, refused: Any, inputs: Sequence[Any], **options: Any) -> list[str]:
        """Run the node, which makes so many rows or refuses with this message; the row IDs."""
        if isinstance(expected, str):
            with refused(expected):
                self.run(inputs, **options)
            return []
        result = self.run(inputs, **options)
        if self.recipe.output is None:
            return []
        ids: list[str] = result[self.recipe.output].to_pyarrow().column(0).to_pylist()
        assert len(ids) == expected, ids
        return ids

    def lengths(self, inputs: Sequence[Any]) -> list[int]:
        """Numbers of rows of the input tables."""
        every = [one for value in inputs for one in (value if isinstance(value, list) else [value])]
        return [value.num_rows for value in every if hasattr(value, "num_rows")]

    def made(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs as outputs of other nodes."""
        return [self.made(v) if isinstance(v, list) else self._made(v) for v in inputs]

    def _made(self, value: Any) -> Any:
        return self.session.make_table(value, row_ids="keep") if isinstance(value, pa.Table) else value


def _is_ours(warning: warnings.WarningMessage) -> bool:
    """Whether a warning is none of KNIME's own."""
    return "/knime" not in warning.filename and "__array__ implementation" not in str(warning.message)


@pytest.fixture
def kitchen(session: Any, world: World, tmp_path: Path) -> Callable[..., Kitchen]:
    return lambda node_id, folder="output": Kitchen(session, world, node_id, make_folder(tmp_path / folder))


def test_every_node_has_a_recipe(session: Any) -> None:
    assert set(RECIPES) == {node["id"] for node in session.nodes}


@pytest.mark.parametrize("node_id", RECIPES)
def test_dialog(kitchen: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    for specs in (cook.made(cook.inputs), [None] * len(cook.inputs)):
        assert cook.node.dialog_problems(*specs) == []


@pytest.mark.parametrize("node_id", RECIPES)
def test_settings_survive_a_workflow(kitchen: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    for node in (cook.node, cook.session.node(node_id)):
        before = copy.deepcopy(node.settings)
        assert node.save_and_load_settings().settings == before
        assert node.validate() is None


@pytest.mark.parametrize("node_id", RECIPES)
def test_a_run(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    ids = cook.expect(cook.recipe.rows, refused, cook.inputs)
    if cook.recipe.ids:
        assert ids == cook.recipe.ids(IDS)


@pytest.mark.parametrize("node_id", RECIPES)
def test_optional_inputs_can_be_left_unconnected(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    inputs = [None if port["optional"] else v for port, v in zip(cook.ports, cook.inputs, strict=True)]
    if None in inputs:
        cook.expect(cook.recipe.rows if cook.recipe.alone is None else cook.recipe.alone, refused, inputs)


@pytest.mark.parametrize("node_id", RECIPES)
def test_what_is_needed_must_be_connected(kitchen: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    made = cook.made(cook.inputs)
    for i in [i for i, port in enumerate(cook.ports) if not port["optional"]]:
        with pytest.raises(NodeFailure, match="not connected"):
            cook.node.configure(*made[:i], None, *made[i + 1 :])


@pytest.mark.parametrize("node_id", FED)
def test_batches_of_unequal_length(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    ids = cook.expect(cook.recipe.rows, refused, cook.feed(cook.table, [1, 2, 1]), whole_files=False)
    if cook.recipe.ids:
        assert ids == cook.recipe.ids(IDS)


@pytest.mark.parametrize("node_id", FED)
def test_missing_cells(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    for at, name in enumerate(cook.table.column_names[1:], 1):
        first = pa.nulls(1, cook.table.schema.types[at])
        column = pa.chunked_array([first, *cook.table.column(at).slice(1).chunks])
        table = cook.table.set_column(at, name, column).combine_chunks()
        cook.expect(cook.recipe.missing.get(name, cook.recipe.rows), refused, cook.feed(table))


@pytest.mark.parametrize("node_id", FED)
def test_columns_without_a_value(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    columns = [cook.table.column(0), *(pa.nulls(len(IDS), kind) for kind in cook.table.schema.types[1:])]
    table = pa.table(columns, names=cook.table.column_names)
    cook.expect(cook.recipe.all_missing, refused, cook.feed(table))


@pytest.mark.parametrize("batches", [[], None], ids=["no batch", "an empty batch"])
@pytest.mark.parametrize("node_id", FED)
def test_a_table_without_rows(kitchen: Any, refused: Any, node_id: str, batches: list[int] | None) -> None:
    cook = kitchen(node_id)
    table = cook.table
    for name, column in odd_columns().items():
        table = table.append_column(name, column)
    cook.expect(cook.recipe.empty, refused, cook.feed(table.slice(0, 0), batches))


@pytest.mark.parametrize("node_id", FED)
def test_one_row(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    cook.expect(cook.recipe.single, refused, cook.feed(cook.table.slice(0, 1)))


def odd_columns() -> dict[str, Any]:
    """Columns of all kinds that no node asks for, some by awkward names."""
    return {
        "Ünïcode/µm² 日本 \\ 🙂": pa.array([[1], [], None, [2, 3]], pa.list_(pa.int32())),
        'a, b; "c"': pa.array([["x"], None, [], [None]], pa.list_(pa.string())),
        "<none>": pa.array([[0.5], None, [], [float("nan")]], pa.list_(pa.float64())),
        "Image (#1)": pa.array([True, None, False, True]),
        " Labels": pa.nulls(4),
        "Object": pa.nulls(4, pa.int32()),
        "Image ID (#1)": pa.nulls(4, pa.string()),
        "{name}": pa.array([date(2026, 2, 28), None, date(1, 1, 1), date(9999, 12, 31)]),
        "%%00010": pa.array([time(23, 59, 59), None, time(0), time(12, 0, 0, 5)], pa.time64("us")),
        "${knime}": pa.array([datetime(2026, 2, 28, 23, 59), None, datetime(1970, 1, 1), datetime(1900, 1, 1)]),
        "ß" * 300: pa.array([timedelta(days=1), None, timedelta(0), timedelta(seconds=-1)]),
        "Kind": pa.array(["a", None, "a", "b"]).dictionary_encode(),
    }


@pytest.mark.parametrize("node_id", FED)
def test_columns_that_no_one_asked_for(kitchen: Any, refused: Any, node_id: str) -> None:
    cook = kitchen(node_id)
    table = cook.table
    for at, (name, column) in enumerate(odd_columns().items()):
        table = table.add_column(1 + at, name, column) if at % 2 else table.append_column(name, column)
    ids = cook.expect(cook.recipe.rows, refused, cook.feed(table, [3, 1]))
    if cook.recipe.ids:
        assert ids == cook.recipe.ids(IDS)


@pytest.mark.skipif(not ON_KNIME, reason="only KNIME has such cells")
@pytest.mark.parametrize("node_id", FED)
def test_columns_of_kinds_that_only_knime_has(kitchen: Any, refused: Any, node_id: str) -> None:
    from tests.knime_backend.foreign import foreign_columns

    cook = kitchen(node_id)
    table = cook.table
    for name, column in foreign_columns(cook.session).items():
        table = table.append_column(name, column)
    cook.expect(cook.recipe.rows, refused, cook.feed(table))


@pytest.mark.parametrize("node_id", FED)
def test_a_row_of_more_than_64_mib(kitchen: Any, refused: Any, node_id: str) -> None:
    """KNIME cuts tables into batches of this size, and cannot cut a row."""
    cook = kitchen(node_id)
    large = large_row("float64", 2900).column("Image")
    cook.expect(cook.recipe.single, refused, cook.feed(cook.table.slice(0, 1).append_column("Large", large)))


@pytest.mark.parametrize("node_id", LARGE)
def test_an_image_of_more_than_64_mib(kitchen: Any, refused: Any, tmp_path: Path, node_id: str) -> None:
    cook = kitchen(node_id)
    settings, inputs = cook.recipe.large(cook.world, tmp_path)
    cook.node.set(**settings)
    cook.expect(cook.recipe.single, refused, inputs)


@pytest.mark.parametrize("node_id", RECIPES)
def test_cancel_at_any_step(kitchen: Any, refused: Any, tmp_path: Path, node_id: str) -> None:
    made, asked, last = kitchen(node_id).made(kitchen(node_id).inputs), 0, 10**9

    def count(run: Any) -> bool:
        nonlocal asked
        asked += 1
        return asked > last

    whole = kitchen(node_id, "whole")
    whole.node.configure(*made)
    whole.node.execute(*made, cancel=count)
    last, asked = random.Random(node_id).randrange(asked), 0
    cook = kitchen(node_id)
    cook.node.configure(*made)
    with pytest.raises(NodeFailure) as canceled:
        cook.node.execute(*made, cancel=count)
    assert canceled.value.failure.message.rstrip(".") == "Canceled"
    assert not [path for path in tmp_path.rglob(".*") if re.match(r"\.[0-9a-f]{16}", path.name)]
    cook.expect(cook.recipe.rows, refused, made)
