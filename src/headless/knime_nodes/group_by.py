"""KNIME's GroupBy."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import UserInputError
from headless.backend import Context, TableOutput
from headless.knime_nodes import model
from headless.knime_nodes.aggregation import METHODS, Limits, Method, aggregate
from headless.knime_nodes.base import KnimeNode, require_columns
from headless.knime_nodes.names import unused
from headless.knime_nodes.polling import polled
from headless.knime_nodes.rows import MISSING, Indices, Part, numbered, write_rows
from headless.knime_nodes.types import fits_cell_class

_NAMES = {
    "Keep original name(s)": "{column}",
    "Aggregation method (column name)": "{method}({column})",
    "Column name (aggregation method)": "{column} ({method})",
}


@dataclasses.dataclass(frozen=True)
class Aggregation:
    """One column to aggregate.

    cell_class : KNIME's class of cells that the column had when it was chosen; "" for any.
    """

    column: str
    cell_class: str
    method: Method
    includes_missing: bool


@dataclasses.dataclass(frozen=True)
class GroupBySettings:
    """What groups are made of, and what becomes of each.

    keeps_order : whether groups come in the order of their first rows, not sorted.
    name : of new columns, with {column} and {method}.
    """

    columns: tuple[str, ...]
    aggregations: tuple[Aggregation, ...]
    limits: Limits
    keeps_order: bool
    name: str


class GroupBy(KnimeNode[GroupBySettings]):
    """Makes one row of all rows that have the same values in some columns."""

    factory = "org.knime.base.node.preproc.groupby.GroupByNodeFactory"
    output_names = ("Group table",)

    def read(self, parameters: Mapping[str, Any]) -> GroupBySettings:
        """The settings."""
        for key in ("patternAggregators", "dataTypeAggregators"):
            if any(name != "array-size" and content for name, content in model.group(parameters, key).items()):
                raise model.only_knime(key)
        settings = GroupBySettings(
            tuple(model.elements(model.group(parameters, "grouByColumns"), "InclList")),
            tuple(_aggregations(model.group(parameters, "aggregationColumn"))),
            Limits(model.whole(parameters, "maxNoneNumericalVals"), model.text(parameters, "valueDelimiter")),
            model.flag(parameters, "retainOrder") or model.flag(parameters, "inMemory"),
            _NAMES[model.one_of(parameters, "columnNamePolicy", _NAMES)],
        )
        if not settings.columns and not settings.aggregations:
            raise UserInputError("There is neither a group column nor an aggregation.", todo="Choose one in KNIME.")
        return settings

    def execute(self, settings: GroupBySettings, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """The table of groups."""
        (table,) = inputs
        require_columns(table, settings.columns)
        by = [name for name in table.column_names[1:] if name in settings.columns]
        groups = _groups(table, by, settings.keeps_order)
        first = np.array([rows[0] for rows in groups], np.int64)
        parts = [Part(table.select(by), first)]
        names = set(by)
        for aggregation in settings.aggregations:
            name = aggregation.column
            if name not in table.column_names[1:] or not fits_cell_class(
                table.column(name).type, aggregation.cell_class
            ):
                context.warnings.append(f"The column {name!r} is not there, or of another type: it is not aggregated.")
                continue
            column, method = table.column(name), aggregation.method
            method.check(name, column.type)
            shown = polled(groups, context.is_canceled)
            results, gave_up = aggregate(method, column, shown, not aggregation.includes_missing, settings.limits)
            if gave_up:
                context.warnings.append(f"{method.label} of {name!r} is missing where a group holds too much for it.")
            label = unused(settings.name.format(column=name, method=method.label), names, "{name}_{number}")
            names.add(label)
            if method.picks:
                parts.append(Part(pa.table({label: column}), np.array(results, np.int64)))
            else:
                parts.append(Part(pa.table({label: pa.array(results, method.result(column.type))})))
        return [write_rows(numbered(len(groups)), parts, context)]


def _aggregations(stored: Mapping[str, Any]) -> list[Aggregation]:
    columns = model.elements(stored, "columnNames")
    types, methods = model.elements(stored, "columnTypes"), model.elements(stored, "aggregationMethod")
    includes = model.elements(stored, "inclMissingVals")
    for column, method in zip(columns, methods, strict=True):
        if method not in METHODS:
            raise model.only_knime(f"aggregation method {method!r} of the column {column!r}")
    return [
        Aggregation(column, str(kind.get("cell_class") or ""), METHODS[method], include)
        for column, kind, method, include in zip(columns, types, methods, includes, strict=True)
    ]


def _groups(table: pa.Table, by: Sequence[str], keeps_order: bool) -> list[Indices]:
    """Per group the indices of its rows, in their order; sorted by the columns, missing cells first."""
    if table.num_rows == 0:
        return []
    codes = np.zeros((table.num_rows, len(by)), np.int64)
    for i, name in enumerate(by):
        codes[:, i] = _ranks(name, table.column(name))
    _, first, group = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    if keeps_order:
        group = np.argsort(np.argsort(first))[group]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _ranks(name: str, column: pa.ChunkedArray) -> Indices:
    """A number per cell, equal for equal cells, larger for larger ones, 0 for missing ones."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind):
        raise UserInputError(f"The column {name!r} is of type {kind}, by which rows cannot be grouped here.")
    if pa.types.is_null(kind):
        return np.zeros(len(column), np.int64)
    plain = pc.cast(column, pa.int32()) if pa.types.is_boolean(kind) else column
    values = plain.combine_chunks().dictionary_encode()
    values = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    ascending = np.asarray(pc.sort_indices(values.dictionary))
    ranks = np.empty(len(ascending), np.int64)
    ranks[ascending] = np.arange(1, len(ascending) + 1)
    indices = np.asarray(values.indices.fill_null(MISSING), np.int64)
    return np.where(indices == MISSING, 0, ranks[indices] if len(ranks) else 0)
