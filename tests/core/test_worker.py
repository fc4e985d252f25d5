"""Processes that others start: torchrun, or a process that trains."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.core.test_team import workers
from tests.core.test_training import config, discs, quick, weights

from core.model import SegmentationModel
from core.training.config import RetrainingConfig
from core.training.retrain import retrain
from core.training.train import train
from core.training.worker import main


def environment() -> dict[str, str]:
    """That of a program which may import the library and these tests."""
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}


PROGRAM = """
import sys
from pathlib import Path

import core.training.loop
from core.training.team import computers
from tests.core.test_worker import both_ways

core.training.loop.precision = lambda device: "32-true"
for path, model in zip(sys.argv[1:], both_ways(computers()), strict=True):
    with Path(path).open("xb") as file:
        file.write(model.to_bytes())
"""


def both_ways(nodes: int) -> list[SegmentationModel]:
    """A trained model, and one retrained from it.

    There weights do not learn at first, others are drawn back, and patches are of two kinds.
    """
    given = train(discs(3, 1), config(quick(nodes=nodes), norm="group")).model
    settings = RetrainingConfig(freeze=1, pull=1.0, match_scale=False, schedule=quick(2, 3, nodes=nodes))
    return [given, retrain(given, discs(3, 2), settings, validation=discs(2, 3), source=discs(2, 1)).model]


def test_two_computers_under_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program runs once, on the first; both train. Two agents of torchrun stand for two computers."""
    script, paths = tmp_path / "program.py", [tmp_path / "trained", tmp_path / "retrained"]
    script.write_text(PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    launch += ["--rdzv-backend=static", "--master-addr=127.0.0.1", f"--master-port={port}"]
    program = ["-m", "core.training.worker", str(script), *map(str, paths)]
    agents = [
        subprocess.Popen([*launch, f"--node-rank={rank}", *program], env=environment(), stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for agent in agents:
        _, said = agent.communicate(timeout=60)
        assert agent.returncode == 0, said.decode()
    monkeypatch.setattr("core.training.loop.precision", lambda device: "32-true")
    for path, model in zip(paths, both_ways(1), strict=True):
        assert torch.allclose(weights(SegmentationModel.load(path)), weights(model), atol=1e-5)


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    """A KNIME that is killed leaves nothing behind."""
    script = tmp_path / "long.py"
    script.write_text(
        "from tests.core.test_training import *\n"
        "train(discs(3, 1), config(quick(1000, 1000, devices=2)), Progress(lambda _, m: print(m, flush=True)))\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert "epoch 1" in parent.stdout.readline()
        (worker,) = workers(parent.pid)
        parent.kill()
    for _ in range(100):
        stat = Path(f"/proc/{worker}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":  # ended, if perhaps nobody has asked how
            return
        time.sleep(0.1)
    pytest.fail("the worker is still there")


@pytest.mark.parametrize("arguments", [[], ["microseg", "run"]])
def test_a_worker_says_how_it_is_started(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match=r"for instance: microseg run|Start this with torchrun"):
        main(arguments)
