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
from headless.knime_nodes.aggregation import METHODS, VARIANTS, Limits, Method, aggregate
from headless.knime_nodes.base import KnimeNode, require_columns
from headless.knime_nodes.cells import key
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

    columns : those whose values make the groups, which are sorted by the first of them, then by the second, ...
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
        for others in ("patternAggregators", "dataTypeAggregators"):
            if any(name != "array-size" and content for name, content in model.group(parameters, others).items()):
                raise model.only_knime(others)
        settings = GroupBySettings(
            tuple(dict.fromkeys(model.elements(model.group(parameters, "grouByColumns"), "InclList", str))),
            tuple(_aggregations(parameters)),
            Limits(model.whole(parameters, "maxNoneNumericalVals"), model.text(parameters, "valueDelimiter")),
            model.flag(parameters, "retainOrder") or model.flag(parameters, "inMemory"),
            _NAMES[model.one_of(parameters, "columnNamePolicy", _NAMES)],
        )
        if not settings.columns and not settings.aggregations:
            raise UserInputError("There is neither a group column nor an aggregation.", todo="Choose one in KNIME.")
        _check_twice(settings)
        return settings

    def execute(self, settings: GroupBySettings, inputs: Sequence[pa.Table], context: Context) -> Sequence[TableOutput]:
        """The table of groups."""
        (table,) = inputs
        require_columns(table, settings.columns)
        groups = _groups(table, settings.columns, settings.keeps_order)
        first = np.array([rows[0] for rows in groups], np.int64)
        parts = [Part(table.select(settings.columns), first)]
        names = set(settings.columns)
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


def _aggregations(parameters: Mapping[str, Any]) -> list[Aggregation]:
    stored = model.group(parameters, "aggregationColumn")
    columns, types = model.elements(stored, "columnNames", str), model.elements(stored, "columnTypes", dict)
    methods = model.elements(stored, "aggregationMethod", str)
    includes = model.elements(stored, "inclMissingVals", bool)
    if len({len(columns), len(types), len(methods), len(includes)}) > 1:
        raise UserInputError("The lists of the setting 'aggregationColumn' are of different lengths.")
    return [
        Aggregation(column, str(kind.get("cell_class") or ""), _method(method, column, parameters), include)
        for column, kind, method, include in zip(columns, types, methods, includes, strict=True)
    ]


def _method(name: str, column: str, parameters: Mapping[str, Any]) -> Method:
    if name not in METHODS:
        raise model.only_knime(f"aggregation method {name!r} of the column {column!r}")
    if name not in VARIANTS or "aggregationOperatorSettings" not in parameters:
        return METHODS[name]
    more, place = model.group(parameters, "aggregationOperatorSettings"), f"{name}_{column}"
    if place not in more:
        return METHODS[name]
    setting, variants = VARIANTS[name]
    return variants[model.one_of(model.group(more, place), setting, variants)]


def _check_twice(settings: GroupBySettings) -> None:
    """See that no aggregation is asked for twice, nor two results under the name of one column."""
    seen = set()
    for aggregation in settings.aggregations:
        column, method = aggregation.column, aggregation.method.label
        keeps_name = settings.name == "{column}"
        result = (column,) if keeps_name else (column, method, aggregation.includes_missing)
        if result in seen:
            how = ", and keeps its name" if keeps_name else f" by {method}"
            raise UserInputError(
                f"The column {column!r} is aggregated twice{how}.",
                todo="Remove one of both in KNIME, or choose other names for the new columns.",
            )
        seen.add(result)


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
    if kind == pa.float64():
        plain = pa.chunked_array([[key(value) for value in column.to_pylist()]], pa.int64())
    values = plain.combine_chunks().dictionary_encode()
    values = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    ascending = np.asarray(pc.sort_indices(values.dictionary))
    ranks = np.empty(len(ascending), np.int64)
    ranks[ascending] = np.arange(1, len(ascending) + 1)
    indices = np.asarray(values.indices.fill_null(MISSING), np.int64)
    return np.where(indices == MISSING, 0, ranks[indices] if len(ranks) else 0)
