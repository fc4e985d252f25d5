"""Labels that people drew as regions: in ImageJ or Fiji (ROI Manager), or in QuPath (GeoJSON).

Coordinates are those of `outlines`: the pixel in row y and column x covers y..y+1 and x..x+1. A pixel belongs to a
region if its centre lies inside, by the even-odd rule, so that holes stay holes.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import roifile
from skimage.draw import polygon

from core.errors import ImageReadError
from core.image import Labels
from core.io.outlines import Ring

SUFFIXES = (".zip", ".roi", ".geojson")

_AREAS = {
    roifile.ROI_TYPE.POLYGON,
    roifile.ROI_TYPE.RECT,
    roifile.ROI_TYPE.OVAL,
    roifile.ROI_TYPE.FREEHAND,
    roifile.ROI_TYPE.TRACED,
}

_FAULTS = (
    *(ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, zlib.error, EOFError),
)
"""What readers raise at files that are damaged, or something else."""

_Region = tuple[str, list[Ring]]
"""How a message calls it, and its closed lines."""


def read_drawn(path: Path, shape: tuple[int, int]) -> Labels:
    """The regions as a label image: the n-th region has the number n; where two overlap, the later one is on top.

    Parameters
    ----------
    path : a zip of ImageJ's ROI Manager, a single .roi, or GeoJSON as QuPath exports it.
    shape : Y and X of the image that they were drawn on, px.

    Returns
    -------
    int32, axes YX.

    Raises
    ------
    ImageReadError : the file is damaged; a region is no area, lies outside the image, or is mostly covered by others.
    """
    try:
        regions = list(_geojson(path) if path.suffix.lower() == ".geojson" else _imagej(path))
    except ImageReadError:
        raise
    except OSError as error:
        raise ImageReadError(f"The file cannot be read: {error.strerror}.", where=str(path)) from None
    except _FAULTS as error:
        raise ImageReadError(
            f"The file holds no regions that can be read ({type(error).__name__}: {error}).",
            where=str(path),
            todo="Save it again: in Fiji with the ROI Manager (More, Save), in QuPath as GeoJSON.",
        ) from None
    labels = np.zeros(shape, np.int32)
    areas = []
    for number, (name, rings) in enumerate(regions, 1):
        corner, inside = _filled(rings, shape)
        areas.append(int(inside.sum()))
        if not areas[-1]:
            raise ImageReadError(
                f"The region {name} covers no pixel of the image ({shape[0]} rows, {shape[1]} columns).",
                where=str(path),
                todo="Check that the regions were drawn on this image, or remove this one.",
            )
        window = labels[corner[0] : corner[0] + inside.shape[0], corner[1] : corner[1] + inside.shape[1]]
        window[inside] = number
    left = np.bincount(labels.ravel(), minlength=len(regions) + 1)[1:]
    for (name, _), area, visible in zip(regions, areas, left.tolist(), strict=True):
        if 2 * visible < area:
            raise ImageReadError(
                f"The region {name} is covered by later ones for the most part.",
                where=str(path),
                todo="Remove what was drawn twice, or the outline of a whole area with objects in it.",
            )
    return labels


def _filled(rings: Sequence[Ring], shape: tuple[int, int]) -> tuple[tuple[int, int], Any]:
    """Where the region begins in the image, y and x, and its pixels from there on, as a mask."""
    if not rings:
        return (0, 0), np.zeros((0, 0), bool)
    corners = np.concatenate(rings)
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int), low, shape)
    inside = np.zeros(high - low, bool)
    for ring in rings:
        rows, columns = ring.T - low[:, None] - 0.5
        inside[polygon(rows, columns, inside.shape)] ^= True
    return (int(low[0]), int(low[1])), inside


def _imagej(path: Path) -> Iterator[_Region]:
    for entry, content in _entries(path):
        roi = roifile.ImagejRoi.frombytes(content)
        name = roi.name or entry
        if roi.roitype not in _AREAS:
            raise ImageReadError(
                f"The region {name} is a {roi.roitype.name.lower()}, which has no area.",
                where=str(path),
                todo="Draw objects with the freehand, polygon, oval or rectangle tool.",
            )
        rings = [np.asarray(ring, np.float64)[:, ::-1] for ring in roi.coordinates(multi=True)]
        yield name, [ring for ring in rings if len(ring) > 2]


def _entries(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix.lower() == ".roi":
        yield path.stem, path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".roi") and not n.startswith("__MACOSX/")]
        if archive.namelist() and not names:
            raise ImageReadError(
                "The archive holds no regions of ImageJ.",
                where=str(path),
                todo="Save it with the ROI Manager: More, Save.",
            )
        for name in names:
            yield Path(name).stem, archive.read(name)


def _geojson(path: Path) -> Iterator[_Region]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    features = content.get("features", [content]) if isinstance(content, dict) else content
    for number, feature in enumerate(features, 1):
        geometry = feature["geometry"]
        name = str((feature.get("properties") or {}).get("name") or f"number {number}")
        parts = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}.get(geometry["type"])
        if parts is None:
            raise ImageReadError(
                f"The region {name} is a {geometry['type']}, which has no area.",
                where=str(path),
                todo="Draw objects with the brush, wand, polygon, ellipse or rectangle tool.",
            )
        yield name, [np.asarray(ring, np.float64)[:, 1::-1] for part in parts for ring in part]
