"""Several processes train the model that one would."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.core.test_training import config, discs, quick, weights

from core.devices import choose_device
from core.errors import Canceled, UserInputError
from core.progress import Progress
from core.training.config import ScheduleConfig
from core.training.team import Team, computers
from core.training.train import train


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bfloat16 would round differently in batches of another size."""
    monkeypatch.setattr("core.training.loop.precision", lambda device: "32-true")


def workers(parent: int | str = "self") -> list[int]:
    """The processes of trainings that a process has started and that have not ended."""
    started = [pid for path in Path(f"/proc/{parent}/task").glob("*/children") for pid in path.read_text().split()]
    return [int(pid) for pid in started if "core.training.worker" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_two_processes_train_the_same_model_as_one() -> None:
    """Their shares have objects of other number and size; still the loss is that of the whole batch."""
    one, two = (
        train(discs(10, 1), config(quick(2, 4, batch_size=4, devices=devices), norm="group")) for devices in (1, 2)
    )
    assert not torch.equal(weights(one.model), weights(two.model)), "they did add up differently"
    assert torch.allclose(weights(one.model), weights(two.model), atol=1e-5)
    for row, other in zip(one.history, two.history, strict=True):
        assert row.keys() == other.keys()
        for name in ("train_loss", "validation_loss", "learning_rate"):
            assert row[name] == pytest.approx(other[name], rel=1e-5)
    assert not workers()
    assert not torch.distributed.is_initialized()


def test_processes_stop_early_together() -> None:
    """The first one alone has validation images; the others end with it."""
    settings = config(quick(50, 1, devices=2, patience=2, learning_rate=1e-9, average=0.0), norm="group")
    one = replace(settings, schedule=replace(settings.schedule, devices=1))
    history = train(discs(10, 1), settings).history
    assert len(history) == len(train(discs(10, 1), one).history) < 50
    assert not workers()


def test_a_canceled_training_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    asked: list[str] = []
    progress = Progress(lambda _, message: asked.append(message), lambda: any("epoch 2" in said for said in asked))
    two, one = (config(quick(3, devices=devices), norm="group") for devices in (2, 1))
    with pytest.raises(Canceled):
        train(discs(3, 1), two, progress, checkpoint=checkpoint)
    assert checkpoint.exists()
    assert not workers()
    fractions: list[float] = []
    resumed = train(discs(3, 1), one, Progress(lambda f, _: fractions.append(f)), checkpoint=checkpoint)
    assert fractions[0] > 0.3, "the first epoch is not done again"
    assert torch.allclose(weights(resumed.model), weights(train(discs(3, 1), one).model), atol=1e-5)


def test_a_training_can_be_canceled_while_processes_start() -> None:
    with pytest.raises(Canceled):
        train(discs(3, 1), config(quick(devices=2)), Progress(is_canceled=lambda: bool(workers())))
    assert not workers()


def test_a_process_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such graphics card >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(UserInputError, match=r"ended unexpectedly \(no such graphics card\).*set devices to 1"):
        train(discs(3, 1), config(quick(devices=2)))


def test_a_process_that_dies_is_told() -> None:
    dead: list[int] = []

    def kill(fraction: float, message: str) -> None:
        if "epoch 1" in message and not dead:
            dead.extend(workers())
            for process in dead:
                subprocess.run(["kill", "-9", str(process)], check=True)

    with pytest.raises(UserInputError, match=r"ended unexpectedly \(exit code -9\)"):
        train(discs(3, 1), config(quick(3, 50, devices=2)), Progress(kill))
    assert dead
    assert not workers()


def test_what_must_be_started_by_torchrun_is_told() -> None:
    with pytest.raises(UserInputError, match=r"set to 2 computers, but runs on one. Start it with torchrun or srun"):
        train(discs(3, 1), config(quick(nodes=2)))


def test_processes_must_be_as_many_as_the_schedule_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 8)
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")
    assert computers() == 2
    with pytest.raises(UserInputError, match="8 processes were started, but the training is set to 1 on each of 2"):
        train(discs(3, 1), config(quick(nodes=computers())))


def test_a_batch_must_be_shared_evenly() -> None:
    with pytest.raises(UserInputError, match="batch_size is 4, it must be a multiple of 6, the number of processors"):
        ScheduleConfig(batch_size=4, devices=3, nodes=2)
    with pytest.raises(UserInputError, match="batch_size is 2, it must be 4 or more for batch normalisation"):
        train(discs(3, 1), config(quick(devices=2), depth=4))


def test_one_process_in_a_job_of_slurm_for_several(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NTASKS", 4), ("JOB_ID", 1), ("JOB_NAME", "count"), ("PROCID", 0), ("LOCALID", 0)):
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    assert Team(ScheduleConfig(), "cpu", "32-true", changing=False).is_first


def test_schedules_without_processors_are_of_one() -> None:
    old = {name: value for name, value in ScheduleConfig().to_dict().items() if name not in ("devices", "nodes")}
    assert ScheduleConfig.from_dict(old).processes == 1
    assert "devices" not in str(ScheduleConfig()), "checkpoints know a training by this text"


def test_graphics_cards_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", 2) == "cuda"
    with pytest.raises(UserInputError, match="set to 4 graphics cards, this computer has 2"):
        choose_device("cuda", 4)
    assert choose_device("cpu", 4) == "cpu"
