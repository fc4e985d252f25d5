"""Schemas: names and types of a table's columns. Selections are views, which are resolved when they are used."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from knime.extension.types import KnimeType, logical


class Column:
    """A column of a schema.

    Parameters
    ----------
    ktype : the type of its cells; a Python class stands for its logical type.
    name : not empty.
    metadata : what KNIME tells of the column.

    Raises
    ------
    TypeError : the type is none, or the name is no text.
    ValueError : the name is empty.
    """

    def __init__(self, ktype: KnimeType | type, name: str, metadata: Mapping[str, Any] | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"The name of a column is a text, not {type(name)}.")
        if not name.strip():
            raise ValueError("The name of a column is not empty.")
        self.ktype = ktype if isinstance(ktype, KnimeType) else logical(ktype)
        self.name = name
        self.metadata = metadata

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyView):
            other = other.get()
        return isinstance(other, Column) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        metadata = "" if self.metadata is None else f", {self.metadata}"
        return f"Column<'{self.name}', {self.ktype}{metadata}>"


class Columnar(ABC):
    """Something with columns, of which others can be selected, added and removed."""

    @property
    @abstractmethod
    def column_names(self) -> list[str]:
        """The names of the columns."""

    @property
    @abstractmethod
    def num_columns(self) -> int:
        """How many columns there are."""

    @abstractmethod
    def _view(self, operation: Callable[[Any], Any]) -> "LazyView":
        """A view of this that is made by `operation` when needed."""

    def __getitem__(self, selection: int | str | slice | Sequence[int] | Sequence[str]) -> "LazyView":
        if isinstance(selection, int) and selection >= self.num_columns:
            raise IndexError(f"There is no column {selection}, there are {self.num_columns} columns.")
        return self._view(lambda whole: whole._select_columns(selection))

    def append(self, other: Any) -> "LazyView":
        """This with more columns at the end: a column, a list of columns, a schema, or a view of these."""
        return self._view(lambda whole: whole._append(resolve(other)))

    def insert(self, other: Any, at: int) -> "LazyView":
        """This with more columns before the column with the index `at`."""
        count, added = self.num_columns, 1 if isinstance(resolve(other), Column) else other.num_columns
        order = list(range(count))
        order[at:at] = range(count, count + added)
        return self.append(other)[order]

    def remove(self, selection: int | str | list[str]) -> "LazyView":
        """This without columns: of an index, of a name, or of several names.

        Raises
        ------
        ValueError : there is no column of such a name.
        IndexError : there is no column of such an index.
        TypeError : the selection is something else.
        """
        names = list(self.column_names)
        if isinstance(selection, str):
            names.remove(selection)
        elif isinstance(selection, list):
            unknown = [name for name in selection if name not in names]
            if unknown:
                raise ValueError(f"There are no columns {unknown}, there are {names}.")
            names = [name for name in names if name not in selection]
        elif isinstance(selection, int):
            if not 0 <= selection < len(names):
                raise IndexError(f"There is no column {selection}, there are {len(names)} columns.")
            del names[selection]
        else:
            raise TypeError(f"Columns are removed by index, name or names, not by {type(selection)}.")
        return LazyView(self, lambda whole: whole._select_columns(names))


class LazyView(Columnar):
    """A selection of something with columns; `get` makes it, and so does every use."""

    def __init__(self, source: Columnar, operation: Callable[[Any], Any]) -> None:
        self._source, self._operation = source, operation
        self._result: Any = None

    def get(self) -> Any:
        """What was selected: a schema, a column or a table."""
        if self._result is None:
            self._result = self._operation(resolve(self._source))
        return self._result

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.get().column_names
        return names

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        count: int = self.get().num_columns
        return count

    def _view(self, operation: Callable[[Any], Any]) -> "LazyView":
        return type(self)(self, operation)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by copy and pickle before there is a source
            raise AttributeError(name)
        return getattr(self.get(), name)

    def __eq__(self, other: object) -> bool:
        return bool(self.get() == resolve(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"View of {self.get()}"


def resolve(value: Any) -> Any:
    """What a view stands for, anything else as it is."""
    return value.get() if isinstance(value, LazyView) else value


class Schema(Columnar):
    """Names and types of the columns of a table, without the row ID.

    Parameters
    ----------
    ktypes : of the columns, see `Column`.
    names : of the columns.
    metadata : of the columns, or None.

    Raises
    ------
    TypeError : types or names are no sequences of such.
    ValueError : they are not equally many.
    """

    def __init__(
        self,
        ktypes: Sequence[KnimeType | type],
        names: Sequence[str],
        metadata: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> None:
        if not isinstance(ktypes, Sequence):
            raise TypeError(f"The types of a schema are a sequence, not {type(ktypes)}.")
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"The names of a schema are a sequence of texts, not {names!r}.")
        metadata = [None] * len(ktypes) if metadata is None else metadata
        if not len(ktypes) == len(names) == len(metadata):
            raise ValueError(f"There are {len(ktypes)} types, {len(names)} names and {len(metadata)} metadata.")
        self._columns = [Column(t, n, m) for t, n, m in zip(ktypes, names, metadata, strict=True)]

    @classmethod
    def from_columns(cls, columns: Sequence[Column] | Column) -> Self:
        """A schema of one column or several.

        Raises
        ------
        TypeError : one of them is no column.
        """
        columns = [columns] if isinstance(columns, Column) else list(columns)
        for column in columns:
            if not isinstance(column, Column):
                raise TypeError(f"A schema is made of columns, not of {type(column)}.")
        return cls([c.ktype for c in columns], [c.name for c in columns], [c.metadata for c in columns])

    @classmethod
    def from_types(
        cls,
        ktypes: Sequence[KnimeType | type],
        names: Sequence[str],
        metadata: Sequence[Mapping[str, Any] | None] | None = None,
    ) -> Self:
        """A schema of types and names."""
        return cls(ktypes, names, metadata)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self._columns]

    @property
    def ktypes(self) -> list[KnimeType]:
        """The types of the columns."""
        return [column.ktype for column in self._columns]

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def __contains__(self, column: object) -> bool:
        column = resolve(column)
        return (column.name if isinstance(column, Column) else column) in self.column_names

    def __eq__(self, other: object) -> bool:
        other = resolve(other)
        return isinstance(other, Schema) and self._columns == other._columns

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "Schema<\n\t" + ",\n\t".join(map(str, self._columns)) + ">"

    __repr__ = __str__

    def _view(self, operation: Callable[[Any], Any]) -> LazyView:
        return LazyView(self, operation)

    def _select_columns(self, selection: Any) -> "Column | Schema":
        if isinstance(selection, str):
            return self._columns[self._index(selection)]
        if isinstance(selection, int):
            return self._columns[selection]
        if isinstance(selection, slice):
            return Schema.from_columns(self._columns[selection])
        if isinstance(selection, list):
            return Schema.from_columns([self._columns[self._index(column)] for column in selection])
        raise TypeError(f"Columns are selected by index, name, slice or a list, not by {type(selection)}.")

    def _index(self, column: Any) -> int:
        if isinstance(column, str) and column in self.column_names:
            return self.column_names.index(column)
        if isinstance(column, int) and 0 <= column < len(self._columns):
            return column
        raise IndexError(f"There is no column {column!r}, there are {self.column_names}.")

    def _append(self, other: Any) -> "Schema":
        if isinstance(other, Column):
            return Schema.from_columns([*self._columns, other])
        if isinstance(other, Schema | Sequence):
            return Schema.from_columns([*self._columns, *other])
        raise TypeError(f"Columns, lists of columns and schemas can be appended to a schema, not {type(other)}.")


_DISPLAYED = {"null": "?"}


def as_in_knime(schema: Schema) -> Schema:
    """The schema with the metadata that KNIME gives to the columns of a node's input.

    Raises
    ------
    ValueError : two columns have the same name.
    """
    names = schema.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"Several columns have the name {twice[0]!r}. The names of a table's columns must differ.")
    metadata = [
        {
            "preferred_value_type": ktype.preferred_value_type,
            "displayed_column_type": "List"
            if str(ktype).startswith("List")
            else "?"
            if str(ktype) == "null"
            else str(ktype),
        }
        for ktype in schema.ktypes
    ]
    return Schema(schema.ktypes, names, metadata)
