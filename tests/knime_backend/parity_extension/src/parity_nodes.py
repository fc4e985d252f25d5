"""Nodes that exercise what KNIME promises to nodes; tests run them on every backend."""

import json
from collections.abc import Callable
from typing import Any

import knime.extension as knext

CATEGORY = knext.category("/community", "parity", "Parity", "Nodes for tests.", icon="icons/icon.png")
LOOK: dict[str, Any] = {"icon_path": "icons/icon.png", "category": CATEGORY}

versions: list[str] = []
"""Versions that defaults were asked for."""


class Probe:
    """What the probing nodes do: tests put functions of (context, *inputs) here."""

    configure: Callable[..., Any] = staticmethod(lambda ctx, *inputs: None)
    execute: Callable[..., Any] = staticmethod(lambda ctx, *inputs: None)


class Probing:
    """Does what the test wants."""

    def configure(self, ctx: Any, *inputs: Any) -> Any:
        return Probe.configure(ctx, *inputs)

    def execute(self, ctx: Any, *inputs: Any) -> Any:
        return Probe.execute(ctx, *inputs)


class NoteSpec(knext.PortObjectSpec):
    """What is known of a note."""

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def serialize(self) -> dict[str, Any]:
        return {"topic": self.topic}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "NoteSpec":
        return cls(data["topic"])


class Note(knext.PortObject):
    """A text."""

    def __init__(self, spec: NoteSpec, text: str) -> None:
        super().__init__(spec)
        self.text = text

    def serialize(self) -> bytes:
        return self.text.encode()

    @classmethod
    def deserialize(cls, spec: NoteSpec, storage: bytes) -> "Note":
        return cls(spec, storage.decode())


class LongNoteSpec(NoteSpec):
    """What is known of a long note."""


class LongNote(Note):
    """A longer text."""


class NumberSpec(knext.PortObjectSpec):
    """What is known of a number; takes the second argument that KNIME offers."""

    def serialize(self) -> dict[str, Any]:
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any], java: Any = None) -> "NumberSpec":
        return cls()


class Number(knext.PortObject):
    """A number."""

    value = 7

    def serialize(self) -> bytes:
        return json.dumps(self.value).encode()

    @classmethod
    def deserialize(cls, spec: NumberSpec, storage: bytes) -> "Number":
        return cls(spec)


note_port = knext.port_type("Note", Note, NoteSpec, id="org.example.parity.note")
long_note_port = knext.port_type("Long note", LongNote, LongNoteSpec, id="org.example.parity.long_note")
number_port = knext.port_type("Number", Number, NumberSpec, id="org.example.parity.number")


@knext.node("Table Source", knext.NodeType.SOURCE, id="TableSource", **LOOK)
@knext.output_table("Table", "A table.")
class TableSource(Probing):
    """Makes a table."""


@knext.node("Two Tables", knext.NodeType.SOURCE, id="TwoTables", **LOOK)
@knext.output_table("First", "A table.")
@knext.output_table("Second", "A table.")
class TwoTables(Probing):
    """Makes two tables."""


@knext.node("Table Node", knext.NodeType.MANIPULATOR, id="TableNode", **LOOK)
@knext.input_table("Table", "A table.")
@knext.input_table("More", "Another table.", optional=True)
@knext.output_table("Table", "A table.")
class TableNode(Probing):
    """Changes a table."""


@knext.node("Table Group", knext.NodeType.MANIPULATOR, id="TableGroup", **LOOK)
@knext.input_table("Table", "A table.")
@knext.input_table_group("Many", "Any number of tables.")
@knext.input_table("More", "Another table.", optional=True)
@knext.output_table("Table", "A table.")
class TableGroup(Probing):
    """Changes tables."""

    column = knext.ColumnParameter("Column", "A column.", port_index=(1, 0))


@knext.node("Group Column", knext.NodeType.OTHER, id="GroupColumn", **LOOK)
@knext.input_table_group("Many", "Any number of tables.")
class GroupColumn(Probing):
    """Chooses a column of a group as if it were a table."""

    column = knext.ColumnParameter("Column", "A column.", port_index=0)


@knext.node("Table Sink", knext.NodeType.SINK, id="TableSink", **LOOK)
@knext.input_table("Table", "A table.")
class TableSink(Probing):
    """Takes a table."""


@knext.node("Viewer", knext.NodeType.VISUALIZER, id="Viewer", **LOOK)
@knext.output_table("Table", "A table.")
@knext.output_view("View", "A view.")
class Viewer(Probing):
    """Shows something."""


@knext.node("Note Source", knext.NodeType.SOURCE, id="NoteSource", **LOOK)
@knext.output_port("Note", "A note.", note_port)
class NoteSource(Probing):
    """Makes a note."""


@knext.node("Long Note Source", knext.NodeType.SOURCE, id="LongNoteSource", **LOOK)
@knext.output_port("Note", "A note.", long_note_port)
class LongNoteSource(Probing):
    """Makes a long note."""


@knext.node("Number Source", knext.NodeType.SOURCE, id="NumberSource", **LOOK)
@knext.output_port("Number", "A number.", number_port)
class NumberSource(Probing):
    """Makes a number."""


