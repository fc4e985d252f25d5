"""The output folder of a run: what is in it, whose it is, and what of it is done.

    labels.ome.zarr    the label image with its pyramid
    picture.zarr       the image, reduced, for looking at
    run.json           which image, model and settings the results are of; when whole, the counts
    unfinished/        while it is not whole: plan.json, model.microseg, and a record for every finished piece of work

A record appears when its work is done, in one step. Work whose record is there is not done again, so that a run that
was cancelled or killed goes on where it stopped.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.blockwise.plan import Plan
from core.errors import OutputError
from core.io.write import atomic, make_folder
from core.model import SegmentationModel

Record = dict[str, NDArray[Any]]

OURS = {"run.json", "labels.ome.zarr", "picture.zarr", "unfinished", "objects.parquet", "preview.png", "view.html"}
"""What may be in the folder."""

FORMAT = 1
"""Raised whenever an older unfinished run could not be continued."""


class Store:
    """An output folder.

    Parameters
    ----------
    folder : need not exist; the folder that holds it must.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.labels = self.folder / "labels.ome.zarr"
        self.picture = self.folder / "picture.zarr"
        self.work = self.folder / "unfinished"
        self._run = self.folder / "run.json"

    def look(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """Look for a run's results in the folder; nothing is written.

        Parameters
        ----------
        identity : what decides about the results, JSON-able; its first entries are named when they differ.

        Returns
        -------
        The summary if the results are complete, None if there is work to do.

        Raises
        ------
        OutputError : the folder holds something else, which is left as it is.
        """
        if self._run.exists():
            try:
                found = json.loads(self._run.read_text("utf-8"))
                known, summary = found["identity"], found["summary"]
            except (OSError, ValueError, LookupError, TypeError):
                raise self._refusal("a damaged run.json") from None
            differing = [name for name in identity if known.get(name) != identity[name]]
            if differing:
                raise self._refusal(f"results of {' and '.join(f'another {name}' for name in differing)}")
            return dict(summary) if summary is not None else None
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise self._refusal("files that are no results of this kind")
        return None

    def _refusal(self, what: str) -> OutputError:
        return OutputError(
            f"The output folder holds {what}; nothing was changed.",
            where=str(self.folder),
            todo="Choose another folder, or delete this one.",
        )

    def _write_run(self, identity: dict[str, Any], summary: dict[str, Any] | None) -> None:
        write_json(self._run, {"identity": identity, "summary": summary})

    def complete(self, identity: dict[str, Any], summary: dict[str, Any]) -> None:
        """Say that the results are whole, and take away what is left of the work."""
        self._write_run(identity, summary)
        shutil.rmtree(self.work, ignore_errors=True)

    def begin(self, identity: dict[str, Any], plan: Plan, model: SegmentationModel) -> None:
        """Take the folder for a run: lay down whose it is, the model, and the plan."""
        make_folder(self.folder)
        self._write_run(identity, None)
        make_folder(self.work)
        with atomic(self.work / "model.microseg") as temporary:
            temporary.write_bytes(model.to_bytes())
        write_json(self.work / "plan.json", plan.to_dict())

    def read_plan(self) -> Plan | None:
        """The plan, None if none was laid down."""
        path = self.work / "plan.json"
        if not path.exists():
            return None
        return Plan.from_dict(json.loads(path.read_text("utf-8")))

    def read_model(self) -> SegmentationModel:
        """The model that belongs to the plan."""
        path = self.work / "model.microseg"
        return SegmentationModel.from_bytes(path.read_bytes(), str(path))

    def has(self, kind: str, number: int) -> bool:
        """Whether a record is there."""
        return self._record(kind, number).exists()

    def load(self, kind: str, number: int) -> Record:
        """A record."""
        with np.load(self._record(kind, number)) as archive:
            return {name: archive[name] for name in archive.files}

    def save(self, kind: str, number: int, record: Record) -> None:
        """Write a record."""
        path = self._record(kind, number)
        make_folder(path.parent)
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **record)  # type: ignore[arg-type]

    def drop(self, kind: str, number: int) -> None:
        """Take a record away, if it is there."""
        self._record(kind, number).unlink(missing_ok=True)

    def once(self, kind: str, number: int, work: Callable[[], None]) -> None:
        """Do work that has no record of its own, unless it is done."""
        if not self.has(kind, number):
            work()
            self.save(kind, number, {})

    def _record(self, kind: str, number: int) -> Path:
        return self.work / kind / f"{number:07d}.npz"


def is_result(folder: Path) -> bool:
    """Whether a folder holds results of a run, whole or not, and nothing that it did not write."""
    return (folder / "run.json").is_file() and {path.name for path in folder.iterdir()} <= OURS


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that is there whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1), "utf-8")
