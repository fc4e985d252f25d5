"""The extension whose nodes are in the golden workflows."""

import functools
from pathlib import Path

from headless.backend import Extension, load_extension

FOLDER = Path(__file__).parent / "sample_extension"


@functools.cache
def sample() -> Extension:
    """The sample extension."""
    return load_extension(FOLDER)
