"""Objects as ImageJ regions of interest: a zip that Fiji's ROI Manager opens."""

import zipfile
from pathlib import Path

import numpy as np
import roifile
from numpy.typing import NDArray

from core.errors import UserInputError
from core.image import Image
from core.io.outlines import Outline, outlines
from core.io.write import atomic

MAX_SIDE = 32767
"""ImageJ keeps the place of a region as a signed 16-bit number."""

_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0  # the segments of java.awt.geom.PathIterator


def write_roi_zip(path: Path | str, labels: Image) -> None:
    """One region per object, named by its number ("0007"), which covers exactly the object's pixels.

    An object in one piece without holes is a polygon, any other a composite region.

    Parameters
    ----------
    labels : axes YX.

    Raises
    ------
    UserInputError : the labels are no 2-D image, or larger than ImageJ's regions can be (32,767 px).
    OutputError : the file could not be written.
    """
    if max(labels.size("Y"), labels.size("X")) > MAX_SIDE:
        raise UserInputError(
            f"ImageJ's regions end at {MAX_SIDE:,} px, the image has {labels.size('Y'):,} × {labels.size('X'):,}.",
            where=str(path),
            todo="Write GeoJSON for QuPath instead, or crop the image.",
        )
    drawn = outlines(labels)
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for outline in drawn:
            entry = zipfile.ZipInfo(f"{outline.id:04}.roi")  # without the time: the same labels give the same file
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, _region(outline).tobytes())


def _region(outline: Outline) -> roifile.ImagejRoi:
    name = f"{outline.id:04}"
    rings = [ring[:, ::-1] for part in outline.parts for ring in (part.shell, *part.holes)]
    if len(rings) == 1:
        region = roifile.ImagejRoi.frompoints(rings[0].astype(np.int32), name=name)
        region.roitype = roifile.ROI_TYPE.POLYGON
        region.right, region.bottom = region.right - 1, region.bottom - 1  # edges, not pixels
        return region
    corners = np.concatenate(rings)
    left, top = corners.min(axis=0).astype(int).tolist()
    right, bottom = corners.max(axis=0).astype(int).tolist()
    shape = np.concatenate([_path(ring) for ring in rings])
    return roifile.ImagejRoi(
        roitype=roifile.ROI_TYPE.RECT,
        name=name,
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        shape_roi_size=len(shape),
        multi_coordinates=shape,
    )


def _path(ring: NDArray[np.float64]) -> NDArray[np.float32]:
    """Segments of a closed path: what to do, then x, y."""
    segments = np.column_stack([np.full(len(ring), _LINE), ring]).astype(np.float32)
    segments[0, 0] = _MOVE
    return np.append(segments.ravel(), np.float32(_CLOSE))
