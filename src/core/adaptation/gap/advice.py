"""What to do about the differences between two sets of images, in words."""

import math

from core.adaptation.gap.report import HISTOGRAM_GAP, LOG_SCALE_GAP, Report

LARGE = {"Noise": 3.0, "Edge width": 1.8}
"""Ratios from which on changing the look of the images is not expected to be enough."""

LARGE_HISTOGRAM = 3 * HISTOGRAM_GAP
"""Likewise of the histogram distance after normalisation, a share of the contrast."""

NO_GAP = (
    "No gap was found in what is measured here. Use the model as it is, and look at its result on a few target images."
)


def advise(report: Report) -> list[str]:
    """Steps in the order in which they are to be taken, one sentence or two each."""
    steps = [*_size(report), *_polarity(report), *_look(report)] or [NO_GAP]
    if report.estimated.problem and not math.isfinite(report.scale):
        steps.append(
            "Compare the pixel sizes of both kinds yourself: one is missing, and by how much the magnification differs "
            "cannot be told from the images."
        )
    if report.line("Images")[0].remark:
        steps.append("This rests on one image of a kind: add more before you rely on it.")
    return steps


def _size(report: Report) -> list[str]:
    scale, estimated = report.scale, report.estimated
    doubtful = not estimated.problem and (estimated.low > 1 or estimated.high < 1)
    if math.isfinite(scale):
        if abs(math.log2(scale)) > LOG_SCALE_GAP:
            return [
                f"Rescale the target images to {1 / scale:.3g} times their size: by the pixel sizes, structures are "
                f"{_times(scale)} in them as in the source images."
            ]
        return []
    if doubtful:
        return [
            f"Check the pixel sizes: structures seem to be {_times(estimated.factor)} in the target images (between "
            f"{estimated.low:.2g} and {estimated.high:.2g} times). This is an estimate from the look of the images; "
            "rescale them only if it agrees with what you know of the microscopes."
        ]
    return []


def _polarity(report: Report) -> list[str]:
    return (
        ["Invert the target images: what is bright in one kind seems to be dark in the other."]
        if any(line.gap for line in report.line("Skewness"))
        else []
    )


def _look(report: Report) -> list[str]:
    histogram = max(
        (abs(one.difference) for one in report.line("Histogram distance after normalisation") if one.gap), default=0.0
    )
    gaps = {
        name: max((_ratio(one.source, one.target) for one in report.line(name) if one.gap), default=1.0)
        for name in LARGE
    }
    steps = []
    if histogram:
        steps.append(
            "Match the histograms with the Style Transfer node: grey values are spread differently, and normalising "
            "every image does not remove that."
        )
    elif any(one.gap for one in report.line("Histogram distance")):
        steps.append(
            "Nothing needs to be done about the grey values: they differ, but models normalise every image, which "
            "removes it."
        )
    different = [word for name, word in (("Noise", "noise"), ("Edge width", "sharpness")) if gaps[name] > 1]
    if different:
        steps.append(
            "Try the Fourier method of the Style Transfer node, or the Style Transfer Learner: the "
            f"{' and '.join(different)} of the images differ{'s' * (len(different) == 1)}."
        )
    if histogram > 100 * LARGE_HISTOGRAM or any(gaps[name] > limit for name, limit in LARGE.items()):
        steps.append(
            "The gap is large. Let the Self-Supervised Pretrainer learn from images of both kinds, then use the Domain "
            "Adaptation Learner, which tells whether adapting has helped."
        )
    return steps


def _ratio(a: float, b: float) -> float:
    return max(a, b) / max(min(a, b), 1e-12)


def _times(factor: float) -> str:
    return f"{factor:.3g} times as large"
