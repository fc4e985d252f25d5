"""How workflows and components are described in Python, for `workflow_builder` to write them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from headless.workflow import VariableValue

NamedConnection: TypeAlias = tuple[int, str, int, str]
"""Source id, source port name, destination id, destination port name.

The port name "" is the flow variable port; the ports of a group *Images* are "Images 1", "Images 2" and so on.
"""

INPUT, OUTPUT = 1, 2
"""Ids, inside a component, of the nodes that stand for its inputs and for its outputs."""


@dataclasses.dataclass(frozen=True)
class TemplateNode:
    """One node of a template.

    parameters : only what differs from the extension's defaults, groups nested.
    uses, exposes : setting (groups joined by /) to the flow variable that it takes, or sets.
    position : x, y of the node's upper left corner, px.
    state : CONFIGURED, or IDLE where `configure` fails. Inside and behind components every node is IDLE.
    """

    id: int
    node_id: str
    label: str = ""
    position: tuple[int, int] | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    uses: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exposes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    state: str = "CONFIGURED"


@dataclasses.dataclass(frozen=True)
class Note:
    """A workflow annotation: HTML text in a box, px; colours as 0xRRGGBB."""

    html: str
    x: int
    y: int
    width: int
    height: int
    border_color: int = 0xFFD800
    background: int = 0xFFFFFF


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a component's dialog: a configuration node, and the flow variable that it sets.

    id, name : of the node, and of the variable. Workflows keep what was entered under both, so they are for ever.
        The name is of letters, digits and single dashes, begins with a letter and does not end with a digit.
    default : holds until something else is entered; its type is that of the entry.
    minimum, maximum : the range of a number.
    choices : the texts that a text is chosen from; none lets people type.
    """

    id: int
    name: str
    label: str
    description: str
    default: VariableValue
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Component:
    """Nodes that are used as one, with a dialog of its own.

    nodes : ids from 3; nodes that use variables of the dialog are connected to it.
    connections : the inputs are outputs of the node INPUT, the outputs inputs of the node OUTPUT.
    inputs, outputs : port name to description, in order; what a port carries follows from the connections inside.
    kind : Source, Sink, Learner, Predictor, Manipulator, Visualizer or Other: gives the component its colour.
    icon : a PNG; empty for none.
    """

    name: str
    description: str
    nodes: Sequence[TemplateNode]
    connections: Sequence[NamedConnection]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    dialog: Sequence[Entry] = ()
    kind: str = "Other"
    icon: bytes = b""
    notes: Sequence[Note] = ()
    tags: Sequence[str] = ()
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    author: str = "microseg"
    written: str = "2026-01-01T12:00:00"


@dataclasses.dataclass(frozen=True)
class TemplateComponent:
    """A component in a template; `values` are what is entered in its dialog, by the names of the entries."""

    id: int
    component: Component
    label: str = ""
    position: tuple[int, int] | None = None
    values: Mapping[str, VariableValue] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Template:
    """A whole workflow.

    links : text to address, of what a reader may want to look up.
    written : date and time, UTC, as yyyy-mm-ddThh:mm:ss.
    """

    description: str
    nodes: Sequence[TemplateNode | TemplateComponent]
    connections: Sequence[NamedConnection]
    variables: Mapping[str, VariableValue] = dataclasses.field(default_factory=dict)
    notes: Sequence[Note] = ()
    tags: Sequence[str] = ()
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)
    author: str = "microseg"
    written: str = "2026-01-01T12:00:00"
