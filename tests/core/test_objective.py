"""What a training minimises can be replaced, learns along, and survives a stop."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.errors import Canceled, UserInputError
from core.heads import HeadConfig
from core.heads.base import alone
from core.image import Image
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.progress import SILENT, Progress
from core.training.augmentation import NO_AUGMENTATION
from core.training.checkpoint import Row, State
from core.training.config import ScheduleConfig
from core.training.data import Example, Prepared, prepare
from core.training.loop import Group, WithoutLabels, fit
from core.training.objective import Learning, Objective, Step, supervised
from core.training.selection import Prior, Selection, SelectionConfig
from core.training.train import learn


class Greyness(Objective):
    """Besides the segmentation, a layer of its own guesses the mean of the images from the network's features."""

    def __init__(self, features: int, weight: float = 0.5) -> None:
        super().__init__()
        self.guess, self.weight = nn.Linear(features, 1), weight
        self.seen: list[Step] = []

    def forward(self, step: Step) -> Tensor:
        self.seen.append(step)
        assert step.unlabelled is not None
        noise = 0.01 * torch.randn(step.unlabelled.shape, generator=step.generator)
        features = step.model.network(step.unlabelled + noise).mean((2, 3))
        wrong: Tensor = (self.guess(features)[:, 0] - step.unlabelled.mean((1, 2, 3))).square().mean()
        return supervised(step) + self.weight * wrong


def model(head: str = "foreground") -> SegmentationModel:
    torch.manual_seed(0)
    network = NetworkConfig(base=4, depth=1, grid=1)
    return SegmentationModel(ModelConfig(network=network, head=HeadConfig(head, n_rays=8, features=8)))


def examples(count: int = 2, seed: int = 0) -> list[Example]:
    """Bright squares."""
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        labels = np.zeros((40, 40), np.int32)
        labels[5:15, 5:15], labels[22:34, 20:32] = 1, 2
        pixels = rng.normal(100, 5, labels.shape) + 60 * (labels > 0)
        found.append(Example(f"image {number}", Image(pixels.astype(np.float32), "YX"), labels))
    return found


def prepared(seed: int = 0) -> list[Prepared]:
    return prepare(examples(seed=seed), ModelConfig().normalization)


QUICK = ScheduleConfig(epochs=4, steps=2, batch_size=2, patch_size=32, device="cpu", learning_rate=3e-3)


def values(module: nn.Module) -> list[bytes]:
    return [w.numpy().tobytes() for w in module.state_dict().values()]


class Fixed(Selection):
    """Says of every epoch what it is told to."""

    def __init__(self, criteria: Sequence[float | None]) -> None:
        super().__init__(Prior({}, {}), [], SelectionConfig())
        self.criteria, self.models = criteria, list[SegmentationModel]()

    def look(
        self,
        model: SegmentationModel,
        history: Sequence[Mapping[str, float]],
        epochs: int,
        progress: Progress = SILENT,
    ) -> dict[str, float]:
        self.models.append(model.copy())
        criterion = self.criteria[len(history)]
        return {"objects": 1.0} | ({} if criterion is None else {"criterion": criterion})


# --- the step ---------------------------------------------------------------------------------------------------------


def test_the_usual_objective_is_the_heads_loss() -> None:
    learner, images = model(), torch.rand(2, 1, 32, 32)
    targets = torch.from_numpy(np.stack([learner.head.targets(e.labels[:32, :32], 1) for e in examples()]))
    step = Step(learner, learner, images, targets)
    expected = learner.head.loss(learner(images), targets)
    assert torch.equal(Objective()(step), expected)
    assert torch.equal(Objective().judge(step), expected)
    assert torch.equal(supervised(step, learner(images)), expected)


def test_the_loss_is_divided_by_what_all_processes_have() -> None:
    learner, images = model(), torch.rand(2, 1, 32, 32)
    targets = torch.from_numpy(np.stack([learner.head.targets(e.labels[:32, :32], 1) for e in examples()]))
    plain, shared = (Step(learner, learner, images, targets, mean=mean) for mean in (alone, lambda number: 2 * number))
    with torch.no_grad():
        assert float(Objective()(shared)) == pytest.approx(0.5 * float(Objective()(plain)))


