"""Telling magnifications apart: how patches are resampled and guarded, what the map must be, what the probe sees."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from core.errors import UserInputError
from core.heads import HeadConfig
from core.image import Image
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.pretraining.config import PretrainingConfig
from core.pretraining.images import planes_of, prepared
from core.pretraining.magnification import losses
from core.pretraining.magnification.config import MagnificationConfig, side
from core.pretraining.magnification.guard import OPTICS, SOFTEST, softening
from core.pretraining.magnification.magnification import Magnification
from core.pretraining.magnification.probe import BLURS, shares, told
from core.pretraining.magnification.resampling import KERNELS, applied, blur, weights
from core.pretraining.pretrain import PretrainingResult, pretrain
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig, random_patch
from core.training.config import ScheduleConfig
from core.training.objective import Step

QUICK = ScheduleConfig(epochs=1, steps=2, batch_size=4, patch_size=32, device="cpu")
TINY = PretrainingConfig("magnification", NetworkConfig(base=4, depth=1, grid=1), schedule=QUICK)


def discs(seed: int, size: int = 160, channels: int = 1, **more: Any) -> tuple[Image, NDArray[np.bool_]]:
    """A noisy image of discs 12 pixels wide, and where they are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    centres = rng.uniform(0, size, (1 + size**2 // 640, 2))
    drawn = np.max([np.clip(6.5 - np.hypot(y - a, x - b), 0, 1) for a, b in centres], axis=0)
    pixels = 400 * ndimage.gaussian_filter(drawn, 1) + rng.normal(100, 8, (channels, size, size))
    image = Image(pixels.astype(np.float32), "CYX", **more)
    return image, drawn > 0.5


def named(count: int = 3, **more: Any) -> list[tuple[str, Image]]:
    return [(f"image {i}", discs(i, **more)[0]) for i in range(count)]


def model(channels: int = 1) -> SegmentationModel:
    torch.manual_seed(0)
    network = NetworkConfig(base=4, depth=1, grid=1, in_channels=channels)
    return SegmentationModel(ModelConfig(network=network, head=HeadConfig("foreground"))).eval()


def task(channels: int = 1, **settings: Any) -> Magnification:
    return Magnification(model(channels), MagnificationConfig(**settings), 32)


def fields(count: int = 6, channels: int = 1, size: int = 128) -> Tensor:
    return torch.stack([torch.from_numpy(discs(i, size, channels)[0].array) for i in range(count)]) / 400


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- patches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1.7, 2.0, 4.0])
@pytest.mark.parametrize(("name", "filter_"), [("box", "BOX"), ("linear", "BILINEAR"), ("cubic", "BICUBIC")])
def test_patches_are_resampled_as_pillow_does(scale: float, name: str, filter_: str) -> None:
    image = fields(1)
    top, left = 3.25, 9.13
    lines = [weights(torch.tensor([scale]), torch.tensor([start]), 24, 128, KERNELS[name]) for start in (top, left)]
    found = applied(image, *lines)[0, 0].numpy()
    box = (left, top, left + 24 * scale, top + 24 * scale)
    filters = PIL.Image.Resampling
    wanted = PIL.Image.fromarray(image[0, 0].numpy()).resize((24, 24), filters[filter_], box=box)
    np.testing.assert_allclose(found, np.asarray(wanted), atol=2e-5)


def test_what_is_finer_than_a_pixel_is_gone() -> None:
    stripes = (torch.arange(128) % 2).float().expand(1, 1, 128, 128)
    line = weights(torch.tensor([4.0]), torch.tensor([0.0]), 32, 128, KERNELS["linear"])
    assert applied(stripes, line, line)[..., 1:-1].std() < 1e-6


def test_a_blur_is_gaussian() -> None:
    image = fields(1)
    soft = blur(torch.tensor([1.5]), 128)
    wanted = ndimage.gaussian_filter(image[0, 0].numpy(), 1.5, truncate=8)
    np.testing.assert_allclose(applied(image, soft, soft)[0, 0, 16:-16, 16:-16], wanted[16:-16, 16:-16], atol=1e-5)
    assert torch.allclose(blur(torch.tensor([0.0]), 9), torch.eye(9))