@knext.node("Note Reader", knext.NodeType.SINK, id="NoteReader", **LOOK)
@knext.input_port("Note", "A note.", note_port)
@knext.input_port("Number", "A number.", number_port, optional=True)
@knext.output_table("Table", "A table.")
class NoteReader(Probing):
    """Reads a note."""


class Colour(knext.EnumParameterOptions):
    """Colours."""

    RED = ("Red", "Like blood.")
    BLUE = ("Blue", "Like the sky.")


def seven(version: knext.Version) -> int:
    """A default that depends on the version."""
    versions.append(str(version))
    return 7


@knext.parameter_group("Inner")
class Inner:
    """A group in a group."""

    depth = knext.IntParameter("Depth", "A number.", 1)
    newer = knext.StringParameter("Newer", "A text.", "n", since_version="0.2.0")


@knext.parameter_group("Outer", since_version="0.2.0", is_advanced=True)
class Outer:
    """A group of a later version."""

    low = knext.IntParameter("Low", "A number.", 3, min_value=0)
    inner = Inner()
    high = knext.IntParameter("High", "A number.", seven, since_version="0.2.0")

    def validate(self, values: dict[str, Any]) -> None:
        if values.get("low", 0) > values.get("high", 7):
            raise ValueError("low is above high")


@knext.parameter_group("Pair")
class Pair:
    """Two numbers."""

    first = knext.DoubleParameter("First", "A number.", 0.0)
    second = knext.DoubleParameter("Second", "A number.", 1.0)


@knext.parameter_group("Range")
class Range:
    """Two numbers that belong together."""

    begin = knext.IntParameter("Begin", "A number.", 0)
    to = knext.IntParameter("To", "A number.", 1)

    def validate(self, values: dict[str, Any]) -> None:
        if values["begin"] > values["to"]:
            raise ValueError("begin is above to")


class Shared:
    """Parameters of several nodes."""

    shared = knext.StringParameter("Shared", "A text.", "s")
    number = knext.IntParameter("Number", "Hidden by the node's own.", 100)


@knext.node("Parameters", knext.NodeType.OTHER, id="Parameters", **LOOK)
@knext.input_table("Table", "A table.")
class Parameters(Shared):
    """Has parameters."""

    number = knext.IntParameter("Number", "A number.", 1, min_value=0, max_value=5)
    factor = knext.DoubleParameter("Factor", "A number.", 1.0, min_value=0.0)
    flag = knext.BoolParameter("Flag", "Yes or no.", True)
    text = knext.StringParameter("Text", "A text.", "x")
    colour = knext.EnumParameter("Colour", "A colour.", Colour.RED.name, Colour).rule(
        knext.OneOf(flag, [True]), knext.Effect.SHOW
    )
    column = knext.ColumnParameter("Column", "A column.", 0, lambda c: c.ktype == knext.int32())
    maybe = knext.ColumnParameter("Maybe", "A column.", include_none_column=True).rule(
        knext.And(knext.OneOf(flag, [True]), knext.DialogContextCondition(lambda ctx: True)), knext.Effect.HIDE
    )
    later = knext.IntParameter("Later", "A number.", seven, since_version="0.2.0")
    shade = knext.EnumParameter("Shade", "A colour.", Colour.BLUE.name, Colour)
    even = knext.IntParameter("Even", "A number.", 2, min_value=0)
    outer = Outer()
    pair = Pair()
    other_pair = Pair()
    range: Any = Range()
    strict_range: Any = Range()

    @shade.validator
    def _check_shade(value: str) -> None:
        if value == "RED":
            raise ValueError("no blood")

    @range.validator  # type: ignore[untyped-decorator]
    def _check_range(values: dict[str, Any]) -> None:
        if values["to"] > 9:
            raise ValueError("too far")

    @strict_range.validator(override=False)  # type: ignore[untyped-decorator]
    def _check_strict_range(values: dict[str, Any]) -> None:
        if values["to"] > 9:
            raise ValueError("too far")

    @even.validator
    def _check_even(value: int) -> None:
        if value == 13:
            raise ValueError("thirteen brings bad luck")

    def configure(self, ctx: Any, schema: Any) -> None:
        Probe.configure(self, schema)

    def execute(self, ctx: Any, table: Any) -> None:
        Probe.execute(self, table)


@knext.node("Wrong Column", knext.NodeType.OTHER, id="WrongColumn", **LOOK)
@knext.input_port("Note", "A note.", note_port)
@knext.input_table("Table", "A table.", optional=True)
class WrongColumn(Probing):
    """Chooses a column of a port that is no table."""

    column = knext.ColumnParameter("Column", "A column.", port_index=0)


@knext.node("Right Column", knext.NodeType.OTHER, id="RightColumn", **LOOK)
@knext.input_port("Note", "A note.", note_port)
@knext.input_table("Table", "A table.", optional=True)
class RightColumn(Probing):
    """Chooses a column of an optional table."""

    column = knext.ColumnParameter("Column", "A column.", port_index=1)
