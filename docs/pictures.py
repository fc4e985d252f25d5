"""Draw the README's pictures: `make pictures`, after `make demo`.

workflow.svg shows the first template as KNIME lays it out; result.png held-out images with the true and found outlines.
"""

import base64
import importlib
import sys
import textwrap
from html import escape
from pathlib import Path

import numpy as np
import PIL.Image

from core.io.read import read_image, read_labels
from core.visual import outlines, to_display

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TEMPLATE = ROOT / "workflows" / "01_Train_and_count_nuclei"
SHOWN = ("0bf4b144167694b6", "33618678c167c5e0", "4dbbb275960ab9e4")
TRUE, FOUND = (60, 220, 90), (255, 60, 200)


def workflow(name: str) -> str:
    """A template of `workflows/generate.py` as SVG: notes, connections, nodes with icon, name and label."""
    sys.path.insert(0, str(ROOT / "workflows"))
    generate = importlib.import_module("generate")
    extension = generate.load_extension(ROOT)
    template = getattr(generate, name)
    nodes = {node.id: (node, extension.nodes[node.node_id]) for node in template.nodes}
    width = max(n.x + n.width for n in template.notes) + 40
    height = max(n.y + n.height for n in template.notes) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="40 40 {width} {height - 60}" width="{width}" '
        'font-family="Arial, Helvetica, sans-serif" font-size="12">',
        f'<rect x="40" y="40" width="{width}" height="{height}" fill="white"/>',
    ]
    for note in template.notes:
        title, text = (t.split("</p>")[0] for t in note.html.split("<p>")[1:])
        title = title.removeprefix("<b>").removesuffix("</b>")
        box = f'x="{note.x}" y="{note.y}" width="{note.width}" height="{note.height}"'
        parts.append(f'<rect {box} fill="#fffdf0" stroke="#ffd800"/>')
        for number, line in enumerate([title, *textwrap.wrap(text, 32)]):
            weight = "normal" if number else "bold"
            at = f'x="{note.x + 10}" y="{note.y + 22 + 16 * number}"'
            parts.append(f'<text {at} font-weight="{weight}">{escape(line)}</text>')
    for source, out, dest, into in template.connections:
        start, end = _port(*nodes[source], out, "output"), _port(*nodes[dest], into, "input")
        bend = (end[0] - start[0]) / 2
        colour = "#1e7a8c" if out == "Model" else "#333"
        curve = f"M{start[0]},{start[1]} C{start[0] + bend},{start[1]} {end[0] - bend},{end[1]} {end[0]},{end[1]}"
        parts.append(f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    for node, kind in nodes.values():
        x, y = node.position
        icon = base64.b64encode((ROOT / kind.icon_path).read_bytes()).decode()
        parts.append(
            f'<text x="{x + 24}" y="{y - 8}" text-anchor="middle" font-weight="bold">{escape(kind.name)}</text>'
            f'<image x="{x}" y="{y}" width="48" height="48" href="data:image/png;base64,{icon}"/>'
            f'<text x="{x + 24}" y="{y + 66}" text-anchor="middle" fill="#555">{escape(node.label)}</text>'
        )
        for side, ports in (("input", kind.input_ports), ("output", kind.output_ports)):
            for port in ports:
                if not port.optional:
                    px, py = _port(node, kind, port.name, side)
                    square = f'<rect x="{px - 4}" y="{py - 4}" width="8" height="8" fill="#1e7a8c"/>'
                    triangle = f'<path d="M{px - 4},{py - 5} L{px + 5},{py} L{px - 4},{py + 5} Z" fill="#333"/>'
                    parts.append(triangle if port.kind == "table" else square)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _port(node: object, kind: object, name: str, side: str) -> tuple[int, int]:
    """Where a port lies: inputs on the left, outputs on the right of the node, from top to bottom."""
    x, y = node.position  # type: ignore[attr-defined]
    ports = kind.input_ports if side == "input" else kind.output_ports  # type: ignore[attr-defined]
    names = [p.name for p in ports if not p.optional]
    step = 48 / (len(names) + 1)
    return (x - 6 if side == "input" else x + 54), round(y + step * (names.index(name) + 1))


def result() -> PIL.Image.Image:
    """Held-out images side by side, with the outlines of both label images."""
    tiles = []
    for name in SHOWN:
        image = read_image(TEMPLATE / "data/test/images" / f"{name}.png")
        picture = to_display(image)
        rgb = np.repeat(picture[..., None], 3, axis=2)[:360, :480].repeat(2, axis=0).repeat(2, axis=1)
        for path, colour in (
            (TEMPLATE / "data/test/labels" / f"{name}.tif", TRUE),
            (ROOT / "out/demo" / f"{name}.ome.tif", FOUND),
        ):
            labels = read_labels(path).array[:360, :480].repeat(2, axis=0).repeat(2, axis=1)
            rgb[outlines(labels)] = colour
        tile = PIL.Image.fromarray(rgb)
        tiles.append(tile.resize((round(tile.width * 480 / tile.height), 480)))
    sheet = PIL.Image.new("RGB", (sum(t.width for t in tiles) + 10 * (len(tiles) - 1), 480), "white")
    x = 0
    for tile in tiles:
        sheet.paste(tile, (x, 0))
        x += tile.width + 10
    return sheet


if __name__ == "__main__":
    (HERE / "workflow.svg").write_text(workflow("TRAIN_AND_COUNT"))
    result().save(HERE / "result.png", optimize=True)
