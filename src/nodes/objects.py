"""The columns of tables of counts and of objects; objects in files of Parquet."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import knime.extension as knext

from nodes.cells import ROW_ID, new_table, small_table, to_arrow

if TYPE_CHECKING:
    from core.measurement.objects import ObjectTable

ROW_GROUP = 100_000
"""Objects that are written to a file at a time."""

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


MEASURES_3D = (
    "id", "volume_px", "volume_um3", "centroid_x", "centroid_y", "centroid_z", "slices", "touches_edge",
)  # fmt: skip
"""What the library calls the columns of `OBJECTS_3D` behind the first."""

COUNTS_3D = (
    ("Count", knext.double),
    ("Density (1/mm³)", knext.double),
    ("Covered volume (%)", knext.double),
    ("Mean volume (voxels)", knext.double),
    ("Mean volume (µm³)", knext.double),
)

OBJECTS_3D = (
    ("Image", knext.string),
    ("Object", knext.int32),
    ("Volume (voxels)", knext.double),
    ("Volume (µm³)", knext.double),
    ("Centroid X (px)", knext.double),
    ("Centroid Y (px)", knext.double),
    ("Centroid Z (slices)", knext.double),
    ("Slices", knext.int32),
    ("Touches edge", knext.bool_),
)


def intensity_names(channels: int) -> list[str]:
    """Names of the columns of mean intensities, one per channel."""
    return [f"Mean intensity {i + 1}" for i in range(channels)] if channels > 1 else ["Mean intensity"] * channels


def count_values(
    count: float, objects: int, area: float, pixels: int, square: float, per: float = 1e6
) -> list[float | None]:
    """The values of `COUNTS`, or of `COUNTS_3D` with volumes for areas.

    Parameters
    ----------
    count : of objects, those at the edge by their rule.
    objects : that `area`, in pixels, is the sum of.
    pixels : of the image.
    square : area of a pixel in µm², 0 where unknown.
    per : the area that the density is of, in µm².
    """
    mean = area / objects if objects else None
    return [
        count,
        count / (pixels * square) * per if square and pixels else None,
        100 * area / pixels if pixels else None,
        mean,
        mean * square if mean is not None and square else None,
    ]


def object_columns(channels: int) -> list[Any]:
    """`OBJECTS` of a model's result, with their probability and mean intensities."""
    more = ["Probability", *intensity_names(channels)]
    return [knext.Column(kind(), name) for name, kind in (*OBJECTS, *((name, knext.double) for name in more))]


def write_objects(path: Path, image: str, tables: "Iterable[ObjectTable]", channels: int) -> None:
    """Objects as a Parquet file with the columns of `object_columns`, part by part.

    Raises
    ------
    OutputError : the file could not be written; what stood there is untouched.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from core.io.write import atomic

    columns = object_columns(channels)
    empty = new_table(columns, [], [[] for _ in columns]).drop_columns([ROW_ID])
    with atomic(path) as temporary, pq.ParquetWriter(temporary, empty.schema) as writer:
        waiting = [empty]
        for table in tables:
            means = [values for name, values in table.items() if name.startswith("mean_intensity")]
            values: list[Any] = [
                [image] * len(table["id"]),
                *(table[name] for name in MEASURES),
                table["score"],
                *means,
            ]
            arrays = [to_arrow(column, cells) for column, cells in zip(columns, values, strict=True)]
            waiting.append(pa.table(dict(zip(empty.column_names, arrays, strict=True))))
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = [empty]
        writer.write_table(pa.concat_tables(waiting))


def read_objects(paths: Sequence[Path], channels: int) -> Any:
    """The objects of several files of `write_objects` as a KNIME table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = object_columns(channels)
    tables = [pq.read_table(path) for path in paths]
    if not tables:
        return small_table(columns, [], [[] for _ in columns])
    whole = pa.concat_tables(tables).combine_chunks()
    names, numbers = (whole.column(name).to_pylist() for name in ("Image", "Object"))
    ids = [f"{name}_{number}" for name, number in zip(names, numbers, strict=True)]
    return small_table(columns, ids, whole.columns)
