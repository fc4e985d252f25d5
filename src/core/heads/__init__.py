"""What a model predicts and how that becomes objects. A new head is a new file here and a line in `HEADS`."""

from core.config import require
from core.heads.base import Head, HeadConfig, Instances
from core.heads.distance import DistanceHead
from core.heads.foreground import ForegroundHead
from core.heads.stardist import StarDistHead

HEADS: dict[str, type[StarDistHead] | type[ForegroundHead] | type[DistanceHead]] = {
    "stardist": StarDistHead,
    "foreground": ForegroundHead,
    "distance": DistanceHead,
}


def make_head(config: HeadConfig, in_channels: int) -> Head:
    """The head that a configuration describes, with random weights.

    Parameters
    ----------
    config : which head, and its size.
    in_channels : channels of the features that it will get.

    Raises
    ------
    UserInputError : no head of that name.
    """
    require(config.name in HEADS, "head", config.name, f"one of {', '.join(HEADS)}")
    return HEADS[config.name](config, in_channels)


__all__ = ["HEADS", "Head", "HeadConfig", "Instances", "make_head"]
