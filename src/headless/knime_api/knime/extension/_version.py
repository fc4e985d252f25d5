"""Versions of an extension."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Version:
    """A version major.minor.patch."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse_version(cls, version: "Version | str") -> "Version":
        """A version from its text.

        Raises
        ------
        ValueError : the text is not three whole numbers with dots between.
        """
        if isinstance(version, Version):
            return version
        parts = version.split(".")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            raise ValueError(f"{version!r} is no version like 1.2.3.")
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FIRST = Version(0, 0, 0)
