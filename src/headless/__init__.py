"""Runs workflows of KNIME without KNIME."""

import sys
from importlib.util import find_spec
from pathlib import Path


def install_api() -> None:
    """Make `import knime.extension` work: KNIME's own package where it is installed, our stand-in otherwise."""
    try:
        there = find_spec("knime.extension") is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        sys.path.append(str(Path(__file__).parent / "knime_api"))
