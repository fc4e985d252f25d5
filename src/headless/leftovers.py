"""What a run writes into a workflow that is an archive, and lies unpacked in a temporary folder only meanwhile."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from core.errors import OutputError, UserInputError
from core.io.write import atomic, make_folder
from headless.knime_nodes.csv_writer import CsvWriter
from headless.plan import Step

FOLDER = "workflow"
"""The folder of --out that such files are copied to."""

Files: TypeAlias = Mapping[Path, tuple[int, int]]
_TODO = "Name a folder for the results with --out."


def refuse_lost(steps: Sequence[Step]) -> None:
    """See that no node is bound to write into the archive.

    Raises
    ------
    UserInputError : a CSV Writer is; names it.
    """
    for step in steps:
        if isinstance(step.node, CsvWriter) and (location := step.node.read(step.parameters).location).base:
            raise UserInputError(
                f"It writes {location.path!r} into the workflow, where it is lost: this one is an archive.",
                where=step.entry.title,
                todo=_TODO,
            )


def files(folder: Path) -> Files:
    """The files in a folder, with size and time of change."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): (state.st_size, state.st_mtime_ns) for path, state in found}


def keep(folder: Path, before: Files, out: Path | None) -> list[Path]:
    """Copy the files that are new or have changed to where the results are; returns the copies.

    Raises
    ------
    OutputError : there is no such place, or it cannot be written; names the files that are lost.
    """
    written = sorted(path for path, state in files(folder).items() if before.get(path) != state)
    if written and out is None:
        names = ", ".join(path.as_posix() for path in written)
        raise OutputError(f"These files were written into the workflow, an archive, and are lost: {names}.", todo=_TODO)
    copies = []
    for path in written:
        assert out is not None
        copies.append(out / FOLDER / path)
        make_folder(copies[-1].parent)
        with atomic(copies[-1]) as partial:
            shutil.copyfile(folder / path, partial)
    return copies
