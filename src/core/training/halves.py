"""Examples shared out into two halves, so that one can judge what was learned from the other."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from core.training.data import Example, digest


def in_halves(examples: Sequence[Example], seed: int) -> tuple[list[Example], list[Example]]:
    """Examples shared out at random, images with the same labels (of the same objects) into the same half.

    Where objects are on one image alone, this is cut in two through the middle of them.
    """
    scenes: dict[str, list[Example]] = {}
    for example in examples:
        scenes.setdefault(digest([example.labels]), []).append(example)
    known = list(scenes.values())
    shuffled = [known[i] for i in np.random.default_rng(seed).permutation(len(known))]
    labelled = [scene for scene in shuffled if scene[0].labels.any()]
    empty = [scene for scene in shuffled if not scene[0].labels.any()]
    if len(labelled) == 1:
        labelled = [list(part) for part in zip(*map(cut, labelled[0]), strict=True)]
    first, second = (list(chain(*labelled[i::2], *empty[i::2])) for i in (0, 1))
    return first, second


def cut(example: Example) -> tuple[Example, Example]:
    """The two parts of an image on either side of the middle of its objects' pixels, along its longer side."""
    side = int(np.argmax(example.labels.shape))
    middle = max(1, int(np.median(np.nonzero(example.labels)[side])))
    first, second = (
        replace(
            example,
            image=replace(example.image, array=np.ascontiguousarray(pixels), axes="CYX"),
            labels=np.ascontiguousarray(labels),
        )
        for pixels, labels in zip(
            np.split(example.image.cyx(), [middle], side + 1), np.split(example.labels, [middle], side), strict=True
        )
    )
    return first, second
