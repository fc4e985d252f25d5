"""From the light of objects to the values of a camera."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.simulation.camera import LIGHTS, MICROMAX, expose
from core.simulation.config import SimulationConfig
from core.simulation.illumination import illumination
from core.simulation.kinds import KINDS
from core.simulation.optics import image_formed, padded_size
from core.simulation.shapes import disc
from core.simulation.simulate import BACKGROUND, make_scene, photograph
from core.simulation.texture import fractal_field

SIDE = 512
SIGMAS = 5
"""A correct program misses a tolerance of so many standard errors once in two million times."""


def flat(level: float) -> NDArray[np.float32]:
    return np.full((SIDE, SIDE), level, np.float32)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("level", [0.0, 0.1, 1.0])
def test_noise_is_that_of_photons_and_reading(light: str, level: float) -> None:
    values = expose(flat(level), LIGHTS[light], np.random.default_rng(3)).astype(float)
    expected = level * LIGHTS[light].peak + MICROMAX.dark_current * LIGHTS[light].exposure
    variance = (expected + MICROMAX.read_noise**2) / MICROMAX.gain**2 + 1 / 12  # 1/12: rounding
    mean = MICROMAX.baseline + expected / MICROMAX.gain
    assert values.mean() == pytest.approx(mean, abs=SIGMAS * np.sqrt(variance / values.size))
    assert values.var() == pytest.approx(variance, abs=SIGMAS * variance * np.sqrt(2.1 / values.size))


def test_pixels_are_independent() -> None:
    values = expose(flat(0.5), LIGHTS["low"], np.random.default_rng(0)).astype(float)
    values -= values.mean()
    for neighbour in (values[1:] * values[:-1], values[:, 1:] * values[:, :-1]):
        assert abs(neighbour.mean()) / values.var() < SIGMAS / SIDE


def test_the_camera_has_12_bits() -> None:
    values = expose(flat(100.0), LIGHTS["high"], np.random.default_rng(0))
    assert values.dtype == np.uint16
    assert (values == 4095).all()
    assert expose(flat(0.0), LIGHTS["low"], np.random.default_rng(0)).max() < 200


def test_light_levels_are_those_of_the_recipe() -> None:
    assert [LIGHTS[name].peak for name in ("high", "medium", "low", "very_low")] == [2700, 900, 360, 100]
    steps = [light.peak / MICROMAX.gain for light in LIGHTS.values()]
    assert [round(step / 4095, 2) for step in steps[:3]] == [0.15, 0.05, 0.02]


def test_more_light_is_less_noise() -> None:
    """The ratio of signal to noise is what photons and reading noise allow: peak / sqrt(peak + 19²)."""
    ratios = []
    for light in LIGHTS.values():
        rng = np.random.default_rng(1)
        bright, dark = expose(flat(1.0), light, rng).astype(float), expose(flat(0.0), light, rng).astype(float)
        ratios.append((bright.mean() - dark.mean()) / bright.std())
        assert ratios[-1] == pytest.approx(light.peak / np.sqrt(light.peak + 19**2), rel=0.02)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 10 * ratios[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_objects_at_two_levels_differ_by_exposure_and_noise_alone(kind: str) -> None:
    scene = make_scene(SimulationConfig(kind=kind, height=256, width=256), 1)
    electrons = {
        name: (photograph(scene, name).array - MICROMAX.baseline) * MICROMAX.gain / LIGHTS[name].peak
        for name in ("high", "low")
    }
    again = make_scene(SimulationConfig(kind=kind, height=256, width=256), 1)
    assert np.array_equal(scene.labels.array, again.labels.array)
    assert np.array_equal(scene.signal, again.signal)
    variance = sum(
        scene.signal / LIGHTS[name].peak + (19**2 + MICROMAX.gain**2 / 12) / LIGHTS[name].peak ** 2
        for name in electrons
    )
    standard = (electrons["high"] - electrons["low"]) / np.sqrt(variance)
    assert abs(standard.mean()) < SIGMAS / 256 + 0.01
    assert standard.std() == pytest.approx(1, abs=0.03)


def test_brightest_objects_are_as_bright_as_the_level_says() -> None:
    for kind in KINDS:
        scene = make_scene(SimulationConfig(kind=kind, unevenness=0.0), 1)
        inside = scene.signal[scene.labels.array > 0]
        assert np.percentile(inside, 99) == pytest.approx(1 + BACKGROUND, abs=1e-3)
        assert inside.mean() > 2 * scene.signal[scene.labels.array == 0].mean()


def test_illumination_is_the_measured_profile() -> None:
    profile = illumination((485, 485), 0.15)
    assert profile.max() == pytest.approx(1)
    assert profile.min() == pytest.approx(0.85)
    assert profile.argmin() == 0
    assert profile[242, 242] == pytest.approx(0.961, abs=0.003)
    assert profile[:, 100].argmax() > 480  # still rising at the lower edge
    assert (illumination((100, 70), 0.0) == 1).all()
    assert illumination((64, 128), 0.5).min() == pytest.approx(0.5)


def point(side: int = 128) -> NDArray[np.float32]:
    signal = np.zeros((side, side), np.float32)
    signal[side // 2, side // 2] = 1
    return signal


def spread(formed: NDArray[np.float32]) -> float:
    """Standard deviation along X."""
    x = np.arange(formed.shape[1]) - formed.shape[1] // 2
    return float(np.sqrt((formed.sum(axis=0) * x**2).sum() / formed.sum()))


@pytest.mark.parametrize("blur", [0.8, 2.0, 5.0])
def test_a_point_becomes_a_gaussian(blur: float) -> None:
    formed = image_formed(point(), blur, 0.0)
    assert formed.sum() == pytest.approx(1, abs=1e-4)
    assert spread(formed) == pytest.approx(blur, rel=0.02)
    assert formed[64, 64] == pytest.approx(1 / (2 * np.pi * blur**2), rel=0.06)
    assert formed.argmax() == 64 * 128 + 64


def test_haze_and_depth_spread_light_and_lose_none() -> None:
    sharp, hazy = image_formed(point(), 1.0, 0.0), image_formed(point(), 1.0, 0.3)
    assert hazy.sum() == pytest.approx(1, abs=1e-3)
    assert hazy[64, 64] / sharp[64, 64] == pytest.approx(0.7 + 0.3 / 100, rel=0.02)
    assert spread(hazy) == pytest.approx(np.sqrt(0.7 * 1 + 0.3 * 100), rel=0.03)
    deep = image_formed(point(), 1.0, 0.0, 0.5, 4.0)
    assert deep.sum() == pytest.approx(1.5, abs=2e-3)
    elsewhere = deep - sharp
    assert elsewhere[56:73, 56:73].sum() < 0.01
    assert elsewhere.max() == pytest.approx(0.5 / (2 * np.pi * 16), rel=0.05)


def test_what_lies_at_one_edge_does_not_show_at_the_other() -> None:
    signal = np.zeros((padded_size(100), padded_size(100)), np.float32)
    signal[:, 0] = 1
    formed = image_formed(signal, 1.0, 0.3)
    assert formed[50, 99] < 0.005 * formed[50, 0]


@pytest.mark.parametrize("diameter", [4.0, 5.5, 7.0])
def test_spots_are_as_wide_as_their_labels(diameter: float) -> None:
    """At half of their brightness, on average over places between pixels."""
    widths = []
    for seed in range(20):
        signal, mask = point() * 0, disc(diameter, np.random.default_rng(seed), 0.0).mask
        signal[: len(mask), : len(mask)] = mask
        formed = image_formed(signal, KINDS["spots"].spread * diameter, 0.0)
        widths.append(2 * np.sqrt(np.count_nonzero(formed > formed.max() / 2) / np.pi))
    assert np.mean(widths) == pytest.approx(diameter, rel=0.06)


def test_fractal_fields() -> None:
    def neighbours(grain: float, distance: int) -> float:
        field = fractal_field((256, 200), grain, np.random.default_rng(0))
        assert field.dtype == np.float32
        assert field.shape == (256, 200)
        assert field.mean() == pytest.approx(0, abs=1e-4)
        assert field.std() == pytest.approx(1, abs=1e-4)
        return float((field[:, distance:] * field[:, :-distance]).mean())

    for grain in (4.0, 16.0):
        assert neighbours(grain, 1) > neighbours(grain, 4) > neighbours(grain, 12)
    assert neighbours(16.0, 8) > neighbours(4.0, 8) + 0.2


def test_no_blur_leaves_every_pixel_as_it_is() -> None:
    signal = np.random.default_rng(0).random((40, 50), np.float32)
    np.testing.assert_allclose(image_formed(signal, 0.0, 0.0), signal, atol=1e-5)


def test_a_narrow_blur_does_not_ring() -> None:
    formed = image_formed(point(), 0.3, 0.0)
    assert np.count_nonzero(formed > 1e-6) <= 9
