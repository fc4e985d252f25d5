"""Choose the sample images of the templates out of the full data sets, by a seeded draw.

    python workflows/sample_data.py DATA

DATA holds `dsb2018_fluo/{images,labels}/{train,test}` (BBBC038, CC0) and
`usiigaci_t98g_phase/{images8,labels}/{train,test}` (Usiigaci, MIT). Files are copied unchanged.
"""

import random
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
SEED = 42


def copy_draw(images: Path, labels: Path, count: int, target: Path) -> None:
    """Copy `count` images, drawn at random, with their labels into `target`."""
    names = sorted(p.stem for p in images.glob("*.png"))
    for kind, folder, suffix in (("images", images, ".png"), ("labels", labels, ".tif")):
        (target / kind).mkdir(parents=True, exist_ok=True)
        for name in sorted(random.Random(SEED).sample(names, count)):
            shutil.copyfile(folder / f"{name}{suffix}", target / kind / f"{name}{suffix}")


def main(data: Path) -> None:
    """Copy the samples of both templates."""
    nuclei = data / "dsb2018_fluo"
    first = HERE / "01_Train_and_count_nuclei" / "data"
    copy_draw(nuclei / "images" / "train", nuclei / "labels" / "train", 24, first / "train")
    copy_draw(nuclei / "images" / "test", nuclei / "labels" / "test", 8, first / "test")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
