"""Brightness and contrast of the target images: the simplest style, and often enough."""

from collections.abc import Callable
from dataclasses import dataclass

from core.adaptation.style.distribution import Distribution
from core.adaptation.style.method import StyleConfig
from core.adaptation.style.pointwise import PointwiseStyle, Values
from core.config import require


@dataclass(frozen=True)
class StandardizeConfig(StyleConfig):
    """A straight line from grey values to grey values.

    Parameters
    ----------
    range : what becomes that of the target images: "deviation", mean and standard deviation, or "percentiles".
    low, high : percentiles, 0 <= low < high <= 100.
    """

    range: str = "deviation"
    low: float = 1.0
    high: float = 99.8

    def __post_init__(self) -> None:
        require(self.range in ("deviation", "percentiles"), "range", self.range, "deviation or percentiles")
        require(0 <= self.low < self.high <= 100, "low, high", (self.low, self.high), "0 <= low < high <= 100")


class StandardizeStyle(PointwiseStyle):
    """Every image gets the mean and standard deviation, or the percentiles, of all target images together.

    Where both percentiles of an image are equal, its darkest and brightest pixel take their place.
    """

    def __init__(self, config: StandardizeConfig) -> None:
        super().__init__(config)
        self._config = config

    def change_of(self, source: Distribution, target: Distribution) -> Callable[[Values], Values]:
        """The straight line."""
        from_place, from_width = self._range(source)
        to_place, to_width = self._range(target)
        return lambda values: (values - from_place) * (to_width / from_width) + to_place

    def _range(self, grey: Distribution) -> tuple[float, float]:
        """A place on the scale of grey values, and a width."""
        if self._config.range == "deviation":
            return grey.mean, grey.deviation
        low, high = grey.at([self._config.low / 100, self._config.high / 100])
        if low == high:
            low, high = grey.values[0], grey.values[-1]
        return float(low), float(high - low)
