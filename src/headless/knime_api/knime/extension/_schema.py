"""Names and types of the columns of a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from knime.extension._columnar import Columnar, Lazy
from knime.extension._kinds import KnimeType, logical


class Column:
    """A column without its values.

    Parameters
    ----------
    ktype : its type, or a Python class that there are cells for.
    name : its name.
    metadata : anything that goes with it.
    """

    def __init__(self, ktype: KnimeType | type, name: str, metadata: Any = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"The name of a column is text, not {type(name).__name__}.")
        if not name.strip():
            raise ValueError("A column needs a name.")
        self.ktype = ktype if isinstance(ktype, KnimeType) else logical(ktype)
        self.name, self.metadata = name, metadata

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Lazy):
            other = other.get()
        mine = (self.ktype, self.name, self.metadata)
        return isinstance(other, Column) and mine == (other.ktype, other.name, other.metadata)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"Column<{self.name!r}, {self.ktype}>"


class Schema(Columnar):
    """The columns of a table without their values.

    Parameters
    ----------
    ktypes, names, metadata : one per column.
    """

    def __init__(
        self, ktypes: Sequence[KnimeType | type], names: Sequence[str], metadata: Sequence[Any] | None = None
    ) -> None:
        if len(ktypes) != len(names):
            raise ValueError(f"There are {len(ktypes)} types for {len(names)} names.")
        if metadata is not None and len(metadata) != len(names):
            raise ValueError(f"There are {len(metadata)} metadata for {len(names)} names.")
        extra = metadata or [None] * len(names)
        self._columns = [Column(k, n, m) for k, n, m in zip(ktypes, names, extra, strict=True)]

    @classmethod
    def from_columns(cls, columns: Sequence[Column] | Column) -> "Schema":
        """The schema of some columns."""
        columns = [columns] if isinstance(columns, Column) else [c.get() if isinstance(c, Lazy) else c for c in columns]
        for column in columns:
            if not isinstance(column, Column):
                raise TypeError(f"A schema is made of columns, not of {type(column).__name__}.")
        return cls([c.ktype for c in columns], [c.name for c in columns], [c.metadata for c in columns])

    @classmethod
    def from_types(
        cls, ktypes: Sequence[KnimeType | type], names: Sequence[str], metadata: Sequence[Any] | None = None
    ) -> "Schema":
        """The same as the constructor."""
        return cls(ktypes, names, metadata)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in their order."""
        return [column.name for column in self._columns]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def __contains__(self, item: object) -> bool:
        return (item.name if isinstance(item, Column) else item) in self.column_names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self._columns == other._columns

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "Schema<\n\t" + ",\n\t".join(map(str, self._columns)) + ">"

    __repr__ = __str__

    def _select(self, indices: list[int], single: bool) -> Any:
        return self._columns[indices[0]] if single else Schema.from_columns([self._columns[i] for i in indices])

    def _insert(self, other: Any, at: int) -> "Schema":
        added = [other] if isinstance(other, Column) else list(other)
        return Schema.from_columns([*self._columns[:at], *added, *self._columns[at:]])
