"""The state of a training after an epoch, in memory and in a file, so that a killed training goes on."""

import math
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.io.write import atomic
from core.training.objective import Learning

Row = dict[str, float]
"""One epoch: epoch, train_loss, learning_rate, seconds, with validation images validation_loss, and with a selection
what `core.training.selection.Selection.look` says."""

Content = dict[str, Any]
"""What a file holds, see `State.write`."""


@dataclass
class State:
    """Where a training stands.

    Parameters
    ----------
    learning : what learns.
    averaged : the running average of its weights.
    optimizer : with its moments.
    chosen_by : the entry of a row that is lowest in the best epoch; empty where the last epoch is the best. An epoch
        without it, or where it is no number, is the best only as long as none has it.
    history : one row per finished epoch.
    best : the averaged weights of the best epoch.
    best_epoch : the number of that epoch, from 1; 0 before the first.
    best_loss : what it was chosen by.
    """

    learning: Learning
    averaged: Learning
    optimizer: torch.optim.Optimizer
    chosen_by: str = ""
    history: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    best_loss: float = math.inf

    def finish_epoch(self, row: Row) -> None:
        """Add an epoch; keep its weights if they are the best so far, or if nothing tells which are."""
        self.history.append(row)
        loss = row.get(self.chosen_by, math.inf)
        loss = math.inf if math.isnan(loss) else loss
        if loss < self.best_loss or self.best_loss == math.inf:
            self.best_loss, self.best_epoch = loss, len(self.history)
            self.best = {name: w.detach().cpu().clone() for name, w in self.averaged.state_dict().items()}

    def write(self, path: Path, fingerprint: str) -> None:
        """Write the state; `fingerprint` tells which training it belongs to.

        Raises
        ------
        OutputError : the file cannot be written.
        """
        content = {
            "fingerprint": fingerprint,
            "learning": self.learning.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }
        with atomic(path) as part, part.open("wb") as file:
            torch.save(content, file)

    def go_on(self, content: Content) -> None:
        """Take over what `read` found."""
        self.learning.load_state_dict(content["learning"])
        self.averaged.load_state_dict(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.history, self.best = content["history"], content["best"]
        self.best_epoch, self.best_loss = content["best_epoch"], content["best_loss"]


def read(path: Path, fingerprint: str) -> Content | None:
    """The state in a file, on the CPU; None if it is of another training or damaged."""
    if not zipfile.is_zipfile(path):
        return None
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        return None
    if not isinstance(content, dict) or content.get("fingerprint") != fingerprint:
        return None
    return content
