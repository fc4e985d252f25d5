"""What tests of the templates share."""

import csv
import importlib
import sys
from pathlib import Path
from types import ModuleType

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def script(name: str) -> ModuleType:
    """A script of the folder of templates, as a module."""
    if str(WORKFLOWS) not in sys.path:
        sys.path.insert(0, str(WORKFLOWS))
    return importlib.import_module(name)


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
