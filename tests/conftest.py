"""Gives every test `knime.extension`: KNIME's own if MICROSEG_BACKEND is "knime", otherwise the stand-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends import Session, open_session, prepare

prepare()


@pytest.fixture(scope="package")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Our extension, loaded into the backend that is tested."""
    yield open_session(Path(__file__).parents[1], tmp_path_factory.mktemp("session"))
