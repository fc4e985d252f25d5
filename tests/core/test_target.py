"""Images without labels: which are usable, without padding, and with pixels as large as the labelled ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.adaptation.style import STYLES, make_style, style_config
from core.errors import UserInputError
from core.image import Image
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.normalization import NormalizationConfig
from core.planes import slices
from core.training.data import Example, Target
from core.training.object_size import at_scale
from core.training.target import check_target, without_padding


def image(*shape: int, dtype: str = "uint8", seed: int = 0, **more: Any) -> Image:
    array = np.random.default_rng(seed).integers(1, 200, shape or (40, 30)).astype(dtype)
    return Image(array, {2: "YX", 3: "CYX"}[array.ndim], **more)


def sized(micrometres: float, seed: int = 0) -> Image:
    return image(seed=seed, pixel_size={"Y": micrometres, "X": micrometres} if micrometres else {})


def known(*shape: int, **more: Any) -> list[Example]:
    one = image(*shape, **more)
    return [Example("known", one, np.ones((one.size("Y"), one.size("X")), np.int32))]


def two(first: Image, second: Image | None = None) -> list[Target]:
    return [Target("a", first), Target("b", second or first)]


def test_usable_images_stay_as_they_are() -> None:
    given = two(image(), image(50, 20, seed=1))
    usable, scale, warnings = check_target(given, known(), 0.0)
    assert [one.name for one in usable] == ["a", "b"]
    assert all(one.image is other.image for one, other in zip(usable, given, strict=True))
    assert (scale, warnings) == (1.0, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (image(3, 40, 30), "b: This target image has 3 channels, the labelled ones have 1 channel"),
        (Image(np.full((9, 9), np.nan), "YX"), "b: 81 pixels are not a number"),
        (Image(np.zeros((3, 9, 9)), "ZYX"), "b: The image is a Z-stack"),
        (Image(np.zeros((0, 9)), "YX"), "b: The image has no pixels"),
    ],
)
def test_images_that_are_refused(wrong: Image, words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        check_target(two(image(), wrong), known(), 0.0)


def test_several_channels_must_be_as_many() -> None:
    usable, _, _ = check_target(two(image(2, 40, 30)), known(2, 20, 20), 0.0)
    assert usable[0].image.size("C") == 2
    with pytest.raises(UserInputError, match="has 1 channel, the labelled ones have 2"):
        check_target(two(image()), known(2, 20, 20), 0.0)


def test_images_that_show_nothing_are_left_out() -> None:
    flat, black = Image(np.full((9, 9), 7, np.uint8), "YX"), Image(np.zeros((9, 9), np.uint8), "YX")
    padded = Image(np.pad(flat.array, 3), "YX")
    given = [*two(image(), image(seed=1)), Target("c", flat), Target("d", black), Target("e", padded)]
    usable, _, warnings = check_target(given, known(), 0.0)
    assert [one.name for one in usable] == ["a", "b"]
    left_out = [warning for warning in warnings if "left out" in warning]
    assert [warning[:1] for warning in left_out] == ["c", "d", "e"]
    for nothing in ([Target("c", flat)], []):
        with pytest.raises(UserInputError, match="no target image that shows anything"):
            check_target(nothing, known(), 0.0)


def test_a_single_image_is_warned_of() -> None:
    _, _, warnings = check_target([Target("a", image())], known(), 0.0)
    assert len(warnings) == 1
    assert "single target image" in warnings[0]


def test_bit_depths_may_differ_and_it_is_said() -> None:
    _, _, warnings = check_target(two(image(dtype="uint16")), known(), 0.0)
    assert len(warnings) == 1
    assert "uint16, uint8" in warnings[0]


def test_padding_is_cut_off() -> None:
    inner = image(20, 30)
    padded = Image(np.pad(inner.array, ((5, 0), (0, 7))), "YX", {"X": 0.5, "Y": 0.5})
    usable, _, warnings = check_target(two(padded), known(), 0.0)
    assert np.array_equal(usable[0].image.cyx(), inner.cyx())
    assert usable[0].image.pixel_size == {"X": 0.5, "Y": 0.5}
    assert warnings == ["2 target images have zeros around what the microscope saw, which are cut off: a, b."]


def test_padding_is_zero_in_all_channels() -> None:
    first, second = np.zeros((2, 20, 20), np.uint8)
    first[5:10, 5:18], second[2:8, 6:9] = 50, 70
    both = Image(np.stack([first, second]), "CYX", channel_names=("a", "b"))
    cut = without_padding(both)
    assert np.array_equal(cut.array, both.array[:, 2:10, 5:18])
    assert cut.channel_names == ("a", "b")


def test_images_of_zeros_alone_and_dark_places_inside_stay() -> None:
    black = Image(np.zeros((9, 9), np.uint8), "YX")
    assert without_padding(black) is black
    dark = image()
    dark.array[10:20, :] = 0
    dark.array[:, 0] = [0] * 20 + [9] * 20
    assert without_padding(dark) is dark


def test_a_background_of_zeros_is_no_padding() -> None:
    """What fades into it was seen by a microscope; labelled images keep it, too."""
    y, x = np.mgrid[:60, :60]
    spot = Image((250 * np.exp(-((y - 30) ** 2 + (x - 25) ** 2) / 60)).astype(np.uint8), "YX")
    assert not spot.array[:8].any()
    assert without_padding(spot) is spot


# --- pixel sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_rescaled_images_are_as_good_for_styles(style: str, dtype: str) -> None:
    """They have the numbers of images that need no rescaling."""
    images = [image(dtype=dtype, seed=seed, pixel_size={"Y": 1.0, "X": 1.0}) for seed in (0, 1)]
    usable, _, _ = check_target([Target("a", one) for one in images], known(dtype=dtype), 0.5)
    assert [one.image.array.dtype for one in usable] == [dtype, dtype]
    changed = make_style(style_config(style), [(one.name, one.image) for one in usable]).apply(images[0])
    assert changed.array.dtype == dtype


@pytest.mark.parametrize(("micrometres", "scale"), [(1.0, 2.0), (0.25, 0.5), (0.6, 1.2)])
def test_images_are_rescaled_to_the_pixels_of_the_labelled_ones(micrometres: float, scale: float) -> None:
    usable, found, warnings = check_target(two(sized(micrometres), sized(micrometres, 1)), known(), 0.5)
    assert found == pytest.approx(scale)
    for one in usable:
        assert one.image.cyx().shape == (1, round(40 * scale), round(30 * scale))
        assert one.image.pixel_size == pytest.approx({"Y": 0.5, "X": 0.5})
        assert one.image.array.dtype == np.uint8
    assert len(warnings) == 1
    assert f"{micrometres:.4g} µm" in warnings[0]
    assert ("enlarged" if scale > 1 else "shrunk") in warnings[0]


def test_slices_of_another_pixel_size_stay_as_bright_as_in_their_stack() -> None:
    stack = Image(np.stack([image(dtype="uint16").array, image(dtype="uint16", seed=1).array // 50]), "ZYX")
    stack = replace(stack, pixel_size={"Z": 2.0, "Y": 1.0, "X": 1.0})
    usable, scale, _ = check_target([Target(*one) for one in slices(stack, "a")], known(), 0.5)
    assert scale == 2
    bright, dark = (one.image.normalized(NormalizationConfig()).max() for one in usable)
    assert dark < 0.03 < 0.9 < bright


@pytest.mark.parametrize("micrometres", [0.5, 0.51, 0.0])
@pytest.mark.parametrize("rule", ["rescale", "refuse", "ignore"])
def test_the_same_or_unknown_pixels_change_nothing(micrometres: float, rule: str) -> None:
    given = two(sized(micrometres))
    usable, scale, warnings = check_target(given, known(), 0.5, rule)
    assert (scale, warnings) == (1.0, [])
    assert usable[0].image is given[0].image


def test_other_pixels_may_be_refused_or_ignored() -> None:
    given = two(sized(1.0))
    with pytest.raises(UserInputError, match=r"pixels of 0\.5 µm, the target images of 1 µm"):
        check_target(given, known(), 0.5, "refuse")
    assert check_target(given, known(), 0.5, "ignore")[1:] == (1.0, [])
    assert check_target(given, known(), 0.0, "refuse")[1:] == (1.0, [])


def test_pixels_of_several_sizes_are_refused() -> None:
    with pytest.raises(UserInputError, match=r"b: The pixel size is 0\.9 µm, that of other target images 0\.5 µm"):
        check_target([*two(sized(0.5), sized(0.9)), Target("c", sized(0.5))], known(), 0.5)
    assert check_target(two(sized(0.5), sized(0.9)), known(), 0.5, "ignore")[1:] == (1.0, [])


def test_an_unknown_pixel_size_beside_known_ones_is_called_so() -> None:
    with pytest.raises(UserInputError, match=r"b: The pixel size is unknown, that of other .* 0\.5 µm"):
        check_target(two(sized(0.5), sized(0)), known(), 0.5)


def test_pixels_that_are_far_too_different_are_refused() -> None:
    for micrometres in (0.05, 5.0):
        with pytest.raises(UserInputError, match="too different"):
            check_target(two(sized(micrometres)), known(), 0.5)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UserInputError, match="pixel_sizes is 'guess'"):
        check_target(two(image()), known(), 0.5, "guess")


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_model_for_other_pixels_knows_how_large_they_and_the_objects_are(scale: float) -> None:
    """An object of 10 pixels of 0.5 µm has 5 pixels of 1 µm; the model enlarges these by two."""
    model = SegmentationModel(ModelConfig(network=NetworkConfig(base=4, depth=1), pixel_size=0.5, object_size=10.0))
    config = at_scale(model, scale).config
    assert (config.scale, config.pixel_size, config.object_size) == (scale, 0.5 * scale, 10 / scale)
    assert config.pixel_size * config.object_size == 5
    assert at_scale(at_scale(model, scale), 1.0).config == model.config
