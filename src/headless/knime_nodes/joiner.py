"""KNIME's Joiner."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from core.errors import UserInputError
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.base import KnimeNode, require_columns
from headless.knime_nodes.cells import key
from headless.knime_nodes.choices import chosen
from headless.knime_nodes.joining import match
from headless.knime_nodes.name_filter import NameFilter
from headless.knime_nodes.rows import MISSING, Indices, Part, chosen_rows, numbered, write_rows

ROW_ID = ""
"""In place of a column's name: the row ID."""


@dataclasses.dataclass(frozen=True)
class JoinerSettings:
    """What is joined, and what of it is put out.

    criteria : pairs of a left and a right column whose cells must be equal.
    comparison : "STRICT", "STRING" or "NUMERIC", see `match`.
    parts : whether matches, unmatched left rows and unmatched right rows are put out.
    merges : whether the columns of a criterion become one.
    suffix : of right columns whose name is taken; None: that is an error.
    separate : whether unmatched rows go to tables of their own.
    row_ids : "CONCATENATE", "SEQUENTIAL" or "KEEP_ROWID".
    """

    criteria: tuple[tuple[str, str], ...]
    comparison: str
    parts: tuple[bool, bool, bool]
    left: NameFilter
    right: NameFilter
    merges: bool
    suffix: str | None
    separate: bool
    row_ids: str
    separator: str


class Joiner(KnimeNode[JoinerSettings]):
    """Puts rows of two tables that belong together side by side."""

    factory = "org.knime.base.node.preproc.joiner3.Joiner3NodeFactory"
    input_names = ("Left table", "Right table")
    output_names = ("Join result", "Left unmatched rows", "Right unmatched rows")

    def read(self, parameters: Mapping[str, Any]) -> JoinerSettings:
        """The settings."""
        criteria = _criteria(parameters)
        if not criteria:
            raise UserInputError("There is no criterion to join by.", todo="Add one in KNIME.")
        if model.one_of(parameters, "compositionMode", ("MATCH_ALL", "MATCH_ANY")) == "MATCH_ANY" and len(criteria) > 1:
            raise model.only_knime("compositionMode = 'MATCH_ANY'")
        fails = model.one_of(parameters, "duplicateHandling", ("APPEND_SUFFIX", "DO_NOT_EXECUTE")) == "DO_NOT_EXECUTE"
        suffix = None if fails else model.text(parameters, "suffix")
        if suffix is not None and not suffix.strip():
            raise UserInputError("The suffix of columns is empty.")
        settings = JoinerSettings(
            criteria,
            model.one_of(parameters, "dataCellComparisonMode", ("STRICT", "STRING", "NUMERIC"), "STRICT"),
            (
                model.flag(parameters, "includeMatchesInOutput"),
                model.flag(parameters, "includeLeftUnmatchedInOutput"),
                model.flag(parameters, "includeRightUnmatchedInOutput"),
            ),
            _filter(parameters, "leftColumnSelectionConfig"),
            _filter(parameters, "rightColumnSelectionConfig"),
            model.flag(parameters, "mergeJoinColumns"),
            suffix,
            model.flag(parameters, "outputUnmatchedRowsToSeparatePorts"),
            model.one_of(parameters, "rowKeyFactory", ("CONCATENATE", "SEQUENTIAL", "KEEP_ROWID")),
            model.text(parameters, "rowKeySeparator"),
        )
        _check_row_ids(settings)
        return settings

    def execute(
        self, settings: JoinerSettings, inputs: Sequence[pa.Table], context: Context
    ) -> Sequence[TableOutput | None]:
        """The joined table, and those of unmatched rows; matches come first, in the order of the left table."""
        left, right = inputs
        for table, names in zip(inputs, zip(*settings.criteria, strict=True), strict=True):
            require_columns(table, [name for name in names if name != ROW_ID])
        pairs = match(left, right, settings.criteria, settings.comparison, context.is_canceled)
        lonely = [np.setdiff1d(np.arange(table.num_rows), rows) for table, rows in zip(inputs, pairs, strict=True)]
        takes_match, *takes_lonely = settings.parts
        shown = [rows if takes else rows[:0] for rows, takes in zip(lonely, takes_lonely, strict=True)]
        joined = [rows if takes_match else rows[:0] for rows in pairs]
        if not settings.separate:
            joined = [
                np.concatenate([joined[0], shown[0], np.full(len(shown[1]), MISSING)]),
                np.concatenate([joined[1], np.full(len(shown[0]), MISSING), shown[1]]),
            ]
        ids = _row_ids(settings, left, right, joined[0], joined[1])
        outputs: list[TableOutput | None] = [
            write_rows(ids, _parts(settings, left, right, joined[0], joined[1]), context)
        ]
        for table, rows, wanted in zip(inputs, shown, (settings.left, settings.right), strict=True):
            kept = [table.column_names[0], *wanted.columns(table)]
            outputs.append(chosen_rows(table.select(kept), rows, context) if settings.separate else None)
        return outputs


