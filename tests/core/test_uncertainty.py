"""How sure counts are: toys that are sure, that are not, and a trained model."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import Canceled
from core.image import Image
from core.inference.predict import Prediction
from core.inference.uncertainty import ORIENTATIONS, Certainty, found_again, oriented, predict_orientations, restored
from core.normalization import normalize
from core.progress import Progress


def toy(threshold: Callable[[NDArray[np.uint8]], float]) -> Callable[[Image, Progress], Prediction]:
    """A predictor whose objects are connected pixels above a threshold that may depend on how the image lies."""

    def predict(image: Image, progress: Progress) -> Prediction:
        progress.step(0.5, "toy")
        labels, count = ndimage.label(image.array > threshold(image.array))
        objects = image.with_array(labels.astype(np.int32), image.axes, "labels")
        return Prediction(objects, np.ones(count, np.float32), {})

    return predict


def squares(*brightness: int, shape: tuple[int, ...] = (40, 60)) -> Image:
    """Squares of these brightnesses along a diagonal."""
    array = np.zeros(shape, np.uint8)
    for i, value in enumerate(brightness):
        array[..., 2 + 6 * i : 6 + 6 * i, 4 + 8 * i : 8 + 8 * i] = value
    return Image(array, "ZYX"[-len(shape) :], {"Y": 1.0, "X": 2.0})


def test_eight_orientations_that_all_differ_and_come_back() -> None:
    array = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    image = Image(array, "CYX", {"Y": 1.0, "X": 2.0}, ("a", "b"))
    seen = {(one.array.shape, one.array.tobytes()) for one in (oriented(image, *how) for how in ORIENTATIONS)}
    assert len(seen) == len(ORIENTATIONS) == 8
    for how in ORIENTATIONS:
        turned = oriented(image, *how)
        np.testing.assert_array_equal(restored(turned.array[0], *how), array[0])
        assert turned.channel_names == ("a", "b")
        assert dict(turned.pixel_size) == ({"Y": 2.0, "X": 1.0} if turned.size("Y") == 4 else {"Y": 1.0, "X": 2.0})
    assert oriented(image, *ORIENTATIONS[0]).array.tobytes() == array.tobytes()


def test_a_pixel_size_along_one_axis_only() -> None:
    image = Image(np.zeros((3, 4)), "YX", {"X": 2.0})
    assert dict(oriented(image, False, 1).pixel_size) == {"Y": 2.0}


@pytest.mark.parametrize("shape", [(40, 60), (3, 40, 60)])
def test_a_predictor_that_turns_with_the_image_is_sure(shape: tuple[int, ...]) -> None:
    image = squares(100, 150, 200, shape=shape)
    plain, certainty = predict_orientations(toy(lambda _: 50), image)
    assert certainty.counts == (3,) * 8
    assert (certainty.mean, certainty.deviation, certainty.agreement) == (3, 0, 1)
    assert plain.labels.array.max() == 3


def test_an_image_that_is_its_own_mirror_image_has_no_spread() -> None:
    """Whatever a predictor does, it cannot tell orientations apart that look the same."""
    rng = np.random.default_rng(0)
    quarter = rng.integers(0, 255, (12, 12), np.uint8)
    laid = [oriented(Image(quarter.astype(int), "YX"), *how).array for how in ORIENTATIONS]
    symmetric = np.sum(laid, axis=0)
    image = Image(symmetric, "YX")
    top = toy(lambda array: float(array[:5].mean()))
    assert predict_orientations(top, image)[1].deviation == 0


def test_objects_that_flicker() -> None:
    """A pale square is found in images that are wider than high only: as it is, mirrored, and turned by half."""

    def threshold(array: NDArray[np.uint8]) -> float:
        return 50 if array.shape[1] > array.shape[0] else 120

    plain, certainty = predict_orientations(toy(threshold), squares(100, 150, 200))
    assert len(plain.scores) == 3
    assert certainty.counts == (3, 2, 3, 2, 3, 2, 3, 2)
    assert certainty.mean == 2.5
    assert certainty.deviation == pytest.approx(np.std([3, 2] * 4, ddof=1))
    assert certainty.agreement == pytest.approx((3 * 1 + 4 * 2 / 3) / 7)


def test_objects_that_move_are_not_the_same() -> None:
    """The count does not change, and yet nothing is found again."""
    drift = [0]

    def predict(image: Image, progress: Progress) -> Prediction:
        labels = np.zeros(image.array.shape, np.int32)
        labels[:4, 4 * drift[0] : 4 * drift[0] + 4] = 1
        drift[0] += 1
        return Prediction(image.with_array(labels, "YX", "labels"), np.ones(1, np.float32), {})

    _, certainty = predict_orientations(predict, Image(np.zeros((40, 40)), "YX"))
    assert (certainty.mean, certainty.deviation, certainty.agreement) == (1, 0, 0)


def test_no_objects() -> None:
    empty = squares(10)
    assert predict_orientations(toy(lambda _: 50), empty)[1].agreement == 1
    seen_when_high = toy(lambda array: 50 if array.shape[1] > array.shape[0] else 5)
    certainty = predict_orientations(seen_when_high, empty)[1]
    assert certainty.counts == (0, 1) * 4
    assert certainty.agreement == pytest.approx(3 / 7)


def test_found_again_needs_half_of_the_union() -> None:
    one, half, less = np.zeros((3, 1, 12), np.int32)
    one[0, :4] = half[0, :2] = less[0, :1] = 7
    assert (found_again(one, half), found_again(one, less)) == (1.0, 0.0)


def test_progress_and_canceling() -> None:
    told: list[tuple[float, str]] = []
    predict_orientations(toy(lambda _: 50), squares(100), Progress(lambda *one: told.append(one)))
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[0][1] == "orientation 1 of 8: toy"
    assert told[-1][1] == "orientation 8 of 8: toy"
    with pytest.raises(Canceled):
        predict_orientations(
            toy(lambda _: 50), squares(100), Progress(lambda *one: told.append(one), lambda: len(told) > 20)
        )


def test_the_prediction_is_that_of_the_image_as_it_is() -> None:
    image = squares(100, 150)
    predict = toy(lambda _: 50)
    plain, _ = predict_orientations(predict, replace(image, channel_names=()))
    np.testing.assert_array_equal(plain.labels.array, predict(image, Progress()).labels.array)


def test_a_network_that_turns_with_the_image_is_sure() -> None:
    """A model whose kernels look the same in all orientations; one as it comes from chance is less sure."""
    from core.heads import HeadConfig
    from core.inference.predict import Predictor
    from core.model import ModelConfig, SegmentationModel
    from core.networks import NetworkConfig

    torch.manual_seed(0)
    config = ModelConfig(NetworkConfig(base=4, depth=1, grid=1), HeadConfig("foreground"), thresholds={"prob": 0.5})
    model = SegmentationModel(config).eval()
    pixels = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(64, 64)), 2).astype(np.float32)
    image = Image(pixels, "YX")

    def certainty() -> Certainty:
        predictor = Predictor(model, "cpu", "torch")
        used = {"prob": float(np.quantile(predictor.maps(normalize(image.cyx(), config.normalization)), 0.7))}
        return predict_orientations(lambda one, part: predictor.predict(one, used, part), image)[1]

    assert certainty().agreement < 1
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 4:
                turned = [torch.rot90(one, k, (-2, -1)) for one in (weight, weight.flip(-1)) for k in range(4)]
                weight.copy_(torch.stack(turned).mean(0))
    sure = certainty()
    assert sure.mean > 1
    assert (sure.deviation, sure.agreement) == (0, 1)
