"""Runs workflows of KNIME without KNIME.

Importing it makes `import knime.extension` work: KNIME's own package where it is installed, our stand-in otherwise.
"""

import sys
from importlib.util import find_spec
from pathlib import Path


def _has_api() -> bool:
    try:
        return find_spec("knime.extension") is not None
    except ModuleNotFoundError:
        return False


if not _has_api():
    sys.path.append(str(Path(__file__).parent / "knime_api"))
