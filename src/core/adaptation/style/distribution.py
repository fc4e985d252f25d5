"""How often every grey value occurs, counted piece by piece."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PIECE = 2**20
"""Values that are counted at once; more than twice as many levels are thinned out."""

LEVELS = 2**18
"""Levels that are left then, each for as many pixels: four times as many as 16 bits have."""


TIE = 1e-14
"""Shares that differ by less are equal: so rounding decides nothing."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Grey values and the number of pixels that have them.

    Parameters
    ----------
    values : float64, rising, every value once.
    weights : float64, above 0, one per value.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    _ends: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", np.cumsum(self.weights))

    @property
    def pixels(self) -> float:
        """How many pixels were counted."""
        return float(self._ends[-1]) if len(self._ends) else 0.0

    @property
    def is_constant(self) -> bool:
        """Whether there is one value only, or none."""
        return len(self.values) < 2

    @property
    def mean(self) -> float:
        """Mean of all pixels."""
        return float(np.average(self.values, weights=self.weights))

    @property
    def deviation(self) -> float:
        """Standard deviation of all pixels."""
        return float(np.sqrt(np.average((self.values - self.mean) ** 2, weights=self.weights)))

    def ranks(self) -> NDArray[np.float64]:
        """For every value the share of pixels below it, with half of those that have it: 0 to 1, rising."""
        return (self._ends - self.weights / 2) / self.pixels

    def at(self, ranks: ArrayLike) -> NDArray[np.float64]:
        """The smallest values that at least these shares (0 to 1) of the pixels do not exceed."""
        pixels = np.asarray(ranks, float) * self.pixels * (1 - TIE)
        index = np.searchsorted(self._ends, pixels)
        found: NDArray[np.float64] = self.values[np.minimum(index, len(self.values) - 1)]
        return found


class Tally:
    """Counts pixels of one type.

    Integers of up to 16 bits are counted level by level, without loss. Other values are kept one by one, too, up to
    two millions that differ; more are thinned out to 262,144 groups of as many pixels, each with the mean of its own.

    Parameters
    ----------
    dtype : type of the pixels, real numbers.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        few = dtype.kind in "iu" and dtype.itemsize <= 2
        self._lowest = int(np.iinfo(dtype).min) if few else 0
        self._counts = np.zeros(2 ** (8 * dtype.itemsize), np.int64) if few else None
        self._pieces: list[Distribution] = []

    def add(self, pixels: NDArray[Any]) -> None:
        """Count pixels, an array of any shape."""
        flat = pixels.reshape(-1)
        for start in range(0, flat.size, PIECE):
            piece = flat[start : start + PIECE]
            if self._counts is not None:
                self._counts += np.bincount(piece.astype(np.intp) - self._lowest, minlength=len(self._counts))
                continue
            values, counts = np.unique(piece.astype(np.float64), return_counts=True)
            self._pieces.append(Distribution(values, counts.astype(np.float64)))
            if sum(len(one.values) for one in self._pieces) > 2 * PIECE:
                self._pieces = [_thinned(_pooled(self._pieces))]

    def distribution(self) -> Distribution:
        """What was counted so far."""
        if self._counts is None:
            return _pooled(self._pieces)
        levels = np.flatnonzero(self._counts)
        return Distribution(levels.astype(np.float64) + self._lowest, self._counts[levels].astype(np.float64))


def _pooled(several: list[Distribution]) -> Distribution:
    """The pixels of several distributions as those of one."""
    if len(several) == 1:
        return several[0]
    everything = np.concatenate([one.values for one in several] or [np.empty(0)])
    order = np.argsort(everything, kind="stable")  # fast, because it finds runs that are sorted
    everything = everything[order]
    first = np.flatnonzero(np.diff(everything, prepend=np.nan) != 0)
    weights = np.concatenate([one.weights for one in several] or [np.empty(0)])[order]
    return Distribution(everything[first], np.add.reduceat(weights, first) if len(first) else weights)


def _thinned(many: Distribution) -> Distribution:
    """No more than `LEVELS` values, each the mean of its group."""
    if len(many.values) <= LEVELS:
        return many
    groups = np.minimum((many.ranks() * LEVELS).astype(np.intp), LEVELS - 1)
    weights = np.bincount(groups, many.weights, LEVELS).astype(np.float64)
    sums = np.bincount(groups, many.weights * many.values, LEVELS)
    return Distribution((sums / np.maximum(weights, 1))[weights > 0], weights[weights > 0])
