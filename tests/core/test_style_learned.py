from typing import Any

import numpy as np
import pytest

from core.adaptation.style.learned import translate
from core.errors import Canceled, UserInputError
from core.image import Image
from core.progress import SILENT, Progress

PIXELS = np.random.default_rng(0).integers(1, 200, (30, 40)).astype(np.uint8)


def inverted(image: Image, progress: Progress = SILENT) -> Image:
    """A style: dark and bright exchanged, in 16 bits."""
    progress.check()
    return Image(1000 - image.array.astype(np.uint16), image.axes, image.pixel_size)


def test_padding_stays_zero() -> None:
    padded = Image(np.pad(PIXELS, ((0, 9), (4, 0))), "YX", {"Y": 0.5, "X": 0.5})
    found, warnings = translate(inverted, padded)
    expected = np.pad(1000 - PIXELS.astype(np.uint16), ((0, 9), (4, 0)))
    assert np.array_equal(found.array, expected)
    assert found.pixel_size == padded.pixel_size
    assert warnings == ["the image has 8-bit grey values, its new look 16-bit ones."]
    assert (translate(inverted, padded, padding=False)[0].array[-1] == 1000).all()


def test_black_slices_of_a_stack_stay_black() -> None:
    stack = Image(np.stack([PIXELS, np.zeros_like(PIXELS)]), "ZYX")
    found, _ = translate(inverted, stack)
    assert np.array_equal(found.array[0], 1000 - PIXELS.astype(np.uint16))
    assert not found.array[1].any()


@pytest.mark.parametrize("value", [0, 7])
def test_an_image_without_contrast_is_not_even_tried(value: int) -> None:
    def never(*_: Any) -> Image:
        raise AssertionError

    image = Image(np.full((9, 9), value, np.uint8), "YX")
    found, warnings = translate(never, image)
    assert found is image
    assert warnings == ["all pixels of the image have the same value; it stays as it is."]


def test_what_cannot_be() -> None:
    with pytest.raises(UserInputError, match="labels"):
        translate(inverted, Image(np.eye(9, dtype=np.int32), "YX", kind="labels"))
    with pytest.raises(Canceled):
        translate(inverted, Image(PIXELS, "YX"), progress=Progress(is_canceled=lambda: True))
