"""The histogram of the target images (histogram specification: Gonzalez and Woods, Digital image processing).

A grey value that lies at some rank of its image becomes the grey value at the same rank of all target images together.
The rank of a value is the share of pixels below it, with half of those that have it. So an image that is matched to
itself stays as it is, no value comes up that the target images do not have, and no histogram that one table of grey
values can make is nearer: the two cumulative histograms differ by half of the most frequent value's share at most.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.adaptation.style.distribution import Distribution
from core.adaptation.style.method import StyleConfig
from core.adaptation.style.pointwise import PointwiseStyle, Values


@dataclass(frozen=True)
class HistogramConfig(StyleConfig):
    """Histogram matching; there is nothing to set but the padding."""


class HistogramStyle(PointwiseStyle):
    """Every image gets the histogram of all target images together, channel by channel."""

    def __init__(self, config: HistogramConfig) -> None:
        super().__init__(config)

    def change_of(self, source: Distribution, target: Distribution) -> Callable[[Values], Values]:
        """From rank to rank; values between those of the source are interpolated."""
        matched = target.at(source.ranks())
        return lambda values: np.interp(values, source.values, matched)
