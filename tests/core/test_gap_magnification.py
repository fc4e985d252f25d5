"""Known magnifications are found again, or it is said that they cannot be told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.adaptation.gap.advice import advise
from core.adaptation.gap.magnification import estimate, sizes
from core.adaptation.gap.measures import ImageMeasures, measure
from core.adaptation.gap.report import Report, compare
from core.image import Image
from core.rescaling import rescale_pixels

WORKFLOWS = Path(__file__).parents[2] / "workflows"

Plane = NDArray[np.float32]


def read(folder: str, shape: tuple[int, int] | None = None) -> list[Plane]:
    files = sorted((WORKFLOWS / folder).glob("*.png"))
    planes = [np.array(PIL.Image.open(path).convert("L")).astype(np.float32) for path in files]
    return [plane[:256, :256] for plane in planes if shape in (None, plane.shape)]


@pytest.fixture(scope="module")
def nuclei() -> list[Plane]:
    """Fluorescence images of nuclei."""
    return read("01_Train_and_count_nuclei/data/train/images")[:12]


@pytest.fixture(scope="module")
def alike() -> list[Plane]:
    """Fluorescence images of nuclei whose medians are 9 to 18 pixels."""
    return read("01_Train_and_count_nuclei/data/train/images", (256, 256))[:12]


@pytest.fixture(scope="module")
def cells() -> list[Plane]:
    """Phase-contrast images."""
    return [plane[:200, :200] for plane in read("02_Retrain_with_four_images/data/train/images")]


def measured(planes: Sequence[Any], **known: Any) -> list[ImageMeasures]:
    return [measure(Image(np.asarray(plane), "YX", **known), f"image {i}") for i, plane in enumerate(planes)]


@pytest.fixture(scope="module")
def measured_nuclei(nuclei: list[Plane]) -> list[ImageMeasures]:
    return measured(nuclei)


def value(report: Report, measure: str) -> float:
    return report.line(measure)[0].difference


def noisy(plane: Plane, sigma: float, seed: int = 0) -> Plane:
    return plane + np.random.default_rng(seed).normal(0, sigma, plane.shape).astype(np.float32)


CHANGES: dict[str, Callable[[Plane], Plane]] = {
    "nothing": lambda plane: plane,
    "blur": lambda plane: ndimage.gaussian_filter(plane, 1),
    "noise": lambda plane: noisy(plane, 4),
    "curve": lambda plane: 255 * (np.maximum(plane, 0) / 255) ** 0.7,
}


def test_magnification_of_nuclei(alike: list[Plane]) -> None:
    """The interval holds the true factor in nine of ten cases, of other images of the kind, changed otherwise too."""
    source = [sizes([plane]) for plane in alike[:6:2]]
    held, told, cases = 0, 0, 0
    for change in CHANGES.values():
        for factor in (0.5, 1.0, 1.7):
            others = [change(rescale_pixels(plane[None], factor)[0]) for plane in alike[1:6:2]]
            found = estimate(source, [sizes([plane]) for plane in others])
            cases += 1
            told += not found.problem
            held += bool(found.problem) or found.low <= factor <= found.high
    assert told >= 0.5 * cases
    assert held >= 0.9 * cases


def test_magnification_of_the_same_nuclei(alike: list[Plane]) -> None:
    source = [sizes([plane]) for plane in alike[:6]]
    for factor in (1.4, 1.8):
        found = estimate(source, [sizes([rescale_pixels(plane[None], factor)[0]]) for plane in alike[:6]])
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


def test_magnification_needs_images_and_sizes(measured_nuclei: list[ImageMeasures]) -> None:
    of = [one.channels[0].sizes for one in measured_nuclei]
    assert "3 images" in estimate(of[:2], of).problem
    tiny = [sizes([np.eye(20, dtype=np.float32)])] * 3
    assert estimate(tiny, of).problem


def test_the_example_of_the_description() -> None:
    source = [np.array(PIL.Image.open(p).convert("L")) for p in sorted(_data("01_Train_and_count_nuclei/data/test"))]
    target = [np.array(PIL.Image.open(p).convert("L")) for p in sorted(_data("02_Retrain_with_four_images/data/train"))]
    report = compare(measured(source), measured(target))
    of = {name: report.line(name)[0] for name in ("Noise", "Edge width", "Histogram distance after normalisation")}
    assert (round(of["Noise"].source, 1), round(of["Noise"].target, 1), of["Noise"].gap) == (0.7, 0.7, False)
    assert (round(of["Edge width"].source, 1), round(of["Edge width"].target, 1)) == (1.5, 0.5)
    assert round(of["Histogram distance after normalisation"].difference) == 20
    found = report.estimated
    assert (round(found.factor, 1), round(found.low, 1), round(found.high, 1)) == (2.5, 1.8, 5.2)
    words = ("Check the pixel sizes", "histograms", "Style Transfer", "The gap is large")
    assert [word in step for word, step in zip(words, advise(report), strict=True)] == [True] * 4


def _data(part: str) -> list[Path]:
    return list((WORKFLOWS / part / "images").glob("*.png"))
