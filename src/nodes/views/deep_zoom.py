"""A large image with its objects to travel through: pan, zoom, outlines, the object under the cursor."""

import base64
import io
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.pyramid import Pyramid
from nodes.views.html import page, paragraph
from nodes.views.stage import BUTTONS, read

_WORDS = {
    "centroid_x": ("Centre x, y", ""),
    "centroid_y": ("Centre x, y", "px"),
    "centroid_x_um": ("Centre x, y in µm", ""),
    "centroid_y_um": ("Centre x, y in µm", "µm"),
    "area_px": ("Area", "px"),
    "area_um2": ("Area", "µm²"),
    "diameter_px": ("Diameter", "px"),
    "diameter_um": ("Diameter", "µm"),
    "probability": ("Probability", ""),
    "touches_edge": ("Touches the edge", ""),
    "mean_intensity": ("Mean intensity", ""),
    "eccentricity": ("Eccentricity", ""),
    "solidity": ("Solidity", ""),
}
"""Title and unit of the columns of `core.measurement.objects.ObjectTable`, in the order in which they are shown.
Columns of the same title share a line."""

_BOX = ("id", "top", "left", "bottom", "right")
"""Columns that are not shown."""


def deep_zoom_page(
    title: str,
    note: str,
    pyramid: Pyramid,
    objects: Mapping[str, NDArray[np.generic]],
    pixel_size: Mapping[str, float] | None = None,
) -> str:
    """One page that loads nothing: the image, its objects, and the program to look at them.

    Behind a # in its address the page keeps the place that is shown: x=..&y=..&zoom=..&object=.. (pixels of the image,
    the middle; pixels of the screen per pixel of the image; a number), and the switches that are not as at the
    beginning.

    Parameters
    ----------
    note : a sentence below the title.
    objects : columns as in `core.measurement.objects.ObjectTable`: id, centroid_x, centroid_y, and any others. They
        are shown beside the object under the cursor; logical, or numbers that single precision can hold.
    pixel_size : micrometres along Y and X, of the full resolution; without it lengths are in pixels.
    """
    data = json.dumps(_data(pyramid, objects, pixel_size or {}), ensure_ascii=False).replace("<", "\\u003c")
    first = pyramid.levels[0].pictures[0]
    kind = "png" if first.startswith(b"\x89PNG") else "jpeg"
    body = _BODY.format(
        first=f"data:image/{kind};base64,{_text(first)}", colors=_colors(first), buttons=BUTTONS, data=data
    )
    style = read("shared/stage.css", "zoom/style.css")
    script = read(
        "zoom/tiles.js",
        "shared/place.js",
        "shared/objects.js",
        "zoom/drawing.js",
        "zoom/words.js",
        "shared/pointer.js",
        "zoom/hands.js",
    )
    return page(title, paragraph(note), body, style=style, script=script)


_BODY = """
<div class="bar" role="group" aria-label="How the image is shown">
<label><input type="checkbox" id="outlines" checked>Outlines</label>
<label><input type="checkbox" id="fill">Fill</label>
<label>Colour <select id="color">{colors}</select></label>
<label>Opacity <input type="range" id="opacity" min="0" max="100" value="100"></label>
<label>Brightness <input type="range" id="brightness" min="-50" max="100" value="0"></label>
<label>Gamma <input type="range" id="gamma" min="-50" max="50" value="0"></label>
<label>Object <input type="number" id="number" min="1" step="1" placeholder="number"></label></div>
<div id="stage"><img id="first" alt="The whole image" src="{first}"><canvas id="below"></canvas>
<canvas id="over" tabindex="0" role="application" aria-label="Image with objects. Arrow keys move it, plus and minus
zoom, 0 shows the whole, the space bar switches the outlines, Escape lets go of an object."></canvas>
<div id="panel" class="card" role="status"></div>
{buttons}
<div id="corner"><div id="words" class="card" role="status"></div>
<div id="scale" class="card"><i></i><span></span></div></div>
<canvas id="inset" class="card" hidden></canvas></div>
<svg id="filter" aria-hidden="true"><filter id="gain" color-interpolation-filters="sRGB"><feComponentTransfer>
<feFuncR type="gamma"/><feFuncG type="gamma"/><feFuncB type="gamma"/></feComponentTransfer></filter></svg>
<script type="application/json" id="data">{data}</script>"""


def _colors(first: bytes) -> str:
    """The colours of outlines to choose from: yellow at first, black on a bright picture."""
    import PIL.Image

    bright = np.asarray(PIL.Image.open(io.BytesIO(first)).convert("L")).mean() > 127
    names = {name: name for name in ("yellow", "magenta", "cyan", "green", "white", "black")}
    options = (
        f'<option value="{value}"{" selected" * (value == ("black" if bright else "yellow"))}>{text}</option>'
        for value, text in {**names, "each": "one per object"}.items()
    )
    return "".join(options)


def _data(
    pyramid: Pyramid, objects: Mapping[str, NDArray[np.generic]], pixel_size: Mapping[str, float]
) -> dict[str, Any]:
    """All that the script works with."""
    order = np.argsort(objects["id"], kind="stable")
    shown = [name for name in (*_WORDS, *objects) if name in objects and name not in _BOX]
    columns = [_column(name, objects[name][order]) for name in dict.fromkeys(shown)]
    return {
        "height": pyramid.height,
        "width": pyramid.width,
        "tile": pyramid.tile,
        "unit": dict(pixel_size) if {"Y", "X"} <= set(pixel_size) else None,
        "levels": [
            {
                "factor": level.factor,
                "rows": level.rows,
                "columns": level.columns,
                "objectSize": level.object_size,
                "pictures": [_text(tile) for tile in level.pictures],
                "labels": [_text(tile) for tile in level.labels],
            }
            for level in pyramid.levels
        ],
        "ids": _packed(objects["id"][order], "<i4"),
        "columns": [column for column in columns if column],
    }


def _column(name: str, values: NDArray[Any]) -> dict[str, str] | None:
    """A column of objects for the script; none if there is nothing in it."""
    if values.dtype.kind == "f" and np.isnan(values).all():
        return None
    title, unit = _WORDS.get(name, (name[:1].upper() + name[1:].replace("_", " "), ""))
    whole = values.dtype.kind in "iu" and np.abs(values).max(initial=0) <= np.iinfo(np.int32).max
    kind = "b" if values.dtype.kind == "b" else "i" if whole else "f"
    text = _packed(values, {"b": "<u1", "i": "<i4", "f": "<f4"}[kind])
    return {"name": name, "title": title, "unit": unit, "kind": kind, "values": text}


def _packed(values: NDArray[Any], dtype: str) -> str:
    return _text(zlib.compress(values.astype(dtype).tobytes()))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
