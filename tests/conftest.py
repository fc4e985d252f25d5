"""Gives every test `knime.extension`: KNIME's own if MICROSEG_BACKEND is "knime", otherwise the stand-in."""

import pytest
from tests.backends import ON_KNIME, prepare

prepare()


def pytest_configure(config: pytest.Config) -> None:
    """KNIME's own columns of data frames are not up to NumPy 2, which is none of our business."""
    if ON_KNIME:
        config.addinivalue_line("filterwarnings", "ignore:__array__ implementation:DeprecationWarning")
