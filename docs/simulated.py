"""Draw and measure the simulated images of docs/simulated.md: `make simulated`.

simulated.png shows every kind at every level of light, and real images; the tables between the marks in simulated.md
are written anew.
"""

import re
import time
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from core.image import Image
from core.io.read import read_image
from core.measurement.size import typical_diameter
from core.simulation.camera import LIGHTS, MICROMAX
from core.simulation.config import SimulationConfig
from core.simulation.kinds import KINDS
from core.simulation.simulate import make_scene, photograph, simulate_many
from core.visual import Picture, outline_overlay, to_display

HERE = Path(__file__).resolve().parent
REAL = HERE.parent / "workflows/01_Train_and_count_nuclei/data"
SHOWN = (
    "test/images/33618678c167c5e0.png",
    "train/images/7ba20aa731cc21af.png",
    "test/images/0bf4b144167694b6.png",
    "test/images/547ef286ee5f4e5d.png",
    "train/images/a6515d7307786680.png",
)
TILE, EDGE, COLOURS, MEASURED = 192, 22, 96, 40
NUMBER = {"hl60": 3, "granulocyte": 1}
"""Scenes with enough in the shown part; 1 of the others."""


def cropped(picture: Picture) -> Picture:
    """The middle of a picture, in colours; one pixel is one pixel."""
    rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    top, left = ((size - TILE) // 2 for size in rgb.shape[:2])
    return rgb[top : top + TILE, left : left + TILE]


def part_of(image: Image) -> Picture:
    """The middle of an image, its contrast stretched."""
    return cropped(to_display(image))


def sheet() -> PIL.Image.Image:
    """Kinds below each other, light levels side by side, then the outlines of the labels; real images below."""
    columns = [light.name for light in LIGHTS.values()] + ["labels, drawn as outlines"]
    height = (len(KINDS) + 1) * (TILE + EDGE) + EDGE
    drawn = PIL.Image.new("RGB", (len(columns) * (TILE + 2), height), "white")
    pen, font = PIL.ImageDraw.Draw(drawn), PIL.ImageFont.load_default(13)
    for i, title in enumerate(columns):
        pen.text((i * (TILE + 2) + 4, 3), title, "black", font)
    for row, (name, kind) in enumerate(KINDS.items()):
        scene = make_scene(SimulationConfig(kind=name), NUMBER.get(name, 1))
        tiles = [part_of(photograph(scene, light)) for light in LIGHTS]
        tiles.append(cropped(outline_overlay(photograph(scene, "high"), scene.labels.array)))
        _add_row(drawn, row, f"simulated: {kind.name}", tiles)
    _add_row(drawn, len(KINDS), "real: DSB2018, fluorescence", [part_of(read_image(REAL / name)) for name in SHOWN])
    return drawn.quantize(COLOURS, dither=PIL.Image.Dither.NONE)


def _add_row(drawn: PIL.Image.Image, row: int, title: str, tiles: list[Picture]) -> None:
    top = EDGE + row * (TILE + EDGE)
    PIL.ImageDraw.Draw(drawn).text((4, top + 3), title, "black", PIL.ImageFont.load_default(13))
    for i, tile in enumerate(tiles):
        drawn.paste(PIL.Image.fromarray(tile), (i * (TILE + 2), top + EDGE))


def kinds_table() -> list[str]:
    """What is usual for every kind, and how fast images are made."""
    lines = [
        "| kind | usual diameter (pixels) | covers | clustering | objects | median diameter | images per second |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, kind in KINDS.items():
        config = SimulationConfig(kind=name)
        make_scene(config, 1)
        start = time.perf_counter()
        labels = [scene.labels.array for scene, _ in simulate_many(config, MEASURED, ["medium"])]
        rate = MEASURED / (time.perf_counter() - start)
        counts = [int(one.max()) for one in labels]
        lines.append(
            f"| {kind.name} | {kind.diameter[0]:g}–{kind.diameter[1]:g} | {kind.cover[0]:.1%}–{kind.cover[1]:.1%} "
            f"| {kind.clustering:g} | {min(counts)}–{max(counts)} | {typical_diameter(labels):.1f} | {rate:.0f} |"
        )
    return lines


def light_table() -> list[str]:
    """What every light level means."""
    lines = [
        "| light | electrons of the brightest objects | steps above the baseline | signal to noise there |",
        "|---|---|---|---|",
    ]
    for light in LIGHTS.values():
        noise = np.sqrt(light.peak + MICROMAX.read_noise**2)
        lines.append(f"| {light.name} | {light.peak:g} | {light.peak / MICROMAX.gain:.0f} | {light.peak / noise:.1f} |")
    return lines


def filled(text: str, name: str, lines: list[str]) -> str:
    """A text with lines between the marks of a name."""
    marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    return re.sub(marks, lambda found: f"{found[1]}{chr(10).join(lines)}\n{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    sheet().save(HERE / "simulated.png", optimize=True)
    page = HERE / "simulated.md"
    text = filled(page.read_text(encoding="utf-8"), "light", light_table())
    page.write_text(filled(text, "kinds", kinds_table()), encoding="utf-8")
