"""Counting: what the edge does to it, and per area."""

import numpy as np
import pytest

from core.errors import UserInputError
from core.image import Image
from core.measurement.counts import EDGE_RULES, count, density
from core.measurement.objects import measure


def test_an_object_at_the_edge_counts_by_the_rule() -> None:
    array = np.zeros((9, 9), np.int32)
    array[0, 0], array[4, 4], array[4, 6], array[8, 3] = 3, 7, 8, 9
    objects = measure(Image(array, "YX", kind="labels"))
    assert {rule: count(objects, rule) for rule in EDGE_RULES} == {"all": 4, "exclude": 2, "half": 3}
    assert count(objects) == 4


def test_nothing_is_counted_as_nothing() -> None:
    objects = measure(Image(np.zeros((3, 3), np.int32), "YX", kind="labels"))
    assert [count(objects, rule) for rule in EDGE_RULES] == [0, 0, 0]


def test_another_rule_is_refused() -> None:
    objects = measure(Image(np.zeros((3, 3), np.int32), "YX", kind="labels"))
    with pytest.raises(UserInputError, match="edge rule is 'some', it must be one of all, exclude, half"):
        count(objects, "some")


def test_counting_halves_is_nearly_unbiased() -> None:
    """Fields cut out of a large one hold as many objects as the whole, less one pixel's share along both axes."""
    size, field = 600, 60
    rng = np.random.default_rng(0)
    whole = np.zeros((size, size), np.int32)
    number = 0
    for y, x in rng.integers(0, size - 5, (3000, 2)):
        if not whole[y - 1 : y + 6, x - 1 : x + 6].any():
            number += 1
            whole[y : y + 5, x : x + 5] = number
    tables = []
    for y in range(0, size, field):
        for x in range(0, size, field):
            tables.append(measure(Image(whole[y : y + field, x : x + field], "YX", kind="labels")))
    counted = {rule: sum(count(table, rule) for table in tables) for rule in EDGE_RULES}
    assert counted["half"] == pytest.approx(number * (1 - 1 / field) ** 2, rel=0.02)
    assert counted["all"] > 1.1 * number
    assert counted["exclude"] < 0.9 * number


def test_density_is_per_square_millimetre() -> None:
    image = Image(np.zeros((2, 500, 1000), np.uint8), "CYX", pixel_size={"Y": 2.0, "X": 0.5})
    assert density(10, image) == pytest.approx(10 / (1.0 * 0.5))
    assert np.isnan(density(10, Image(np.zeros((5, 5)), "YX")))
    assert np.isnan(density(10, Image(np.zeros((5, 5)), "YX", pixel_size={"Y": 1.0})))
    assert np.isnan(density(0, Image(np.zeros((0, 5)), "YX", pixel_size={"Y": 1.0, "X": 1.0})))
