"""How sure a count is: an image segmented in all its orientations, which show the same objects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from core.evaluation.matching import match, overlaps
from core.image import Image, Labels
from core.inference.predict import Prediction
from core.progress import SILENT, Progress

ORIENTATIONS = tuple(product((False, True), range(4)))
"""Whether an image is mirrored, then how many quarter turns: all ways to lay a square on itself, as it is first."""

SAME = 0.5
"""IoU from which on two objects are the same."""

Predict = Callable[[Image, Progress], Prediction]


@dataclass(frozen=True)
class Certainty:
    """How much a prediction depends on how the image lies.

    Parameters
    ----------
    counts : the number of objects in every orientation, in the order of `ORIENTATIONS`.
    agreement : 0 to 1, the share of the objects of the image as it is that are found again, with an IoU of `SAME` or
        more, on average over the other orientations. Where the image as it is has none, the share of the
        others that have none either.
    """

    counts: tuple[int, ...]
    agreement: float

    @property
    def mean(self) -> float:
        """Of the counts."""
        return float(np.mean(self.counts))

    @property
    def deviation(self) -> float:
        """Standard deviation of the counts, by n - 1."""
        return float(np.std(self.counts, ddof=1))


def predict_orientations(predict: Predict, image: Image, progress: Progress = SILENT) -> tuple[Prediction, Certainty]:
    """Segment an image as it is, and tell by its seven other orientations how sure that is.

    A network whose answer were a property of the object alone would find the same in a turned or mirrored image. What
    changes is what it is not sure of: the spread over such test-time augmentations tells of the noise of the data and
    of what a model has not learned (Wang et al. 2019, Neurocomputing, "Aleatoric uncertainty estimation with test-time
    augmentation for medical image segmentation with convolutional neural networks"). It does not tell of what is wrong
    in all orientations alike.

    Parameters
    ----------
    predict : segments an image; labels YX, or ZYX of a stack, whose slices are turned and mirrored alike.
    image : a 2-D image, or a stack.

    Returns
    -------
    The prediction of the image as it is, untouched by the others; and how sure it is.

    Raises
    ------
    Canceled : the user stopped the work.
    """
    total = len(ORIENTATIONS)
    parts = [progress.part(i / total, (i + 1) / total, f"orientation {i + 1} of {total}: ") for i in range(total)]
    plain = predict(image, parts[0])
    counts, shares = [len(plain.scores)], list[float]()
    for orientation, part in zip(ORIENTATIONS[1:], parts[1:], strict=True):
        part.step(0.0)
        found = predict(oriented(image, *orientation), part)
        counts.append(len(found.scores))
        shares.append(found_again(plain.labels.array, restored(found.labels.array, *orientation)))
    return plain, Certainty(tuple(counts), float(np.mean(shares)))


def oriented(image: Image, mirrored: bool, turns: int) -> Image:
    """An image mirrored from left to right, or not, and then turned by quarters."""
    array = np.flip(image.array, -1) if mirrored else image.array
    sizes = dict(image.pixel_size)
    if turns % 2:
        exchanged = {"Y": sizes.get("X"), "X": sizes.get("Y")}
        sizes = {axis: size for axis, size in (sizes | exchanged).items() if size}
    return replace(image, array=np.ascontiguousarray(np.rot90(array, turns, (-2, -1))), pixel_size=sizes)


def restored(labels: Labels, mirrored: bool, turns: int) -> Labels:
    """Labels of an `oriented` image as they lie on the image itself."""
    back = np.rot90(labels, -turns, (-2, -1))
    return np.ascontiguousarray(np.flip(back, -1) if mirrored else back)


def found_again(labels: Labels, other: Labels) -> float:
    """The share of objects that are in other labels too; of none it is 1 where there are none either, otherwise 0."""
    found = overlaps(labels, other)
    if not found.true_count:
        return float(found.predicted_count == 0)
    return len(match(found, SAME)) / found.true_count