def test_blurs_add_up_to_the_same_at_every_scale() -> None:
    found = []
    for scale in (1.0, 2.0, 4.0):
        for kernel in KERNELS.values():
            extra = softening(torch.full((2000,), scale), kernel, generator())
            total = (extra**2 + (OPTICS / scale) ** 2 + kernel.variance).sqrt()
            found.append(total)
            assert total.max() <= SOFTEST
    for total in found[1:]:
        assert (total - found[0]).abs().max() < 0.1


def test_scales_are_drawn_evenly() -> None:
    few = task(scales=(1, 2, 4))
    rng = generator()
    for _ in range(5):
        values, counts = np.unique(few.scales(6, rng).numpy(), return_counts=True)
        assert (values.tolist(), counts.tolist()) == ([1, 2, 4], [2, 2, 2])
    drawn = torch.cat([few.scales(4, rng) for _ in range(300)])
    assert np.unique(drawn.numpy(), return_counts=True)[1] / len(drawn) == pytest.approx([1 / 3] * 3, abs=0.03)
    any_scale = task(scales=(1, 4), continuous=True)
    octaves = torch.cat([any_scale.scales(4, rng) for _ in range(300)]).log2()
    assert np.histogram(octaves, 4, (0, 2))[0] / 1200 == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("continuous", [False, True])
def test_any_number_of_channels(channels: int, continuous: bool) -> None:
    one, images = task(channels, continuous=continuous), fields(3, channels)
    views = one.views(images, generator())
    assert (views.near.shape, views.far.shape) == ((3, channels, 32, 32), (3, channels, 16, 16))
    of = model(channels)
    step = Step(of, of, images, images[:, :0])
    loss = one(step)
    loss.backward()
    assert loss.item() > 0
    assert of.head.foreground.weight.grad.abs().sum() > 0  # type: ignore[union-attr, operator]
    with torch.inference_mode():
        shown = one.show("a", step)
    assert [picture.shape for picture in shown.pictures.values()] == [(channels, 32, 32)] * 4
    assert shown.note.startswith("1/1 taken for 1/")


def test_the_same_step_is_the_same_and_another_is_not() -> None:
    one, of, images = task(), model(), fields()
    first, again, other = (one(Step(of, of, images, images[:, :0], number=number)).item() for number in (0, 0, 1))
    assert first == again != other


def test_both_views_show_the_same() -> None:
    """Less noise and contrast, the far view is the near one at half its size, turned."""
    one, images = task(), fields(16)
    views = one.views(images, generator())

    def alike(turn: int) -> float:
        small = torch.nn.functional.avg_pool2d(losses.turned(views.near, turn), 2)
        pairs = zip(small[:, 0].numpy(), views.far[:, 0].numpy(), strict=True)
        smooth = [[ndimage.gaussian_filter(image, 1).ravel() for image in pair] for pair in pairs]
        return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in smooth]))

    assert alike(views.turn) > 0.8
    assert alike((views.turn + 1) % losses.TURNS) < 0.4


# --- the guard --------------------------------------------------------------------------------------------------------


def sharpness(patches: Tensor) -> NDArray[np.float64]:
    """What tells of sharpness and noise and not of content: ratios of detail at 1, 2 and 4 pixels; N F."""
    found = []
    for patch in patches[:, 0].numpy():
        smooth = [patch, *(ndimage.gaussian_filter(patch, s) for s in (0.7, 1.4, 2.8))]
        power = [float(((a - b) ** 2).mean()) + 1e-9 for a, b in pairwise(smooth)]
        found.append(np.log(power[:-1]) - np.log(power[1:]))
    return np.array(found)


