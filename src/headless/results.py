"""What a run of a workflow leaves: one result per node, and the tables nobody consumes."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import pyarrow as pa

from headless.workflow import NodeEntry, NodePath, Workflow


class Status(Enum):
    """How a node ended.

    SKIPPED : a node before it did not end well.
    INACTIVE : it lies behind an output that is not in use.
    """

    EXECUTED = "executed"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    INACTIVE = "inactive"


@dataclasses.dataclass(frozen=True)
class TableResult:
    """An output table: `load` reads it (row ID first), `is_leaf`: no node consumes it."""

    port: str
    load: Callable[[], pa.Table]
    is_leaf: bool


@dataclasses.dataclass(frozen=True)
class NodeResult:
    """How one node ended.

    seconds : of execution; 0 for a node that did not run.
    error : message for the user, empty when there is none.
    traceback : for the log.
    view : self-contained HTML of the node's view, or None.
    settings : that differ from the node's defaults, label to shown value.
    """

    entry: NodeEntry
    status: Status
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str = ""
    traceback: str = ""
    tables: tuple[TableResult, ...] = ()
    view: str | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """All nodes of a run in the order in which they ran."""

    workflow: Workflow
    nodes: tuple[NodeResult, ...]

    @property
    def ok(self) -> bool:
        """Whether every node was executed, but for those that had nothing to do."""
        return all(node.status in (Status.EXECUTED, Status.INACTIVE) for node in self.nodes)

    @property
    def canceled(self) -> bool:
        """Whether the user stopped the run."""
        return any(node.status is Status.CANCELED for node in self.nodes)

    def leaf_tables(self) -> Iterator[tuple[NodeResult, TableResult]]:
        """Output tables that no node consumes."""
        return ((node, table) for node in self.nodes for table in node.tables if table.is_leaf)

    def file_names(self) -> dict[tuple[NodePath, str], str]:
        """(node, port name) to the CSV file of each leaf table; equal port names get the node's numbers."""
        leaves = [(node.entry.path, table.port) for node, table in self.leaf_tables()]
        stems = [snake_case(port) for _, port in leaves]
        return {
            leaf: f"{'_'.join([stem, *map(str, leaf[0])])}.csv" if stems.count(stem) > 1 else f"{stem}.csv"
            for leaf, stem in zip(leaves, stems, strict=True)
        }


def snake_case(name: str) -> str:
    """A port's name as a file name: Count per image becomes count_per_image."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "table"


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 1 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
