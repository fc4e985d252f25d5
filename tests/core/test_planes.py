import numpy as np
import pytest

from core.image import Image
from core.planes import project, to_grey


def test_projections_of_a_stack() -> None:
    array = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    stack = Image(array, "CZYX", {"Z": 2.0, "Y": 0.5, "X": 0.5}, ("a", "b"))
    brightest, middle = project(stack), project(stack, middle=True)
    np.testing.assert_array_equal(brightest.array, array.max(axis=1))
    np.testing.assert_array_equal(middle.array, array[:, 1])
    assert brightest.axes == "CYX"
    assert brightest.channel_names == ("a", "b")
    assert brightest.pixel_size == {"Y": 0.5, "X": 0.5}


def test_a_plane_stays_as_it_is() -> None:
    plane = Image(np.zeros((4, 5)), "YX")
    assert project(plane) is plane
    assert to_grey(plane) is plane


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("names", [("red", "green", "blue"), ("Red", "Green", "Blue")])
def test_grey_keeps_type_and_white(dtype: type, names: tuple[str, ...]) -> None:
    white = Image(np.full((3, 4, 5), 200, dtype), "CYX", {"X": 1.0}, names)
    grey = to_grey(white)
    assert grey.axes == "YX"
    assert grey.array.dtype == dtype
    np.testing.assert_allclose(grey.array, 200)
    assert grey.pixel_size == {"X": 1.0}


def test_channels_that_are_no_colours_stay() -> None:
    channels = Image(np.zeros((3, 4, 5)), "CYX", {}, ("DAPI", "GFP", "RFP"))
    assert to_grey(channels) is channels
