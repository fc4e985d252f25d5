"""What the task of telling magnifications apart is told."""

import math
from dataclasses import dataclass
from itertools import pairwise

from core.config import Config, require

LARGEST = 16.0
"""Patches shrunk by more than this are not asked for."""


@dataclass(frozen=True)
class MagnificationConfig(Config):
    """Which magnifications are told apart.

    Parameters
    ----------
    scales : by how much patches are shrunk, 1 to 16, two to eight numbers that rise: 1 is the magnification of the
        finest images, 4 a quarter of it. A patch at 4 shows 4 times as much of the sample across.
    continuous : whether any scale from the first to the last is drawn (evenly in its logarithm) and estimated, rather
        than these alone and told apart.
    coverage : share of the pixels that are expected to lie in objects, 0.01 to 0.9.
    """

    scales: tuple[float, ...] = (1.0, 2.0, 4.0)
    continuous: bool = False
    coverage: float = 0.1

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in pairwise(self.scales))
        within = all(1 <= scale <= LARGEST for scale in self.scales)
        require(
            2 <= len(self.scales) <= 8 and rising and within,
            "scales",
            ", ".join(f"{scale:g}" for scale in self.scales),
            f"two to eight numbers from 1 to {LARGEST:g}, each larger than the one before",
        )
        require(0.01 <= self.coverage <= 0.9, "coverage", self.coverage, "0.01 to 0.9")

    @property
    def largest(self) -> float:
        """The largest scale."""
        return self.scales[-1]

    def field(self, size: int) -> int:
        """Side in pixels of what a patch of `size` pixels is made of at the largest scale."""
        return math.ceil(size * self.largest)


def side(patch_size: int, depth: int) -> int:
    """The side of a patch in pixels, rounded up so that one of half the size fits a network of this depth, too."""
    multiple: int = 2 ** (depth + 1)
    return -(-patch_size // multiple) * multiple
