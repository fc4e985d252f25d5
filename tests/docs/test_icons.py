"""The icons are what their script draws, keep their margin, and can be told apart."""

from itertools import combinations
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from tests.scripts import ROOT, script

DRAW = script("icons/draw.py")
DRAWN: dict[str, PIL.Image.Image] = DRAW.drawn()


def pixels(picture: PIL.Image.Image) -> NDArray[Any]:
    return np.asarray(picture.convert("RGBA"), np.float32)


@pytest.mark.parametrize("name", DRAWN)
def test_the_files_are_what_the_script_draws(name: str) -> None:
    """But for what versions of Pillow round differently."""
    assert np.abs(pixels(PIL.Image.open(ROOT / f"icons/{name}.png")) - pixels(DRAWN[name])).mean() < 2, "make icons"


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "category"])
def test_the_margin_is_left_free_and_no_more(name: str) -> None:
    empty = pixels(DRAW.Sheet().reduced(DRAW.SIDE))
    drawn = np.argwhere((np.abs(pixels(DRAWN[name]) - empty) > 40).any(axis=2))
    assert (drawn.min(axis=0) >= DRAW.SAFE).all()
    assert (drawn.max(axis=0) < DRAW.SIDE - DRAW.SAFE).all()
    assert (np.ptp(drawn, axis=0) >= 27).all(), "it fills the room that there is"


def test_half_as_large_they_can_be_told_apart() -> None:
    small = {name: pixels(icon.reduce(2))[..., :3] for name, icon in DRAWN.items() if name != "category"}
    for (one, a), (other, b) in combinations(small.items(), 2):
        assert np.abs(a - b).mean() > 8, f"{one} and {other}"


def test_the_overview_has_all_of_them() -> None:
    found = pixels(PIL.Image.open(DRAW.OVERVIEW))
    made = pixels(DRAW.overview(DRAWN))
    assert found.shape == made.shape
    assert np.abs(found - made).mean() < 2, "make icons"
