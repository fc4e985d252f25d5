"""Draws the icons: a rounded tile with cells, and per node a sign of what it does.

python icons/draw.py writes the PNG files beside this script: 48 pixels for nodes, 16 for the category.
"""

import math
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

SIDE, FINER = 48, 16
TEAL, DEEP, WHITE, MINT, AMBER, ROSE = "#0f6e78", "#0a4a52", "#ffffff", "#8ee0d0", "#ffc14d", "#ff7a9a"


class Sheet:
    """A tile in units of 1/48 of its side, drawn larger and reduced at the end."""

    def __init__(self) -> None:
        self._image = Image.new("RGBA", (SIDE * FINER,) * 2)
        self._draw = ImageDraw.Draw(self._image)
        self._draw.rounded_rectangle(self._scaled(1, 1, 47, 47), 10 * FINER, TEAL)

    def _scaled(self, *numbers: float) -> list[float]:
        return [n * FINER for n in numbers]

    def cell(self, x: float, y: float, r: float, fill: str | None = WHITE, outline: str | None = None) -> None:
        """A disc, filled or outlined."""
        self._draw.ellipse(self._scaled(x - r, y - r, x + r, y + r), fill, outline, round(2.6 * FINER))

    def nucleus(self, x: float, y: float, r: float, fill: str = WHITE) -> None:
        """A disc with a dark nucleolus."""
        self.cell(x, y, r, fill)
        self.cell(x + r / 4, y - r / 5, r / 3.2, TEAL)

    def line(self, *points: float, color: str = WHITE, width: float = 3.0) -> None:
        """A line with round ends through x, y, x, y, ..."""
        self._draw.line(self._scaled(*points), color, round(width * FINER), joint="curve")
        for x, y in zip(points[::2], points[1::2], strict=True):
            self.cell(x, y, width / 2, color)

    def polygon(self, *points: float, color: str = WHITE) -> None:
        """A filled polygon."""
        self._draw.polygon(self._scaled(*points), color)

    def box(self, left: float, top: float, right: float, bottom: float, color: str = WHITE) -> None:
        """A filled rectangle with slightly rounded corners."""
        self._draw.rounded_rectangle(self._scaled(left, top, right, bottom), FINER, color)

    def arrow(self, x: float, y: float, length: float, angle: float, color: str = AMBER) -> None:
        """An arrow from x, y; angle in degrees, 0 to the right, 90 down."""
        ux, uy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        tip, neck = (x + ux * length, y + uy * length), (x + ux * (length - 6), y + uy * (length - 6))
        self.line(x, y, *neck, color=color, width=4)
        self.polygon(*tip, neck[0] - uy * 6, neck[1] + ux * 6, neck[0] + uy * 6, neck[1] - ux * 6, color=color)

    def turn(self, x: float, y: float, r: float, color: str = AMBER) -> None:
        """Three quarters of a circle with an arrowhead."""
        self._draw.arc(self._scaled(x - r, y - r, x + r, y + r), -40, 230, color, round(3.6 * FINER))
        tip = math.radians(-40)
        px, py = x + (r - 1.8) * math.cos(tip), y + (r - 1.8) * math.sin(tip)
        self.polygon(px - 5.5, py + 1.5, px + 5, py + 4, px - 0.5, py - 6.5, color=color)

    def star(self, x: float, y: float, r: float, rays: int = 11, color: str = MINT) -> None:
        """The outline of a wobbly, star-convex cell."""
        points = []
        for i in range(rays * 8 + 2):
            angle = 2 * math.pi * i / (rays * 8)
            radius = r * (1 + 0.12 * math.sin(3 * angle + 0.6))
            points += [x + radius * math.cos(angle), y + radius * math.sin(angle)]
        self.line(*points, color=color, width=2.8)

    def network(self, x: float, y: float) -> None:
        """Three layers of a network, about 26 units wide."""
        left, middle, right = [(x - 11, y - 6), (x - 11, y + 6)], [(x, y - 10), (x, y), (x, y + 10)], [(x + 11, y)]
        for before, after in ((left, middle), (middle, right)):
            for a in before:
                for b in after:
                    self.line(*a, *b, color=MINT, width=1.4)
        for node in (*left, *middle, *right):
            self.cell(*node, 3.4)

    def save(self, name: str, side: int = SIDE) -> None:
        """Write the reduced picture beside this script."""
        small = self._image.resize((side, side), Image.Resampling.BOX)
        small.save(Path(__file__).with_name(f"{name}.png"), optimize=True)


def image_reader(s: Sheet) -> None:
    """A folder with cells on it."""
    s.polygon(7, 13, 19, 13, 23, 17, 41, 17, 41, 39, 7, 39, color=MINT)
    s.box(7, 20, 41, 39, WHITE)
    s.cell(17, 30, 5.5, TEAL)
    s.cell(30, 27, 4, TEAL)
    s.cell(33, 35, 2.5, TEAL)


def learner(s: Sheet) -> None:
    """Cells, and a line that rises."""
    s.nucleus(15, 15, 7)
    s.nucleus(31, 13, 5, MINT)
    s.line(8, 39, 18, 31, 26, 34, 34, 24, color=AMBER, width=3.6)
    s.polygon(41, 18, 29, 21, 37, 30, color=AMBER)


