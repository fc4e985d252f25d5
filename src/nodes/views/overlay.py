"""Images with their objects: from row to row, channel by channel, with the object under the cursor."""

import json
from collections.abc import Collection, Sequence
from html import escape

from nodes.views.html import paragraph
from nodes.views.slides import Album
from nodes.views.stage import BUTTONS

COLORS = {"found": "#ffd400", "truth": "#22d36b", "second": "#38b6ff", "first": "#ff4fa3"}
"""Of outlines: seen on dark fluorescence and on bright-field images."""

HELP = (
    "Left and right arrow: another image. Plus and minus: zoom, 0: the whole. Shift and arrows, or dragging: move. "
    "Space bar: outlines on and off. Full stop and comma: from object to object. Escape: let go."
)

STYLE = ("shared/stage.css", "viewer/style.css")
FILLED = "body{box-sizing:border-box;height:100vh;min-height:260px;display:flex;flex-direction:column}"
"""The style of a page of which the viewer takes all that is left."""
SCRIPTS = (
    "viewer/slides.js",
    "shared/place.js",
    "shared/objects.js",
    "viewer/paint.js",
    "viewer/words.js",
    "shared/pointer.js",
    "viewer/hands.js",
)


def viewer(
    album: Album, layers: Sequence[tuple[str, str]], note: str, *, hidden: Collection[str] = (), each: bool = False
) -> str:
    """The viewer as a part of a page that has `STYLE` and, where there is an image, `SCRIPTS`.

    Parameters
    ----------
    layers : name and colour of each layer of the slides.
    note : which images are shown, see `Album.note`.
    hidden : names of layers that are not shown at first.
    each : whether every object has a colour of its own at first, and not that of its layer.
    """
    below = paragraph(note, "note")
    if not album.slides:
        return below
    alone = " hidden" * (len(layers) == 1)
    boxes = "".join(
        f'<label class="swatch"{alone}><input type="checkbox" class="layer"{" checked" * (name not in hidden)}>'
        f'<i style="background:{color}"></i>{escape(name)}</label>'
        for name, color in layers
    )
    compared = any(layer["right"] for one in album.slides for layer in one.data["layers"])
    colors = {"layer": "of its layer" if len(layers) > 1 else "yellow", "each": "one per object"}
    colors |= {"match": "right or wrong"} if compared else {}
    colors = {"each": colors["each"]} | colors if each else colors
    data = {
        "layers": [{"name": name, "color": color} for name, color in layers],
        "slides": [one.data for one in album.slides],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    options = "".join(f'<option value="{value}">{text}</option>' for value, text in colors.items())
    return _VIEWER.format(boxes=boxes, colors=options, help=escape(HELP), buttons=BUTTONS, data=text) + below


_VIEWER = """
<section id="viewer" aria-label="Images"><div class="bar" role="group" aria-label="Image and layers">
<button id="before" title="Previous image (left arrow)" aria-label="Previous image">&#9664;</button>
<select id="choice" aria-label="Image"></select>
<button id="next" title="Next image (right arrow)" aria-label="Next image">&#9654;</button>
<label class="pick" title="In KNIME's other views too"><input type="checkbox" id="mine" data-row="">Selected</label>
{boxes}<details id="display"><summary>Display</summary>
<div class="menu" role="group" aria-label="How the image is shown">
<label><input type="checkbox" id="outlines" checked>Outlines</label>
<label><input type="checkbox" id="fill">Fill</label>
<label>Colour <select id="color">{colors}</select></label>
<label>Opacity <input type="range" id="opacity" min="0" max="100" value="100"></label>
<label>Channel <select id="channel"></select></label>
<label>Darkest <input type="range" id="low" min="0" max="1000"></label>
<label>Brightest <input type="range" id="high" min="0" max="1000"></label>
<output id="range" for="low high"></output><button id="auto" title="Contrast by each image's own values">Auto</button>
</div></details></div>
<p id="caption" role="status"></p>
<div id="stage"><canvas id="below"></canvas>
<canvas id="over" tabindex="0" role="application" aria-label="Image with objects. {help}" title=""></canvas>
<div id="panel" class="card" role="status"></div>{buttons}
<div id="corner"><div id="words" class="card" role="status"></div>
<div id="scale" class="card"><i></i><span></span></div></div></div></section>
<script type="application/json" id="data">{data}</script>"""
