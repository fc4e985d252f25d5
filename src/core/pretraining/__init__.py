"""Learning from images without labels, by a task that the images themselves set.

A new task is a new file here, a subclass of `Pretext`, and a line in `PRETEXTS`.
"""

from core.pretraining.magnification.magnification import Magnification
from core.pretraining.pretext import Pretext
from core.pretraining.restoration.blind_spot import BlindSpot
from core.pretraining.restoration.crappify import Crappify
from core.pretraining.restoration.hide import HideAndFill

PRETEXTS: dict[str, type[Pretext]] = {
    "restoration": Crappify,
    "hide_and_fill": HideAndFill,
    "blind_spot": BlindSpot,
    "magnification": Magnification,
}

__all__ = ["PRETEXTS", "Pretext"]
