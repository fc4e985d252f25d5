from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from core.padding import data_box, data_mask, mirrored

BRIGHT = 1 + data.camera()[100:260, 100:300] // 2
SHAPE = BRIGHT.shape


def mask_of(plane: Any) -> Any:
    found = data_mask(plane[None])
    return np.ones(plane.shape, bool) if found is None else found


def turned(angle: float) -> tuple[Any, Any]:
    """An image turned in its frame, and where it has data."""
    image = ndimage.rotate(BRIGHT.astype(float), angle, order=1, reshape=True)
    inside = ndimage.rotate(np.ones(SHAPE), angle, order=1, reshape=True) > 0.5
    return np.where(inside, np.maximum(image, 1), 0).astype(np.uint8), inside


def test_an_image_without_zeros_has_no_padding() -> None:
    assert data_mask(BRIGHT[None]) is None


@pytest.mark.parametrize("widths", [((3, 0), (0, 0)), ((0, 1), (1, 0)), ((40, 2), (0, 7)), ((9, 9), (9, 9))])
def test_frames_and_shifts(widths: Any) -> None:
    inside = np.pad(np.ones(SHAPE, bool), widths)
    found = mask_of(np.pad(BRIGHT, widths))
    assert np.array_equal(found, inside)
    rows, columns = data_box(found)
    assert np.array_equal(np.pad(BRIGHT, widths)[rows, columns], BRIGHT)


@pytest.mark.parametrize("angle", [1, 5, 20, 45, -30])
def test_images_that_were_turned(angle: float) -> None:
    image, inside = turned(angle)
    assert np.array_equal(mask_of(image), inside)


def test_all_zeros_are_padding() -> None:
    assert not mask_of(np.zeros((5, 6))).any()


def test_dark_places_are_data() -> None:
    image = BRIGHT.copy()
    image[50:90, 60:100] = 0
    image[0:30, 80:120] = 0  # at the edge, away from the corners
    image[:2, :3] = 0  # no larger than noise
    image[100, :] = 0
    assert mask_of(image).all()


def test_a_noisy_dark_background_is_data() -> None:
    counts = np.random.default_rng(0).poisson(0.35, (200, 200)).astype(np.uint8)
    assert (counts == 0).mean() > 0.65
    counts[60:140, 60:140] += 90
    assert mask_of(counts).all()


def test_a_background_of_zero_that_fades_is_data() -> None:
    y, x = np.mgrid[:120, :150]
    spots = [(30, 40), (70, 100), (90, 30)]
    light = sum(220 * np.exp(-((y - v) ** 2 + (x - u) ** 2) / 120) for v, u in spots)
    assert mask_of(light.astype(np.uint8)).all()
    assert mask_of(light * (light > 1)).all()
    framed = np.pad(light.astype(np.uint8) + 30, ((0, 9), (9, 0)))
    assert np.array_equal(mask_of(framed), np.pad(np.ones(y.shape, bool), ((0, 9), (9, 0))))


def test_only_where_all_channels_are_zero() -> None:
    dark = np.zeros_like(BRIGHT)
    assert data_mask(np.stack([BRIGHT, dark])) is None
    frame = np.pad(np.stack([BRIGHT, dark]), ((0, 0), (0, 5), (0, 0)))
    found = data_mask(frame)
    assert found is not None
    assert np.array_equal(found, np.pad(np.ones(SHAPE, bool), ((0, 5), (0, 0))))


def test_dark_places_of_a_padded_image_are_data() -> None:
    image, inside = turned(20)
    y, x = (n // 2 for n in image.shape)
    image[y - 20 : y + 20, x - 20 : x + 20] = 0
    assert np.array_equal(mask_of(image), inside)


def test_filled_as_mirrors_do() -> None:
    plane = np.arange(1, 61).reshape(1, 6, 10)
    inside = np.ones((6, 10), bool)
    inside[:, 7:] = False
    filled = mirrored(plane * inside, inside)
    assert np.array_equal(filled[..., :7], plane[..., :7])
    assert np.array_equal(filled[..., 7:], plane[..., [5, 4, 3]])


def test_what_is_filled_has_no_edge() -> None:
    image, inside = turned(20)
    filled = mirrored(image[None], inside)[0]
    assert np.array_equal(filled[inside], image[inside])
    assert (filled > 0).all()
    rim = ndimage.binary_dilation(inside) & ~inside
    before, after = (ndimage.gaussian_gradient_magnitude(one.astype(float), 1)[rim].mean() for one in (image, filled))
    assert after < before / 3