def _criteria(parameters: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The pairs of columns; KNIME before 5.3 stores the left and the right ones as lists of their own."""
    if "matchingCriteria" in parameters or "leftTableJoinPredicate" not in parameters:
        stored = model.elements(parameters, "matchingCriteria", dict)
        return tuple((_column(pair, "leftTableColumn"), _column(pair, "rightTableColumn")) for pair in stored)
    left, right = (model.elements(parameters, f"{side}TableJoinPredicate", str) for side in ("left", "right"))
    if len(left) != len(right):
        raise UserInputError("A criterion to join by has a column on one side only.", todo="Choose both in KNIME.")
    before = [[ROW_ID if name == "$RowID$" else name for name in side] for side in (left, right)]
    return tuple(zip(*before, strict=True))


def _column(criterion: Mapping[str, Any], side: str) -> str:
    name, special = chosen(criterion, side)
    if special == "ROW_ID":
        return ROW_ID
    if special or not name:
        raise UserInputError(f"A column to join by is missing ({side}).", todo="Choose it in KNIME.")
    return name


def _filter(parameters: Mapping[str, Any], name: str) -> NameFilter:
    """The columns of a side that are put out; KNIME before 5.5 stores them as most nodes do."""
    if name in parameters and f"{name}V2" not in parameters:
        return NameFilter.from_model(model.group(parameters, name))
    return NameFilter.from_modern(model.group(parameters, f"{name}V2"))


def _check_row_ids(settings: JoinerSettings) -> None:
    if settings.row_ids != "KEEP_ROWID":
        return
    matches, *unmatched = settings.parts
    if (matches and (ROW_ID, ROW_ID) not in settings.criteria) or (all(unmatched) and not settings.separate):
        raise UserInputError(
            "Row IDs can be kept only if rows are joined by them, and unmatched rows of one table only are added.",
            todo="Choose other row IDs in KNIME.",
        )


def _row_ids(
    settings: JoinerSettings, left: pa.Table, right: pa.Table, in_left: Indices, in_right: Indices
) -> pa.Array:
    if settings.row_ids == "SEQUENTIAL":
        return numbered(len(in_left))
    ids = [table.column(0).to_pylist() for table in (left, right)]
    pairs = [
        (None if i == MISSING else ids[0][i], None if j == MISSING else ids[1][j])
        for i, j in zip(in_left.tolist(), in_right.tolist(), strict=True)
    ]
    if settings.row_ids == "KEEP_ROWID":
        return pa.array([i if i is not None else j for i, j in pairs], pa.string())
    return pa.array([settings.separator.join("?" if i is None else i for i in pair) for pair in pairs], pa.string())


def _parts(
    settings: JoinerSettings, left: pa.Table, right: pa.Table, in_left: Indices, in_right: Indices
) -> list[Part]:
    """The columns: those of the left table, and those of the right one that are not merged into them."""
    left_names, right_names = settings.left.columns(left), settings.right.columns(right)
    partners = {
        name: [other for own, other in settings.criteria if own == name and other != ROW_ID]
        for name in left.column_names[1:]
    }
    parts, taken = [], set(left_names if not settings.merges else ())
    for name in left.column_names[1:]:
        merged = partners[name] if settings.merges else []
        if name not in left_names and not any(other in right_names for other in merged):
            continue
        shown = name if not merged or name in merged else "=".join([name, *merged])
        if merged and shown != name:
            shown = _unused(shown, taken, settings)
        taken.add(shown)
        if merged and MISSING in in_left:
            parts.append(Part(pa.table({shown: _merged(name, merged, left, right, in_left, in_right)})))
        else:
            parts.append(Part(pa.table({shown: left.column(name)}), in_left))
    covered = {other for _, other in settings.criteria} if settings.merges else set()
    for name in right_names:
        if name not in covered:
            shown = _unused(name, taken, settings)
            taken.add(shown)
            parts.append(Part(pa.table({shown: right.column(name)}), in_right))
    return parts


def _unused(name: str, taken: set[str], settings: JoinerSettings) -> str:
    while name in taken:
        if settings.suffix is None:
            raise UserInputError(f"Both tables have a column {name!r}.", todo="Rename it, or append a suffix.")
        name += settings.suffix
    return name


def _merged(
    name: str, others: Sequence[str], left: pa.Table, right: pa.Table, in_left: Indices, in_right: Indices
) -> pa.Array:
    """The cells of the left column, and for rows without one, what all its partners on the right agree upon."""
    kind = left.column(name).type
    if any(right.column(other).type != kind for other in others):
        raise UserInputError(
            f"The column {name!r} cannot be merged with {', '.join(map(repr, others))}, which is of another type.",
            todo="Do not merge the columns, or convert one of them.",
        )
    own, partners = left.column(name).to_pylist(), [right.column(other).to_pylist() for other in others]
    cells = []
    for i, j in zip(in_left.tolist(), in_right.tolist(), strict=True):
        if i != MISSING:
            cells.append(own[i])
        else:
            agreed = {key(column[j]): column[j] for column in partners}
            cells.append(agreed.popitem()[1] if len(agreed) == 1 else None)
    return pa.array(cells, kind)
