"""Which columns or flow variables a node takes: chosen by hand, by a pattern of their names, or by their types."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from headless.knime_nodes import model
from headless.knime_nodes.patterns import compiled
from headless.knime_nodes.types import value_class


@dataclasses.dataclass(frozen=True)
class NameFilter:
    """A filter of names.

    mode : "names", "wildcard", "regex" or "types".
    included, excluded : the names that were chosen, and those that were not.
    takes_unknown : whether a name is taken that is in neither.
    pattern, case_sensitive, inverted : of the names that are taken, or, inverted, left out.
    types : KNIME's value classes of the columns that are taken.
    """

    mode: str
    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    takes_unknown: bool = False
    pattern: str = ""
    case_sensitive: bool = True
    inverted: bool = False
    types: frozenset[str] = frozenset()

    @classmethod
    def from_model(cls, stored: Mapping[str, Any], what: str = "columns") -> "NameFilter":
        """The filter as most nodes store it.

        Raises
        ------
        UserInputError : a key is missing, the pattern is none, or the kind of filter is unknown.
        """
        kinds = ("STANDARD", "name_pattern", "datatype") if what == "columns" else ("STANDARD", "name_pattern")
        kind = model.one_of(stored, "filter-type", kinds)
        if kind == "datatype":
            chosen = model.group(model.group(stored, "datatype"), "typelist")
            return cls("types", types=frozenset(name for name, is_taken in chosen.items() if is_taken is True))
        if kind == "STANDARD":
            option = model.one_of(stored, "enforce_option", ("EnforceInclusion", "EnforceExclusion"))
            return cls(
                "names",
                frozenset(model.elements(stored, "included_names", str)),
                frozenset(model.elements(stored, "excluded_names", str)),
                option == "EnforceExclusion",
            )
        stored = model.group(stored, "name_pattern")
        return cls(
            model.one_of(stored, "type", ("Wildcard", "Regex")).lower(),
            pattern=model.text(stored, "pattern"),
            case_sensitive=model.flag(stored, "caseSensitive"),
            inverted=model.flag(stored, "excludeMatching", default=False),
        )._checked()

    @classmethod
    def from_modern(cls, stored: Mapping[str, Any]) -> "NameFilter":
        """The filter as nodes with a dialog of the newer kind store it.

        Raises
        ------
        UserInputError : a key is missing, the pattern is none, or the kind of filter is unknown.
        """
        mode = model.one_of(stored, "mode", ("MANUAL", "WILDCARD", "REGEX", "TYPE"))
        if mode == "MANUAL":
            names = model.group(stored, "manualFilter")
            return cls(
                "names",
                frozenset(model.elements(names, "manuallySelected", str)),
                frozenset(model.elements(names, "manuallyDeselected", str)),
                model.flag(names, "includeUnknownColumns"),
            )
        if mode == "TYPE":
            return cls(
                "types", types=frozenset(model.elements(model.group(stored, "typeFilter"), "selectedTypes", str))
            )
        pattern = model.group(stored, "patternFilter")
        return cls(
            mode.lower(),
            pattern=model.text(pattern, "pattern"),
            case_sensitive=model.flag(pattern, "isCaseSensitive"),
            inverted=model.flag(pattern, "isInverted"),
        )._checked()

    def chosen(self, names: Sequence[str], types: Sequence[pa.DataType] = ()) -> list[str]:
        """Those of the names that are taken, in their order; `types` are needed by a filter of types only."""
        if self.mode == "types":
            return [name for name, kind in zip(names, types, strict=True) if value_class(kind) in self.types]
        if self.mode == "names":
            return [
                name for name in names if name in self.included or (self.takes_unknown and name not in self.excluded)
            ]
        pattern = self._compiled()
        return [name for name in names if (pattern.fullmatch(name) is None) == self.inverted]

    def columns(self, table: pa.Table) -> list[str]:
        """The columns of a table that are taken; its row ID is none."""
        return self.chosen(table.column_names[1:], table.schema.types[1:])

    def _compiled(self) -> re.Pattern[str]:
        return compiled(self.pattern, is_regex=self.mode == "regex", case_sensitive=self.case_sensitive)

    def _checked(self) -> "NameFilter":
        self._compiled()
        return self
