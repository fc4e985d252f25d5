from typing import Any

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data

from core.adaptation.style import FourierConfig, Style, make_style
from core.adaptation.style.fourier import DRAWN, FourierStyle
from core.errors import Canceled, UserInputError
from core.image import Image
from core.progress import Progress

SOURCE, TARGET = data.camera()[::4, ::4].astype(float), data.moon()[::4, ::4].astype(float)


def style_of(config: FourierConfig, *targets: NDArray[Any], axes: str = "YX") -> Style:
    return make_style(config, [(str(i), Image(one, axes)) for i, one in enumerate(targets)])


def give(config: FourierConfig, source: NDArray[Any], *targets: NDArray[Any], axes: str = "YX") -> NDArray[Any]:
    return style_of(config, *targets, axes=axes).apply(Image(source, axes)).array


def swapped_by_fft(source: NDArray[Any], target: NDArray[Any], beta: float, *, mirror: bool) -> NDArray[Any]:
    """As the paper has it, by complex spectra, of images that go on mirrored or begin anew."""

    def spectrum(image: NDArray[Any]) -> NDArray[Any]:
        if mirror:
            image = np.pad(image, [(0, n) for n in image.shape], mode="symmetric")
        return np.fft.fftshift(np.fft.fft2(image))

    found, other = spectrum(source), spectrum(target)
    reach = int(beta * min(found.shape))
    window = tuple(slice(n // 2 - reach, n // 2 + reach + 1) for n in found.shape)
    amplitude = np.abs(found)
    amplitude[window] = np.abs(other)[window]
    changed = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(found)))).real
    return changed[: source.shape[0], : source.shape[1]]


