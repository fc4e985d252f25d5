"""Objects out of a map that nobody has taught what an object is."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import UserInputError
from core.heads import HeadConfig
from core.image import Image
from core.inference.predict import Predictor
from core.model import ModelConfig, SegmentationModel
from core.networks import NetworkConfig
from core.pretraining.magnification.first_objects import SMALLEST, first_objects


def drawn(*discs: tuple[float, float, float], size: int = 80) -> NDArray[np.float32]:
    """A map of discs: row, column, radius."""
    y, x = np.mgrid[:size, :size]
    found = np.max([np.hypot(y - row, x - column) < radius for row, column, radius in discs], axis=0)
    return np.asarray(ndimage.gaussian_filter(0.9 * found.astype(np.float32), 0.7))


def test_discs_are_found_and_those_that_touch_cut_apart() -> None:
    found = first_objects(drawn((20, 20, 9), (20, 36, 9), (60, 50, 7), (79, 5, 8)), 0.4)
    assert len(found.scores) == 4
    assert found.labels[20, 20] != found.labels[20, 36] != found.labels[60, 50]
    areas = np.bincount(found.labels.ravel())[1:]
    assert sorted(areas[:2] / (np.pi * 81)) == pytest.approx([1, 1], abs=0.2)
    assert found.scores.min() > 0.7


def test_specks_are_left_out_and_holes_filled() -> None:
    ring = drawn((40, 40, 12)) - drawn((40, 40, 3))
    ring[5, 5] = 1
    found = first_objects(ring.astype(np.float32), 0.3)
    assert len(found.scores) == 1
    assert found.labels[40, 40] == 1
    assert found.labels[5, 5] == 0
    assert (found.labels > 0).sum() > SMALLEST


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything(value: float) -> None:
    found = first_objects(np.full((40, 40), value, np.float32), 0.5)
    assert (found.labels > 0).all() == bool(value)
    assert len(found.scores) == value


def test_turning_the_map_turns_the_objects() -> None:
    shown = drawn((20, 20, 9), (20, 36, 9), (60, 50, 7))
    one, turned = first_objects(shown, 0.4), first_objects(np.rot90(shown).copy(), 0.4)
    assert np.array_equal(np.rot90(one.labels > 0), turned.labels > 0)
    assert len(one.scores) == len(turned.scores)


@pytest.mark.parametrize("shape", [(50, 70), (7, 5)])
def test_only_this_task_gives_a_first_result(shape: tuple[int, int]) -> None:
    config = ModelConfig(NetworkConfig(base=4, depth=1, grid=1), HeadConfig("foreground"), pretext="magnification")
    model = SegmentationModel(config).eval()
    image = Image(np.random.default_rng(0).random(shape).astype(np.float32), "YX")
    found = Predictor(model, "cpu", "torch").predict(image, {"prob": 0.05})
    assert found.labels.array.shape == shape
    assert found.labels.array.max() == len(found.scores)
    with pytest.raises(UserInputError, match=r"without labels only \(restoration\)"):
        Predictor(model.with_config(pretext="restoration"), "cpu", "torch")
