"""What tests of the templates share."""

import csv
from pathlib import Path

from tests.scripts import ROOT

WORKFLOWS = ROOT / "workflows"


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
