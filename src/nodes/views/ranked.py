"""The slides of those images that a person should look at first."""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.image import Image
from nodes.views.slides import Album, Layer, Slide


@dataclass
class Ranking:
    """What becomes an album in the end: of all images that come by, those with the largest ranks, the largest first.

    Images of equal rank stay in their order. No more slides are held than the album takes.

    Parameters
    ----------
    album : without slides.
    """

    album: Album
    _kept: list[tuple[float, int, Slide]] = field(default_factory=list)
    _seen: int = 0

    def add(self, rank: float, title: str, caption: str, image: Image, layers: Sequence[Layer]) -> None:
        """Take an image, whose slide is made only if it is among the first ones."""
        self._seen += 1
        if len(self._kept) >= self.album.most and (not self._kept or rank <= -self._kept[-1][0]):
            return
        insort(self._kept, (-rank, self._seen, self.album.slide(title, caption, image, layers)))
        del self._kept[self.album.most :]

    def finish(self) -> Album:
        """The album with the slides."""
        for _, _, slide in self._kept:
            self.album.take(slide)
        self.album.passed = self._seen - len(self.album.slides)
        return self.album
