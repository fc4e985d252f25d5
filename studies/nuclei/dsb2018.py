"""The images of DSB2018 with their labels, in the split of Wilhelm 2019.

BBBC038 (Caicedo et al. 2019, Nature Methods 16; CC0): the training images of stage 1 of the 2018 Data Science Bowl, in
two folders `dsb2018_fluo` and `dsb2018_other`, each with {images,labels}/*/*.png|*.tif, named by the first 16 digits
of the image ids. `split.csv` has the split's 597 training and 67 validation images; studies and trained models keep
the latter for testing alone.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from core.io.read import read_image, read_labels
from core.planes import to_grey
from core.training.data import Example

SPLIT = Path(__file__).with_name("split.csv")
FOLDERS = ("dsb2018_fluo", "dsb2018_other")
FLUORESCENCE, COLOUR, BRIGHT_FIELD = KINDS = ("gray-dark", "color", "gray-bright")
"""What the split calls the kinds of images."""


def load(data: Path, part: str, kinds: Sequence[str] = KINDS) -> list[Example]:
    """Images of a part of the split, "train" or "val", in its order; colour pictures become grey."""
    files = {p.stem: p for folder in FOLDERS for p in (data / folder / "images").rglob("*.png")}
    with SPLIT.open() as table:
        chosen = [row["image"] for row in csv.DictReader(table) if row["split"] == part and row["kind"] in kinds]
    return [_example(name, files[name]) for name in chosen if name in files]


def _example(name: str, path: Path) -> Example:
    labels = next((path.parents[2] / "labels").rglob(f"{name}.*"))
    return Example(name, to_grey(read_image(path)), read_labels(labels).array)
