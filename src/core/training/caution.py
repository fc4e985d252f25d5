"""Choices out of few images: what was there before stays unless something else is clearly better on them."""

import numpy as np
from numpy.typing import NDArray


def first_as_good(scores: NDArray[np.float64]) -> int:
    """The first choice that is not clearly worse than the best one: the one-standard-error rule.

    It may be behind the best, on average over the images, by the standard error of this difference (after Breiman,
    Friedman, Olshen and Stone 1984, Classification and Regression Trees). One image has no such error: the best wins.

    Parameters
    ----------
    scores : of every choice on every image, axes image, choice; the choices in the order in which they are preferred.
    """
    best = int(scores.mean(axis=0).argmax())
    behind = scores[:, [best]] - scores
    images = len(scores)
    error = behind.std(axis=0, ddof=1) / np.sqrt(images) if images > 1 else 0.0
    return int(np.argmax(behind.mean(axis=0) <= error + 1e-9))