def told_by_sharpness(patches: Tensor, octaves: Tensor) -> float:
    """How many of two scales a linear discriminant of the sharpness tells right, of patches it was not fitted to."""
    features, truth = sharpness(patches), octaves.numpy() > octaves.mean().item()
    half = len(features) // 2
    low, high = (features[:half][truth[:half] == side] for side in (False, True))
    spread = np.cov(low.T) + np.cov(high.T) + 1e-6 * np.eye(2)
    direction = np.linalg.solve(spread, high.mean(0) - low.mean(0))
    middle = (high.mean(0) + low.mean(0)) @ direction / 2
    return float(((features[half:] @ direction > middle) == truth[half:]).mean())


def textures(count: int) -> Tensor:
    """Structures of all sizes (a spectrum that falls with the frequency), as a microscope's blur shows them, and noise.

    Shrunk, they look as before, but for blur and noise: nothing else tells their scale.
    """
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    falling = np.exp(-2 * (np.pi * frequency * OPTICS) ** 2) / np.maximum(frequency, 1 / 128)
    images = [np.fft.ifft2(np.fft.fft2(rng.normal(size=(128, 128))) * falling).real for _ in range(count)]
    noisy = np.array([image / image.std() + rng.normal(0, 0.02, image.shape) for image in images])
    return torch.from_numpy(noisy[:, None].astype(np.float32))


def test_who_sees_sharpness_alone_cannot_tell() -> None:
    one, images = task(scales=(1, 4)), textures(200)
    scale = torch.tensor([1.0, 4.0]).repeat(100)
    unguarded = told_by_sharpness(one.plain(images, scale), scale.log2())
    views = one.views(images, generator())
    assert unguarded > 0.95
    assert told_by_sharpness(views.near, views.scale.log2()) < 0.65


# --- what a map must be -----------------------------------------------------------------------------------------------


def test_a_sparse_sure_and_smooth_map_costs_nothing() -> None:
    disc = torch.zeros(2, 1, 20, 20)
    disc[..., 5:10, 5:9] = 1
    assert losses.sparsity(disc, 0.05).item() == pytest.approx(0, abs=1e-6)
    for wrong in (torch.zeros_like(disc), torch.ones_like(disc), disc / 2):
        assert losses.sparsity(wrong, 0.05) > 0.005
    assert losses.indecision(disc) == 0
    assert losses.indecision(disc / 2) == pytest.approx(0.05)
    assert losses.roughness(torch.ones_like(disc)) == 0
    noisy = (disc + torch.rand(disc.shape, generator=generator())).clamp(max=1)
    assert losses.roughness(noisy) > losses.roughness(disc)


@pytest.mark.parametrize("turn", range(losses.TURNS))
def test_a_map_that_turns_and_shrinks_along_agrees(turn: int) -> None:
    def bright(images: Tensor) -> Tensor:
        return (images > 0.5).float()

    blocks = (torch.rand((2, 1, 16, 16), generator=generator()) > 0.7).float().repeat_interleave(2, 2)
    images = blocks.repeat_interleave(2, 3)
    shrunk = torch.nn.functional.avg_pool2d(losses.turned(images, turn), 2)
    mapped = torch.nn.functional.avg_pool2d(losses.turned(bright(images), turn), 2)
    assert losses.disagreement(mapped, bright(shrunk)) == 0
    other = (torch.rand(mapped.shape, generator=generator(1)) > 0.7).float()
    assert losses.disagreement(mapped, other) == pytest.approx(1, abs=0.15)


def test_turns_are_all_different() -> None:
    image = torch.arange(9).reshape(1, 1, 3, 3)
    assert len({losses.turned(image, turn).numpy().tobytes() for turn in range(losses.TURNS)}) == 8


# --- what is learned --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned() -> PretrainingResult:
    schedule = replace(QUICK, epochs=6, steps=50, batch_size=8, learning_rate=3e-3)
    network = NetworkConfig(base=8, depth=2, grid=1)
    scales = MagnificationConfig(scales=(1.0, 4.0), coverage=0.15)
    return pretrain([named(12)], PretrainingConfig("magnification", network, schedule=schedule, magnification=scales))