def test_a_step_has_random_numbers_of_its_own() -> None:
    learner, images = model(), torch.rand(1, 1, 8, 8)
    first, same, other = (Step(learner, learner, images, images, number=n) for n in (3, 3, 4))
    drawn = [torch.rand(5, generator=step.generator) for step in (first, same, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(torch.rand(5, generator=first.generator), drawn[0]), "it goes on, and does not start anew"


def test_the_average_is_a_copy_without_gradients() -> None:
    learning = Learning(model(), Greyness(4))
    averaged = learning.averaged()
    assert values(averaged) == values(learning)
    assert not any(w.requires_grad for w in averaged.parameters())
    assert all(w.requires_grad for w in learning.parameters())
    with torch.no_grad():
        next(learning.parameters()).add_(1)
        learning.objective.get_parameter("guess.bias").add_(1)
    assert values(averaged) != values(learning)


# --- in the loop ------------------------------------------------------------------------------------------------------


def trained(
    objective: Objective | None = None,
    selection: Selection | None = None,
    checkpoint: Path | None = None,
    progress: Progress = SILENT,
) -> tuple[SegmentationModel, list[Row]]:
    learner = model()
    without = WithoutLabels(objective or Objective(), prepared(9) if objective else [], selection)
    history = fit(
        learner,
        prepared(),
        [],
        QUICK,
        NO_AUGMENTATION,
        [Group(learner)],
        progress,
        checkpoint,
        str(without),
        without=without,
    )
    return learner, history


def test_every_step_gets_as_many_patches_without_labels() -> None:
    objective = Greyness(4)
    learner, _ = trained(objective)
    assert len(objective.seen) == QUICK.epochs * QUICK.steps
    for number, step in enumerate(objective.seen):
        assert step.unlabelled is not None
        assert step.unlabelled.shape == step.images.shape == (2, 1, 32, 32)
        assert step.done == number / 8
        assert step.model is learner
        assert step.teacher is not learner
    assert len({step.number for step in objective.seen}) == 8
    assert not any(w.requires_grad for w in objective.seen[0].teacher.parameters())


def test_its_own_layers_learn_and_the_model_does_not_keep_them() -> None:
    torch.manual_seed(1)
    objective = Greyness(4)
    before = values(objective)
    learner, history = trained(objective)
    assert all(a != b for a, b in zip(before, values(objective), strict=True))
    assert set(learner.state_dict()) == set(model().state_dict())
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_the_network_learns_from_what_has_no_labels() -> None:
    torch.manual_seed(1)
    plain, weighted = (trained(Greyness(4, weight))[0] for weight in (0.0, 5.0))
    assert values(plain.network) != values(weighted.network)


def test_patches_with_labels_are_the_same_with_and_without_others() -> None:
    """Images without labels must not change what a training sees of the labelled ones."""
    seen: list[list[Tensor]] = []

    class Watching(Objective):
        def forward(self, step: Step) -> Tensor:
            seen[-1].append(step.images.clone())
            return supervised(step)

    learner = model()
    for others in ([], prepared(9)):
        seen.append([])
        fit(
            learner,
            prepared(),
            [],
            ScheduleConfig(epochs=1, steps=1, batch_size=2, patch_size=32, device="cpu"),
            NO_AUGMENTATION,
            [Group(learner)],
            without=WithoutLabels(Watching(), others),
        )
    assert torch.equal(seen[0][0], seen[1][0])


def test_the_epoch_of_the_lowest_criterion_is_kept() -> None:
    selection = Fixed([None, 3.0, 1.0, 2.0])
    learner, history = trained(selection=selection)
    assert values(learner) == values(selection.models[2])
    assert [row.get("criterion") for row in history] == [None, 3.0, 1.0, 2.0]
    assert "validation_loss" not in history[0]


def test_without_any_criterion_the_last_epoch_is_kept() -> None:
    selection = Fixed([None] * 4)
    learner, _ = trained(selection=selection)
    assert values(learner) == values(selection.models[3])


def test_the_criterion_outranks_the_validation_loss() -> None:
    learner, selection = model(), Fixed([1.0, 2.0, 3.0, 4.0])
    history = fit(
        learner,
        prepared(),
        prepared(5),
        QUICK,
        NO_AUGMENTATION,
        [Group(learner)],
        without=WithoutLabels(selection=selection),
    )
    assert values(learner) == values(selection.models[0])
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]


def canceled_in_epoch(number: int) -> Progress:
    messages: list[str] = []
    return Progress(lambda _, m: messages.append(m), lambda: bool(messages) and f"epoch {number} " in messages[-1])


@pytest.mark.parametrize("stopped_in", [2, 4])
def test_a_stopped_training_with_an_objective_and_a_selection_goes_on(tmp_path: Path, stopped_in: int) -> None:
    def objective() -> Greyness:
        torch.manual_seed(1)
        return Greyness(4)

    criteria = [2.0, 1.0, 4.0, 3.0]
    whole, file = objective(), tmp_path / "state"
    straight, history = trained(whole, Fixed(criteria))
    with pytest.raises(Canceled):
        trained(objective(), Fixed(criteria), file, canceled_in_epoch(stopped_in))
    again, rest = objective(), Fixed(criteria)
    resumed, rows = trained(again, rest, file)
    assert len(rest.models) == QUICK.epochs - stopped_in + 1, "the first epochs are not trained anew"
    assert values(resumed) == values(straight)
    assert values(again) == values(whole)
    drop = [{k: v for k, v in row.items() if k != "seconds"} for row in history]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in rows] == drop


