import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import UserInputError
from core.image import AXES, Image

SOUND = [
    "".join(axis for axis, taken in zip("TCZ", chosen, strict=True) if taken) + "YX"
    for chosen in itertools.product([False, True], repeat=3)
]


@settings(deadline=None)
@given(st.sampled_from(SOUND), st.data())
def test_sizes_and_planes(axes: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=len(axes), max_dims=len(axes), max_side=3))
    image = Image(np.zeros(shape), axes)
    assert tuple(image.size(axis) for axis in axes) == shape
    assert all(image.size(axis) == 1 for axis in set(AXES) - set(axes))
    if image.size("T") * image.size("Z") == 1:
        assert image.cyx().shape == (image.size("C"), *shape[-2:])
        assert np.shares_memory(image.cyx(), image.array)
    else:
        with pytest.raises(UserInputError, match=r"stack|time series"):
            image.cyx()


@pytest.mark.parametrize("axes", ["XY", "ZCYX", "YXC", "YY", "Y", "", "CZ", "QYX", "YX "])
def test_other_axes_are_refused(axes: str) -> None:
    with pytest.raises(UserInputError):
        Image(np.zeros((2,) * len(axes)), axes)


def test_what_does_not_fit_together_is_refused() -> None:
    pixels = np.zeros((2, 3, 4))
    with pytest.raises(UserInputError, match=r"'YX'.*\(2, 3, 4\)"):
        Image(pixels, "YX")
    with pytest.raises(UserInputError, match="3 channel names for 2"):
        Image(pixels, "CYX", channel_names=("a", "b", "c"))
    with pytest.raises(UserInputError, match="'colour'"):
        Image(pixels, "CYX", kind="colour")  # type: ignore[arg-type]


def test_another_array_keeps_the_pixel_size() -> None:
    image = Image(np.zeros((2, 3, 4)), "CYX", {"Y": 0.5, "X": 0.5}, ("a", "b"))
    labels = image.with_array(np.zeros((3, 4), np.int32), "YX", "labels")
    assert (labels.axes, labels.kind, labels.channel_names) == ("YX", "labels", ())
    assert labels.pixel_size == image.pixel_size


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pixel_size_is_a_length(size: float) -> None:
    with pytest.raises(UserInputError, match="lengths above 0"):
        Image(np.zeros((3, 4)), "YX", {"Y": 0.5, "X": size})
