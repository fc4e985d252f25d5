"""Whether the images of two tables can be compared: their channels and pixel sizes, before any pixel is looked at."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import UserInputError, listed
from nodes.cells import Row
from nodes.running import amount

if TYPE_CHECKING:
    from core.progress import Progress
    from core.tensor_cell import Header

MOST_DIFFERENCE = 0.05
"""Share by which pixel sizes may differ without a warning."""


class Doubts:
    """What is doubtful about rows; the same of several rows is said once."""

    def __init__(self) -> None:
        self._rows: dict[str, list[str]] = {}

    def add(self, doubt: str, row: Row) -> None:
        """Something is doubtful about a row."""
        self._rows.setdefault(doubt, []).append(repr(row.id))

    def told(self) -> list[str]:
        """Warnings that name the rows."""
        return [f"Row{'s' * (len(ids) > 1)} {listed(ids)}: {doubt}" for doubt, ids in self._rows.items()]


@dataclass(frozen=True)
class Kind:
    """What images are like.

    Parameters
    ----------
    name : what messages call them.
    channels : their number, None where unknown.
    pixel_size : micrometres, 0 where unknown.
    """

    name: str
    channels: int | None = None
    pixel_size: float = 0.0

    @classmethod
    def of(cls, images: "Iterator[tuple[Row, Header | None]]", name: str) -> "Kind":
        """What the first image is like; the pixel size is that of the first one that has any."""
        found = None
        for row, header in images:
            if header is None:
                continue
            size = header.pixel_size.get("X", 0.0)
            if found is None:
                found = cls(f"{name} of {row}", header.size("C"), size)
            elif not found.pixel_size:
                found = replace(found, pixel_size=size)
        return found or cls(name)

    def check(self, row: Row, column: str, header: "Header", doubts: Doubts) -> None:
        """Refuse an image of other channels, and doubt another pixel size.

        Raises
        ------
        UserInputError : names row, column, and both numbers of channels.
        """
        channels = header.size("C")
        if self.channels not in (None, channels):
            raise UserInputError(
                f"The image has {amount(channels, 'channel')}, not {self.channels} as {self.name}.",
                where=row.at(column),
                todo="Choose the same channels of both when reading them.",
            )
        size = header.pixel_size.get("X", 0.0)
        if size and self.pixel_size and abs(size / self.pixel_size - 1) > MOST_DIFFERENCE:
            doubts.add(
                f"pixels of {size:.4g} µm, {self.pixel_size:.4g} µm in {self.name}. Style transfer changes grey "
                "values, not sizes: objects keep their sizes in pixels. Bring all images to one pixel size before.",
                row,
            )


def headers(
    table_rows: Iterator[Row], column: str, todo: str, progress: "Progress"
) -> "Iterator[tuple[Row, Header | None]]":
    """The rows of a table with what their images are like, None where there is none.

    Parameters
    ----------
    todo : what to do about a missing image; empty: it may be missing.

    Raises
    ------
    UserInputError : a cell that is damaged or none of an image, or missing where it may not be.
    """
    for row in table_rows:
        progress.step(0.0, "Checking the images")
        header = row.header(column)
        if header is None and todo:
            raise UserInputError("The image is missing.", where=row.at(column), todo=todo)
        yield row, header
