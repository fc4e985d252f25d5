"""The kinds of objects, and what is usual for each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.simulation import shapes


@dataclass(frozen=True)
class ObjectKind:
    """What objects of a kind look like.

    Parameters
    ----------
    name : in words.
    shape : draws one of a diameter (pixels) along an angle (radians).
    diameter : usual smallest and largest diameter, pixels.
    cover : usual smallest and largest share of the image that objects cover.
    clustering : usual probability that an object is placed at another.
    brightness : standard deviation of the logarithm of the objects' brightness.
    chromatin : standard deviation of the logarithm of the brightness within an object; 0 is even.
    grain : size of the coarsest grains of that, in units of the diameter.
    apart : largest distance between objects that are placed at each other, in units of the diameter.
    chains : objects are placed along their neighbour's axis, end to end or side by side.
    depth : brightness of a layer out of focus, in units of the one in focus.
    spread : least blur in units of the diameter; above 0 for what is as small as the point spread function.
    """

    name: str
    shape: Callable[[float, np.random.Generator, float], shapes.Shape]
    diameter: tuple[float, float]
    cover: tuple[float, float]
    clustering: float
    brightness: float
    chromatin: float = 0.0
    grain: float = 0.15
    apart: float = 0.06
    chains: bool = False
    depth: float = 0.0
    spread: float = 0.0


KINDS = {
    "hl60": ObjectKind("HL60-like nuclei", shapes.round_nucleus, (65, 97), (0.15, 0.28), 0.7, 0.1, 0.16),
    "granulocyte": ObjectKind(
        "Granulocyte-like nuclei", shapes.lobed_nucleus, (50, 80), (0.08, 0.18), 0.7, 0.1, 0.22, 0.12, apart=0.3
    ),
    "tissue": ObjectKind(
        "Tissue-like nuclei", shapes.tissue_nucleus, (16, 30), (0.25, 0.5), 0.8, 0.4, 0.16, 0.25, depth=0.5
    ),
    "rods": ObjectKind("Rods (bacteria)", shapes.capsule, (11, 18), (0.04, 0.15), 0.85, 0.2, 0.06, 0.5, chains=True),
    "spots": ObjectKind("Spots", shapes.disc, (4, 7), (0.005, 0.03), 0.1, 0.5, spread=0.22),
}
"""By the name that settings have."""
