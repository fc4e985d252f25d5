"""Telling magnifications apart, as a user meets it: in the Self-Supervised Pretrainer and the Predictor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import TINY, disks

from core.image import Image

SETTINGS: dict[str, Any] = {
    "task": "MAGNIFICATION",
    "scales": "1, 2",
    "network": {"base": 4, "depth": 1},
    "training": TINY["training"],
}


@pytest.fixture
def pretrainer(session: Any) -> Any:
    return session.node("SelfSupervisedPretrainer").set(**SETTINGS)


def image(seed: int = 0, size: int = 96, pixel: float = 0.0, channels: int = 1) -> Image:
    found = disks(size, seed, channels)[0]
    return Image(found.array, found.axes, {"Y": pixel, "X": pixel} if pixel else {})


@pytest.fixture(scope="module")
def told(session: Any, table: Callable[..., Any]) -> Any:
    """What the Pretrainer gives."""
    tables = [table(Image=[image(i, pixel=0.1) for i in range(3)]), table(Image=[image(3, pixel=0.2)])]
    return session.node("SelfSupervisedPretrainer").set(**SETTINGS).execute(tables)


def test_a_pretraining_with_real_zooms(told: Any) -> None:
    config = told[0].load().load().config
    assert (config.pretext, config.head.name, config.provenance["domains"]) == ("magnification", "foreground", [3, 1])
    asked = config.provenance["pretraining"]["magnification"]
    assert asked == {"scales": [1, 2], "continuous": False, "coverage": 0.1}
    assert 0 < config.thresholds["prob"] < 1
    for words in (
        "to tell magnifications apart",
        "sharpness of the same content",
        "at 1/1 | where it looks at 1/1 | at 1/2 | where it looks at 1/2. 1/1 taken for 1/1",
        "It can guess where objects are, in the Segmentation Predictor, but was shown none",
    ):
        assert words in told.view_html
    assert "Pixel sizes differ" not in "".join(told.warnings)


@pytest.mark.parametrize("channels", [2, 3])
def test_any_magnification_and_any_channels(pretrainer: Any, table: Callable[..., Any], channels: int) -> None:
    result = pretrainer.set(answer="CONTINUOUS", coverage=0.3).execute([table(Image=[image(channels=channels)])])
    asked = result[0].load().load().config.provenance["pretraining"]["magnification"]
    assert (asked["continuous"], asked["coverage"]) == (True, 0.3)


def test_a_first_result_says_what_it_is(session: Any, told: Any, table: Callable[..., Any]) -> None:
    node, images = session.node("SegmentationPredictor"), table(Image=[image(7), None])
    node.configure(told[0], images)
    result = node.execute(told[0], images)
    assert "These objects are guesses" in result.warnings[0]
    assert "These objects are guesses" in result.view_html
    labels, count = (result[0].column_values(name)[0] for name in ("Predicted labels", "Object count"))
    assert labels is not None
    assert count >= 0
    assert result[0].column_values("Object count")[1] is None
    none = node.set(thresholds={"source": "MANUAL", "probability": 1.0}).execute(told[0], images)
    assert none[0].column_values("Object count")[0] == 0


def test_large_images_are_not_guessed_at(session: Any, told: Any, tmp_path: Any, refused: Any) -> None:
    large = session.node("LargeImagePredictor").set(file="image.tif", output=str(tmp_path / "out"))
    with refused("learned from images without labels only .magnification., and cannot segment yet"):
        large.configure(told[0])


@pytest.mark.parametrize("head", ["STARDIST", "FOREGROUND"])
def test_a_learner_goes_on_with_it(session: Any, told: Any, examples: Any, head: str) -> None:
    node = session.node("SegmentationLearner").set(**TINY).set(model={"head": head})
    result = node.execute(examples, None, told[0])
    assert not result[0].load().load().config.pretext
    segmented = session.node("SegmentationPredictor").execute(result[0], examples)
    assert "guesses" not in "".join(segmented.warnings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": {"grid": 2}}, "stride of the output is 2.*Set it to 1"),
        ({"scales": "1"}, "magnifications are '1'. Enter two to eight numbers"),
        ({"scales": "4, 1"}, "each larger than the one before"),
        ({"scales": "one, four"}, "magnifications are 'one, four'"),
        ({"scales": "1, 20"}, "from 1 to 16"),
        ({"scales": "1, nan"}, "from 1 to 16"),
    ],
)
def test_settings_that_do_not_go_together(
    pretrainer: Any, table: Callable[..., Any], refused: Any, settings: Any, words: str
) -> None:
    with refused(words):
        pretrainer.set(**settings).configure([table(Image=[image()])])


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            image(pixel=0.1),
            image(1),
            r"Images 2, Row 'Row0': The image has no pixel size, but Images 1, Row 'Row0' has",
        ),
        (image(pixel=0.1), image(1, pixel=0.4), "Images 2, Row 'Row0': The image's pixels .* are 4 times as large"),
        (
            image(),
            image(1, size=40),
            "Images 2, Row 'Row0': At 1/2 of the magnification a patch of 32 pixels is made of 64",
        ),
        (
            image(),
            Image(np.full((96, 96), 255, np.uint8), "YX"),
            "Images 2, Row 'Row0': All pixels of the image are the",
        ),
    ],
)
def test_images_that_are_refused(
    pretrainer: Any, table: Callable[..., Any], refused: Any, first: Image, second: Image, words: str
) -> None:
    with refused(words):
        pretrainer.execute([table(Image=[first]), table(Image=[second])])


def test_one_image_that_is_mostly_saturated(pretrainer: Any, table: Callable[..., Any]) -> None:
    clipped = image().with_array(np.minimum(image().array, 90), "YX", "intensity")
    (warning,) = pretrainer.execute([table(Image=[clipped])]).warnings
    for words in ("is the only image", "have the highest value; nothing can be seen", "No image has a pixel size"):
        assert words in warning
