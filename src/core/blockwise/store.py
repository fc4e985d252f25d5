"""The output folder of a run: what is in it, whose it is, and what of it is done.

    labels.ome.zarr    the label image with its pyramid
    picture.zarr       the image, reduced, for looking at
    run.json           which image, model and settings the results are of; when whole, the counts
    unfinished/NAME/   while it is not whole: plan.json, model.microseg, and a record for every finished piece of work

A record appears when its work is done, in one step. Work whose record is there is not done again, so that a run that
was cancelled or killed goes on where it stopped. Every run has a name of its own: a worker that is late with work of a
run that has been replaced cannot do harm.
"""

import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.blockwise.plan import Plan
from core.errors import OutputError
from core.io.write import atomic, make_folder, output_error
from core.model import SegmentationModel

Record = dict[str, NDArray[Any]]

FORMAT = 3
"""Raised whenever an older unfinished run could not be continued."""

RESULTS = ("objects.parquet", "preview.png", "view.html")
"""Files that whoever calls may put into the folder."""

_OURS = {"run.json", "labels.ome.zarr", "picture.zarr", "unfinished", "running.lock", *RESULTS}

_NOBODYS = re.compile(r"\.[0-9a-f]{16}\..*|\.DS_Store|Thumbs\.db|desktop\.ini")
"""What killed processes, and operating systems, leave in folders."""


class Store:
    """An output folder.

    Parameters
    ----------
    folder : need not exist; the folder that holds it must.
    name : of the run; without it that of the run whose results are there, if any.
    """

    def __init__(self, folder: Path | str, name: str = "") -> None:
        self.folder = Path(folder)
        self.labels = self.folder / "labels.ome.zarr"
        self.picture = self.folder / "picture.zarr"
        self._run = self.folder / "run.json"
        self.name = name or str(self._read().get("name", ""))
        self.work = self.folder / "unfinished" / self.name

    def _read(self) -> dict[str, Any]:
        """What is written about the run, empty if nothing is.

        Raises
        ------
        OutputError : it cannot be read, or is damaged.
        """
        try:
            text = self._run.read_text("utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise OutputError(
                f"The results that are there cannot be read ({error.strerror}).",
                where=str(self._run),
                todo="Check the disk and the connection.",
            ) from error
        try:
            values = json.loads(text)
            return {key: values[key] for key in ("identity", "summary", "name")}
        except (ValueError, LookupError, TypeError):
            raise self._refusal("a damaged run.json") from None

    def look(self, identity: dict[str, Any]) -> dict[str, Any] | None:
        """Look for a run's results in the folder; nothing is written.

        Parameters
        ----------
        identity : what decides about the results, JSON-able; see `difference`.

        Returns
        -------
        The summary if the results are complete, None if there is work to do.

        Raises
        ------
        OutputError : the folder holds something else, which is left as it is.
        """
        values = self._read()
        if not values:
            if self._strangers():
                raise self._refusal("files that are no results of this kind")
            return None
        what = difference(values["identity"], identity)
        if what:
            raise self._refusal(f"results of {what}")
        summary: dict[str, Any] | None = values["summary"]
        return summary

    def begin(self, identity: dict[str, Any], plan: Plan, model: SegmentationModel) -> None:
        """Take the folder for a new run: lay down whose it is, the model, and the plan."""
        make_folder(self.folder)
        self.name = secrets.token_hex(8)
        self.work = self.folder / "unfinished" / self.name
        self._write_run(identity, None)
        make_folder(self.work)
        with atomic(self.work / "model.microseg") as temporary:
            temporary.write_bytes(model.to_bytes())
        self.write_plan(plan)

    def complete(self, identity: dict[str, Any], summary: dict[str, Any]) -> None:
        """Say that the results are whole, and take away what is left of the work."""
        if hasattr(os, "sync"):
            os.sync()  # chunks of the labels may still be on their way to the disk
        self._write_run(identity, summary)
        self.tidy()

    def tidy(self) -> None:
        """Take away what is left of the work."""
        shutil.rmtree(self.folder / "unfinished", ignore_errors=True)

    def clear(self) -> None:
        """Delete the results of a run, if there are any and nothing else is in the folder.

        Raises
        ------
        OutputError : something else is there, which is left as it is, or something is in use.
        """
        if not self._run.exists():
            return
        if self._strangers():
            raise self._refusal(f"other files too ({', '.join(sorted(self._strangers())[:3])})")
        try:
            shutil.rmtree(self.folder / "unfinished", ignore_errors=True)
            for path in [path for path in self.folder.iterdir() if path != self._run] + [self._run]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise output_error(self.folder, error) from error

    def _strangers(self) -> set[str]:
        names = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        return {name for name in names - _OURS if not _NOBODYS.fullmatch(name)}

    def _refusal(self, what: str) -> OutputError:
        return OutputError(
            f"The output folder holds {what}; nothing was changed.",
            where=str(self.folder),
            todo="Choose another folder, or delete this one.",
        )

    def _write_run(self, identity: dict[str, Any], summary: dict[str, Any] | None) -> None:
        write_json(self._run, {"identity": identity, "summary": summary, "name": self.name})

    def write_plan(self, plan: Plan) -> None:
        """Lay down the plan."""
        write_json(self.work / "plan.json", plan.to_dict())

    def read_plan(self) -> Plan | None:
        """The plan of a run that has begun, None if none has."""
        path = self.work / "plan.json"
        if not self.name or not path.exists():
            return None
        return Plan.from_dict(json.loads(path.read_text("utf-8")))

    def read_model(self) -> SegmentationModel:
        """The model that belongs to the plan."""
        path = self.work / "model.microseg"
        return SegmentationModel.from_bytes(path.read_bytes(), str(path))

    def has(self, kind: str, number: int) -> bool:
        """Whether a record is there."""
        return self._record(kind, number).exists()

    def load(self, kind: str, number: int, *names: str) -> Record:
        """A record, or those parts of it."""
        with np.load(self._record(kind, number)) as archive:
            return {name: archive[name] for name in names or archive.files}

    def save(self, kind: str, number: int, record: Record) -> None:
        """Write a record."""
        path = self._record(kind, number)
        make_folder(path.parent)
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **record)  # type: ignore[arg-type]

    def drop(self, kind: str, number: int) -> None:
        """Take a record away, if it is there."""
        self._record(kind, number).unlink(missing_ok=True)

    def _record(self, kind: str, number: int) -> Path:
        return self.work / kind / f"{number:07d}.npz"


def difference(first: dict[str, Any], second: dict[str, Any]) -> str:
    """How two runs differ, in words; empty if they do not."""
    names = [name for name in ("image", "model") if first.get(name) != second[name]]
    if names:
        return " and ".join(f"another {name}" for name in names)
    old, new = first.get("settings") or {}, second["settings"]
    changed = [f"{name} {old.get(name)} instead of {new[name]}" for name in new if old.get(name) != new[name]]
    if changed:
        return f"other settings ({', '.join(changed)})"
    return "" if first == second else "another version of the program"


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON that is there whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1), "utf-8")
