"""Compose the sample images of the sixth template out of images of neuromuscular junctions.

    PYTHONPATH=. python workflows/nmj_sample_data.py NMJ

NMJ holds images of Boehm et al. 2020 (doi 10.1111/joa.13260, CC BY 4.0): index.csv, images and masks_achr. They show
one junction each; the fields are composed of them as those of the study are, see `studies/nmj/data.py`. A third of the
junctions of either animal is on the unlabelled fields only, a third on the labelled ones of pig 1, and the rest on the
fields to be counted; no junction has two of these purposes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sample_tiff import write
from scipy import ndimage
from studies.nmj.data import DARKEST, PIXEL, Field, Junction, compose, load

DATA = Path(__file__).parent / "06_Count_neuromuscular_junctions" / "data"
SEED = 6

LABELLED = ("Pig_1", 6, 4, 256)
"""Animal, fields, junctions of a field, and side in pixels."""

UNLABELLED, COUNTED = (12, 6, 320), (5, (4, 5, 6, 6, 7), 352)
"""Of each animal fields, junctions of a field, and side in pixels."""


def main(folder: Path) -> None:
    """Write the fields of both animals."""
    for animal, junctions in load(folder).items():
        order = np.random.default_rng([SEED, len(junctions)]).permutation(len(junctions))
        pretraining, training, counting = ([junctions[i] for i in part] for part in np.array_split(order, 3))
        where = animal.lower()
        fields, count, side = UNLABELLED
        for number, field in enumerate(composed(pretraining, [count] * fields, side, 1)):
            write(DATA / "unlabelled" / where / f"field_{number + 1}.tif", field.image.array, PIXEL)
        fields, counts, side = COUNTED
        save(DATA / "fields", where, composed(counting, counts[:fields], side, 2))
        labelled_animal, fields, count, side = LABELLED
        if animal == labelled_animal:
            save(DATA / "labelled", "", composed(training, [count] * fields, side, 3))


def composed(junctions: Sequence[Junction], counts: Sequence[int], side: int, purpose: int) -> list[Field]:
    """Fields of so many junctions each; a junction comes again only after all others have come."""
    rng = np.random.default_rng([SEED, purpose, len(junctions)])
    backgrounds = [one for one in junctions if is_plain(one)]
    fields, rest = [], []
    for number, count in enumerate(counts):
        rest = rest if len(rest) >= count else rng.permutation(len(junctions)).tolist()
        chosen, rest = rest[:count], rest[count:]
        fields.append(compose([junctions[i] for i in chosen], backgrounds, side, (SEED, purpose, number)))
    return fields


def is_plain(one: Junction) -> bool:
    """Whether all that lies around a junction is darker than the faintest plaques of a field.

    Around a few lie bright structures of which nobody has said whether they are junctions.
    """
    return bool(ndimage.gaussian_filter(one.background, 1).max() < DARKEST)


def save(folder: Path, group: str, fields: Sequence[Field]) -> None:
    """Images and labels."""
    for number, field in enumerate(fields):
        name = f"field_{number + 1}.tif"
        write(folder / "images" / group / name, field.image.array, PIXEL)
        write(folder / "labels" / group / name, field.labels.astype(np.uint8), PIXEL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