def test_magnifications_are_told_and_discs_looked_at(learned: PretrainingResult) -> None:
    numbers = learned.model.config.provenance["report"]
    assert numbers["magnification"] > 0.5
    assert numbers["sharpness"] < 0.3
    assert "the magnification explains" in learned.report
    assert learned.warnings == ["No image has a pixel size: all are taken as of the same magnification."]
    images, truth = zip(*(discs(seed) for seed in range(20, 23)), strict=True)
    pixels = prepared(planes_of([[(str(i), image) for i, image in enumerate(images)]])[0], TINY.normalization)
    with torch.inference_mode():
        maps = learned.model.head.activate(learned.model(torch.stack([torch.from_numpy(p.pixels) for p in pixels])))
    inside = np.array(truth)
    assert maps[:, 0].numpy()[inside].mean() > 3 * maps[:, 0].numpy()[~inside].mean()


def test_the_model_is_one_at_full_resolution(learned: PretrainingResult) -> None:
    config = SegmentationModel.from_bytes(learned.model.to_bytes()).config
    assert (config.pretext, config.head.name, config.network.grid) == ("magnification", "foreground", 1)
    assert PretrainingConfig.from_dict(config.provenance["pretraining"]).magnification.scales == (1, 4)


@pytest.mark.parametrize("more", [{"scales": (1.0, 1.5, 2.0, 3.0)}, {"continuous": True}])
def test_a_pretraining_is_the_same_every_time(more: dict[str, Any]) -> None:
    config = replace(TINY, magnification=MagnificationConfig(**more))
    one, two = (pretrain([named(channels=2)], config).model.state_dict() for _ in range(2))
    assert all(torch.equal(weight, two[name]) for name, weight in one.items())


# --- the probe --------------------------------------------------------------------------------------------------------


def test_the_probe_tells_content_from_sharpness() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.0, 1.0, 2.0])
    shape = (8, 3, len(BLURS))
    right = np.broadcast_to(truth[None, :, None], shape)
    assert shares(right) == pytest.approx((1, 0))
    fooled = np.broadcast_to(np.array(BLURS)[None, None], shape)
    assert shares(fooled) == pytest.approx((0, 1))
    assert shares(np.ones(shape)) == (0, 0)
    by_scale, by_sharpness = shares(right + rng.normal(0, 1, (8, 1, 1)) + 0 * fooled)
    assert 0.2 < by_scale < 0.8
    assert by_sharpness == pytest.approx(0)
    assert told(right, truth).warning == ""
    assert told(right, truth).numbers["error"] == 0
    assert "reads how sharp an image is" in told(np.array(fooled), truth).warning
    assert "has not learned to tell magnifications" in told(np.ones(shape), truth).warning


class _Seen(nn.Module):
    """The patches themselves as features."""

    def forward(self, patches: Tensor, inner: Tensor | None = None) -> Tensor:
        return patches


class _Detail(nn.Module):
    """A map that is full where there is fine detail: what a network would be that sees sharpness alone."""

    def forward(self, patches: Tensor) -> Tensor:
        detail = patches[:, :1].diff(dim=-1).abs().mean((1, 2, 3), keepdim=True)
        return (100 * detail - 5).expand(-1, 1, *patches.shape[2:])


def test_a_network_that_reads_sharpness_is_caught() -> None:
    one, images = task(scales=(1, 4), continuous=True), fields(4)
    one.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    of = model()
    of.network, of.head.foreground = _Seen(), _Detail()  # type: ignore[assignment]
    with torch.inference_mode():
        report = one.report([Step(of, of, image[None], image[None, :0]) for image in images])
    assert "reads how sharp an image is" in report.warning
    assert report.numbers["sharpness"] > 0.3


# --- pixel sizes and bad images ---------------------------------------------------------------------------------------


def size(micrometres: float) -> dict[str, Any]:
    return {"pixel_size": {"Y": micrometres, "X": micrometres}}


