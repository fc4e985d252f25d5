import math

import numpy as np
import pytest
from scipy import stats

from core.measurement.groups import groups


def test_means_and_intervals_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    images = [("ab"[i % 2], float(n), n / 2) for i, n in enumerate(rng.poisson(30, 14))]
    for one in groups(images):
        counts = [count for name, count, _ in images if name == one.name]
        expected = stats.ttest_1samp(counts, 0).confidence_interval(0.95)
        assert one.counts == tuple(counts)
        assert one.mean == pytest.approx(np.mean(counts))
        assert one.deviation == pytest.approx(np.std(counts, ddof=1))
        assert (one.low, one.high) == pytest.approx((expected.low, expected.high))
        assert one.density == pytest.approx(one.mean / 2)


def test_groups_keep_the_order_of_the_images() -> None:
    assert [one.name for one in groups([("z", 1, None), ("a", 2, None), ("z", 3, None)])] == ["z", "a"]
    assert groups([]) == []


def test_one_image_has_no_interval_and_no_pixel_size_no_density() -> None:
    (one,) = groups([("a", 4.5, None)])
    assert one.mean == 4.5
    assert all(map(math.isnan, (one.deviation, one.low, one.high, one.density)))
    assert groups([("a", 4, None), ("a", 5, 7.0)])[0].density == 7
