"""What tables and their schemas have in common: columns are chosen by name or number, lazily."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class Columnar(ABC):
    """Something with named columns. Operations give a view; what is wrong with them shows when the view is used."""

    @property
    @abstractmethod
    def column_names(self) -> list[str]:
        """Names of the columns, in their order."""

    @property
    def num_columns(self) -> int:
        """Number of columns."""
        return len(self.column_names)

    @abstractmethod
    def _select(self, indices: list[int], single: bool) -> Any:
        """The columns at some places; `single`: one column was asked for, not a list of one."""

    @abstractmethod
    def _insert(self, other: Any, at: int) -> Any:
        """With other columns put in."""

    def __getitem__(self, key: Any) -> Any:
        return View(self, key)

    def insert(self, other: Any, at: int) -> Any:
        """A view with columns put in before the column number `at`."""
        return Inserted(self, other, at)

    def append(self, other: Any) -> Any:
        """A view with columns put in behind the last."""
        return Inserted(self, other, None)

    def remove(self, slicing: Any) -> Any:
        """A view without some columns, given by name, number or a list of these.

        Raises
        ------
        ValueError, IndexError, TypeError : there is no column of a name or number, or it is neither.
        """
        keys = slicing if isinstance(slicing, list) else [slicing]
        unknown = [key for key in keys if isinstance(key, str) and key not in self.column_names]
        if unknown:
            raise ValueError(f"There are no columns {unknown}.")
        gone = [place(self.column_names, key) for key in keys]
        return View(self, [i for i in range(self.num_columns) if i not in gone])


class Lazy:
    """A view: `get` makes it real; everything else is asked of what that gives."""

    def get(self) -> Any:
        """The real thing.

        Raises
        ------
        IndexError, ValueError, TypeError : there are no such columns.
        """
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.get(), name)

    def __getitem__(self, key: Any) -> Any:
        return self.get()[key]

    __contains__ = None
    """KNIME's views cannot be asked either; ask what `get` gives."""

    def __eq__(self, other: object) -> bool:
        return bool(self.get() == (other.get() if isinstance(other, Lazy) else other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.get())


class View(Lazy):
    """Some columns of something."""

    def __init__(self, base: Columnar, key: Any) -> None:
        if isinstance(key, int) and not isinstance(key, bool) and key >= base.num_columns:
            raise IndexError(f"There is no column number {key}, there are {base.num_columns}.")
        self._base, self._key = base, key

    def get(self) -> Any:
        """The columns; one column where one was asked for."""
        if isinstance(self._key, slice):
            return self._base._select(list(range(self._base.num_columns))[self._key], single=False)
        if isinstance(self._key, str | int):
            return self._base._select([place(self._base.column_names, self._key)], single=True)
        if isinstance(self._key, list | tuple):
            return self._base._select([place(self._base.column_names, k) for k in self._key], single=False)
        raise TypeError(f"Columns are chosen by name, number, a list of these, or a slice, not by {self._key!r}.")


class Inserted(Lazy):
    """Something with more columns."""

    def __init__(self, base: Columnar, other: Any, at: int | None) -> None:
        self._base, self._other, self._at = base, other, at

    def get(self) -> Any:
        """All columns."""
        other = self._other.get() if isinstance(self._other, Lazy) else self._other
        return self._base._insert(other, self._base.num_columns if self._at is None else self._at)


def real(value: Any) -> Any:
    """What a view stands for; anything else as it is."""
    return value.get() if isinstance(value, Lazy) else value


def place(names: Sequence[str], key: Any) -> int:
    """Number of a column.

    Raises
    ------
    IndexError, TypeError : there is none of that name or number.
    """
    if isinstance(key, str):
        if key not in names:
            raise IndexError(f"There is no column {key!r}.")
        return list(names).index(key)
    if not isinstance(key, int):
        raise TypeError(f"A column is chosen by its name or number, not by {key!r}.")
    if not -len(names) <= key < len(names):
        raise IndexError(f"There is no column number {key}, there are {len(names)}.")
    return key % len(names)
