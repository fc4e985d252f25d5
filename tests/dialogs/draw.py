"""Draws the dialogs of all nodes as they are opened in KNIME: docs/nodes/<NodeId>.png.

    python -m tests.dialogs.draw

Advanced settings are shown, but in dialogs that would become longer than a screen.
"""

import sys
import tempfile
from pathlib import Path

import PIL.Image
from tests.dialogs import record
from tests.dialogs.dialog import MISSING, Dialog, build

PICTURES = record.ROOT / "docs/nodes"
SCREEN = 1200
"""CSS pixels."""

SCALE = 1.5
"""Pixels of a picture per CSS pixel, so that text stays sharp."""


def main() -> None:
    """Draw all pictures."""
    if MISSING:
        sys.exit(f"Drawing the dialogs {MISSING}.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        dialog = Dialog(build(Path(folder)))
        for file in sorted(record.FOLDER.glob("*.json")):
            shown = record.read(file.stem)
            dialog.show(shown, advanced=True)
            if len(dialog.picture()) > SCREEN:
                dialog.show(shown)
            picture = PIL.Image.fromarray(dialog.picture(SCALE)).quantize(32, dither=PIL.Image.Dither.NONE)
            picture.save(PICTURES / f"{file.stem}.png", optimize=True)
        dialog.close()


if __name__ == "__main__":
    main()
