"""Learner and Retrainer choose the epoch by images without labels: what that changes, and what cannot go wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import TINY, disks

from core.image import Image
from core.model import SegmentationModel
from core.planes import slices

QUICK: dict[str, Any] = {
    "model": {"base": 4, "depth": 1, "head": "FOREGROUND"},
    "training": {**TINY["training"], "epochs": 3, "steps": 12, "learning_rate": 0.01},
    "selection": {"earliest": 0.0},
}
"""A training that finds something after each of three epochs."""

LOOKS = [
    "Target objects",
    "Target solidity",
    "Target diameter (px)",
    "Target density (1/Mpx)",
    "Target area fraction",
    "Target confidence",
    "Target threshold",
    "Target deviation",
    "Target criterion",
]


def learn(session: Any, examples: Any, target: Any, **settings: Any) -> Any:
    node = session.node("SegmentationLearner").set(**QUICK).set(**settings)
    specs = node.configure(examples, None, None, target)
    result = node.execute(examples, None, None, target)
    assert result[1].schema == specs[1]
    return result


def model_of(result: Any) -> SegmentationModel:
    """The model that was trained."""
    model: SegmentationModel = result[0].load().load()
    return model


def content(result: Any) -> bytes:
    """The weights of a model, bit by bit."""
    return b"".join(weight.numpy().tobytes() for weight in model_of(result).state_dict().values())


@pytest.fixture(scope="module")
def targets(table: Callable[..., Any]) -> Any:
    return table(Image=[disks(seed=i)[0] for i in range(20, 23)])


@pytest.fixture(scope="module")
def chosen(session: Any, examples: Any, targets: Any) -> Any:
    """A training with target images."""
    return learn(session, examples, targets)


def test_the_history_tells_what_was_found(session: Any, examples: Any, chosen: Any) -> None:
    frame = chosen[1].to_pandas()
    assert list(frame.columns[5:]) == LOOKS
    assert (frame["Target objects"] > 0).any()
    found = frame[frame["Target objects"] > 0]
    assert found["Target solidity"].between(0, 1).all()
    assert found["Target confidence"].between(0, 1).all()
    assert found["Target area fraction"].between(0, 1).all()
    assert list(found["Target density (1/Mpx)"]) == pytest.approx(list(found["Target objects"] / (3 * 64 * 64) * 1e6))
    without = session.node("SegmentationLearner").set(**QUICK)
    assert [column.name for column in without.configure(examples, None)[1]] == list(frame.columns[:5])


def test_the_view_marks_the_epoch_of_the_lowest_criterion(chosen: Any) -> None:
    frame = chosen[1].to_pandas()
    best = int(frame.loc[frame["Target criterion"].idxmin(), "Epoch"])
    assert f"Epoch {best} was kept" in chosen.view_html
    assert "Off what is expected (SD)" in chosen.view_html


def test_labels_of_the_target_images_are_never_touched(
    session: Any, examples: Any, chosen: Any, table: Callable[..., Any]
) -> None:
    """The same model bit by bit beside labels of another size, of noise, none at all, and bytes that are no image."""
    images = [disks(seed=i)[0] for i in range(20, 23)]
    rng = np.random.default_rng(0)
    noise = Image(rng.integers(0, 99, (31, 7)).astype(np.int32), "YX", kind="labels")
    poisoned = learn(session, examples, table(Image=images, Labels=[noise, None, noise]))
    assert content(poisoned) == content(chosen)
    shown = ["Epoch", "Training loss", "Validation loss", *LOOKS]
    assert poisoned[1].to_pandas()[shown].equals(chosen[1].to_pandas()[shown])
    garbage = learn(session, examples, table(Image=images, Labels=[b"\x00no picture"] * 3))
    assert content(garbage) == content(chosen)


def test_a_column_of_another_name_is_found_and_labels_are_not_taken_for_images(
    session: Any, examples: Any, chosen: Any, table: Callable[..., Any], refused: Any
) -> None:
    images, labels = zip(*(disks(seed=i) for i in range(20, 23)), strict=True)
    assert content(learn(session, examples, table(Field=images, Labels=labels))) == content(chosen)
    with refused("Target images: The table has no column that could be the image column"):
        learn(session, examples, table(Labels=labels))
    with refused("Target images, Row 'Row0', column 'Outlines': The cell holds labels, not an image"):
        learn(session, examples, table(Outlines=labels))
    with refused("Target images: The table has no column that could be the image column"):
        learn(session, examples, table(Name=["a"]))


def test_stacks_count_slice_by_slice(session: Any, examples: Any, table: Callable[..., Any], refused: Any) -> None:
    stack = Image(np.stack([disks(seed=i)[0].array for i in range(20, 23)]), "ZYX")
    planes = [plane for _, plane in slices(stack)]
    assert content(learn(session, examples, table(Image=[None, stack]))) == content(
        learn(session, examples, table(Image=planes))
    )
    with refused("Target images, Row 'Row0': The image is a time series of 2 points"):
        learn(session, examples, table(Image=[Image(np.stack([stack.array] * 2), "TZYX")]))


def test_padding_is_no_image(session: Any, examples: Any, chosen: Any, table: Callable[..., Any]) -> None:
    images = [disks(seed=i)[0] for i in range(20, 23)]
    padded = [image.with_array(np.pad(image.array, ((5, 0), (0, 9))), "YX", "intensity") for image in images]
    assert content(learn(session, examples, table(Image=padded))) == content(chosen)


def test_tables_without_images(session: Any, examples: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Target images: The table has no row with an image in column 'Image'"):
        learn(session, examples, table(None, {"Image": Image}, Image=[]))
    with refused("Target images: The table has no row with an image in column 'Image'"):
        learn(session, examples, table(None, {"Image": Image}, Image=[None]))
    flat = Image(np.full((64, 64), 7, np.uint16), "YX")
    black = Image(np.zeros((64, 64), np.uint16), "YX")
    with refused("no target image that shows anything"):
        learn(session, examples, table(Image=[flat, black]))


def test_images_that_are_left_out_are_named(session: Any, examples: Any, table: Callable[..., Any]) -> None:
    flat = Image(np.full((64, 64), 7, np.uint16), "YX")
    said = " ".join(learn(session, examples, table(Image=[disks(seed=20)[0], None, flat])).warnings)
    assert "Target images: 1 row without image skipped: Row1" in said
    assert "Target images, Row 'Row2': all pixels have the same value; the image is left out" in said
    assert "a single target image" in said


def test_missing_and_damaged_cells(session: Any, examples: Any, table: Callable[..., Any], refused: Any) -> None:
    image = disks(seed=20)[0]
    with refused("Target images, Row 'Row1', column 'Image': The cell is missing"):
        learn(session, examples, table(Image=[image, None]), missing="FAIL")
    with refused("Target images, Row 'Row1', column 'Image': The PNG picture is damaged"):
        learn(session, examples, table(Image=[png(image), b"\x00no picture"]))


def png(image: Image) -> bytes:
    from core.visual import png_bytes

    return png_bytes((image.array / 4).astype(np.uint8))


def test_other_channels_and_other_types(session: Any, examples: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Target images, Row 'Row1': This target image has 2 channels, the labelled ones have 1"):
        learn(session, examples, table(Image=[disks()[0], disks(channels=2)[0]]))
    eight = [
        image.with_array((image.array // 4).astype(np.uint8), "YX", "intensity")
        for image in [disks()[0], disks(seed=1)[0]]
    ]
    assert "different types (uint16, uint8)" in " ".join(learn(session, examples, table(Image=eight)).warnings)


def scaled(image: Image, size: float) -> Image:
    return replace(image, pixel_size={"Y": size, "X": size})


def test_other_pixel_sizes(session: Any, table: Callable[..., Any], refused: Any) -> None:
    pairs = [disks(seed=i) for i in range(3)]
    known = table(Image=[scaled(image, 0.5) for image, _ in pairs], Labels=[labels for _, labels in pairs])
    other = table(Image=[scaled(disks(128, seed=i, radius=14)[0], 0.25) for i in range(20, 22)])
    result = learn(session, known, other)
    assert "the target images of 0.25 µm: the latter are shrunk to 50%" in " ".join(result.warnings)
    assert model_of(result).config.scale == pytest.approx(0.5)
    assert model_of(result).config.pixel_size == pytest.approx(0.25)
    with refused("pixels of 0.5 µm, the target images of 0.25 µm"):
        learn(session, known, other, selection={"pixel_sizes": "REFUSE"})
    ignored = learn(session, known, other, selection={"pixel_sizes": "IGNORE", "earliest": 0.0})
    assert model_of(ignored).config.scale == 1
    assert "µm" not in " ".join(ignored.warnings)


def test_labels_without_objects(session: Any, targets: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks()
    with refused("No image has a labelled object"):
        learn(session, table(Image=[image], Labels=[replace(labels, array=np.zeros_like(labels.array))]), targets)
    specks = np.zeros_like(labels.array)
    specks[::7, ::7] = np.arange(1, specks[::7, ::7].size + 1).reshape(specks[::7, ::7].shape)
    with refused("no object of more than 10 pixels"):
        learn(session, table(Image=[image], Labels=[replace(labels, array=specks)]), targets)


def test_a_training_that_finds_nothing_stops_early(session: Any, examples: Any, targets: Any, refused: Any) -> None:
    slow = {**QUICK["training"], "epochs": 60, "steps": 1, "learning_rate": 1e-7}
    with refused("After 20 of 60 epochs the model still finds no object on the target images"):
        learn(session, examples, targets, training=slow, model={**QUICK["model"], "head": "STARDIST"})


def test_the_criterion_changes_what_is_compared(session: Any, examples: Any, targets: Any, chosen: Any) -> None:
    alone = learn(session, examples, targets, selection={"criterion": "SOLIDITY", "earliest": 0.0})
    frames = [result[1].to_pandas() for result in (alone, chosen)]
    assert not frames[0]["Target deviation"].equals(frames[1]["Target deviation"])
    assert frames[0]["Target threshold"].dropna().nunique() == 1


def test_the_threshold_is_that_of_the_chosen_epoch(chosen: Any) -> None:
    frame = chosen[1].to_pandas()
    best = frame.loc[frame["Target criterion"].idxmin()]
    assert model_of(chosen).thresholds["prob"] == best["Target threshold"]


def retrain(session: Any, model: Any, examples: Any, target: Any, **settings: Any) -> Any:
    node = session.node("SegmentationRetrainer").set(training=QUICK["training"], selection=QUICK["selection"])
    node.set(**settings)
    specs = node.configure(model, examples, None, None, target)
    result = node.execute(model, examples, None, None, target)
    assert result[1].schema == specs[1]
    return result


def test_a_retraining_with_target_images(session: Any, chosen: Any, table: Callable[..., Any], targets: Any) -> None:
    pairs = [disks(seed=i) for i in range(30, 34)]
    few = table(Image=[image for image, _ in pairs], Labels=[labels for _, labels in pairs])
    result = retrain(session, chosen[0], few, targets)
    assert list(result[1].to_pandas().columns[5:]) == LOOKS
    given = model_of(chosen).thresholds
    assert model_of(result).thresholds == given
    noise = Image(np.ones((3, 3), np.int32), "YX", kind="labels")
    images = [disks(seed=i)[0] for i in range(20, 23)]
    assert content(retrain(session, chosen[0], few, table(Image=images, Labels=[noise] * 3))) == content(result)


def test_a_retraining_for_other_pixels(session: Any, chosen: Any, table: Callable[..., Any], refused: Any) -> None:
    pairs = [disks(seed=i) for i in range(30, 34)]
    known = table(Image=[scaled(image, 0.5) for image, _ in pairs], Labels=[labels for _, labels in pairs])
    other = table(Image=[scaled(disks(128, seed=i, radius=14)[0], 0.25) for i in range(20, 22)])
    result = retrain(session, chosen[0], known, other)
    assert model_of(result).config.scale == pytest.approx(0.5)
    with refused("pixels of 0.5 µm, the target images of 0.25 µm"):
        retrain(session, chosen[0], known, other, selection={"pixel_sizes": "REFUSE"})
    with refused("2 channels, the labelled ones have 1"):
        retrain(session, chosen[0], known, table(Image=[disks(channels=2)[0]]))


def test_a_network_that_learned_without_labels(session: Any, examples: Any, targets: Any) -> None:
    settings = {"network": {"base": 4, "depth": 1}, "training": TINY["training"]}
    given = session.node("SelfSupervisedPretrainer").set(**settings).execute([examples, targets])[0]
    for result in (
        retrain(session, given, examples, targets),
        session.node("SegmentationLearner")
        .set(**QUICK)
        .set(model={"head": "STARDIST"})
        .execute(examples, None, given, targets),
    ):
        assert list(result[1].to_pandas().columns[5:]) == LOOKS
        assert model_of(result).config.pretext == ""
