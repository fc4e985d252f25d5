"""Lengths in micrometres."""

import math

_PER_UNIT = {
    "m": 1e6,
    "dm": 1e5,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "pm": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "meter": 1e6,
    "decimeter": 1e5,
    "centimeter": 1e4,
    "millimeter": 1e3,
    "picometer": 1e-6,
    "in": 25400.0,
    "inch": 25400.0,
    "inches": 25400.0,
}

PRINTING = ("cm", "inch", "inches", "in")
"""Units in which programs note a printer's resolution as if it were the image's."""

PLAUSIBLE = (0.0001, 10.0)
"""Pixel sizes (µm) that a light or electron microscope can have; 10 µm are 2540 dpi, 72 dpi would be 353 µm."""


def micrometres(value: str | float, unit: str) -> float | None:
    """A length in micrometres; None if it is no positive number or the unit is unknown ("pixel")."""
    try:
        length = float(value)
    except ValueError:
        return None
    # ImageJ writes the micro sign as an escape, Unicode has two of them
    unit = unit.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("\\u03BC", "µ").replace("\u03bc", "µ")
    factor = _PER_UNIT.get(unit.replace("\u212b", "å").lower())
    if factor is None or not math.isfinite(length) or length <= 0:
        return None
    return length * factor


def plausible(size: float | None) -> bool:
    """Whether a length (µm) can be a microscope's pixel, rather than a printer's or a screen's."""
    return size is not None and PLAUSIBLE[0] <= size <= PLAUSIBLE[1]


def pixel_size_doubt(what: str, size: float, trained: float) -> str:
    """A warning where pixels are much larger or smaller than those trained on; both in µm, 0 where unknown."""
    if not size or not trained or 2 / 3 <= size / trained <= 3 / 2:
        return ""
    return (
        f"{what} ({size:.3g} µm) are much larger or smaller than those that the model was trained on "
        f"({trained:.3g} µm): objects may be missed or split."
    )
