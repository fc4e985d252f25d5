"""What a model file says of its model, read without PyTorch."""

import json
import zipfile
from pathlib import Path
from typing import Any

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