@pytest.mark.parametrize("beta", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("shape", [(128, 128), (96, 128), (101, 77)])
def test_it_is_the_papers_on_mirrored_images(beta: float, shape: tuple[int, int]) -> None:
    source, target = (image[: shape[0], : shape[1]] for image in (SOURCE, TARGET))
    found = give(FourierConfig(beta=beta), source, target)
    assert np.abs(found - swapped_by_fft(source, target, beta, mirror=True)).max() < 1e-8


@pytest.mark.parametrize("beta", [0.02, 0.1])
def test_amplitudes_are_the_targets_and_phases_stay(beta: float) -> None:
    found = give(FourierConfig(beta=beta), SOURCE, TARGET)
    old, new, other = (scipy.fft.dctn(one) for one in (SOURCE, found, TARGET))
    inside = np.zeros(old.shape, bool)
    inside[: int(2 * beta * 128) + 1, : int(2 * beta * 128) + 1] = True
    assert np.allclose(np.abs(new)[inside], np.abs(other)[inside])
    assert np.array_equal(np.sign(new)[inside], np.sign(old)[inside])
    assert np.allclose(new[~inside], old[~inside])
    assert found.mean() == pytest.approx(TARGET.mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_without_frequencies_and_with_its_own_an_image_stays(dtype: Any) -> None:
    source, target = SOURCE.astype(dtype), TARGET.astype(dtype)
    assert np.array_equal(give(FourierConfig(beta=0), source, target), source)
    for reference in ("image", "mean"):
        found = give(FourierConfig(beta=0.3, reference=reference), source, source)
        assert np.allclose(found, source, atol=1e-3)


def test_less_and_less_changes_with_beta() -> None:
    flat = SOURCE - SOURCE.mean() + TARGET.mean()
    changes = [np.abs(give(FourierConfig(beta=beta), flat, TARGET) - flat).mean() for beta in (0.2, 0.05, 0.004, 0.001)]
    assert sorted(changes, reverse=True) == changes
    assert changes[-1] < 1e-9  # only the mean, which is the same


def test_no_wave_rings_along_the_edges() -> None:
    ramp = np.tile(np.linspace(10, 210, 128), (128, 1))
    found = give(FourierConfig(beta=0.05), ramp, ramp / 2 + 20)
    assert np.abs(found - (ramp / 2 + 20)).max() < 2
    periodic = swapped_by_fft(ramp, ramp / 2 + 20, 0.05, mirror=False)
    assert np.abs(periodic - (ramp / 2 + 20)).max() > 20


def test_the_mean_of_all_amplitudes() -> None:
    targets = [TARGET, TARGET[:, ::-1] * 0.5, SOURCE[::-1]]
    found = scipy.fft.dctn(give(FourierConfig(beta=0.02, reference="mean"), SOURCE, *targets))[:6, :6]
    assert np.allclose(np.abs(found), np.mean([np.abs(scipy.fft.dctn(one))[:6, :6] for one in targets], axis=0))


def test_a_target_of_another_size() -> None:
    large = ndimage.zoom(TARGET, 2, order=1, grid_mode=True, mode="nearest")
    for one, other in ((SOURCE, large), (np.kron(SOURCE, np.ones((2, 2))), TARGET)):
        found = give(FourierConfig(beta=0.02), one, other)
        assert found.shape == one.shape
        assert found.mean() == pytest.approx(other.mean())
    near, same = give(FourierConfig(beta=0.02), SOURCE, large), give(FourierConfig(beta=0.02), SOURCE, TARGET)
    assert np.abs(near - same).mean() < 0.05 * np.abs(same - SOURCE).mean()
    mixed = give(FourierConfig(beta=0.02, reference="mean"), SOURCE, large, TARGET)
    assert mixed.mean() == pytest.approx(TARGET.mean(), rel=0.01)


def test_the_target_is_drawn_by_seed_and_image() -> None:
    targets = [TARGET + 10 * i for i in range(12)]
    images = [SOURCE + i for i in range(12)]

    def means(seed: int, order: list[int]) -> list[float]:
        style = style_of(FourierConfig(seed=seed), *targets)
        found = {i: float(style.apply(Image(images[i], "YX")).array.mean()) for i in order}
        return [found[i] for i in range(12)]

    first = means(0, list(range(12)))
    assert first == means(0, list(range(11, -1, -1)))
    assert first != means(1, list(range(12)))
    assert len({round(mean) for mean in first}) > 4


def test_few_of_many_targets_are_kept_all_as_likely() -> None:
    flat = np.tile([0.0, 2.0], (4, 2))
    kept = np.zeros(4 * DRAWN)
    for seed in range(40):
        style = style_of(FourierConfig(seed=seed), *(flat + i for i in range(4 * DRAWN)))
        assert isinstance(style, FourierStyle)
        known = [round(float(one[0, 0, 0]) - 1) for one in style._known]
        assert len(set(known)) == DRAWN
        kept[known] += 1
    assert kept.reshape(4, -1).sum(1) == pytest.approx([10 * DRAWN] * 4, rel=0.2)


def test_stacks_slice_by_slice_with_one_target() -> None:
    stack = np.stack([SOURCE, SOURCE[::-1], np.full_like(SOURCE, 7), np.zeros_like(SOURCE)])
    style = style_of(FourierConfig(), TARGET)
    found, warnings = style.transfer(Image(stack, "ZYX"))
    for i in range(2):
        assert np.allclose(found.array[i], style.apply(Image(stack[i], "YX")).array)
    assert np.array_equal(found.array[2:], stack[2:])
    assert warnings == ["2 of 4 slices are black or of one value; they stay as they are."]


def test_channels() -> None:
    source = np.stack([SOURCE, np.full_like(SOURCE, 255), SOURCE.T])
    target = np.stack([TARGET, TARGET, np.full_like(SOURCE, 9)])
    found = give(FourierConfig(), source, target, axes="CYX")
    assert np.allclose(found[0], give(FourierConfig(), SOURCE, TARGET))
    assert np.array_equal(found[1:], source[1:])


@pytest.mark.parametrize("reference", ["image", "mean"])
def test_a_frame_of_padding_changes_nothing(reference: str) -> None:
    config = FourierConfig(reference=reference)
    widths = ((5, 0), (20, 9))
    found = give(config, np.pad(SOURCE, widths), np.pad(TARGET, 30))
    assert np.allclose(found, np.pad(give(config, SOURCE, TARGET), widths))


def test_padding_at_the_corners_does_not_ring() -> None:
    y, x = np.mgrid[:128, :128]
    wedge = y + x < 60
    source, target = SOURCE + 1, TARGET + 1
    whole = give(FourierConfig(beta=0.05), source, target)
    found = give(FourierConfig(beta=0.05), np.where(wedge, 0, source), target)
    raw = give(FourierConfig(beta=0.05, padding=False), np.where(wedge, 0, source), target)
    assert not found[wedge].any()
    near = ~wedge & (y + x < 75)
    assert np.abs(found - whole)[near].mean() < 0.6 * np.abs(raw - whole)[near].mean()
    assert np.abs(found - whole)[~wedge].mean() < np.abs(raw - whole)[~wedge].mean()


def test_bit_depths() -> None:
    style = style_of(FourierConfig(), TARGET.astype(np.uint16) * 257)
    found, warnings = style.transfer(Image(SOURCE.astype(np.uint8), "YX"))
    eight = give(FourierConfig(), SOURCE.astype(np.uint8), TARGET.astype(np.uint8))
    inside = (eight > 0) & (eight < 255)
    assert found.array.dtype == np.uint16
    assert np.abs(found.array / 257 - eight)[inside].max() <= 0.51
    assert warnings[1] == "its grey values are multiplied by 257 for that."
    with pytest.raises(UserInputError, match=r"8-bit .* 64-bit floating-point .* cannot be compared"):
        style_of(FourierConfig(), TARGET).apply(Image(SOURCE.astype(np.uint8), "YX"))
    assert style_of(FourierConfig(), TARGET).apply(Image(SOURCE.astype(np.float32), "YX")).array.dtype == np.float64


@pytest.mark.parametrize("values", [{"beta": -0.1}, {"beta": 0.6}, {"reference": "median"}, {"seed": -1}])
def test_settings_out_of_bounds(values: dict[str, Any]) -> None:
    with pytest.raises(UserInputError):
        FourierConfig(**values)


def test_work_can_be_stopped() -> None:
    with pytest.raises(Canceled):
        style_of(FourierConfig(), TARGET).apply(Image(SOURCE, "YX"), Progress(is_canceled=lambda: True))
