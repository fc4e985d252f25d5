"""The columns of tables of counts and of objects."""

import knime.extension as knext

MEASURES = ("id", "area_px", "area_um2", "diameter_px", "centroid_x", "centroid_y", "solidity", "touches_edge")
"""What the library calls the columns of `OBJECTS` behind the first."""

COUNTS = (
    ("Count", knext.double),
    ("Density (1/mm²)", knext.double),
    ("Covered area (%)", knext.double),
    ("Mean area (px)", knext.double),
    ("Mean area (µm²)", knext.double),
)

OBJECTS = (
    ("Image", knext.string),
    ("Object", knext.int32),
    ("Area (px)", knext.double),
    ("Area (µm²)", knext.double),
    ("Diameter (px)", knext.double),
    ("Centroid X (px)", knext.double),
    ("Centroid Y (px)", knext.double),
    ("Solidity", knext.double),
    ("Touches edge", knext.bool_),
)


def intensity_names(channels: int) -> list[str]:
    """Names of the columns of mean intensities, one per channel."""
    return [f"Mean intensity {i + 1}" for i in range(channels)] if channels > 1 else ["Mean intensity"] * channels


def count_values(count: float, objects: int, area: float, pixels: int, square: float) -> list[float | None]:
    """The values of `COUNTS`.

    Parameters
    ----------
    count : of objects, those at the edge by their rule.
    objects : that `area`, in pixels, is the sum of.
    pixels : of the image.
    square : area of a pixel in µm², 0 where unknown.
    """
    mean = area / objects if objects else None
    return [
        count,
        count / (pixels * square) * 1e6 if square and pixels else None,
        100 * area / pixels if pixels else None,
        mean,
        mean * square if mean is not None and square else None,
    ]
