"""Known changes of images are found again, and nothing is found where nothing has changed."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from tests.core.gap_images import CELLS, NUCLEI, Plane, measured, noisy, read

from core.adaptation.gap.advice import NO_GAP, advise
from core.adaptation.gap.content import windows
from core.adaptation.gap.measures import ImageMeasures, measure
from core.adaptation.gap.report import Report, compare, distance
from core.adaptation.gap.sharpness import edge_width, noise_level, power_spectrum
from core.errors import UserInputError
from core.image import Image
from core.rescaling import rescale_pixels


@pytest.fixture(scope="module")
def nuclei() -> list[Plane]:
    """Fluorescence images of nuclei."""
    return [plane[:256, :256] for plane in read(NUCLEI / "train")[:12]]


@pytest.fixture(scope="module")
def cells() -> list[Plane]:
    """Phase-contrast images."""
    return [plane[:200, :200] for plane in read(CELLS / "train")]


@pytest.fixture(scope="module")
def measured_nuclei(nuclei: list[Plane]) -> list[ImageMeasures]:
    return measured(nuclei)


def value(report: Report, measure: str) -> float:
    return report.line(measure)[0].difference


def test_slices_are_normalised_together(nuclei: list[Plane]) -> None:
    """A slice of noise alone has as little contrast as a network sees of it."""
    faint = (nuclei[0] // 16).astype(nuclei[0].dtype)
    (stack,) = measure(Image(np.stack([nuclei[0], faint]), "ZYX"), "stack").channels
    (alone,) = measure(Image(nuclei[0], "YX"), "alone").channels
    assert stack.normalized[-10] < 0.75 * alone.normalized[-10]


def noise_of(plane: Plane) -> float:
    return noise_level(plane, np.ones(plane.shape, bool))


def width_of(plane: Plane) -> float:
    return edge_width(plane, np.ones(plane.shape, bool))


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_that_was_added_is_found(nuclei: list[Plane], cells: list[Plane], sigma: float) -> None:
    for plane in (nuclei[0], nuclei[5], cells[0]):
        own = noise_of(plane)
        assert noise_of(noisy(plane, sigma)) == pytest.approx(math.hypot(own, sigma), rel=0.1)


def test_noise_of_a_slope_is_none_and_clipped_pixels_do_not_hide_it() -> None:
    slope = np.add.outer(np.arange(128.0), 2 * np.arange(128.0)).astype(np.float32)
    assert noise_of(slope) == pytest.approx(0, abs=1e-4)
    dark = np.clip(noisy(np.where(slope < 190, np.float32(-50), np.float32(100)), 5), 0, None)
    assert noise_of(dark) == pytest.approx(5, rel=0.1)


def test_edges_are_as_wide_as_they_were_blurred() -> None:
    step = np.zeros((128, 128), np.float32)
    step[:, 64:] = 100
    for sigma in (1.0, 2.0, 3.0):
        assert width_of(ndimage.gaussian_filter(step, sigma)) == pytest.approx(sigma, abs=0.2)


def test_blur_widens_edges_and_noise_does_not_narrow_them(nuclei: list[Plane], cells: list[Plane]) -> None:
    for plane in (nuclei[0], cells[0]):
        widths = [width_of(ndimage.gaussian_filter(plane, sigma) if sigma else plane) for sigma in (0, 1, 2, 3)]
        assert widths == sorted(widths)
        assert widths[-1] > widths[0] + 0.5
        assert width_of(noisy(plane, 5)) == pytest.approx(widths[0], abs=0.15)


def test_a_wave_is_in_its_band() -> None:
    from core.adaptation.gap.sharpness import BANDS

    wave = np.tile(np.sin(2 * np.pi * np.arange(256) / 10), (256, 1)).astype(np.float32)
    band = int(np.nanargmax(power_spectrum(wave)))
    assert BANDS[band] <= 0.1 <= BANDS[band + 1]


def test_a_set_has_no_gap_to_itself(measured_nuclei: list[ImageMeasures]) -> None:
    report = compare(measured_nuclei, measured_nuclei)
    assert not any(line.gap for line in report.lines)
    assert all(line.difference in (0, 1) or math.isnan(line.difference) for line in report.lines)
    assert advise(report)[0] == NO_GAP


def test_halves_of_a_set_have_no_gap(measured_nuclei: list[ImageMeasures]) -> None:
    report = compare(measured_nuclei[::2], measured_nuclei[1::2])
    assert not any(line.gap for line in report.lines)


def test_swapping_inverts_the_differences(measured_nuclei: list[ImageMeasures], cells: list[Plane]) -> None:
    others = measured([rescale_pixels(plane[None], 1.5)[0] for plane in cells[:4]], pixel_size={"Y": 0.5, "X": 0.5})
    sized = [replace(one, pixel_size=0.25) for one in measured_nuclei]
    there, back = compare(sized, others), compare(others, sized)
    for a, b in zip(there.lines, back.lines, strict=True):
        assert (a.measure, a.gap) == (b.measure, b.gap)
        if a.measure.startswith("Magnification"):
            assert a.difference * b.difference == pytest.approx(1, rel=0.02) or math.isnan(a.difference)
        elif a.measure.startswith("Histogram"):
            assert a.difference == pytest.approx(b.difference)
        else:
            assert a.difference == pytest.approx(-b.difference)
    assert there.scale == 0.5


def test_brightness_and_contrast_are_removed_by_normalisation(nuclei: list[Plane], cells: list[Plane]) -> None:
    for planes in (nuclei, cells):
        report = compare(measured(planes), measured([80 + 0.6 * plane for plane in planes]))
        assert value(report, "Histogram distance") > 8
        assert value(report, "Histogram distance after normalisation") < 0.1
        assert "normalise" in advise(report)[0]


def test_a_curve_is_not(cells: list[Plane]) -> None:
    distances = []
    for gamma in (1.0, 0.7, 0.4):
        report = compare(measured(cells), measured([255 * (plane / 255) ** gamma for plane in cells]))
        distances.append(value(report, "Histogram distance after normalisation"))
    assert distances[0] < distances[1] < distances[2]
    assert "Match the histograms" in " ".join(advise(report))


def test_distance_of_distributions() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 4000), rng.gamma(2, 1, 3000)
    assert distance(a, b) == pytest.approx(stats.wasserstein_distance(a, b), rel=0.03)
    assert distance(a, a + 2) == pytest.approx(2)


@pytest.mark.parametrize(
    ("change", "measure", "step"),
    [
        (lambda plane: noisy(plane, 15), "Noise", "noise"),
        (lambda plane: ndimage.gaussian_filter(plane, 3), "Edge width", "sharpness"),
        (lambda plane: 255 - plane, "Skewness", "Invert"),
    ],
)
def test_gaps_and_what_to_do(
    measured_nuclei: list[ImageMeasures],
    nuclei: list[Plane],
    change: Callable[[Plane], Plane],
    measure: str,
    step: str,
) -> None:
    report = compare(measured_nuclei, measured([change(plane) for plane in nuclei]))
    assert report.line(measure)[0].gap
    assert step in " ".join(advise(report))


def test_pixel_sizes_have_precedence(measured_nuclei: list[ImageMeasures]) -> None:
    fine = [replace(one, pixel_size=0.1) for one in measured_nuclei]
    coarse = [replace(one, pixel_size=0.2) for one in measured_nuclei]
    steps = advise(compare(coarse, fine))
    assert "0.5 times their size" in steps[0]
    assert "2 times as large" in steps[0]
    assert "precedence" in compare(coarse, fine).line("Magnification (estimated)")[0].remark
    assert "Rescale" not in " ".join(advise(compare(coarse, coarse)))


@pytest.mark.parametrize("turned", [False, True])
def test_padding_does_not_count(cells: list[Plane], turned: bool) -> None:
    plane = cells[0] + 1
    padded = np.pad(plane, ((0, 40), (30, 0)))
    if turned:
        inside = np.subtract.outer(np.arange(padded.shape[0]), np.arange(padded.shape[1])) > -150
        padded = np.where(inside, padded, 0)
    (a,), (b,) = measured([padded]), measured([plane])
    assert a.padded == pytest.approx((padded == 0).mean())
    for name in ("mean", "noise", "edge_width", "skewness"):
        assert getattr(a.channels[0], name) == pytest.approx(getattr(b.channels[0], name), rel=0.2, abs=0.05), name
    if not turned:  # nothing of the image is cut off
        assert distance(a.channels[0].normalized, b.channels[0].normalized) < 0.02


def test_windows_are_bounded_and_spread() -> None:
    plane = np.zeros((1500, 2000), np.float32)
    found = windows(plane, None)
    assert [part.shape for part, _ in found] == [(512, 512)] * 4
    assert [part.shape for part, _ in windows(plane[:300], None)] == [(300, 512)] * 2


def test_bits_and_saturation() -> None:
    rng = np.random.default_rng(0)
    camera = rng.integers(0, 6000, (64, 64)).clip(0, 4095).astype(np.uint16)
    (one,) = measured([camera])
    assert (one.bits, one.dtype) == (12, "uint16")
    assert one.channels[0].saturated == pytest.approx((camera == 4095).mean())
    assert measured([camera // 2])[0].channels[0].saturated > 0
    assert measured([np.minimum(camera, 3000)])[0].channels[0].saturated == 0
    assert measured([camera / 4095])[0].bits == 0
    report = compare(measured([camera]), measured([(camera >> 4).astype(np.uint8)]))
    assert report.line("Bits in use")[0].difference == -4
    assert "uint8" in report.line("Bits in use")[0].remark


def test_images_that_are_left_out_or_odd(nuclei: list[Plane]) -> None:
    images = measured([*nuclei[:7], np.zeros((64, 64)), np.ones((8, 8)), noisy(nuclei[0], 60)])
    report = compare(images, images[:1])
    assert "Left out" in report.odd[0]["image 7"]
    assert "Left out" in report.odd[0]["image 8"]
    assert "noise" in report.odd[0]["image 9"]
    assert report.line("Images")[0].source == 8
    assert "One target image" in report.line("Images")[0].remark
    assert "one image" in advise(report)[-1]


def test_empty_slices_are_named(cells: list[Plane]) -> None:
    stack = np.stack([cells[0], np.zeros_like(cells[0]), cells[1]])
    one = measure(Image(stack, "ZYX"), "stack")
    assert one.empty_slices == (2,)
    report = compare([one], [one])
    assert report.odd[0] == {"stack": "Slices that are the same everywhere: 2."}
    assert one.channels[0].mean == pytest.approx(np.mean([cells[0].mean(), cells[1].mean()]))


def test_channels_are_compared_one_by_one(cells: list[Plane]) -> None:
    names = ("actin", "DNA")
    pair = [measure(Image(np.stack([a, 255 - a]), "CYX", {}, names), f"{i}") for i, a in enumerate(cells)]
    blurred = [
        measure(Image(np.stack([a, ndimage.gaussian_filter(255 - a, 3)]), "CYX", {}, names), f"{i}")
        for i, a in enumerate(cells)
    ]
    lines = compare(pair, blurred).line("Edge width")
    assert [(line.channel, line.gap) for line in lines] == [("actin", False), ("DNA", True)]


def test_refused(cells: list[Plane]) -> None:
    one, two = measured(cells[:1]), [measure(Image(np.stack([cells[0]] * 2), "CYX"), "two")]
    for source, target, message in (
        (one, two, "source images have 1 channel and the target images 2"),
        ([*one, *two], one, "Source images: .*differ: image 0 has 1, two has 2"),
        (one, [], "Target images: There is no image"),
        (measured([np.zeros((64, 64))]), one, "Source images: Every image is the same everywhere"),
    ):
        with pytest.raises(UserInputError, match=message):
            compare(source, target)
    with pytest.raises(UserInputError, match="time series"):
        measure(Image(np.zeros((2, 32, 32)), "TYX"), "movie")
    with pytest.raises(UserInputError, match="broken: Some pixels are not a number"):
        measure(Image(np.full((32, 32), np.nan), "YX"), "broken")
