"""Objects as GeoJSON that QuPath opens as detections (RFC 7946 in pixels, x before y)."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.errors import UserInputError
from core.image import Image
from core.io.outlines import Outline, Part, Ring, outlines
from core.io.write import atomic

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "microseg.org")


def write_geojson(path: Path | str, labels: Image, measurements: Mapping[str, ArrayLike] | None = None) -> None:
    """A FeatureCollection with one detection per object, which covers exactly the object's pixels.

    Each has the property "name" (its number) and an "id" that is the same whenever the same file name and number come
    again, as QuPath wants it (a UUID).

    Parameters
    ----------
    labels : axes YX.
    measurements : equally long columns, one of them "id" (numbers of objects); numbers that are not finite and
        texts are left out. Objects without a row have no measurements.

    Raises
    ------
    UserInputError : the labels are no 2-D image, or the measurements have no column "id" or unequal lengths.
    OutputError : the file could not be written.
    """
    rows = _rows(measurements or {"id": []})
    stem = Path(path).stem
    features = [_feature(outline, stem, rows.get(outline.id, {})) for outline in outlines(labels)]
    collection = {"type": "FeatureCollection", "features": features}
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(collection, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def _feature(outline: Outline, stem: str, measured: dict[str, float]) -> dict[str, Any]:
    parts = [_coordinates(part) for part in outline.parts]
    geometry = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{stem}/{outline.id}")),
        "geometry": geometry,
        "properties": {"objectType": "detection", "name": str(outline.id), "measurements": measured},
    }


def _coordinates(part: Part) -> list[list[list[int]]]:
    return [_closed(ring) for ring in (part.shell, *part.holes)]


def _closed(ring: Ring) -> list[list[int]]:
    points: list[list[int]] = ring[:, ::-1].astype(int).tolist()
    return [*points, points[0]]


def _rows(table: Mapping[str, ArrayLike]) -> dict[int, dict[str, float]]:
    columns = {name: np.asarray(values) for name, values in table.items()}
    if "id" not in columns or len({column.shape for column in columns.values()}) != 1:
        raise UserInputError(
            "Measurements need a column 'id' and equally long columns.", todo="Give the table of objects."
        )
    ids = columns.pop("id")
    numeric = {name: column for name, column in columns.items() if column.dtype.kind in "buif"}
    return {
        int(number): {name: float(column[i]) for name, column in numeric.items() if np.isfinite(column[i])}
        for i, number in enumerate(ids)
    }
