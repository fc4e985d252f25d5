"""Pretraining without labels: what the tasks do to patches, what is learned, and which images are refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.errors import Canceled, UserInputError
from core.heads import HeadConfig
from core.image import Image
from core.io.read import read_image
from core.model import ModelConfig, SegmentationModel
from core.networks import NETWORKS, NetworkConfig
from core.pretraining import PRETEXTS
from core.pretraining.config import PretrainingConfig
from core.pretraining.images import planes_of, prepared, sizes_differ
from core.pretraining.pretrain import PretrainingResult, pretrain
from core.pretraining.restoration.blind_spot import BlindSpot
from core.pretraining.restoration.crappify import Crappify
from core.pretraining.restoration.hide import SIDE, HideAndFill
from core.pretraining.restoration.restoration import Restoration
from core.progress import Progress
from core.training.augmentation import NO_AUGMENTATION, AugmentationConfig, random_patch
from core.training.config import ScheduleConfig
from core.training.objective import Step

NUCLEI = Path(__file__).parents[2] / "workflows/01_Train_and_count_nuclei/data/train/images"
QUICK = ScheduleConfig(epochs=1, steps=2, batch_size=2, patch_size=32, device="cpu")
RESTORATIONS = [name for name, task in PRETEXTS.items() if issubclass(task, Restoration)]
TINY = PretrainingConfig(network=NetworkConfig(base=4, depth=1, grid=1), schedule=QUICK)


def nuclei() -> list[tuple[str, Image]]:
    return [(path.name, read_image(path)) for path in sorted(NUCLEI.iterdir())]


def noise(seed: int, *shape: int, **more: Any) -> Image:
    array = np.random.default_rng(seed).integers(0, 256, shape or (40, 40)).astype(np.uint8)
    return Image(array, {2: "YX", 3: "CYX"}[array.ndim], **more)


def some(count: int = 3, **more: Any) -> list[tuple[str, Image]]:
    return [(f"image {i}", noise(i, **more)) for i in range(count)]


def weights(model: SegmentationModel) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]


def step(task: type[Restoration], images: Tensor, number: int = 0, grid: int = 1) -> tuple[Restoration, Step]:
    torch.manual_seed(0)
    config = NetworkConfig(base=4, depth=1, grid=grid, in_channels=images.shape[1])
    model = SegmentationModel(ModelConfig(network=config, head=HeadConfig("stardist"))).eval()
    return task(model), Step(model, model, images, images[:, :0], number=number)


def patches(channels: int = 1, count: int = 4) -> Tensor:
    return torch.rand((count, channels, 64, 64), generator=torch.Generator().manual_seed(1))


# --- what the tasks do ------------------------------------------------------------------------------------------------


def test_crappified_patches_have_lost_the_fine_detail_and_keep_their_brightness() -> None:
    flat = torch.full((2, 1, 64, 64), 0.5)
    task, at = step(Crappify, flat)
    worse, weight = task.degrade(flat, at)
    assert worse.mean().item() == pytest.approx(0.5, abs=0.01)
    # averages of 2 x 2 pixels have half the noise, and interpolating between them leaves less of it
    assert 0.08 < worse.std().item() < 0.15
    assert bool((weight == 1).all())
    stripes = (torch.arange(64) % 2).float().expand(2, 1, 64, 64)
    rows = task.degrade(stripes, at)[0].mean(2)
    assert rows.std().item() < 0.1
    assert worse.min() >= 0
    assert worse.max() <= 1


def test_squares_are_hidden_whole_in_all_channels_and_count_most() -> None:
    images = patches(channels=3)
    task, at = step(HideAndFill, images)
    worse, weight = task.degrade(images, at)
    hidden = (worse != images).all(1, keepdim=True)
    assert torch.equal(hidden.float() * 0.9 + 0.1, weight)
    assert torch.equal(hidden, hidden[:, :, ::SIDE, ::SIDE].repeat_interleave(SIDE, 2).repeat_interleave(SIDE, 3))
    assert 0.2 < hidden.float().mean() < 0.8
    mean = images.mean((2, 3), keepdim=True).expand_as(images)
    assert torch.equal(worse[hidden.expand_as(images)], mean[hidden.expand_as(images)])


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_blind_spots_are_cells_that_took_their_pixels_from_outside(grid: int) -> None:
    places = torch.arange(64 * 64).float().reshape(1, 1, 64, 64).expand(8, 1, 64, 64)
    task, at = step(BlindSpot, places, grid=grid)
    worse, mask = task.degrade(places, at)
    assert 0.01 < mask.mean().item() < 0.03
    assert torch.equal(mask[:, :, ::grid, ::grid].repeat_interleave(grid, 2).repeat_interleave(grid, 3), mask)
    changed = mask > 0
    assert torch.equal(worse[~changed], places[~changed])
    to, source = places[changed].long(), worse[changed].long()
    rows, columns = (to // 64 - source // 64).abs(), (to % 64 - source % 64).abs()
    assert max(rows.max(), columns.max()) <= grid + 1
    assert bool(((to // 64 // grid != source // 64 // grid) | (to % 64 // grid != source % 64 // grid)).all())


@pytest.mark.parametrize("name", RESTORATIONS)
def test_the_same_step_is_the_same_and_another_is_not(name: str) -> None:
    losses = []
    for number in (0, 0, 1):
        task, at = step(PRETEXTS[name], patches(), number)  # type: ignore[arg-type]
        losses.append(task(at).item())
    assert losses[0] == losses[1] != losses[2]


def test_the_loss_is_that_of_what_counts() -> None:
    class Half(Restoration):
        def degrade(self, clean: Tensor, step: Step) -> tuple[Tensor, Tensor]:
            left = torch.zeros_like(clean[:, :1])
            left[..., :32] = 1
            return clean, left

        def restore(self, model: SegmentationModel, degraded: Tensor) -> Tensor:
            wrong = degraded + 0.5
            wrong[..., 32:] += 100
            return wrong

    task, at = step(Half, patches(channels=2))
    assert task(at).item() == pytest.approx(0.25)


def test_variations_spoil_nothing_that_is_to_be_restored() -> None:
    chosen = AugmentationConfig()
    for name, turned in (("restoration", True), ("hide_and_fill", True), ("blind_spot", False)):
        task, _ = step(PRETEXTS[name], patches())  # type: ignore[arg-type]
        varied = task.variation(chosen)
        assert (varied.noise, varied.blur, varied.rotate, varied.flip) == (0, 0, turned, True)
        assert varied.contrast == chosen.contrast


# --- what is learned --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned() -> PretrainingResult:
    images = nuclei()
    schedule = ScheduleConfig(epochs=5, steps=16, patch_size=64, device="cpu", learning_rate=3e-3)
    config = PretrainingConfig(network=NetworkConfig(base=8, depth=2, grid=1), schedule=schedule)
    return pretrain([images[:16], images[16:]], config)


def test_restored_patches_of_images_held_back_are_nearer_to_the_original(learned: PretrainingResult) -> None:
    assert len(learned.examples) == 3
    errors = []
    for shown in learned.examples:
        original = shown.pictures["original"]
        errors.append([np.mean((shown.pictures[name] - original) ** 2) for name in ("degraded", "restored")])
        assert "PSNR" in shown.note
    degraded, restored = 10 * np.log10(1 / np.mean(errors, axis=0))
    assert restored > degraded + 1.5
    losses = [row["validation_loss"] for row in learned.history]
    assert min(losses) < 0.6 * losses[0]


def test_the_model_says_what_it_has_learned(learned: PretrainingResult) -> None:
    model = SegmentationModel.from_bytes(learned.model.to_bytes())
    assert weights(model) == weights(learned.model)
    config = model.config
    assert (config.pretext, config.thresholds, config.object_size) == ("restoration", {}, 0.0)
    assert config.provenance["domains"] == [14, 7]
    assert config.provenance["images"] == 21
    assert config.provenance["pretraining"]["task"] == "restoration"
    assert len(config.history) == 5


@pytest.mark.parametrize("task", RESTORATIONS)
def test_every_task_can_be_learned_and_shown(task: str) -> None:
    result = pretrain([some(4), some(2)], replace(TINY, task=task))
    assert result.model.config.pretext == task
    assert [shown.name[-1] for shown in result.examples] == ["0", "0", "1", "1", "2", "3"]
    for shown in result.examples:
        assert {picture.shape for picture in shown.pictures.values()} == {(1, 32, 32)}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("grid", [1, 2])
def test_every_network_can_learn(name: str, grid: int) -> None:
    network = NetworkConfig(name=name, base=4, depth=2, grid=grid)
    result = pretrain([some(2)], replace(TINY, network=network))
    before = SegmentationModel(result.model.config)
    start = dict(before.network.named_parameters())
    assert any(not torch.equal(w, start[n]) for n, w in result.model.network.named_parameters())
    assert result.model.config.head.name == ("foreground" if grid == 1 else "stardist")


def test_a_pretraining_is_the_same_every_time() -> None:
    one, two, other = (
        pretrain([some()], replace(TINY, schedule=replace(QUICK, seed=seed))).model for seed in (0, 0, 1)
    )
    assert weights(one) == weights(two) != weights(other)


def test_domains_are_drawn_equally_often() -> None:
    small = [(f"small {i}", Image(np.eye(40, dtype=np.uint8) + 0 * i, "YX")) for i in range(2)]
    large = [(f"large {i}", noise(i)) for i in range(30)]
    images = prepared(planes_of([large, small])[0], TINY.normalization)
    rng, seen = np.random.default_rng(0), []
    for _ in range(600):
        pixels, labels = random_patch(images, 32, NO_AUGMENTATION, rng)
        seen.append(len(np.unique(pixels)) <= 2)
        assert not labels.any()
    assert 0.44 < np.mean(seen) < 0.56


def test_slices_of_stacks_are_images() -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 2, 40, 36)).astype(np.uint16)
    stack = Image(np.moveaxis(array, 1, 0).copy(), "CZYX", {"Z": 1.0, "Y": 0.5, "X": 0.5})
    stack.array[:, 3] = 7
    planes, warnings = planes_of([[("a", stack)]])
    assert [plane.name for plane in planes[0]] == [f"a, slice {z}" for z in (1, 2, 3, 5)]
    assert np.array_equal(planes[0][3].image.cyx(), array[4])
    assert warnings == ["a: in 1 of 5 slices all pixels have the same value, left out: 4."]
    assert pretrain([[("a", stack)]], TINY).model.config.pixel_size == 0.5


def test_small_images_are_mirrored() -> None:
    assert pretrain([[("tiny", noise(0, 9, 5))]], TINY).history[0]["train_loss"] > 0


def test_bit_depths_are_made_comparable() -> None:
    deep = [(name, Image(image.array.astype(np.uint16) * 250 + 11, "YX")) for name, image in some()]
    one, other = (prepared(planes_of([images])[0], TINY.normalization)[0].pixels for images in (deep, some()))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_stopped_pretraining_goes_on(tmp_path: Path) -> None:
    config = replace(TINY, schedule=replace(QUICK, epochs=3))
    whole, file = pretrain([some()], config), tmp_path / "state"
    with pytest.raises(Canceled):
        pretrain([some()], config, Progress(is_canceled=file.exists), file)
    result = pretrain([some()], config, checkpoint=file)
    assert weights(result.model) == weights(whole.model)
    assert not file.exists()


# --- images that nothing can be learned from --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domains", "words"),
    [
        ([], "There is no image"),
        ([[("a", noise(0))], []], "domain 2: There is no image"),
        ([[("a", noise(0))], [("b", noise(0, 3, 40, 40))]], "b: The image has 3 channels, but that of a has 1 channel"),
        ([[("a", Image(np.full((9, 9), 3), "YX"))]], "a: All pixels of the image are the same"),
        ([[("a", Image(np.zeros((2, 9, 9)), "ZYX"))]], "a: All pixels of the image are the same"),
        ([[("a", Image(np.full((9, 9), np.nan), "YX"))]], "a: 81 pixels are not a number"),
        ([[("a", Image(np.zeros((3, 9, 9)), "TYX"))]], "a: The image is a time series"),
        ([[("a", Image(np.zeros((0, 9)), "YX"))]], "a: The image has no pixels"),
    ],
)
def test_images_that_are_refused(domains: Sequence[Any], words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        pretrain(domains, TINY)


def test_what_looks_wrong_is_told() -> None:
    flat, fine, coarse = (noise(0, pixel_size={"X": size, "Y": size}) for size in (0.5, 0.5, 0.53))
    black = flat.with_array(np.zeros((40, 40), np.uint8), "YX", "intensity")
    planes, warnings = planes_of([[("a", fine), ("b", black)], [("c", coarse)]])
    assert warnings == ["b: all pixels of the image have the same value; it is left out."]
    assert "Pixel sizes differ: 0.5 µm (a) and 0.53 µm (c)" in sizes_differ(planes)[0]
    planes, warnings = planes_of([[("a", fine)], [("c", noise(1, pixel_size={"X": 0.52}))], [("d", noise(2))]])
    assert warnings == sizes_differ(planes) == []
    deep = Image(fine.array.astype(np.uint16), "YX")
    assert "different types (uint16, uint8)" in planes_of([[("a", fine)], [("b", deep)]])[1][0]
    assert "only image" in planes_of([[("a", fine)]])[1][0]


def test_settings_out_of_bounds_are_refused() -> None:
    for wrong in ({"task": "guess"}, {"validation_fraction": 0.6}):
        with pytest.raises(UserInputError, match=next(iter(wrong))):
            replace(TINY, **wrong)
    assert PretrainingConfig.from_dict(TINY.to_dict()) == TINY
