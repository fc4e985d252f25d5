"""Styles that give every grey value of an image another one, the same wherever it is found."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adaptation.style.distribution import Distribution, Tally
from core.adaptation.style.method import Planes, Style, channels_of, into
from core.adaptation.style.padding import Mask
from core.progress import Progress

ROWS = 256
"""Rows of a plane that are changed at once."""

Values = NDArray[np.float64]


class PointwiseStyle(Style):
    """A style of one change of grey values per channel, rising, which an image gets as a whole, all its slices alike.

    Attributes
    ----------
    target : the grey values of all target images together, one distribution per channel; known once it is fitted.
    """

    target: tuple[Distribution, ...] = ()

    @abstractmethod
    def change_of(self, source: Distribution, target: Distribution) -> Callable[[Values], Values]:
        """The grey value that each one of the source becomes; neither distribution is constant."""

    def _look(self, plane: NDArray[Any], data: Mask | None) -> None:
        if not hasattr(self, "_tallies"):
            self._tallies = [Tally(self.dtype) for _ in plane]
        for tally, values in zip(self._tallies, channels_of(plane, data), strict=True):
            tally.add(values)

    def _finish(self) -> None:
        self.target = tuple(tally.distribution() for tally in self._tallies)
        del self._tallies

    def _change(self, planes: Planes, out: list[NDArray[Any]], progress: Progress) -> list[str]:
        for channel, target in enumerate(self.target):
            pixels = [plane[channel] for plane in planes.pixels]
            tally = Tally(pixels[0].dtype)
            for values, data in zip(pixels, planes.data, strict=True):
                progress.check()
                tally.add(values if data is None else values[data])
            source = tally.distribution()
            if source.is_constant or target.is_constant:
                continue
            change = self._table(source, target, pixels[0].dtype)
            for values, data, plane in zip(pixels, planes.data, out, strict=True):
                for start in range(0, len(values), ROWS):
                    progress.check()
                    rows = slice(start, start + ROWS)
                    new = change(values[rows])
                    plane[channel, rows] = new if data is None else np.where(data[rows], new, 0)
        return []

    def _table(
        self, source: Distribution, target: Distribution, dtype: np.dtype[Any]
    ) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """The change of pixels; of few levels it is computed once for each."""
        change = self.change_of(source, target)
        if dtype.kind == "f" or dtype.itemsize > 2:
            return lambda pixels: into(change(pixels.astype(np.float64)), self.dtype)
        bounds = np.iinfo(dtype)
        table = into(change(np.arange(bounds.min, bounds.max + 1, dtype=np.float64)), self.dtype)
        return lambda pixels: table[pixels.astype(np.intp) - bounds.min]
