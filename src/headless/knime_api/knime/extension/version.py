"""Versions of extensions."""

import sys
from typing import NamedTuple


class Version(NamedTuple):
    """major.minor.patch, ordered as numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse_version(cls, text: "str | Version | None") -> "Version":
        """Read "1.2.0"; nothing is the oldest version.

        Raises
        ------
        ValueError : not three whole numbers with dots between.
        """
        if text is None:
            return cls(0, 0, 0)
        if isinstance(text, Version):
            return text
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError(f"{text!r} is no version, which are three numbers such as 1.2.0.")
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


NEWEST = Version(sys.maxsize, 0, 0)
"""Of a node that was never stored."""
