"""Paths in settings: absolute, or in the data area of the workflow, so that a workflow can travel with its data."""

import itertools
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import knime.extension as knext

DATA_AREA = "knime://knime.workflow/data"

HOW = (
    "An absolute path; or a path below the data area of the workflow (the folder `data` inside the workflow's own "
    f"folder), plain or as `{DATA_AREA}/...`."
)
"""What a path can be, for descriptions."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


def check_path(text: str, what: str) -> str:
    """A path setting without blanks around it, nor the quotation marks that Windows copies paths with.

    Raises
    ------
    knext.InvalidParametersError : it is empty, or a URL that is no path of this computer.
    """
    path = _bare(text)
    if not path:
        raise knext.InvalidParametersError(f"No {what} is chosen. Enter one in the node's dialog.")
    if "://" in path and not (path + "/").startswith(DATA_AREA + "/"):
        raise knext.InvalidParametersError(
            f"{path!r} cannot be used as {what}. Enter an absolute path, or one that begins with {DATA_AREA}/."
        )
    return path


def resolve(ctx: Any, text: str, what: str) -> Path:
    """The path that a setting means.

    Raises
    ------
    knext.InvalidParametersError : it is empty, a URL that is no path of this computer, or leads out of the data area.
    """
    path = check_path(text, what)
    if path.startswith(DATA_AREA):
        path = unquote(path[len(DATA_AREA) :]).strip("/") or "."
    if Path(path).is_absolute():
        return Path(path)
    if ".." in PurePosixPath(path.replace("\\", "/")).parts:
        raise knext.InvalidParametersError(
            f"{text!r} leads out of the data area of the workflow. Enter an absolute path."
        )
    return Path(ctx.get_workflow_data_area_dir()) / path


def absolute(text: str) -> Path | None:
    """The path if it is absolute, and so known before the node runs."""
    path = Path(_bare(text))
    return path if path.is_absolute() else None


def _bare(text: str) -> str:
    return text.strip().strip('"').strip()


def checkpoint_file(ctx: Any, text: str) -> Path | None:
    """The file for the state of a training that a setting means, None where it is empty.

    Raises
    ------
    knext.InvalidParametersError : as `resolve`.
    core.errors.OutputError : its folder does not exist, or what lies there is no checkpoint, and would be lost.
    """
    from core.errors import OutputError

    if not text.strip():
        return None
    path = resolve(ctx, text, "checkpoint file")
    if not path.parent.is_dir():
        raise OutputError(
            "The folder of the checkpoint file does not exist.", where=str(path), todo="Create it, or choose another."
        )
    if path.exists() and not _is_checkpoint(path):
        raise OutputError(
            "There is something else in place of the checkpoint file.",
            where=str(path),
            todo="Choose another file name.",
        )
    return path


def _is_checkpoint(path: Path) -> bool:
    """Whether a file is an archive as PyTorch writes them."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def output_folder(ctx: Any, text: str, what: str) -> Path:
    """The folder that a setting means, created where only its last part does not exist.

    Raises
    ------
    knext.InvalidParametersError : as `resolve`.
    core.errors.OutputError : the folder that should hold it does not exist.
    """
    from core.errors import OutputError
    from core.io.write import make_folder

    folder = resolve(ctx, text, what)
    if not folder.parent.is_dir():
        raise OutputError(
            "The folder that should hold it does not exist.", where=str(folder), todo="Create it, or choose another."
        )
    return make_folder(folder)


def safe_name(name: str) -> str:
    """A text as a file name on every system: without folders, forbidden characters and reserved names."""
    safe = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name).strip(" .")[:180] or "image"
    return f"_{safe}" if safe.split(".")[0].lower() in _RESERVED else safe


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken, upper and lower case being the same; it is added to those taken."""
    candidates = itertools.chain([name], (f"{name} (#{i})" for i in itertools.count(1)))
    free = next(candidate for candidate in candidates if candidate.casefold() not in taken)
    taken.add(free.casefold())
    return free


def image_name(path: Path) -> str:
    """What an image is called after its file: the name without what only says how it is stored."""
    name = path.name
    for ending in (".zarr", ".tiff", ".tif", ".btf", ".svs", ".png", ".jpg", ".jpeg", ".bmp", ".ome"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name or path.name
