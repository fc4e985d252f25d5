"""What views with a canvas share: scripts, style, the buttons of the zoom."""

from pathlib import Path

BUTTONS = """
<div id="buttons"><button class="card" id="in" title="Zoom in (+)" aria-label="Zoom in">+</button>
<button class="card" id="out" title="Zoom out (-)" aria-label="Zoom out">&minus;</button>
<button class="card" id="all" title="Whole image (0)" aria-label="Whole image">
<svg width="16" height="16" fill="none" stroke="currentColor" stroke-width="2">
<path d="M1 5V1h4M11 1h4v4M15 11v4h-4M5 15H1v-4"/></svg>
</button></div>"""


def read(*names: str) -> str:
    """The texts of files beside this one, one behind the other."""
    folder = Path(__file__).parent
    return "".join((folder / name).read_text("utf-8") for name in names)
