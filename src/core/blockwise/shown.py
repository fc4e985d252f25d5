"""What a large result looks like: the image and its labels, reduced by any power of two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.blockwise.picture import FACTOR, displayed, open_picture
from core.blockwise.segment import Segmented
from core.image import Labels
from core.io.large import LargeImage, open_large
from core.io.ome_zarr import open_levels
from core.visual import Picture, laid_over, outlined, reduced

BAND = 16
"""Rows of a reduced picture that are made at a time, so that what they are made of fits in memory."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Reads parts of a result; safe to call from several threads."""

    result: Segmented
    image: LargeImage
    _picture: Any
    _levels: list[Any]

    def picture(self, factor: int, rows: slice, columns: slice) -> Picture:
        """A part of the image, YX or YX3; rows and columns in pixels that are `factor` (a power of two) times larger.

        Up to a factor of 8 it is read from the image, else from the reduced picture beside the labels.
        """
        plan = self.result.plan
        if factor < FACTOR:
            y, x = (slice(part.start * factor, part.stop * factor) for part in (rows, columns))
            y, x = slice(y.start, min(y.stop, plan.height)), slice(x.start, min(x.stop, plan.width))
            channels = reduced(displayed(self.image.read(plan.level, y, x), plan.shown), factor)
        else:
            step = factor // FACTOR
            across = slice(columns.start * step, columns.stop * step)
            bands = [
                reduced(np.asarray(self._picture[:, row * step : min(row + BAND, rows.stop) * step, across]), step)
                for row in range(rows.start, rows.stop, BAND)
            ]
            channels = np.concatenate(bands, axis=1)
        return laid_over(channels, colours=plan.colour)

    def labels(self, factor: int, rows: slice, columns: slice) -> Labels:
        """The same part of the labels: every `factor`-th pixel."""
        level = min(factor.bit_length() - 1, len(self._levels) - 1)
        step = factor >> level
        part = self._levels[level][rows.start * step : rows.stop * step, columns.start * step : columns.stop * step]
        return np.ascontiguousarray(np.asarray(part)[::step, ::step])

    def overview(self, longest: int) -> Picture:
        """The whole image with the outlines of its objects, YX3, its longest side at most so many pixels."""
        plan, factor = self.result.plan, 1
        while max(plan.height, plan.width) > longest * factor:
            factor *= 2
        rows, columns = slice(0, -(-plan.height // factor)), slice(0, -(-plan.width // factor))
        return outlined(self.picture(factor, rows, columns), self.labels(factor, rows, columns))


@contextmanager
def shown(result: Segmented) -> Iterator[Shown]:
    """A result to be looked at, for the time of the context."""
    plan = result.plan
    with open_large(plan.image, plan.pages, plan.damaged) as image:  # type: ignore[arg-type]
        yield Shown(result, image, open_picture(result.picture), open_levels(result.labels))
