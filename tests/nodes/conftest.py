"""Nodes are tested through the calls that KNIME makes: settings, configure, execute on Arrow tables."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.backends import open_session
from tests.nodes.browser import CHROMIUM, Browser
from tests.nodes.samples import TINY, disks

from core.image import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def session() -> Any:
    """The extension, loaded."""
    return open_session(ROOT)


@pytest.fixture(scope="session")
def table(session: Any) -> Callable[..., Any]:
    """Makes a table: a list of values per column; images become tensor cells, None a missing one."""
    from nodes.cells import new_table

    def make(row_ids: Sequence[str] | None = None, types: Any = None, /, **columns: Sequence[Any]) -> Any:
        import knime.extension as knext

        from nodes.columns import png_type, tensor_type

        known = {bytes: png_type, Image: tensor_type, str: knext.string, float: knext.double, int: knext.int32}

        def kind(name: str, values: Sequence[Any]) -> Any:
            if types and name in types:
                return known[types[name]]()
            return known[type(next(v for v in values if v is not None))]()

        typed = [knext.Column(kind(name, values), name) for name, values in columns.items()]
        length = len(next(iter(columns.values())))
        ids = row_ids or [f"Row{i}" for i in range(length)]
        return session.make_table(new_table(typed, ids, list(columns.values())), row_ids="keep")

    return make


@pytest.fixture(scope="session")
def refused() -> Callable[[str], AbstractContextManager[None]]:
    """Expects a message to the user, without a trace of the program."""

    @contextmanager
    def expect(pattern: str) -> Iterator[None]:
        with pytest.raises(Exception, match=r".") as caught:
            yield
        failure = getattr(caught.value, "failure", None)
        message = str(failure.message if failure else caught.value)
        assert re.search(pattern, message, re.DOTALL), message
        assert failure is None or failure.invalid_settings, f"not refused with InvalidParametersError: {caught.value}"

    return expect


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for the pages of views."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def examples(table: Callable[..., Any]) -> Any:
    """A table of ten labelled images."""
    pairs = [disks(seed=i) for i in range(10)]
    return table(Image=[image for image, _ in pairs], Labels=[labels for _, labels in pairs], Name=list("abcdefghij"))


@pytest.fixture(scope="session")
def trained(session: Any, examples: Any) -> Any:
    """A model that was trained for a moment."""
    return session.node("SegmentationLearner").set(**TINY).execute(examples, None)[0]
