"""The criteria of KNIME's Row Filter and Row Splitter."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import UserInputError
from headless.knime_nodes import model
from headless.knime_nodes.base import require_columns
from headless.knime_nodes.cells import caseless, key
from headless.knime_nodes.choices import chosen
from headless.knime_nodes.patterns import compiled
from headless.knime_nodes.types import is_number

Mask: TypeAlias = npt.NDArray[np.bool_]
Scalar: TypeAlias = str | int | float

_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "EQ": np.equal,
    "NEQ": np.not_equal,
    "NEQ_MISS": np.not_equal,
    "LT": np.less,
    "LTE": np.less_equal,
    "GT": np.greater,
    "GTE": np.greater_equal,
}
_EQUALITY = ("EQ", "NEQ", "NEQ_MISS")
_PATTERNS = ("REGEX", "WILDCARD")
_PARTS = ("FIRST_N_ROWS", "LAST_N_ROWS")
_WITHOUT_VALUE = ("IS_MISSING", "IS_NOT_MISSING", "IS_TRUE", "IS_FALSE")
_NEWER = "filterValueParameters"
_OPERATORS = (*_COMPARED, *_PATTERNS, *_PARTS, *_WITHOUT_VALUE)


@dataclasses.dataclass(frozen=True)
class Criterion:
    """What is asked of a row.

    column : its name; "" for the row ID or the number of the row.
    special : "ROW_ID" or "ROW_NUMBER" in place of a column, else "".
    operator : KNIME's name of it.
    value : what is compared with; None for operators without.
    by_number : whether fractions are equal as numbers are, so that NaN equals nothing; not as cells are.
    """

    column: str
    special: str
    operator: str
    value: Scalar | None
    case_sensitive: bool
    by_number: bool

    @classmethod
    def from_model(cls, stored: Mapping[str, Any]) -> "Criterion":
        """The criterion as any KNIME since 5.3 stores it.

        Raises
        ------
        UserInputError : a key is missing, or the criterion can be run by KNIME only.
        """
        column, special = chosen(stored, "column")
        operator = model.one_of(stored, "operator", _OPERATORS)
        if special not in ("", "ROW_ID", "ROW_NUMBER") or not (column or special):
            raise model.only_knime(f"column = {special or column!r}")
        value, case_sensitive = (None, True) if operator in _WITHOUT_VALUE else _value(stored)
        criterion = cls(column, special, operator, value, case_sensitive, _NEWER in stored)
        criterion._check()
        return criterion

    def matches(self, table: pa.Table) -> Mask:
        """Which rows do; N.

        Raises
        ------
        UserInputError : there is no such column, or the operator does not fit its type.
        """
        if self.special == "ROW_NUMBER":
            return self._of_numbers(np.arange(1, table.num_rows + 1))
        if self.special == "ROW_ID":
            return self._of_texts(table.column(0).to_pylist())
        require_columns(table, [self.column])
        column = table.column(self.column)
        missing = np.asarray(column.is_null())
        if self.operator in ("IS_MISSING", "IS_NOT_MISSING"):
            return np.asarray(missing == (self.operator == "IS_MISSING"), bool)
        return np.asarray(np.where(missing, self.operator == "NEQ_MISS", self._of_cells(column)), bool)

    def _check(self) -> None:
        is_text = isinstance(self.value, str)
        fits = {
            "ROW_ID": self.operator in (*_EQUALITY, *_PATTERNS) and is_text,
            "ROW_NUMBER": (self.operator in (*_COMPARED, *_PARTS) and isinstance(self.value, int))
            or (self.operator in _PATTERNS and is_text),
            "": self.operator not in _PARTS,
        }
        if not fits[self.special]:
            raise UserInputError(
                f"The operator {self.operator} with the value {self.value!r} does not fit "
                f"{self.special.replace('_', ' ').lower() or f'column {self.column!r}'}."
            )
        if self.special == "ROW_NUMBER" and isinstance(self.value, int) and self.value < (self.operator not in _PARTS):
            raise UserInputError(f"There is no row number {self.value}.")
        if self.operator in _PATTERNS:
            self._pattern()

    def _of_numbers(self, numbers: npt.NDArray[np.int64]) -> Mask:
        if self.operator in _PATTERNS:
            return self._of_texts([str(number) for number in numbers])
        assert isinstance(self.value, int)
        if self.operator == "FIRST_N_ROWS":
            return numbers <= self.value
        if self.operator == "LAST_N_ROWS":
            return numbers > len(numbers) - self.value
        return np.asarray(_COMPARED[self.operator](numbers, self.value), bool)

    def _of_cells(self, column: pa.ChunkedArray) -> Mask:
        kind = column.type
        if pa.types.is_boolean(kind) and self.operator in ("IS_TRUE", "IS_FALSE"):
            return np.asarray(np.asarray(column.fill_null(False), bool) == (self.operator == "IS_TRUE"), bool)
        if kind == pa.string() and self.operator in (*_EQUALITY, *_PATTERNS) and isinstance(self.value, str):
            return self._of_texts(column.fill_null("").to_pylist())
        if pa.types.is_integer(kind) and self.operator in _PATTERNS and isinstance(self.value, str):
            return self._of_texts([str(cell) for cell in column.fill_null(0).to_pylist()])
        if is_number(kind) and self.operator in _COMPARED and self._compares_with(kind):
            return self._compared(np.asarray(column.fill_null(0)))
        raise UserInputError(
            f"The operator {self.operator} with the value {self.value!r} does not fit the column {self.column!r}, "
            f"which is of the type {kind}.",
            todo="Open the node's dialog in KNIME and choose the value again.",
        )

    def _compares_with(self, kind: pa.DataType) -> bool:
        if isinstance(self.value, int):
            return kind != pa.float64() or abs(self.value) < 2**31
        return isinstance(self.value, float) and kind != pa.int64()

    def _compared(self, numbers: npt.NDArray[Any]) -> Mask:
        value = self.value
        if numbers.dtype == np.float64 or isinstance(value, float):
            assert isinstance(value, int | float)
            if not (self.by_number and self.operator in _EQUALITY):
                numbers, value = np.array([key(float(number)) for number in numbers], np.int64), key(float(value))
        return np.asarray(_COMPARED[self.operator](numbers, value), bool)

    def _of_texts(self, texts: list[str]) -> Mask:
        assert isinstance(self.value, str)
        if self.operator in _PATTERNS:
            pattern = self._pattern()
            return np.array([pattern.fullmatch(text) is not None for text in texts], bool)
        wanted = self.value if self.case_sensitive else caseless(self.value)
        found = np.array([(text if self.case_sensitive else caseless(text)) == wanted for text in texts], bool)
        return np.asarray(found == (self.operator == "EQ"), bool)

    def _pattern(self) -> re.Pattern[str]:
        sensitive = self.case_sensitive and self.special != "ROW_NUMBER"
        if not isinstance(self.value, str):
            raise UserInputError(f"{self.value!r} is no pattern.")
        return compiled(self.value, is_regex=self.operator == "REGEX", case_sensitive=sensitive, of_cells=True)


def _value(stored: Mapping[str, Any]) -> tuple[Scalar, bool]:
    """What is compared with, and whether case counts; before KNIME 5.10 stored with its type."""
    if _NEWER in stored:
        values = model.group(stored, _NEWER)
        if "legacySettings" in values:
            raise UserInputError(
                "The criterion is stored in a form in which only KNIME can read what an older version has saved.",
                todo="Open the node's dialog in KNIME once and save the workflow.",
            )
        value = values.get("pattern", values.get("value"))
        sensitive = model.one_of(values, "caseSensitivity", ("CASE_SENSITIVE", "CASE_INSENSITIVE"), "CASE_SENSITIVE")
        is_sensitive = sensitive == "CASE_SENSITIVE"
    else:
        dynamic = model.group(stored, "predicateValues")
        model.one_of(dynamic, "inputKind", ("SINGLE",))
        cells = model.elements(dynamic, "values", dict)
        if len(cells) != 1:
            raise model.only_knime(f"predicateValues with {len(cells)} values")
        value = cells[0].get("value")
        is_sensitive = True
        if "stringCaseMatching" in cells[0]:
            case = model.group(cells[0], "stringCaseMatching")
            is_sensitive = model.one_of(case, "caseMatching", ("CASESENSITIVE", "CASEINSENSITIVE")) == "CASESENSITIVE"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UserInputError("The value to compare with is missing.", todo="Open the node's dialog in KNIME.")
    return value, is_sensitive


@dataclasses.dataclass(frozen=True)
class RowCriteria:
    """What rows must fulfil: all criteria, or any one of them. Inverted, the rows are meant that do not."""

    criteria: tuple[Criterion, ...]
    needs_all: bool
    inverted: bool

    @classmethod
    def from_model(cls, stored: Mapping[str, Any]) -> "RowCriteria":
        """The criteria as stored.

        Raises
        ------
        UserInputError : a key is missing, or a criterion can be run by KNIME only.
        """
        criteria = tuple(Criterion.from_model(criterion) for criterion in model.elements(stored, "predicates", dict))
        if not criteria:
            raise UserInputError("There is no criterion.", todo="Add one in KNIME.")
        needs_all = model.one_of(stored, "matchCriteria", ("AND", "OR")) == "AND"
        return cls(criteria, needs_all, model.one_of(stored, "outputMode", ("MATCHING", "NON_MATCHING")) != "MATCHING")

    def chosen(self, table: pa.Table) -> Mask:
        """Which rows are meant; N.

        Raises
        ------
        UserInputError : a criterion does not fit the table.
        """
        masks = [criterion.matches(table) for criterion in self.criteria]
        together = np.logical_and.reduce(masks) if self.needs_all else np.logical_or.reduce(masks)
        return np.asarray(together != self.inverted, bool)
