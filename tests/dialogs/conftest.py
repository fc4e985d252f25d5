"""The nodes as they stand in a workflow, and their dialogs in a browser."""

from collections.abc import Iterator

import pytest
from tests.backends import Session, open_session
from tests.dialogs import record
from tests.dialogs.dialog import MISSING, Dialog, build
from tests.dialogs.scenes import Scene, scenes


@pytest.fixture(scope="session")
def session() -> Session:
    """The extension, loaded."""
    return open_session(record.ROOT)


@pytest.fixture
def scene(session: Session) -> dict[str, Scene]:
    """Every node in a workflow."""
    return scenes(session)


@pytest.fixture(scope="session")
def dialog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dialog]:
    """A page that shows dialogs."""
    if MISSING:
        pytest.skip(MISSING)
    dialog = Dialog(build(tmp_path_factory.mktemp("page")))
    yield dialog
    dialog.close()
