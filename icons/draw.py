"""Draws the icons, and docs/nodes/icons.png, which shows them side by side: `make icons`.

One family: a teal tile; on it what there is (cells, tiles, folders: white), what a model is made of (mint), and what
the node does (amber). Lines are 3 wide and everything keeps 6 from the edge of the tile, so that the icons can
be told apart at half their size. Readers have a folder and writers a tray; predictors draw amber outlines.

python icons/draw.py writes the PNG files beside this script: 48 pixels for nodes, 16 for the category.
"""

import math
from collections.abc import Callable, Iterator
from itertools import chain, pairwise, product
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE, FINER = 48, 16
SAFE = 7
"""Everything lies between this and 48 less this; the tile begins at 1."""

LINE = 3.0
TEAL, DEEP, WHITE, MINT, AMBER = "#0f6e78", "#07424a", "#ffffff", "#8ee0d0", "#ffc14d"

HERE = Path(__file__).resolve().parent
OVERVIEW = HERE.parent / "docs/nodes/icons.png"


class Sheet:
    """A tile in units of 1/48 of its side, drawn larger and reduced at the end."""

    def __init__(self, edge: float = 1) -> None:
        self._image = Image.new("RGBA", (SIDE * FINER,) * 2)
        self._draw = ImageDraw.Draw(self._image)
        self._draw.rounded_rectangle(_fine(edge, edge, SIDE - edge, SIDE - edge), 10 * FINER, TEAL)

    def disc(self, x: float, y: float, r: float, color: str = WHITE) -> None:
        """A disc."""
        self._draw.ellipse(_fine(x - r, y - r, x + r, y + r), color)

    def cell(self, x: float, y: float, r: float, color: str = WHITE) -> None:
        """A cell, not quite round."""
        self._draw.polygon(_fine(*_blob(x, y, r)), color)

    def outline(self, x: float, y: float, r: float, color: str = AMBER) -> None:
        """The outline of a cell; its line lies inside of r."""
        points = [*_blob(x, y, r - LINE / 2)]
        self.line(*points, *points[:2], color=color)

    def line(self, *points: float, color: str = WHITE, width: float = LINE) -> None:
        """A line with round ends through x, y, x, y, ..."""
        self._draw.line(_fine(*points), color, round(width * FINER), joint="curve")
        for x, y in zip(points[::2], points[1::2], strict=True):
            self.disc(x, y, width / 2, color)

    def polygon(self, *points: float, color: str = WHITE) -> None:
        """A filled polygon."""
        self._draw.polygon(_fine(*points), color)

    def box(self, left: float, top: float, right: float, bottom: float, color: str = WHITE) -> None:
        """A filled rectangle with slightly rounded corners."""
        self._draw.rounded_rectangle(_fine(left, top, right, bottom), 1.5 * FINER, color)

    def turn(self, x: float, y: float, r: float, color: str = AMBER) -> None:
        """Three quarters of a circle with an arrowhead; its line lies inside of r."""
        self._draw.arc(_fine(x - r, y - r, x + r, y + r), -30, 240, color, round(LINE * FINER))
        end, middle = math.radians(-30), r - LINE / 2
        px, py = x + middle * math.cos(end), y + middle * math.sin(end)
        self.polygon(px - 6, py + 1.5, px + 4.6, py + 4, px - 0.5, py - 6.5, color=color)

    def network(self, x: float, y: float, nodes: str = WHITE, lines: str = MINT) -> None:
        """A model: two, two and one nodes of a network, 26 by 16 units."""
        layers = [[(x - 10, y - 5), (x - 10, y + 5)], [(x, y - 5), (x, y + 5)], [(x + 10, y)]]
        for before, after in pairwise(layers):
            for start, end in product(before, after):
                self.line(*start, *end, color=lines, width=LINE / 2)
        for node in chain(*layers):
            self.disc(*node, 3, nodes)

    def tray(self) -> None:
        """Where writers put things, with an arrow into it."""
        self.line(8.5, 32, 8.5, 39.5, 39.5, 39.5, 39.5, 32)
        self.line(24, 26, 24, 30, color=AMBER)
        self.polygon(18, 30, 30, 30, 24, 36, color=AMBER)

    def folder(self) -> None:
        """What readers take things out of."""
        self.polygon(7, 11, 19, 11, 23, 15, 41, 15, 41, 25, 7, 25, color=AMBER)
        self.box(7, 19, 41, 41)

    def reduced(self, side: int) -> Image.Image:
        """The picture with this many pixels a side."""
        return self._image.resize((side, side), Image.Resampling.BOX)


def _fine(*numbers: float) -> list[float]:
    return [n * FINER for n in numbers]


def _blob(x: float, y: float, r: float) -> Iterator[float]:
    """The corners of a shape that is r wide at most, and a tenth less at its dents."""
    for i in range(96):
        angle = 2 * math.pi * i / 96
        radius = r * (0.95 + 0.05 * math.sin(3 * angle + 0.6))
        yield x + radius * math.cos(angle)
        yield y + radius * math.sin(angle)


