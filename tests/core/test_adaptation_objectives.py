"""What is learned from images without labels: reconstruction, alignment, and a teacher's opinion."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.adaptation.alignment import Alignment, discriminator, reverse
from core.adaptation.mean_teacher import BRIGHTNESS, CONTRAST, HIDDEN, HOLE, NOISE, SURE, MeanTeacher, varied
from core.adaptation.reconstruction import Decoder, Reconstruction
from core.heads import HEADS, HeadConfig
from core.model import ModelConfig, SegmentationModel
from core.networks import NETWORKS, NetworkConfig, make_network
from core.networks.encoder_unet import EncoderUNet
from core.training.objective import Objective, Step, supervised

FACTOR = 0.3


def model(head: str = "foreground", **network: Any) -> SegmentationModel:
    torch.manual_seed(0)
    sizes = {"base": 4, "depth": 1, "grid": 1, **network}
    return SegmentationModel(ModelConfig(NetworkConfig(**sizes), HeadConfig(head, n_rays=8, features=8)))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def step(learner: SegmentationModel, side: int = 32, **more: Any) -> Step:
    channels, grid = learner.config.network.in_channels, learner.config.network.grid
    labels = np.zeros((side, side), np.int32)
    labels[4:14, 4:14], labels[17:28, 15:30] = 1, 2
    targets = torch.from_numpy(np.stack([learner.head.targets(labels, grid)] * 2))
    images = (random(2, channels, side, side, seed=1), random(2, channels, side, side, seed=2))
    return Step(learner, more.pop("teacher", learner), images[0], targets, images[1], **more)


def gradients(module: torch.nn.Module) -> list[Tensor]:
    return [torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in module.parameters()]


OBJECTIVES = {
    "reconstruction": lambda learner: Reconstruction(learner.network),
    "alignment": lambda learner: Alignment(learner, 0.1),
    "mean teacher": lambda learner: MeanTeacher(),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_and_head_can_learn_by_every_objective(network: str, head: str) -> None:
    depth = 2 if issubclass(NETWORKS[network], EncoderUNet) else 1
    learner = model(head, name=network, depth=depth, in_channels=2)
    for make in OBJECTIVES.values():
        objective: Objective = make(learner)  # type: ignore[no-untyped-call]
        learner.zero_grad()
        loss = objective(step(learner, done=0.9))
        assert loss.shape == ()
        loss.backward()
        parts = [*learner.network.encoder_stages().values(), learner.head, objective]
        for part in parts:
            assert all(g.isfinite().all() for g in gradients(part))
            assert not gradients(part) or any(g.any() for g in gradients(part))


@pytest.mark.parametrize("grid", [1, 2, 4])
def test_the_smallest_patches_can_be_learned_from_at_every_grid(grid: int) -> None:
    learner = model("stardist", grid=grid)
    for make in OBJECTIVES.values():
        assert make(learner)(step(learner, done=0.9)).isfinite()  # type: ignore[no-untyped-call]


# --- reconstruction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [1, 4])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_decoder_gives_images_back(depth: int, grid: int) -> None:
    network = make_network(NetworkConfig(base=8, depth=depth, grid=grid, in_channels=3))
    images = random(2, 3, 32, 64)
    assert Decoder(network)(network.encode(images)[-1]).shape == images.shape


@pytest.mark.parametrize("name", NETWORKS)
def test_reconstruction_does_not_see_the_skips(name: str) -> None:
    """What it needs of the way down passes through the deepest features."""
    learner = model(name=name, base=4, depth=2)
    objective, taken = Reconstruction(learner.network, 0.0), step(learner)
    *skips, deepest = learner.network.encode(torch.cat([taken.images, taken.unlabelled]))  # type: ignore[list-item]
    others = [torch.rand_like(skip).requires_grad_() for skip in skips]
    error = objective(taken)
    learner.network.encode = lambda x: [*others, deepest]  # type: ignore[method-assign]
    again = objective(taken)
    assert torch.equal(error, again)
    assert torch.autograd.grad(again, others, allow_unused=True) == (None,) * len(others)


def test_nothing_but_the_way_down_learns_from_reconstruction() -> None:
    learner = model(depth=2)
    Reconstruction(learner.network, 0.0, 1.0)(step(learner)).backward()
    down = learner.network.encoder_stages()
    for name, stage in {**learner.network.stages(), "head": learner.head}.items():
        assert any(g.any() for g in gradients(stage)) == (name in down and bool(list(stage.parameters())))


def test_the_reconstructions_loss_is_the_mean_squared_error_of_both_kinds() -> None:
    learner = model()
    objective, at = Reconstruction(learner.network, 0.7, 3.0), step(learner)
    assert at.unlabelled is not None
    with torch.no_grad():
        errors = [
            (objective.decoder(learner.network.encode(x)[-1]) - x).square().mean() for x in (at.images, at.unlabelled)
        ]
        assert float(objective(at)) == pytest.approx(3 * float(sum(errors)) + 0.7 * float(supervised(at)), rel=1e-5)
        alone = Reconstruction(learner.network, 0.0, 3.0)
        alone.load_state_dict(objective.state_dict())
        assert float(alone(at)) == pytest.approx(3 * float(sum(errors)), rel=1e-5)


def test_images_can_be_reconstructed() -> None:
    """Smooth images, in few steps: more is known of them than their mean."""
    learner = model(base=8, depth=2)
    objective = Reconstruction(learner.network, 0.0)
    rough = random(4, 1, 4, 4)
    images = functional.interpolate(rough, scale_factor=8, mode="bilinear")
    optimizer = torch.optim.Adam([*learner.network.parameters(), *objective.parameters()], 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = objective.error(learner.network.encode(images)[-1], images)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(loss.detach()) / 2 < 0.2 * float(images.var())


# --- adversarial alignment --------------------------------------------------------------------------------------------


def test_reversing_changes_the_gradient_alone() -> None:
    x = random(3, 4).requires_grad_()
    out = reverse(x, FACTOR)
    assert torch.equal(out, x)
    (plain,) = torch.autograd.grad((x**3).sum(), x)
    (turned,) = torch.autograd.grad((out**3).sum(), x)
    assert torch.allclose(turned, -FACTOR * plain)


def test_the_discriminators_learn_fully_and_the_network_is_pushed_the_other_way() -> None:
    """The gradients by hand: without the reversal, and with the network's part taken times minus the factor."""
    learner = model()
    objective, at = Alignment(learner, FACTOR, 0.0), step(learner)
    assert at.unlabelled is not None
    objective(at).backward()
    found, judges = gradients(learner), [objective.of_prediction, objective.of_features]
    of_judges = [gradients(judge) for judge in judges]

    def verdicts() -> Tensor:
        assert at.unlabelled is not None
        features = learner.network(torch.cat([at.images, at.unlabelled]))
        total = torch.zeros(())
        for judge, seen in zip(judges, (torch.sigmoid(learner.head(features)), features), strict=True):
            logits = judge(seen)
            kind = torch.cat([torch.ones_like(logits[:2]), torch.zeros_like(logits[2:])])
            total = total - (kind * functional.logsigmoid(logits) + (1 - kind) * functional.logsigmoid(-logits)).mean()
        return total

    learner.zero_grad()
    objective.zero_grad()
    supervised(at).backward()  # type: ignore[no-untyped-call]
    by_labels = gradients(learner)
    learner.zero_grad()
    verdicts().backward()  # type: ignore[no-untyped-call]
    for one, labels, other in zip(found, by_labels, gradients(learner), strict=True):
        torch.testing.assert_close(one, labels - FACTOR * other, atol=1e-6, rtol=1e-3)
    assert any((FACTOR * g).abs().max() > 1e-4 for g in gradients(learner))
    for before, judge in zip(of_judges, judges, strict=True):
        for one, other in zip(before, gradients(judge), strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


def test_a_strength_of_zero_leaves_the_network_alone() -> None:
    learner, twin = model(), model()
    Alignment(learner, 0.0, 0.0)(step(learner)).backward()
    supervised(step(twin)).backward()  # type: ignore[no-untyped-call]
    for one, other in zip(gradients(learner), gradients(twin), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)


def test_discriminators_learn_to_tell_kinds_apart() -> None:
    torch.manual_seed(0)
    judge = discriminator(1, 8, 3)
    optimizer = torch.optim.Adam(judge.parameters(), 1e-2)
    smooth = functional.avg_pool2d(random(8, 1, 34, 34), 3, 1)
    rough = random(8, 1, 32, 32, seed=1)
    for _ in range(40):
        optimizer.zero_grad()
        verdict = judge(torch.cat([smooth, rough]))
        truth = torch.cat([torch.ones_like(verdict[:8]), torch.zeros_like(verdict[8:])])
        functional.binary_cross_entropy_with_logits(verdict, truth).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert ((verdict > 0) == truth.bool()).float().mean() > 0.9


# --- mean teacher -----------------------------------------------------------------------------------------------------


def certain(learner: SegmentationModel, logit: float) -> SegmentationModel:
    """A model that says the same of every pixel."""
    with torch.no_grad():
        for weight in learner.parameters():
            weight.zero_()
        learner.head.get_parameter("foreground.bias").fill_(logit)
    return learner


def agreement(logit: float, done: float, objective: MeanTeacher | None = None) -> float:
    """What is added to the loss by a teacher that says the same of every pixel."""
    learner = model()
    at = step(learner, teacher=certain(model(), logit), done=done)
    with torch.no_grad():
        return float((objective or MeanTeacher())(at) - supervised(at))


def test_the_teacher_is_listened_to_from_the_start_on_and_more_and_more() -> None:
    full = agreement(5.0, 1.0)
    assert full > 0
    assert [agreement(5.0, done) for done in (0.0, 0.2, 0.3)] == [0, 0, 0]
    assert agreement(5.0, 0.45) == pytest.approx(0.5 * full)
    assert agreement(5.0, 0.6) == pytest.approx(full)
    assert agreement(5.0, 0.6, MeanTeacher(1.5)) == pytest.approx(3 * full, rel=1e-5)
    assert agreement(5.0, 0.1, MeanTeacher(start=0.0)) == pytest.approx(full)


def test_pixels_of_which_the_teacher_is_not_sure_do_not_count() -> None:
    edge = float(np.log(SURE / (1 - SURE)))
    for logit, counts in ((edge - 0.01, False), (edge + 0.01, True), (-edge + 0.01, False), (-edge - 0.01, True)):
        assert (agreement(logit, 1.0) != 0) == counts


def test_the_agreement_is_the_cross_entropy_of_what_is_sure() -> None:
    """A teacher that is sure of one half of every image."""
    learner, teacher = model(), model()
    at = step(learner, teacher=teacher, done=1.0, number=7)
    assert at.unlabelled is not None
    logits = torch.zeros_like(at.unlabelled)
    logits[..., :16] = torch.where(random(2, 1, 32, 16, seed=3) > 0.5, 4.0, -4.0)
    teacher.forward = lambda images, inner=None: logits  # type: ignore[method-assign]
    with torch.no_grad():
        found = float(MeanTeacher(1.0)(at) - supervised(at))
        said = learner(varied(at.unlabelled, torch.Generator().manual_seed(7)))[..., :16]
        p = torch.sigmoid(logits[..., :16])
        expected = -(p * functional.logsigmoid(said) + (1 - p) * functional.logsigmoid(-said)).mean()
    assert found == pytest.approx(float(expected), rel=1e-4)


def test_no_gradient_reaches_the_teacher() -> None:
    learner, teacher = model(), certain(model(), 5.0)
    MeanTeacher()(step(learner, teacher=teacher, done=1.0)).backward()
    assert all(w.grad is None for w in teacher.parameters())
    assert any(g.any() for g in gradients(learner))


def test_a_student_comes_to_say_what_the_teacher_says() -> None:
    learner = model()
    at = step(learner, teacher=certain(model(), 5.0), done=1.0)
    assert at.unlabelled is not None
    optimizer = torch.optim.Adam(learner.parameters(), 1e-2)
    with torch.no_grad():
        before = torch.sigmoid(learner(at.unlabelled)).mean()
    for _ in range(20):
        optimizer.zero_grad()
        MeanTeacher(20.0)(at).backward()
        optimizer.step()
    with torch.no_grad():
        assert torch.sigmoid(learner(at.unlabelled)).mean() > before + 0.15


def test_images_are_varied_each_in_another_way_and_places_are_hidden() -> None:
    flat = torch.full((3, 2, 64, 64), 0.5)
    out = varied(flat, torch.Generator().manual_seed(0))
    again, other = (varied(flat, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(out, again)
    assert not torch.equal(out, other)
    assert bool((flat == 0.5).all()), "the image itself stays"
    levels = [float(image.mean()) for image in out]
    assert len({round(level, 4) for level in levels}) == 3
    assert all(abs(level - 0.5) <= 0.5 * CONTRAST + BRIGHTNESS + 0.01 for level in levels)
    for image in out:
        values, counts = image[0].unique(return_counts=True)
        hidden = counts.max()
        assert 1 < hidden <= HIDDEN * HOLE**2
        assert bool((image[1] == image[1][image[0] == values[counts.argmax()]][0]).sum() == hidden)
        assert image[0].std() < 1.2 * NOISE


def test_small_images_can_be_varied() -> None:
    assert varied(random(1, 1, 8, 8), torch.Generator().manual_seed(0)).shape == (1, 1, 8, 8)
