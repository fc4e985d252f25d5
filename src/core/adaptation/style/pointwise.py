"""Styles that give every grey value of an image another one, the same wherever it is found."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adaptation.style.distribution import Distribution
from core.adaptation.style.method import Planes, Style, into
from core.progress import Progress

ROWS = 256
"""Rows of a plane that are changed at once."""

Values = NDArray[np.float64]


class PointwiseStyle(Style):
    """A style of one rising change of grey values per channel, which an image gets as a whole, all slices alike."""

    @abstractmethod
    def change_of(self, source: Distribution, target: Distribution) -> Callable[[Values], Values]:
        """The grey value that each one of the source becomes; neither distribution is constant."""

    def _change(self, planes: Planes, out: list[NDArray[Any]], progress: Progress) -> list[str]:
        sources = planes.grey_values(progress)
        for channel, (source, target) in enumerate(zip(sources, self.target, strict=True)):
            if source.is_constant or target.is_constant:
                continue
            change = self._table(source, target, planes.pixels[0].dtype)
            for plane, data, result in zip(planes.pixels, planes.data, out, strict=True):
                for start in range(0, plane.shape[1], ROWS):
                    progress.check()
                    rows = slice(start, start + ROWS)
                    new = change(plane[channel, rows])
                    result[channel, rows] = new if data is None else np.where(data[rows], new, 0)
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
