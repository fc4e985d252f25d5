"""Nodes that are small enough to test a runner with: numbers, a factor as port object, trouble on demand."""

import json
import time
from pathlib import Path
from typing import Any

import knime.extension as knext
import pyarrow as pa

category = knext.category("/community", "toy", "Toy", "Toys", icon="icons/icon.png")
LOOK: dict[str, Any] = {"icon_path": "icons/icon.png", "category": category}


class FactorSpec(knext.PortObjectSpec):
    """What is known of a factor before it exists."""

    def __init__(self, unit: str) -> None:
        self.unit = unit

    def serialize(self) -> dict[str, Any]:
        return {"unit": self.unit}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "FactorSpec":
        return cls(data["unit"])


class Factor(knext.PortObject):
    """A number to multiply with."""

    def __init__(self, spec: FactorSpec, value: float) -> None:
        super().__init__(spec)
        self.value = value

    def serialize(self) -> bytes:
        return json.dumps(self.value).encode()

    @classmethod
    def deserialize(cls, spec: FactorSpec, storage: bytes) -> "Factor":
        return cls(spec, json.loads(storage))


factor_port = knext.port_type("Factor", Factor, FactorSpec, id="org.example.toy.factor")


class Mode(knext.EnumParameterOptions):
    """How the numbers grow."""

    LINEAR = ("Linear", "0, 1, 2, ...")
    SQUARE = ("Square", "0, 1, 4, ...")


@knext.parameter_group("Values")
class Values:
    """What the numbers are made of."""

    offset = knext.IntParameter("Offset", "Added to each number.", 0)
    scale = knext.DoubleParameter("Scale", "Each number is multiplied by it.", 1.0, min_value=0.0)


@knext.node("Number Source", knext.NodeType.SOURCE, id="NumberSource", **LOOK)
@knext.output_table("Numbers", "Numbers and an image.")
class NumberSource:
    """Makes numbers.

    As many as you like.
    """

    count = knext.IntParameter("Count", "How many.", 3, min_value=0)
    mode = knext.EnumParameter("Mode", "How they grow.", Mode.LINEAR.name, Mode)
    name = knext.StringParameter("Name", "Of each row.", "n")
    values = Values()

    def configure(self, context: Any) -> Any:
        return knext.Schema.from_columns([knext.Column(knext.string(), "name"), knext.Column(knext.double(), "value")])

    def execute(self, context: Any) -> Any:
        power = 2 if self.mode == Mode.SQUARE.name else 1
        numbers = [self.values.offset + self.values.scale * i**power for i in range(self.count)]
        if not numbers:
            context.set_warning("There are no numbers.")
        table = pa.table(
            {"name": pa.array([self.name] * len(numbers), pa.string()), "value": pa.array(numbers, pa.float64())}
        )
        return knext.Table.from_pyarrow(table, row_ids="generate")


@knext.node("Factor Maker", knext.NodeType.SOURCE, id="FactorMaker", **LOOK)
@knext.output_port("Factor", "The factor.", factor_port)
class FactorMaker:
    """Makes a factor.

    And tells it as a flow variable.
    """

    factor = knext.DoubleParameter("Factor", "The number.", 2.0)

    def configure(self, context: Any) -> Any:
        return FactorSpec("px")

    def execute(self, context: Any) -> Any:
        context.flow_variables["factor_made"] = float(self.factor)
        return Factor(FactorSpec("px"), self.factor)


@knext.node("Multiplier", knext.NodeType.MANIPULATOR, id="Multiplier", **LOOK)
@knext.input_port("Factor", "The factor.", factor_port)
@knext.input_table("Numbers", "To multiply.")
@knext.input_table("Extra", "More of them.", optional=True)
@knext.output_table("Products", "Multiplied numbers.")
@knext.output_view("Products", "As text.")
class Multiplier:
    """Multiplies numbers.

    With a factor.
    """

    column = knext.ColumnParameter("Column", "Of the numbers.", port_index=1)

    def configure(self, context: Any, factor: Any, numbers: Any, extra: Any) -> Any:
        if self.column is None:
            self.column = "value"
        if self.column not in numbers.column_names:
            raise knext.InvalidParametersError(f"There is no column {self.column!r}.")
        return knext.Schema.from_columns([knext.Column(knext.double(), "product")])

    def execute(self, context: Any, factor: Any, numbers: Any, extra: Any) -> Any:
        values = [t.to_pyarrow()[self.column].to_pylist() for t in (numbers, extra) if t is not None]
        products = [value * factor.value for column in values for value in column]
        table = pa.table({"product": pa.array(products, pa.float64())})
        view = knext.view_html(f"<!doctype html><p>{products} {factor.spec.unit}</p>")
        return knext.Table.from_pyarrow(table, row_ids="generate"), view


@knext.node("Adder", knext.NodeType.MANIPULATOR, id="Adder", **LOOK)
@knext.input_port("Factor", "To multiply the sums with.", factor_port)
@knext.input_table_group("Numbers", "To add, row by row.")
@knext.input_table("Extra", "More to add.", optional=True)
@knext.output_table("Sums", "Added numbers.")
class Adder:
    """Adds the numbers of several tables."""

    column = knext.ColumnParameter("Column", "Of the numbers.", port_index=(1, 0))

    def configure(self, context: Any, factor: Any, numbers: Any, extra: Any) -> Any:
        if not numbers:
            raise knext.InvalidParametersError("There are no numbers to add.")
        return knext.Schema.from_columns([knext.Column(knext.double(), "sum")])

    def execute(self, context: Any, factor: Any, numbers: Any, extra: Any) -> Any:
        columns = [t.to_pyarrow()["value"].to_pylist() for t in (*numbers, *([extra] if extra is not None else []))]
        sums = [factor.value * sum(row) for row in zip(*columns, strict=True)]
        return knext.Table.from_pyarrow(pa.table({"sum": pa.array(sums, pa.float64())}), row_ids="generate")


@knext.node("Trouble", knext.NodeType.MANIPULATOR, id="Trouble", **LOOK)
@knext.input_table("Numbers", "Passed on.")
@knext.output_table("Numbers", "As they came.")
class Trouble:
    """Fails or takes long.

    On demand.
    """

    kind = knext.StringParameter("Kind", "none, configure, execute or wait.", "none")

    def configure(self, context: Any, numbers: Any) -> Any:
        if self.kind == "configure":
            raise knext.InvalidParametersError("The setting is bad.")
        return numbers

    def execute(self, context: Any, numbers: Any) -> Any:
        if self.kind == "execute":
            raise RuntimeError("The work went wrong.")
        for step in range(1000 if self.kind == "wait" else 2):
            if context.is_canceled():
                raise RuntimeError("Canceled.")
            context.set_progress(step / 1000, f"step {step}")
            if self.kind == "wait":
                time.sleep(0.01)
        return numbers


@knext.node("Text Writer", knext.NodeType.SINK, id="TextWriter", **LOOK)
@knext.input_table("Numbers", "To write.")
class TextWriter:
    """Writes the number of rows.

    Into numbers.txt.
    """

    folder = knext.StringParameter("Folder", "Empty: the data area of the workflow.", "")

    def configure(self, context: Any, numbers: Any) -> None:
        return None

    def execute(self, context: Any, numbers: Any) -> None:
        folder = Path(self.folder or context.get_workflow_data_area_dir())
        (folder / "numbers.txt").write_text(str(numbers.num_rows))
