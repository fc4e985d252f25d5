"""Pixels by reference: where in a file a part of a large image lies, in place of the pixels themselves.

No file stays open between two parts: opening takes milliseconds, and an open file could not be moved on Windows.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.errors import UserInputError
from core.io.axes import Pages

if TYPE_CHECKING:
    from core.io.large import Damaged

_AGAIN = "Put it back, or execute the node that made the tiles again."


@dataclass(frozen=True)
class Source:
    """A part of a level of a large image.

    Parameters
    ----------
    path : absolute path of the file, or of the folder of an OME-Zarr image.
    level : resolution, 0 is the full one.
    y, x, height, width : the part, in pixels of the level.
    pages : what the pages of a TIFF are that does not say it: "Z" or "C".
    fingerprint : of the image when the part was made, see `core.io.large`.
    damaged : "fail" or "zero": what is done with parts of the file that cannot be read.

    Raises
    ------
    ValueError : values of other types, as in a damaged cell.
    """

    path: str
    level: int
    y: int
    x: int
    height: int
    width: int
    pages: Pages
    fingerprint: str
    damaged: "Damaged" = "fail"

    def __post_init__(self) -> None:
        numbers = (self.level, self.y, self.x, self.height, self.width)
        if not all(
            isinstance(text, str) for text in (self.path, self.pages, self.fingerprint, self.damaged)
        ) or not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError(self)

    def read(self) -> NDArray[Any]:
        """The pixels, axes CYX.

        Raises
        ------
        UserInputError : the image is missing, unreadable, or another one than when the part was made.
        """
        from core.io.large import open_large

        path = Path(self.path)
        try:
            written = path.stat().st_mtime_ns
        except OSError:
            raise UserInputError(
                "The image that these pixels lie in is not there.", where=self.path, todo=_AGAIN
            ) from None
        if _fingerprint(path, self.pages, self.damaged, written) != self.fingerprint:
            raise UserInputError("The image has changed since the tiles were made of it.", where=self.path, todo=_AGAIN)
        with open_large(path, self.pages, self.damaged) as image:
            return image.read(self.level, slice(self.y, self.y + self.height), slice(self.x, self.x + self.width))


@lru_cache(maxsize=64)
def _fingerprint(path: Path, pages: Pages, damaged: "Damaged", written: int) -> str:
    """The fingerprint of an image; taken anew when it was written."""
    from core.io.large import open_large

    with open_large(path, pages, damaged) as image:
        return image.fingerprint()
