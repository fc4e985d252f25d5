"""What a model file says of its model, read without PyTorch."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import UserInputError

TODO = "Train it with labelled images: by the Segmentation Learner (input Start from) or the Segmentation Retrainer."
"""What to do with a model that cannot segment yet."""

CONFIG = "config.json"
"""The entry of a model file that holds the configuration."""


def read_summary(path: Path) -> dict[str, Any]:
    """The configuration in a model file, without the training's history; nothing where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read(CONFIG))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError):
        return {}
    if not isinstance(config, dict):
        return {}
    config.pop("history", None)
    return config


FIRST_OBJECTS = ("magnification",)
"""Tasks without labels by which a head learns where objects may be."""


def has_first_objects(summary: Mapping[str, Any]) -> bool:
    """Whether a model has learned from images without labels only, but can guess where objects are."""
    return summary.get("pretext") in FIRST_OBJECTS


def check_segments(summary: Mapping[str, Any], *, guesses: bool = False) -> None:
    """Raise a UserInputError if a model has learned from images without labels only, and so cannot segment.

    With `guesses` one that can guess where objects are will do, see `has_first_objects`.
    """
    if (task := summary.get("pretext")) and not (guesses and has_first_objects(summary)):
        what = f"The model has learned from images without labels only ({task}), and cannot segment yet."
        raise UserInputError(what, todo=TODO)
