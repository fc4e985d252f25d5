import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import Config, require
from core.errors import UserInputError


@dataclass(frozen=True)
class Inner(Config):
    size: int = 3
    rates: tuple[float, ...] = (0.5, 0.25)

    def __post_init__(self) -> None:
        require(self.size > 0, "size", self.size, "positive")


@dataclass(frozen=True)
class Outer(Config):
    name: str = "a"
    inner: Inner = field(default_factory=Inner)
    fixed: Inner = Inner(7)
    weight: float | None = None


@settings(deadline=None)
@given(
    st.builds(
        Outer,
        name=st.text(),
        inner=st.builds(Inner, st.integers(1, 99), st.lists(st.floats(0, 1)).map(tuple)),
        weight=st.none() | st.floats(0, 1),
    )
)
def test_a_configuration_travels_through_json(config: Outer) -> None:
    assert Outer.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_absent_settings_take_their_defaults() -> None:
    assert Outer.from_dict({}) == Outer()
    assert Outer.from_dict({"inner": {"size": 5}}).inner == Inner(5)


@pytest.mark.parametrize("data", [{"colour": 1}, {"inner": {"colour": 1}}])
def test_unknown_settings_are_named(data: dict[str, object]) -> None:
    with pytest.raises(UserInputError, match="has no setting colour"):
        Outer.from_dict(data)


def test_bounds_are_named() -> None:
    with pytest.raises(UserInputError, match="size is 0, it must be positive"):
        Outer.from_dict({"inner": {"size": 0}})
