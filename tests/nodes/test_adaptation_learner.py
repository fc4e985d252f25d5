import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import disks

from core.adaptation.strategies import STRATEGIES
from core.image import Image

SMALL: dict[str, Any] = {
    "model": {"base": 4, "depth": 1, "head": "FOREGROUND"},
    "training": {
        "epochs": 4,
        "steps": 12,
        "batch_size": 2,
        "patch_size": 32,
        "learning_rate": 0.01,
        "device": "CPU",
        "validation_fraction": 0.0,
    },
}


AUTOMATIC = ["No adaptation", "Stronger variation", "Histogram matching", "Fourier style", "Mean teacher"]
"""What is tried out, in words."""


def dim(image: Image) -> Image:
    """The image of another microscope: darker, of less contrast, 8 bits."""
    low, high = float(image.array.min()), float(image.array.max())
    scaled = 40 + 60 * (image.array.astype(np.float32) - low) / (high - low)
    return image.with_array(scaled.astype(np.uint8), "YX", "intensity")


@pytest.fixture(scope="module")
def source(table: Callable[..., Any]) -> Any:
    pairs = [disks(seed=i) for i in range(3)]
    return table(Image=[image for image, _ in pairs], Labels=[labels for _, labels in pairs])


@pytest.fixture(scope="module")
def images() -> list[Image]:
    return [dim(disks(seed=i)[0]) for i in (7, 8, 9)]


@pytest.fixture(scope="module")
def target(table: Callable[..., Any], images: list[Image]) -> Any:
    return table(Image=images)


def adapt(session: Any, source: Any, target: Any, given: Any = None, **settings: Any) -> Any:
    node = session.node("DomainAdaptationLearner").set(**SMALL).set(**settings)
    schemas = node.configure(source, target, given)
    result = node.execute(source, target, given)
    assert [result[1].schema, result[2].schema] == schemas[1:]
    return result


def test_automatic(session: Any, source: Any, target: Any) -> None:
    """All that is tried out is listed, one is chosen: that of the lowest criterion."""
    result = adapt(session, source, target)
    runs = result[1].to_pandas()
    assert list(runs.index) == AUTOMATIC
    assert runs["Chosen"].sum() == 1
    found = runs.dropna(subset=["Criterion"])
    assert found["Chosen"].idxmax() == found["Criterion"].idxmin()
    history = result[2].to_pandas()
    assert list(history.groupby("Strategy")["Epoch"].count()) == [4] * 5
    predicted = session.node("SegmentationPredictor").execute(result[0], target)
    assert predicted[0].num_rows == 3
    for text in ("Chosen: ", "Criterion", "No adaptation", "Fourier style"):
        assert text in result.view_html
    assert result.progress[-1][0] > 0.9
    told = {message.split(":")[0] for _, message in result.progress if "epoch" in message}
    assert told == set(AUTOMATIC)


@pytest.mark.parametrize("strategy", ["RESTORATION", "Y_NET", "ATTENTION_Y_NET", "ADVERSARIAL", "MEAN_TEACHER"])
def test_a_strategy_beside_none(session: Any, source: Any, target: Any, strategy: str) -> None:
    runs = adapt(session, source, target, strategy=strategy)[1].to_pandas()
    assert list(runs.index) == ["No adaptation", STRATEGIES[strategy.lower()].title]
    assert list(runs["Chosen"]) == [False, True]


def test_strategies_are_called_alike(session: Any) -> None:
    """In the dialog and in what the library says."""
    from nodes.adaptation_settings import title

    assert {name: title(name) for name in STRATEGIES} == {name: one.title for name, one in STRATEGIES.items()}


def test_without_comparison(session: Any, source: Any, target: Any) -> None:
    runs = adapt(session, source, target, strategy="VARIATION", compare=False)[1].to_pandas()
    assert list(runs.index) == ["Stronger variation"]


def weights(session: Any, result: Any, target: Any) -> Any:
    """What a model says of the target images."""
    predicted = session.node("SegmentationPredictor").execute(result[0], target)
    return predicted[0].to_pandas()["Object count"].tolist(), result[2].to_pandas().drop(columns="Seconds")


@pytest.mark.parametrize("strategy", ["HISTOGRAM", "MEAN_TEACHER", "RESTORATION"])
def test_labels_of_the_target_are_never_looked_at(
    session: Any, source: Any, target: Any, table: Callable[..., Any], images: list[Image], strategy: str
) -> None:
    """A label column of nonsense makes no difference at all."""
    nonsense = [Image(np.full((5, 9), 3, np.int32), "YX", kind="labels"), None, None]
    poisoned = table(Labels=nonsense, Image=images)
    clean, dirty = (adapt(session, source, one, strategy=strategy, compare=False) for one in (target, poisoned))
    counts, history = weights(session, clean, target)
    more_counts, more_history = weights(session, dirty, target)
    assert counts == more_counts
    assert history.equals(more_history)


def test_a_given_model(session: Any, source: Any, target: Any) -> None:
    given = adapt(session, source, target, strategy="NONE")[0]
    result = adapt(session, source, target, given, strategy="VARIATION", compare=False)
    assert result[1].to_pandas()["Chosen"].all()


def test_a_network_that_a_strategy_brings_along(
    session: Any, source: Any, target: Any, refused: Callable[..., Any]
) -> None:
    given = adapt(session, source, target, strategy="NONE")[0]
    with refused("'Attention Y-Net' needs a network of another kind.*disconnect the model"):
        adapt(session, source, target, given, strategy="ATTENTION_Y_NET")