def image_reader(s: Sheet) -> None:
    """A folder with cells on it."""
    s.folder()
    s.cell(17, 30, 6.5, TEAL)
    s.cell(31, 26.5, 4, TEAL)
    s.cell(31, 35.5, 3, TEAL)


def model_reader(s: Sheet) -> None:
    """A folder with a network on it."""
    s.folder()
    s.network(24, 30, TEAL, TEAL)


def label_writer(s: Sheet) -> None:
    """An outlined cell that goes into a tray."""
    s.cell(24, 15, 3.5)
    s.outline(24, 15, 8, MINT)
    s.tray()


def model_writer(s: Sheet) -> None:
    """A network that goes into a tray."""
    s.network(24, 15)
    s.tray()


def learner(s: Sheet) -> None:
    """Cells, and a line that rises."""
    s.cell(15, 15, 8)
    s.cell(30, 12, 5)
    s.line(8.5, 39.5, 18, 31.5, 26, 35, 36, 25, color=AMBER)
    s.polygon(41, 19, 29.5, 22, 38, 30.5, color=AMBER)


def retrainer(s: Sheet) -> None:
    """A cell inside an arrow that goes round."""
    s.cell(23.5, 24.5, 8)
    s.turn(23.5, 24.5, 16)


def pretrainer(s: Sheet) -> None:
    """A cell with a gap, and what belongs there."""
    s.cell(22, 26, 15)
    s.box(23, 7, 41, 25, TEAL)
    s.box(27, 9, 39, 21, AMBER)


def style_learner(s: Sheet) -> None:
    """A cell, the same cell in another style, and a line that rises."""
    s.cell(16, 15.5, 8)
    s.cell(33, 14.5, 7.5, MINT)
    s.disc(33, 14.5, 3.5, DEEP)
    s.line(8.5, 39.5, 18, 31.5, 26, 35, 36, 27, color=AMBER)
    s.polygon(41, 22.5, 29.5, 24, 37, 33, color=AMBER)


def advisor(s: Sheet) -> None:
    """A network on the first place of three."""
    s.network(24, 15)
    for left, top, color in ((7, 33, MINT), (18.5, 26, AMBER), (30, 36, MINT)):
        s.box(left, top, left + 11, 41, color)


def pretrained(s: Sheet) -> None:
    """A network that has graduated."""
    s.network(24, 33)
    s.polygon(24, 7, 41, 14, 24, 21, 7, 14, color=AMBER)
    s.line(39.5, 14.5, 39.5, 21.5, color=AMBER)


def predictor(s: Sheet) -> None:
    """Cells with outlines."""
    s.cell(19, 19, 7)
    s.outline(19, 19, 12)
    s.cell(34, 34, 3)
    s.outline(34, 34, 7)


def large_predictor(s: Sheet) -> None:
    """Cells with outlines on a mosaic of nine tiles."""
    for left, top in product((7, 19, 31), repeat=2):
        s.box(left, top, left + 10, top + 10, DEEP)
    for x, y, r in ((18, 17.5, 9.5), (34, 23, 7), (22.5, 34, 7)):
        s.cell(x, y, r - 4.5)
        s.outline(x, y, r)


def tiler(s: Sheet) -> None:
    """Four tiles with cells, cut apart."""
    for left, top in product((7, 27), repeat=2):
        s.box(left, top, left + 14, top + 14)
    for x, y, r in ((14, 14, 5), (33.5, 14, 3.5), (14, 34.5, 3.5), (34, 33.5, 5)):
        s.cell(x, y, r, TEAL)
    for start in (8.5, 18, 27.5, 37):
        s.line(24, start, 24, start + 2.5, color=AMBER)
        s.line(start, 24, start + 2.5, 24, color=AMBER)


def merger(s: Sheet) -> None:
    """Four tiles, put together in a frame, with one cell on all of them."""
    s.box(7, 7, 41, 41, AMBER)
    s.box(10, 10, 38, 38, TEAL)
    for left, top in product((11.5, 24.5), repeat=2):
        s.box(left, top, left + 12, top + 12)
    s.cell(24, 24, 8, TEAL)


def fragment_grouper(s: Sheet) -> None:
    """Three fragments with a ring around them, and one that stays alone."""
    s.outline(19, 26, 12.5, AMBER)
    s.cell(14.5, 22.5, 4)
    s.cell(24, 23.5, 3.5)
    s.cell(18, 32, 4)
    s.cell(36, 12.5, 4.5, MINT)


def counter(s: Sheet) -> None:
    """Cells, and a tally."""
    s.cell(13, 13, 6)
    s.cell(25.5, 12, 5)
    s.cell(36, 13, 4.5)
    for x in (13, 20, 27, 34):
        s.line(x, 25, x, 39.5, color=AMBER)
    s.line(8.5, 36, 39.5, 28.5, color=AMBER)