def test_a_coarser_image_is_drawn_as_if_it_were_as_fine() -> None:
    fine, coarse = discs(0, 200, **size(0.1))[0], discs(0, 200, **size(0.2))[0]
    planes, warnings = Magnification.choose(planes_of([[("a", fine)], [("b", coarse)]])[0], TINY)
    assert ([one.zoom for kind in planes for one in kind], warnings) == ([1.0, 2.0], [])
    slope = np.arange(200, dtype=np.float32)[None, None] * np.ones((1, 200, 1), np.float32)
    example = replace(prepared(planes, TINY.normalization)[1], pixels=slope)
    for seed in range(20):
        pixels, labels = random_patch([example], 128, NO_AUGMENTATION, np.random.default_rng(seed))
        assert labels.shape == (128, 128)
        # within the image, so that nothing is mirrored but half a pixel
        np.testing.assert_allclose(np.diff(pixels, axis=2)[:, :, 1:-1], 0.5, atol=1e-4)


def test_pixel_sizes_nearly_the_same_are_the_same() -> None:
    planes, _ = Magnification.choose(
        planes_of([[("a", discs(0, **size(0.1))[0]), ("b", discs(1, **size(0.104))[0])]])[0], TINY
    )
    assert [one.zoom for one in planes[0]] == [1, 1]


def test_patches_are_varied_in_nothing_that_tells() -> None:
    varied = task().variation(AugmentationConfig())
    assert (varied.scale, varied.noise, varied.blur, varied.rotate, varied.flip) == (1, 0, 0, False, True)
    assert task().schedule(QUICK).patch_size == 128
    assert side(100, 3) == 112


def test_small_images_are_left_out() -> None:
    config = replace(TINY, schedule=replace(QUICK, steps=1))
    result = pretrain([[*named(2), ("small", discs(3, 100)[0])]], config)
    assert "small: the image is too small for 1/4; it is left out." in result.warnings
    assert result.model.config.provenance["images"] == 2


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            [("a", discs(0, **size(0.1))[0]), ("b", discs(1)[0])],
            r"b: The image has no pixel size, but a has \(0.1 µm\).*Enter the pixel size",
        ),
        (
            [("a", discs(0, **size(0.1))[0]), ("b", discs(1, **size(0.5))[0])],
            r"b: The image's pixels \(0.5 µm\) are 5 times as large as those of a .*down to 1/4 are learned",
        ),
        (
            [("a", discs(0, 100)[0])],
            r"a: At 1/4 .* a patch of 32 pixels is made of 128, but the largest image has 100 .*no smaller than 1/3.1",
        ),
        ([("a", discs(0, 20)[0])], "has 20 along its shorter side. Give larger images"),
    ],
)
def test_images_that_are_refused(images: list[tuple[str, Image]], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        pretrain([images], TINY)


def test_a_smaller_patch_is_proposed() -> None:
    with pytest.raises(UserInputError, match=r"Choose a patch size of 40 pixels or less or magnifications no smaller"):
        pretrain([named(1)], replace(TINY, schedule=replace(QUICK, patch_size=64)))


def test_a_saturated_image_is_told() -> None:
    image = discs(0)[0]
    bright = image.with_array(np.minimum(image.array, 100), "CYX", "intensity")
    _, warnings = Magnification.choose(planes_of([[("a", bright)]])[0], TINY)
    assert "% of the pixels have the highest value; nothing can be seen in them." in warnings[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scales": (1.0,)}, "scales is '1', it must be two to eight numbers"),
        ({"scales": (2.0, 1.0)}, "each larger than the one before"),
        ({"scales": (0.5, 1.0)}, "from 1 to 16"),
        ({"coverage": 0.0}, "coverage is 0"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        MagnificationConfig(**settings)


def test_a_network_must_be_at_full_resolution_and_patches_not_too_large() -> None:
    with pytest.raises(UserInputError, match="grid is 2, it must be 1 for the task magnification"):
        replace(TINY, network=NetworkConfig(grid=2))
    with pytest.raises(UserInputError, match="patch_size is 1024, it must be 512 or less"):
        replace(TINY, schedule=replace(QUICK, patch_size=1024))
