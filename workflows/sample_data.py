"""Choose the sample images of the templates out of the full data sets, by a seeded draw.

    python workflows/sample_data.py DATA

DATA holds `dsb2018_fluo/{images,labels}/{train,test}` (BBBC038, CC0) and
`usiigaci_t98g_phase/{images8,labels}/train` (Usiigaci, MIT). Files are copied unchanged, but for the mosaic
of the fourth template: 20 fields of nuclei side by side, the 11 of the test images first.
"""

import random
import shutil
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import tifffile

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


def copy_others(images: Path, taken: Path, target: Path, count: int) -> None:
    """Copy so many images, drawn at random from those that are not in the folder `taken`, without labels."""
    target.mkdir(parents=True, exist_ok=True)
    others = sorted({p.name for p in images.glob("*.png")} - {p.name for p in taken.glob("*.png")})
    for name in random.Random(SEED).sample(others, count):
        shutil.copyfile(images / name, target / name)


def write_mosaic(images: Path, target: Path) -> None:
    """All fields of 696 x 520 pixels among the test images, and then training images, 4 in a row, 20 in all.

    They are made equally bright (percentiles 1 and 99.8 become 10 and 220), as the fields of one scan are. A tiled
    OME-TIFF with two resolutions. Nuclei are cut where fields meet.
    """
    fields: list[np.ndarray] = []
    for part in ("test", "train"):
        for path in sorted((images / part).glob("*.png")):
            pixels = np.array(PIL.Image.open(path).convert("L"))
            if pixels.shape == (520, 696) and len(fields) < 20:
                low, high = np.percentile(pixels, [1, 99.8])
                stretched = np.rint(10 + 210 * (pixels - low) / (high - low))
                fields.append(stretched.clip(0, 255).astype(np.uint8))
    whole = np.block([fields[i : i + 4] for i in range(0, 20, 4)])
    target.parent.mkdir(parents=True, exist_ok=True)
    options = {"tile": (256, 256), "compression": "zlib", "photometric": "minisblack"}
    with tifffile.TiffWriter(target, ome=True) as writer:
        writer.write(whole, subifds=1, metadata={"axes": "YX"}, **options)
        writer.write(whole[::2, ::2], subfiletype=1, **options)


def main(data: Path) -> None:
    """Copy the samples of all templates."""
    nuclei = data / "dsb2018_fluo"
    first = HERE / "01_Train_and_count_nuclei" / "data"
    copy_draw(nuclei / "images" / "train", nuclei / "labels" / "train", {first / "train": 24})
    copy_draw(nuclei / "images" / "test", nuclei / "labels" / "test", {first / "test": 8})
    zeroth = HERE / "00_Count_with_a_pretrained_model" / "data" / "images"
    copy_others(nuclei / "images" / "test", first / "test" / "images", zeroth, 6)
    cells = data / "usiigaci_t98g_phase"
    second = HERE / "02_Retrain_with_four_images" / "data"
    copy_draw(cells / "images8" / "train", cells / "labels" / "train", {second / "train": 4, second / "test": 4})
    write_mosaic(nuclei / "images", HERE / "04_Count_a_large_image" / "data" / "mosaic.ome.tif")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
