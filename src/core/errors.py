"""Every error that the library raises on purpose.

A message answers three questions: what is wrong, where (file, row, column), what to do about it.
"""

from collections.abc import Sequence


class MicrosegError(Exception):
    """Base of all errors that a user may read.

    Parameters
    ----------
    what : the fault, one sentence with a full stop.
    where : the place: a file, a row ID, a column; put in front of the sentence.
    todo : what the user can do; put behind it.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        place = f"{where}: " if where else ""
        super().__init__(f"{place}{what} {todo}".strip())

    def at(self, where: str) -> "MicrosegError":
        """The same error with a place put in front of the one it has."""
        place = f"{where}, {self.where}" if self.where else where
        return type(self)(self.what, where=place, todo=self.todo)


class UserInputError(MicrosegError, ValueError):
    """The data or a setting cannot be worked with."""


class ImageReadError(UserInputError):
    """A file is damaged, unreadable, or of a format or compression that is not supported."""


class ModelFormatError(UserInputError):
    """A model file is damaged, of a newer schema, or no model at all."""


class OutputError(MicrosegError, OSError):
    """A result could not be written; what stood there before is untouched."""


class Canceled(MicrosegError):
    """The user stopped the work."""

    def __init__(self, what: str = "Canceled.", *, where: str = "", todo: str = "") -> None:
        super().__init__(what, where=where, todo=todo)


def listed(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """Names in a message: all of a few, the first of many."""
    rest = len(names) - most
    return between.join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
