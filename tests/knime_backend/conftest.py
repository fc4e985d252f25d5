from pathlib import Path

import pytest
from tests.backends import Session, open_session


@pytest.fixture(scope="module")
def session() -> Session:
    """The extension whose nodes show how a backend behaves."""
    return open_session(Path(__file__).parent / "parity_extension")
