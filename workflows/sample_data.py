"""Choose the sample images of the templates out of the full data sets, by a seeded draw.

    python workflows/sample_data.py DATA

DATA holds `dsb2018_fluo/{images,labels}/{train,test}` (BBBC038, CC0) and
`usiigaci_t98g_phase/{images8,labels}/train` (Usiigaci, MIT). Files are copied unchanged.
"""

import random
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
SEED = 42


def copy_draw(images: Path, labels: Path, counts: dict[Path, int]) -> None:
    """Copy images, drawn at random, with their labels: so many into each folder, none into two."""
    names = sorted(p.stem for p in images.glob("*.png"))
    drawn = random.Random(SEED).sample(names, sum(counts.values()))
    for target, count in counts.items():
        chosen, drawn = drawn[:count], drawn[count:]
        for kind, folder, suffix in (("images", images, ".png"), ("labels", labels, ".tif")):
            (target / kind).mkdir(parents=True, exist_ok=True)
            for name in chosen:
                shutil.copyfile(folder / f"{name}{suffix}", target / kind / f"{name}{suffix}")


def main(data: Path) -> None:
    """Copy the samples of both templates."""
    nuclei = data / "dsb2018_fluo"
    first = HERE / "01_Train_and_count_nuclei" / "data"
    copy_draw(nuclei / "images" / "train", nuclei / "labels" / "train", {first / "train": 24})
    copy_draw(nuclei / "images" / "test", nuclei / "labels" / "test", {first / "test": 8})
    cells = data / "usiigaci_t98g_phase"
    second = HERE / "02_Retrain_with_four_images" / "data"
    copy_draw(cells / "images8" / "train", cells / "labels" / "train", {second / "train": 4, second / "test": 4})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
