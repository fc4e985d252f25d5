"""Run one of KNIME's own nodes on tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from knime.extension import _arrow
from knime.types.builtin import DenseByteVectorValue
from PIL import Image

from headless.backend import Context, TableOutput
from headless.handover import table_output
from headless.knime_nodes import KNIME_NODES
from headless.runnable import Runnable
from headless.settings_xml import array
from headless.workflow import NodeEntry

BASE = "org.knime.base.node"


def node(factory: str, model: Mapping[str, Any], groups: Mapping[str, int] | None = None) -> Runnable:
    """A node with its stored settings, its class without `BASE` or whole; raises what the plan would raise."""
    whole = factory if factory.startswith("org.") else f"{BASE}.{factory}"
    entry = NodeEntry(7, "NativeNode", "Node", parameters=dict(model), factory=whole, port_groups=groups or {})
    made = KNIME_NODES[entry.factory](entry)
    made.check(entry.parameters)
    return made


def execute(made: Runnable, tmp_path: Path, *tables: pa.Table, **context: Any) -> tuple[list[pa.Table | None], Context]:
    """The outputs of a node, and its context with the variables that it set. Inputs without row IDs get Row0, ..."""
    temp = tmp_path / "temp"
    temp.mkdir(exist_ok=True)
    surroundings = Context(temp, tmp_path / "data", **context)
    inputs = [
        table_output(table, temp, "keep" if _arrow.ROW_ID in table.column_names else "generate") for table in tables
    ]
    ran = made.run(made.entry.parameters, inputs, surroundings)
    surroundings.flow_variables.update(ran.variables)
    outputs = [value.to_pyarrow() if isinstance(value, TableOutput) else None for value in ran.execution.outputs]
    return outputs, surroundings


def result(made: Runnable, tmp_path: Path, *tables: pa.Table, **context: Any) -> dict[str, list[Any]]:
    """The first output as lists, the row IDs under their name."""
    output = execute(made, tmp_path, *tables, **context)[0][0]
    assert output is not None
    return {name: [cell.as_py() for cell in output.column(name)] for name in output.column_names}


def with_ids(ids: list[str], **columns: Any) -> pa.Table:
    """A table with these row IDs."""
    return pa.table({_arrow.ROW_ID: pa.array(ids, pa.string()), **columns})


def byte_vectors(*values: bytes | None) -> pa.Array:
    """A column of byte vectors, as image tensors are."""
    made = _arrow.cells([None if value is None else DenseByteVectorValue(value) for value in values])
    assert made is not None
    return made


def pictures(*grey: int) -> pa.Array:
    """A column of PNG pictures of one pixel each."""
    made = _arrow.cells([Image.new("L", (1, 1), value) for value in grey])
    assert made is not None
    return made


def names(*included: str, excluded: tuple[str, ...] = (), takes_others: bool = False, **pattern: Any) -> dict[str, Any]:
    """A filter of names as most nodes store it; with `pattern`, by a pattern."""
    return {
        "filter-type": "name_pattern" if pattern else "STANDARD",
        "included_names": array(included),
        "excluded_names": array(excluded),
        "enforce_option": "EnforceExclusion" if takes_others else "EnforceInclusion",
        "name_pattern": {"pattern": "", "type": "Wildcard", "caseSensitive": True, "excludeMatching": False, **pattern},
    }


def modern_names(*included: str, takes_others: bool = False, mode: str = "MANUAL", **pattern: Any) -> dict[str, Any]:
    """A filter of names as nodes with a newer dialog store it."""
    return {
        "mode": mode,
        "patternFilter": {"pattern": "", "isCaseSensitive": False, "isInverted": False, **pattern},
        "manualFilter": {
            "manuallySelected": array(included),
            "manuallyDeselected": array([]),
            "includeUnknownColumns": takes_others,
        },
        "typeFilter": {"selectedTypes": array([])},
    }


def numbered(*groups: Any) -> dict[str, Any]:
    """Groups of settings as a list."""
    return {str(i): group for i, group in enumerate(groups)}
