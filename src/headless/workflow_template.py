"""How a workflow is described in Python, for `workflow_builder` to write it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from headless.workflow import VariableValue


@dataclasses.dataclass(frozen=True)
class TemplateNode:
    """One node of a template.

    parameters : only what differs from the extension's defaults, groups nested.
    uses, exposes : setting (groups joined by /) to the flow variable that it takes, or sets.
    position : x, y of the node's upper left corner, px.
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
class Template:
    """A whole workflow; connections are (source id, source port name, destination id, destination port name).

    The port name "" is the flow variable port.
    """

    description: str
    nodes: Sequence[TemplateNode]
    connections: Sequence[tuple[int, str, int, str]]
    variables: Mapping[str, VariableValue] = dataclasses.field(default_factory=dict)
    notes: Sequence[Note] = ()
    tags: Sequence[str] = ()
    author: str = "microseg"
    written: str = "2026-01-01T12:00:00"
