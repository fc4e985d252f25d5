"""Whether a network tells magnifications by what is to be seen, or by how sharp it is.

The same content is shown at every scale, and each time as it is, sharpened and blurred. What sharpness alone changes
about the answers is read from it. All answers are octaves: logarithms to the base 2 of the scale.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.pretraining.magnification.config import MagnificationConfig
from core.pretraining.pretext import Report
from core.progress import SILENT, Progress
from core.training.objective import Step

Judged = NDArray[np.float32]
"""Answers to patches, octaves, N."""

BLURS = (-1.0, 0.0, 1.0, 2.0)
"""Standard deviations in pixels of the blurs; of the first the patch is sharpened by."""

READS_SHARPNESS = 0.3
"""From this share of the answers on, there is a warning."""

LEARNED = 0.1
"""Below this share that the scale explains, nothing has been learned."""


def probe(
    judged: Callable[[Step, float, float], Judged],
    steps: Sequence[Step],
    config: MagnificationConfig,
    progress: Progress = SILENT,
) -> Report:
    """Ask for answers to patches at all scales and sharpnesses.

    Parameters
    ----------
    judged : the answers to the patches of a step at a scale, and blurred by a standard deviation in pixels, less than 0
        sharpened.
    """
    answers = np.empty((len(steps), len(config.scales), len(BLURS)))
    for i, step in enumerate(steps):
        for j, scale in enumerate(config.scales):
            progress.step((i + j / len(config.scales)) / len(steps), "Probing what is read: content or sharpness")
            answers[i, j] = [float(judged(step, scale, deviation).mean()) for deviation in BLURS]
    return told(answers, np.log2(config.scales))


def told(answers: NDArray[np.float64], truth: NDArray[np.float64]) -> Report:
    """What answers tell.

    Parameters
    ----------
    answers : octaves; axes patches, scales, sharpnesses.
    truth : the octaves of the scales.
    """
    by_scale, by_sharpness = shares(answers)
    error = float(np.abs(answers[:, :, BLURS.index(0.0)] - truth).mean())
    guessing = float(np.abs(truth - truth.mean()).mean())
    text = (
        f"Probe with {answers.shape[0]} patches: the magnification explains {by_scale:.0%} of the differences between "
        f"the network's answers, sharpness of the same content {by_sharpness:.0%}. Its answers are wrong by "
        f"{error:.2f} octaves (factors of 2) on average; always giving the middle would be by {guessing:.2f}."
    )
    numbers = {"magnification": by_scale, "sharpness": by_sharpness, "error": error, "guessing": guessing}
    return Report(text, _doubt(by_scale, by_sharpness), numbers)


def shares(answers: NDArray[np.float64]) -> tuple[float, float]:
    """Shares of the variance of answers, 0 to 1, that the scale explains, and that sharpness of the same content does.

    The latter is what is left where patch and scale are the same. Answers that are all alike give 0 and 0.
    """
    total = float(answers.var())
    if total < 1e-12:
        return 0.0, 0.0
    return float(answers.mean((0, 2)).var()) / total, float(answers.var(axis=2).mean()) / total


def _doubt(by_scale: float, by_sharpness: float) -> str:
    if by_sharpness > READS_SHARPNESS:
        return (
            f"The network reads how sharp an image is more than what it shows (sharpness explains {by_sharpness:.0%} "
            "of its answers): do not trust where it looks. Train for more epochs, on more images, or choose another "
            "task."
        )
    if by_scale < LEARNED:
        return (
            f"The network has not learned to tell magnifications (these explain {by_scale:.0%} of its answers). Train "
            "for more epochs, choose magnifications that are farther apart, or another task."
        )
    return ""
