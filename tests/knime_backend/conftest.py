"""The nodes that compare backends, and what tests of them need."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.backends import Session, open_session


@pytest.fixture(scope="module")
def session() -> Session:
    """The extension of the parity tests."""
    return open_session(Path(__file__).parent / "parity_extension")


@pytest.fixture
def nodes(session: Session) -> Iterator[Any]:
    """The module of its nodes; what its probing nodes do is forgotten behind the test."""
    module = import_module("parity_nodes")
    before = module.Probe.configure, module.Probe.execute
    module.versions.clear()
    yield module
    module.Probe.configure, module.Probe.execute = map(staticmethod, before)


@pytest.fixture
def configure(session: Session, nodes: Any) -> Callable[..., Any]:
    """Runs `configure(node, function, *inputs)`: the specs that a node gives which does what the function does."""

    def run(node: str, function: Callable[..., Any], *inputs: Any) -> list[Any]:
        nodes.Probe.configure = staticmethod(function)
        return session.node(node).configure(*inputs)

    return run


@pytest.fixture
def execute(session: Session, nodes: Any) -> Callable[..., Any]:
    """Runs `execute(node, function, *inputs)`: what a node gives which does what the function does."""

    def run(node: str, function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
        nodes.Probe.execute = staticmethod(function)
        return session.node(node).execute(*inputs, **options)

    return run
