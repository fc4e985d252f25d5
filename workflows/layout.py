"""Where things lie on a template's canvas, and what several templates simulate."""

from headless.workflow_template import Note

ROW, COLUMN = 140, 240


def at(column: float, row: float) -> tuple[int, int]:
    """Where a node lies on the canvas, in pixels."""
    return int(140 + COLUMN * column), int(220 + ROW * row)


def note(html: str, column: float, columns: float, lowest: float) -> Note:
    """An explanation behind columns of nodes, down to the row of the lowest one."""
    x, y = at(column, lowest)
    return Note(html, x - 90, 60, int(COLUMN * columns) - 20, y + 40)


NUCLEI = {
    "width": 256,
    "height": 256,
    "pixel_size": 0.325,
    "objects": {
        "measures": "MANUAL",
        "smallest": 25.0,
        "largest": 37.0,
        "fewest": 12,
        "most": 20,
        "clustering": 0.7,
    },
}
"""HL60-like nuclei as a 20x objective shows them: small images, quick to learn from."""