def retrainer(s: Sheet) -> None:
    """A cell inside an arrow that goes round."""
    s.nucleus(24, 25, 7.5)
    s.turn(24, 25, 16)


def predictor(s: Sheet) -> None:
    """Cells with outlines."""
    s.nucleus(19, 20, 7)
    s.star(19, 20, 12)
    s.nucleus(35, 35, 3.5)
    s.star(35, 35, 7.4)


def large_predictor(s: Sheet) -> None:
    """A mosaic of tiles, with outlined cells across their seams."""
    for x in (8, 24.8):
        for y in (8, 24.8):
            s.box(x, y, x + 15.2, y + 15.2, DEEP)
    for x, y, r in ((24, 17, 5), (15, 31, 4), (33, 33, 3.4)):
        s.nucleus(x, y, r)
        s.star(x, y, 1.75 * r)


def counter(s: Sheet) -> None:
    """A cell above the bars of a chart."""
    s.nucleus(14, 14, 6)
    s.cell(28, 11, 3.6, MINT)
    for left, top, color in ((9, 31, MINT), (20, 24, AMBER), (31, 18, WHITE)):
        s.box(left, top, left + 8, 41, color)


def scorer(s: Sheet) -> None:
    """Two outlines, nearly the same, and a tick."""
    s.cell(20, 20, 12.5, None, MINT)
    s.cell(25, 23, 12.5, None, ROSE)
    s.line(24, 34, 30, 40, 41, 26, color=AMBER, width=4.2)


def label_writer(s: Sheet) -> None:
    """An outlined cell that goes into a tray."""
    s.star(24, 15, 8.5)
    s.cell(24, 15, 3.2)
    s.arrow(24, 24, 13, 90)
    s.line(8, 32, 8, 41, 40, 41, 40, 32, width=3.4)


def model_writer(s: Sheet) -> None:
    """A network that goes into a tray."""
    s.network(24, 16)
    s.arrow(24, 24, 13, 90)
    s.line(8, 32, 8, 41, 40, 41, 40, 32, width=3.4)


def model_reader(s: Sheet) -> None:
    """A network that comes out of a tray."""
    s.network(24, 16)
    s.arrow(24, 38, 13, -90)
    s.line(8, 32, 8, 41, 40, 41, 40, 32, width=3.4)


def pretrained(s: Sheet) -> None:
    """A network with a medal: it has learned already."""
    s.network(21, 17)
    s.polygon(28, 34, 26, 45, 33, 41.5, 40, 45, 38, 34, color=ROSE)
    s.cell(33, 32, 8, AMBER)
    s.nucleus(33, 32, 4.6)


def simulator(s: Sheet) -> None:
    """Cells around a die."""
    s.box(6, 21, 26, 41, WHITE)
    for x, y in ((11, 26), (21, 26), (16, 31), (11, 36), (21, 36)):
        s.cell(x, y, 2.3, TEAL)
    s.nucleus(31, 14, 7.5, MINT)
    s.nucleus(36, 33, 5.5)
    s.cell(14, 12, 3.6, AMBER)


def advisor(s: Sheet) -> None:
    """A network, the first of three on a podium."""
    s.network(24, 12)
    for left, top, color in ((7, 33, MINT), (19, 24, AMBER), (31, 36, WHITE)):
        s.box(left, top, left + 10, 42, color)


def tiler(s: Sheet) -> None:
    """Cells on four tiles, drawn apart."""
    for left, top in ((6, 6), (26, 6), (6, 26), (26, 26)):
        s.box(left, top, left + 16, top + 16, DEEP)
    s.nucleus(14, 14, 5)
    s.cell(33, 16, 4, MINT)
    s.cell(15, 33, 3.4, AMBER)
    s.nucleus(34, 34, 5.5, MINT)


def merger(s: Sheet) -> None:
    """A cell that reaches over four tiles, and one outline around it."""
    for left, top in ((6, 6), (24.6, 6), (6, 24.6), (24.6, 24.6)):
        s.box(left, top, left + 17.4, top + 17.4, DEEP)
    s.nucleus(24, 24, 8)
    s.star(24, 24, 14, color=AMBER)


def category(s: Sheet) -> None:
    """Three cells, large enough for 16 pixels."""
    s.cell(18, 18, 11)
    s.cell(34, 29, 8.5, MINT)
    s.cell(17, 37, 6.5, AMBER)


NODES: tuple[Callable[[Sheet], None], ...] = (
    image_reader,
    learner,
    retrainer,
    predictor,
    large_predictor,
    counter,
    scorer,
    label_writer,
    model_writer,
    model_reader,
    simulator,
    pretrained,
    advisor,
    tiler,
    merger,
)


def main() -> None:
    """Draw all icons."""
    for picture, side in ((category, 16), *((node, SIDE) for node in NODES)):
        sheet = Sheet()
        picture(sheet)
        sheet.save(picture.__name__, side)


if __name__ == "__main__":
    main()