def scorer(s: Sheet) -> None:
    """Two outlines, nearly the same, and a tick."""
    s.outline(18, 18, 11, MINT)
    s.outline(27, 20, 11, WHITE)
    s.line(22, 33, 29, 39.5, 39.5, 28, color=TEAL, width=3 * LINE)
    s.line(22, 33, 29, 39.5, 39.5, 28, color=AMBER)


def gap_report(s: Sheet) -> None:
    """Two humps of histograms with a gap between them."""
    s.line(8.5, 39.5, 39.5, 39.5)
    s.polygon(8, 36, 11, 26, 14, 19, 17, 26, 20, 36)
    s.polygon(28, 36, 31, 30, 34, 24, 37, 30, 40, 36, color=MINT)
    s.line(17.5, 12, 31, 12, color=AMBER)
    s.polygon(12, 12, 18, 7.5, 18, 16.5, color=AMBER)
    s.polygon(36, 12, 30, 7.5, 30, 16.5, color=AMBER)


def simulator(s: Sheet) -> None:
    """Cells around a die."""
    s.box(7, 22, 26, 41, AMBER)
    for x, y in ((11.5, 26.5), (21.5, 26.5), (16.5, 31.5), (11.5, 36.5), (21.5, 36.5)):
        s.disc(x, y, 2, TEAL)
    s.cell(32.5, 15.5, 8)
    s.cell(14, 13, 5)
    s.cell(35, 34.5, 6)


def style_transfer(s: Sheet) -> None:
    """A dark cell on a bright tile, an arrow, and the same cell on a dark tile."""
    s.box(7, 7, 24, 24)
    s.cell(15.5, 15.5, 5.5, TEAL)
    s.box(24, 24, 41, 41, DEEP)
    s.cell(32.5, 32.5, 5.5, MINT)
    s.line(29, 11, 34.5, 11, 34.5, 14, color=AMBER)
    s.polygon(29, 14, 40, 14, 34.5, 21, color=AMBER)


def adaptation_learner(s: Sheet) -> None:
    """A cell as one microscope shows it, a bridge, and the cell as another does."""
    s.cell(14, 32, 6.5)
    s.outline(33.5, 32, 6, MINT)
    s.line(10, 18, 17, 11.5, 24, 9, 31, 11.5, 38, 18, color=AMBER)
    s.line(24, 16, 24, 39.5, color=TEAL)


def category(s: Sheet) -> None:
    """Three cells, large enough for 16 pixels."""
    s.disc(18, 18, 11)
    s.disc(34, 29, 8.5, MINT)
    s.disc(17, 37, 6.5, AMBER)


NODES: tuple[Callable[[Sheet], None], ...] = (
    image_reader,
    simulator,
    pretrained,
    model_reader,
    model_writer,
    learner,
    pretrainer,
    advisor,
    retrainer,
    adaptation_learner,
    style_learner,
    predictor,
    large_predictor,
    tiler,
    merger,
    fragment_grouper,
    counter,
    scorer,
    gap_report,
    label_writer,
    style_transfer,
)


def drawn() -> dict[str, Image.Image]:
    """All icons by their names."""
    pictures = {}
    for picture in (*NODES, category):
        sheet = Sheet(0 if picture is category else 1)
        picture(sheet)
        pictures[picture.__name__] = sheet.reduced(16 if picture is category else SIDE)
    return pictures


def overview(icons: dict[str, Image.Image]) -> Image.Image:
    """All icons three times as large with their names; below at their size and at half of it, on white and on black."""
    columns, wide, high, band = 7, 168, 184, 66
    rows = -(-len(icons) // columns)
    sheet = Image.new("RGB", (columns * wide, rows * high + 4 * band), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    draw.rectangle((0, rows * high + 2 * band, sheet.width, sheet.height), "#1c1c1c")
    apart = (sheet.width - 12) // len(icons)
    for number, (name, icon) in enumerate(icons.items()):
        x, y = number % columns * wide + wide // 2, number // columns * high
        large = icon.resize((3 * SIDE, 3 * SIDE), Image.Resampling.NEAREST)
        sheet.paste(large, (x - large.width // 2, y + 8), large)
        draw.text((x, y + 166), name.replace("_", " "), "black", font, "mm")
        half = icon.reduce(2)
        for below in range(4):
            shown = half if below % 2 else icon
            sheet.paste(shown, (12 + apart * number, rows * high + below * band + (band - shown.height) // 2), shown)
    return sheet


def main() -> None:
    """Draw all icons, and the overview."""
    icons = drawn()
    for name, icon in icons.items():
        icon.save(HERE / f"{name}.png", optimize=True)
    overview(icons).save(OVERVIEW, optimize=True)


if __name__ == "__main__":
    main()
