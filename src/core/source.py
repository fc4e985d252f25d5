"""Pixels by reference: where in a file a part of a large image lies, in place of the pixels themselves."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from core.errors import UserInputError
from core.io.axes import Pages

if TYPE_CHECKING:
    from core.io.large import LargeImage

OPEN = 4
"""So many images stay open between the parts that are read of them."""

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
    """

    path: str
    level: int
    y: int
    x: int
    height: int
    width: int
    pages: Pages
    fingerprint: str

    def read(self) -> NDArray[Any]:
        """The pixels, axes CYX.

        Raises
        ------
        UserInputError : the image is missing, unreadable, or another one than when the part was made.
        """
        path = Path(self.path)
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            raise UserInputError(
                "The image that these pixels lie in is not there.", where=self.path, todo=_AGAIN
            ) from None
        image, fingerprint = _opened(path, self.pages, changed)
        if fingerprint != self.fingerprint:
            raise UserInputError("The image has changed since the tiles were made of it.", where=self.path, todo=_AGAIN)
        return image.read(self.level, slice(self.y, self.y + self.height), slice(self.x, self.x + self.width))


@lru_cache(maxsize=OPEN)
def _opened(path: Path, pages: Pages, changed: int) -> "tuple[LargeImage, str]":
    """An image and its fingerprint; one that was changed is opened anew."""
    from core.io.large import open_large

    image = open_large(path, pages)
    return image, image.fingerprint()