def test_a_pretrained_network(session: Any, source: Any, target: Any) -> None:
    settings = {"network": {"base": 4, "depth": 1}, "training": SMALL["training"]}
    pretrained = session.node("SelfSupervisedPretrainer").set(**settings).execute([source, target])[0]
    runs = adapt(session, source, target, pretrained, strategy="VARIATION")[1].to_pandas()
    assert list(runs.index) == ["No adaptation", "Stronger variation"]


def test_stacks_are_taken_slice_by_slice(session: Any, table: Callable[..., Any], target: Any) -> None:
    pairs = [disks(seed=i) for i in range(2)]
    image = Image(np.stack([one.array for one, _ in pairs]), "ZYX")
    labels = Image(np.stack([one.array for _, one in pairs]), "ZYX", kind="labels")
    result = adapt(session, table(Image=[image], Labels=[labels]), target, strategy="NONE")
    assert result[1].num_rows == 1


def test_other_channels(session: Any, source: Any, table: Callable[..., Any], refused: Callable[..., Any]) -> None:
    two = Image(np.zeros((2, 40, 40), np.uint8), "CYX")
    with refused("Row 'Row0'.*2 channels, the labelled ones have 1.*same channels"):
        adapt(session, source, table(Image=[two]))


def test_images_that_show_nothing(
    session: Any, source: Any, table: Callable[..., Any], images: list[Image], refused: Callable[..., Any]
) -> None:
    black = Image(np.zeros((40, 40), np.uint8), "YX")
    with refused("no target image that shows anything"):
        adapt(session, source, table(Image=[black, black]), strategy="NONE")
    result = adapt(session, source, table(Image=[black, *images]), strategy="NONE")
    assert re.search("Row 'Row0'.*is left out", str(result.warnings))


def test_one_target_image(session: Any, source: Any, table: Callable[..., Any], images: list[Image]) -> None:
    assert "single target image" in str(adapt(session, source, table(Image=images[:1]), strategy="NONE").warnings)


def test_other_bit_depth_is_said(session: Any, source: Any, target: Any) -> None:
    assert "different types" in str(adapt(session, source, target, strategy="NONE").warnings)


@pytest.mark.parametrize(("sizes", "message"), [("RESCALE", "enlarged to 2 times"), ("REFUSE", None), ("IGNORE", "")])
def test_other_pixel_sizes(
    session: Any,
    table: Callable[..., Any],
    refused: Callable[..., Any],
    images: list[Image],
    sizes: str,
    message: str | None,
) -> None:
    """Never silently: rescaled with a warning, refused, or ignored because the user says so."""

    def sized(image: Image, size: float) -> Image:
        return Image(image.array, "YX", {"Y": size, "X": size}, kind=image.kind)

    pairs = [disks(seed=i) for i in range(2)]
    source = table(Image=[sized(image, 0.5) for image, _ in pairs], Labels=[labels for _, labels in pairs])
    target = table(Image=[sized(image, 1.0) for image in images])
    settings = {"strategy": "NONE", "selection": {"pixel_sizes": sizes}}
    if message is None:
        with refused("pixels of 0.5 µm, the target images of 1 µm"):
            adapt(session, source, target, **settings)
        return
    result = adapt(session, source, target, **settings)
    assert message in str(result.warnings)
    assert ("enlarged" in str(result.warnings)) == bool(message)


def test_labels_without_objects(
    session: Any, table: Callable[..., Any], target: Any, refused: Callable[..., Any]
) -> None:
    image, _ = disks()
    specks = np.zeros((image.size("Y"), image.size("X")), np.int32)
    specks[::9, ::9] = np.arange(specks[::9, ::9].size).reshape(specks[::9, ::9].shape) + 1
    with refused("no object of more than 10 pixels"):
        adapt(session, table(Image=[image], Labels=[Image(specks, "YX", kind="labels")]), target)


def test_labels_missing_in_some_rows(
    session: Any, table: Callable[..., Any], target: Any, refused: Callable[..., Any]
) -> None:
    pairs = [disks(seed=i) for i in range(2)]
    source = table(Image=[image for image, _ in pairs], Labels=[pairs[0][1], None])
    assert "1 row without image or labels skipped" in str(adapt(session, source, target, strategy="NONE").warnings)
    with refused("Row 'Row1', column 'Labels'"):
        adapt(session, source, target, strategy="NONE", missing="FAIL")


def test_a_training_that_finds_nothing_says_so_early(
    session: Any, source: Any, table: Callable[..., Any], images: list[Image], refused: Callable[..., Any]
) -> None:
    """Long before its end: the first third is enough."""
    convexity = {"criterion": "SOLIDITY"}
    training = {**SMALL["training"], "epochs": 60, "steps": 1, "learning_rate": 1e-7}
    with refused("After 20 of 60 epochs the model still finds no object"):
        adapt(session, source, table(Image=images), strategy="NONE", training=training, selection=convexity)


def test_it_can_be_cancelled(session: Any, source: Any, target: Any) -> None:
    node = session.node("DomainAdaptationLearner").set(**SMALL)
    node.configure(source, target, None)
    with pytest.raises(Exception, match=r"[Cc]ancel"):
        node.execute(source, target, None, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.3)
