"""What is simulated: the settings, and what is usual for every kind of object."""

from dataclasses import dataclass

from core.config import Config, require
from core.simulation.camera import LIGHTS
from core.simulation.kinds import KINDS

SMALLEST_IMAGE, LARGEST_IMAGE = 32, 8192
"""Height and width in pixels."""

SMALLEST_OBJECT = 3.0
"""Diameter in pixels; a smaller object has no shape."""

MOST_OBJECTS = 20_000
"""In one image."""


@dataclass(frozen=True)
class SimulationConfig(Config):
    """Images of one kind.

    Parameters
    ----------
    kind : a name of `core.simulation.kinds.KINDS`.
    height, width : of an image in pixels, 32 to 8192.
    diameter : smallest and largest diameter in pixels of a disc of the objects' area, 3 to the image's smaller side;
        empty: as usual for the kind.
    one_size_per_image : every image draws a typical diameter, evenly on a logarithmic scale, and its objects are
        within 15 % of it. Otherwise an image has objects of all diameters.
    count : smallest and largest number of objects in an image, 0 to 20 000; empty: as dense as usual for the kind.
    clustering : the probability, 0 to 1, that an object is placed at another one; None: as usual for the kind.
    pixel_size : width and height of a pixel in micrometres; 0 leaves it unknown. It changes no pixel.
    blur : standard deviation of the point spread function in pixels, 0 to 10.
    haze : the share of the light that is scattered widely, 0 to 0.9.
    unevenness : by how much the darkest corner is darker than the brightest place, 0 to 0.9.
    seed : 0 or more.

    Raises
    ------
    UserInputError : a value out of its bounds.
    """

    kind: str = "hl60"
    height: int = 512
    width: int = 512
    diameter: tuple[float, ...] = ()
    one_size_per_image: bool = False
    count: tuple[int, ...] = ()
    clustering: float | None = None
    pixel_size: float = 0.124
    blur: float = 0.8
    haze: float = 0.1
    unevenness: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "kind", self.kind, f"one of {', '.join(KINDS)}")
        for name in ("height", "width"):
            size = getattr(self, name)
            require(SMALLEST_IMAGE <= size <= LARGEST_IMAGE, name, size, f"{SMALLEST_IMAGE} to {LARGEST_IMAGE} pixels")
        largest = min(self.height, self.width)
        require(
            _is_range(self.diameter, SMALLEST_OBJECT, largest),
            "diameter",
            self.diameter,
            f"a smallest and a largest value of {SMALLEST_OBJECT:g} to {largest} pixels, the image's smaller side",
        )
        bounds = f"a smallest and a largest value of 0 to {MOST_OBJECTS}"
        require(_is_range(self.count, 0, MOST_OBJECTS), "count", self.count, bounds)
        require(self.clustering is None or 0 <= self.clustering <= 1, "clustering", self.clustering, "0 to 1")
        require(0 <= self.pixel_size <= 1000, "pixel_size", self.pixel_size, "0 to 1000 µm")
        require(0 <= self.blur <= 10, "blur", self.blur, "0 to 10 pixels")
        for name in ("haze", "unevenness"):
            require(0 <= getattr(self, name) <= 0.9, name, getattr(self, name), "0 to 0.9")
        require(self.seed >= 0, "seed", self.seed, "0 or more")

    @property
    def diameters(self) -> tuple[float, float]:
        """Smallest and largest diameter in pixels; usual ones are reduced where the image is too small for them."""
        smallest, largest = self.diameter or KINDS[self.kind].diameter
        most = min(self.height, self.width)
        return min(smallest, most), min(largest, most)

    @property
    def clustered(self) -> float:
        """The probability that an object is placed at another one."""
        return KINDS[self.kind].clustering if self.clustering is None else self.clustering


def require_light(light: str) -> None:
    """Raise a UserInputError if there is no such light level."""
    require(light in LIGHTS, "light", light, f"one of {', '.join(LIGHTS)}")


def _is_range(values: tuple[float, ...], low: float, high: float) -> bool:
    """Whether values are a smallest and a largest one within bounds, or none."""
    return not values or (len(values) == 2 and low <= values[0] <= values[1] <= high)