# --- by what a checkpoint knows it ------------------------------------------------------------------------------------


def selection(seed: int = 0, prior: Prior | None = None, config: SelectionConfig | None = None) -> Selection:
    labels = [example.labels for example in examples()]
    image = Image(np.random.default_rng(seed).random((40, 40)), "YX")
    return Selection(prior or Prior.of(labels), [image], config or SelectionConfig())


@pytest.mark.parametrize(
    "other",
    [
        lambda: WithoutLabels(Greyness(4, 0.25), prepared(), selection()),
        lambda: WithoutLabels(Greyness(4), prepared(1), selection()),
        lambda: WithoutLabels(Greyness(4), prepared(), selection(1)),
        lambda: WithoutLabels(Greyness(4), prepared(), selection(config=SelectionConfig("solidity"))),
        lambda: WithoutLabels(Greyness(4), prepared(), selection(prior=Prior.of([np.eye(40, dtype=np.int32)]))),
        lambda: WithoutLabels(Greyness(4), prepared()),
        lambda: WithoutLabels(Objective(), prepared(), selection()),
    ],
)
def test_a_checkpoint_tells_other_objectives_images_and_choices_apart(other: Callable[[], WithoutLabels]) -> None:
    def one() -> WithoutLabels:
        return WithoutLabels(Greyness(4), prepared(), selection())

    texts = []
    for make in (one, other):
        for _ in range(2):
            torch.manual_seed(0)
            texts.append(str(make()))
    assert texts[0] == texts[1] != texts[2] == texts[3]


def test_a_training_for_other_images_without_labels_starts_anew(tmp_path: Path) -> None:
    file, labelled = tmp_path / "state", examples()
    epochs: list[int] = []

    def run(seed: int, progress: Progress) -> None:
        learner = model()

        def watch(_: SegmentationModel, thresholds: Mapping[str, float]) -> dict[str, float]:
            epochs.append(seed)
            return {}

        images = [Image(np.random.default_rng(seed).random((40, 40)), "YX")]
        chosen = Selection(Prior.of([e.labels for e in labelled]), images, SelectionConfig(), "cpu", watch)
        groups = [Group(learner)]
        without = WithoutLabels(selection=chosen)
        learn(learner, labelled, [], QUICK, NO_AUGMENTATION, groups, progress, file, without=without)

    with pytest.raises(Canceled):
        run(0, canceled_in_epoch(3))
    assert epochs == [0, 0]
    with suppress(UserInputError):  # nothing was found
        run(1, Progress())
    assert epochs[2:] == [1] * QUICK.epochs


def test_a_state_without_a_number_is_best_only_as_long_as_none_has_one() -> None:
    learning = Learning(model(), Objective())
    state = State(learning, learning.averaged(), torch.optim.AdamW(learning.parameters()), "criterion")
    best = []
    for row in ({}, {"criterion": float("nan")}, {"criterion": 2.0}, {}, {"criterion": 2.0}, {"criterion": 1.0}):
        state.finish_epoch({"train_loss": 0.1, **row})
        best.append(state.best_epoch)
    assert best == [1, 2, 3, 3, 3, 6]
