"""Known magnifications are found again, or it is said that they cannot be told."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage
from tests.core.gap_images import CELLS, NUCLEI, Plane, measured, noisy, read

from core.adaptation.gap.advice import advise
from core.adaptation.gap.magnification import estimate, sizes
from core.adaptation.gap.report import compare
from core.rescaling import rescale_pixels


@pytest.fixture(scope="module")
def nuclei() -> list[Plane]:
    """Images of nuclei whose medians are 9 to 18 pixels."""
    return [plane for plane in read(NUCLEI / "train") if plane.shape == (256, 256)][:6]


CHANGES: dict[str, Callable[[Plane], Plane]] = {
    "nothing": lambda plane: plane,
    "blur": lambda plane: ndimage.gaussian_filter(plane, 1),
    "noise": lambda plane: noisy(plane, 4),
    "curve": lambda plane: (255 * (np.maximum(plane, 0) / 255) ** 0.7).astype(np.float32),
}


def test_magnification_of_nuclei(nuclei: list[Plane]) -> None:
    """The interval holds the true factor in nine of ten cases, of other images of the kind, changed otherwise too."""
    source = [sizes([plane]) for plane in nuclei[::2]]
    held, told, cases = 0, 0, 0
    for change in CHANGES.values():
        for factor in (0.5, 1.0, 1.7):
            others = [change(rescale_pixels(plane[None], factor)[0]) for plane in nuclei[1::2]]
            found = estimate(source, [sizes([plane]) for plane in others])
            cases += 1
            told += not found.problem
            held += bool(found.problem) or found.low <= factor <= found.high
    assert told >= 0.5 * cases
    assert held >= 0.9 * cases


def test_magnification_of_the_same_nuclei(nuclei: list[Plane]) -> None:
    source = [sizes([plane]) for plane in nuclei]
    for factor in (1.4, 1.8):
        found = estimate(source, [sizes([rescale_pixels(plane[None], factor)[0]]) for plane in nuclei])
        assert found.factor == pytest.approx(factor, rel=0.15)


def test_magnification_of_structures_of_all_sizes_cannot_be_told() -> None:
    """Noise whose power falls with the square of frequency looks alike at any magnification."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    frequency[0, 0] = np.inf
    planes = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(256, 256))) / frequency) for _ in range(6)]
    images = measured([100 + plane.astype(np.float32) for plane in planes])
    report = compare(images[:3], images[3:])
    assert "trial" in report.estimated.problem
    assert "It cannot be told" in report.line("Magnification (estimated)")[0].remark
    assert "pixel sizes" in advise(report)[-1]


def test_magnification_needs_images_and_sizes(nuclei: list[Plane]) -> None:
    of = [sizes([plane]) for plane in nuclei[:3]]
    assert "3 images" in estimate(of[:2], of).problem
    tiny = [sizes([np.eye(20, dtype=np.float32)])] * 3
    assert estimate(tiny, of).problem


def test_the_example_of_the_description() -> None:
    report = compare(measured(read(NUCLEI / "test")), measured(read(CELLS / "train")))
    of = {name: report.line(name)[0] for name in ("Noise", "Edge width", "Histogram distance after normalisation")}
    assert (round(of["Noise"].source, 1), round(of["Noise"].target, 1), of["Noise"].gap) == (0.7, 0.7, False)
    assert (round(of["Edge width"].source, 1), round(of["Edge width"].target, 1)) == (1.5, 0.5)
    assert round(of["Histogram distance after normalisation"].difference) == 20
    found = report.estimated
    assert (round(found.factor, 1), round(found.low, 1), round(found.high, 1)) == (2.5, 1.8, 5.2)
    words = ("Check the pixel sizes", "histograms", "Style Transfer", "The gap is large")
    assert [word in step for word, step in zip(words, advise(report), strict=True)] == [True] * 4
