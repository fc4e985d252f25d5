"""The Self-Supervised Pretrainer, and the nodes that its model goes to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import TINY, disks

from core.image import Image

SETTINGS: dict[str, Any] = {"network": {"base": 4, "depth": 1}, "training": TINY["training"]}


def weights(output: Any, part: str = "") -> dict[str, bytes]:
    state = output.load().load().state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in state.items() if name.startswith(part)}


def images(count: int = 3, start: int = 0, **more: Any) -> list[Image]:
    return [replace(disks(seed=start + i)[0], **more) for i in range(count)]


@pytest.fixture
def pretrainer(session: Any) -> Any:
    return session.node("SelfSupervisedPretrainer").set(**SETTINGS)


@pytest.fixture(scope="module")
def start(session: Any, examples: Any) -> Any:
    """A model that has learned to restore images."""
    return session.node("SelfSupervisedPretrainer").set(**SETTINGS).execute([examples])[0]


def test_a_pretraining(pretrainer: Any, table: Callable[..., Any]) -> None:
    tables = [table(Image=images(8)), table(Image=images(4, 8))]
    spec, history = pretrainer.configure(tables)
    assert (spec.summary["pretext"], spec.grid, spec.head, spec.channels) == ("restoration", 1, None, None)
    result = pretrainer.execute(tables)
    config = result[0].load().load().config
    assert (config.pretext, config.network.in_channels) == ("restoration", 1)
    assert config.provenance["domains"] == [7, 3]
    assert result[1].column_names == history.column_names
    assert result[1].column_values("Validation loss")[0] > 0
    assert result.view_html.count("<figure class=") == 2
    for words in ("10 images in 2 tables (7 + 3), without labels", "It cannot segment yet", "Images 1, Row", "PSNR"):
        assert words in result.view_html
    assert not result.warnings


@pytest.mark.parametrize("task", ["RESTORATION", "HIDE_AND_FILL", "BLIND_SPOT"])
def test_tasks(pretrainer: Any, examples: Any, task: str) -> None:
    result = pretrainer.set(task=task).execute([examples])
    assert result[0].load().spec.summary["pretext"] == task.lower()


def test_tasks_are_those_of_the_library() -> None:
    from core.pretraining import PRETEXTS
    from nodes.pretrainer import Task
    from nodes.views.pretraining import TASKS

    assert [name.lower() for name in Task.get_all_options()] == list(PRETEXTS) == list(TASKS)


def test_a_label_column_is_refused(pretrainer: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row0', column 'Image': The cell holds labels, not an image. Choose the column of images"):
        pretrainer.execute([table(Image=[disks()[1]])])


def test_labels_are_not_looked_at(pretrainer: Any, table: Callable[..., Any]) -> None:
    pixels = images()
    plain = table(Image=pixels)
    labelled = table(Image=pixels, Labels=[disks(seed=i)[1] for i in range(3)])
    garbage = [Image(np.full((1 + i, 7), -i, np.int32), "YX", kind="labels") for i in range(3)]
    poisoned = table(Image=pixels, Labels=garbage)
    broken = table(Image=pixels, Labels=[b"no image at all", b"", None])
    found = [weights(pretrainer.execute([one, one])[0]) for one in (plain, labelled, poisoned, broken)]
    assert found[0] == found[1] == found[2] == found[3]


def test_no_table(pretrainer: Any, refused: Any) -> None:
    with refused("'Images' is not connected. Add a port to it"):
        pretrainer.configure([])


def test_columns_by_name(pretrainer: Any, table: Callable[..., Any], refused: Any) -> None:
    one, other = table(Bild=images(1), Labels=images(1)), table(Image=images(1))
    pretrainer.configure([one, one])
    assert pretrainer.settings["model"]["image_column"] == "Bild"
    with refused("Images 2: The table has no column 'Bild'.*Every table needs an image column of the same name"):
        pretrainer.configure([one, other])
    with refused("The table has no column that could be the image column"):
        pretrainer.set(image_column="").configure([table(Labels=images(1))])


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            [Image(np.zeros((3, 32, 32), np.uint8), "CYX")],
            images(1),
            "Row 'Row0': All pixels of the image are the same",
        ),
        (
            images(1),
            [disks(channels=3)[0]],
            "Images 2, Row 'Row0': The image has 3 channels, but that of Images 1, Row ",
        ),
        ([Image(np.full((9, 9), np.inf), "YX")], images(1), "Images 1, Row 'Row0': 81 pixels are not a number"),
        ([Image(np.zeros((2, 9, 9)), "TYX")], images(1), "Images 1, Row 'Row0': The image is a time series"),
        (images(1), [None, None], "Images 2: The table has no row with an image in column 'Image'"),
    ],
)
def test_bad_images(
    pretrainer: Any, table: Callable[..., Any], refused: Any, first: Any, second: Any, words: str
) -> None:
    tables = [table(None, {"Image": Image}, Image=cells) for cells in (first, second)]
    with refused(words):
        pretrainer.execute(tables)


def test_a_damaged_cell(pretrainer: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Images 2, Row 'Row0', column 'Image': The PNG picture is damaged"):
        pretrainer.execute([table(Image=images(1)), table(Image=[b"damaged"])])


def test_doubtful_images(pretrainer: Any, table: Callable[..., Any], refused: Any) -> None:
    flat = Image(np.zeros((20, 20), np.uint16), "YX")
    stack = np.stack([image.array for image in images(3)])
    stack[1] = 5
    tables = [
        table(Image=[flat, None, *images(2, pixel_size={"Y": 0.5, "X": 0.5})]),
        table(Image=[Image(stack, "ZYX", {"X": 0.4}), images(1, pixel_size={"Y": 0.4, "X": 0.4})[0]]),
    ]
    (warning,) = pretrainer.execute(tables).warnings
    for words in (
        "Images 1: 1 row without image skipped: Row1.",
        "Images 1, Row 'Row0': all pixels of the image have the same value; it is left out.",
        "Images 2, Row 'Row0': in 1 of 3 slices all pixels have the same value, left out: 2.",
        "Pixel sizes differ: 0.4 µm (Images 2, Row 'Row0', slice 1) and 0.5 µm (Images 1, Row 'Row2')",
    ):
        assert words in warning
    with refused("Images 1, Row 'Row1', column 'Image': The image is missing"):
        pretrainer.set(missing="FAIL").execute(tables)


def test_one_small_image_of_another_depth(pretrainer: Any, table: Callable[..., Any]) -> None:
    small = Image(np.random.default_rng(0).random((7, 5)).astype(np.float32), "YX")
    result = pretrainer.execute([table(Image=[small])])
    assert "is the only image" in result.warnings[0]
    assert result[1].column_values("Validation loss") == [None]


def test_cancel(pretrainer: Any, examples: Any) -> None:
    with pytest.raises(Exception, match="Canceled"):
        pretrainer.set(training={"epochs": 50}).execute(
            [examples], cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.1
        )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": {"grid": 3}}, "stride of the output is 3"),
        ({"network": {"base": 6}}, "multiple of 4"),
        ({"network": {"network": "RESNET18", "encoder_weights": "IMAGENET"}}, "EfficientNet-Lite0 only"),
        ({"network": {"network": "RESNET18", "encoder_weights": "FILE"}}, "file of weights"),
        ({"training": {"batch_size": 3, "devices": 2}}, "batch size is 3"),
    ],
)
def test_settings_that_do_not_go_together(
    pretrainer: Any, examples: Any, refused: Any, settings: Any, words: str
) -> None:
    with refused(words):
        pretrainer.set(**settings).configure([examples])


# --- where the model goes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["STARDIST", "FOREGROUND", "DISTANCE"])
def test_a_learner_starts_from_exactly_this_network(session: Any, start: Any, examples: Any, head: str) -> None:
    node = session.node("SegmentationLearner").set(**TINY).set(model={"head": head, "base": 64, "network": "RESNET50"})
    node.configure(examples, None, start)
    result = node.execute(examples, None, start)
    model = result[0].load().load()
    # in the only epoch the network does not change
    assert weights(result[0], "network.") == weights(start, "network.")
    assert (model.config.pretext, model.config.head.name, model.config.network.grid) == ("", head.lower(), 1)
    assert model.config.provenance["start"]["pretext"] == "restoration"
    assert model.config.provenance["start"]["data"] == start.load().load().config.provenance["data"]
    assert "had learned without labels (restoration)" in result.view_html
    session.node("SegmentationPredictor").execute(result[0], examples)


def test_later_the_network_learns_too(session: Any, start: Any, examples: Any) -> None:
    node = session.node("SegmentationLearner").set(**TINY).set(training={"epochs": 2})
    found = weights(node.execute(examples, None, start)[0], "network.")
    given = weights(start, "network.")
    assert found.keys() == given.keys()
    assert found != given


def test_a_learner_starts_from_a_model_that_segments(session: Any, trained: Any, examples: Any) -> None:
    result = session.node("SegmentationLearner").set(**TINY).execute(examples, None, trained)
    assert weights(result[0], "network.") == weights(trained, "network.")
    assert weights(result[0], "head.") != weights(trained, "head.")
    assert "which was trained before" in result.view_html


def test_a_start_that_does_not_fit(
    session: Any, trained: Any, start: Any, examples: Any, table: Callable[..., Any], refused: Any
) -> None:
    image, labels = disks(channels=3)
    node = session.node("SegmentationLearner").set(**TINY)
    with refused("Row 'Row0': The image has 3 channels, the model was trained on 1"):
        node.execute(table(Image=[image], Labels=[labels]), None, start)
    node.set(model={"head": "DISTANCE"})
    with refused("'Start from' has a stride of 2 pixels. Choose StarDist"):
        node.configure(examples, None, trained)
    with refused("predicts at a stride of 2 pixels, but the head distance needs 1"):
        node.execute(examples, None, trained)


def test_a_retrainer_lets_the_last_layers_of_it_learn(session: Any, start: Any, examples: Any) -> None:
    node = session.node("SegmentationRetrainer").set(training=TINY["training"], transfer={"learning": "LAST_LAYERS"})
    node.configure(start, examples)
    found, given = weights(node.execute(start, examples)[0], "network."), weights(start, "network.")
    changed = {name for name in given if found[name] != given[name]}
    assert changed == {name for name in given if name.startswith("network.dec0.")}


def test_a_retrainer_gives_it_a_head(session: Any, start: Any, examples: Any) -> None:
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    spec, _ = node.configure(start, examples)
    assert not spec.summary["pretext"]
    result = node.execute(start, examples)
    model = result[0].load().load()
    assert (model.config.pretext, model.config.provenance["start"]["pretext"]) == ("", "restoration")
    assert model.config.thresholds
    assert model.config.object_size > 0
    # the encoder is frozen for two epochs
    encoder = {name: value for name, value in weights(start).items() if name.startswith("network.enc")}
    assert encoder
    assert encoder.items() <= weights(result[0]).items()
    assert "could not segment, so that there was nothing to compare and no trial" in result.view_html
    others = [text for text in result.warnings if "recognises none of the objects" not in text]
    assert not others, "two steps are too few to learn anything, and nothing else is wrong"
    session.node("SegmentationPredictor").execute(result[0], examples)


def test_nobody_segments_with_it(session: Any, start: Any, examples: Any, tmp_path: Any, refused: Any) -> None:
    predictor = session.node("SegmentationPredictor")
    large = session.node("LargeImagePredictor").set(file="image.tif", output=str(tmp_path / "out"))
    calls: list[Callable[[], Any]] = [
        lambda: predictor.configure(start, examples),
        lambda: predictor.execute(start, examples),
        lambda: large.configure(start),
    ]
    for call in calls:
        with refused("learned from images without labels only .restoration., and cannot segment yet. Train it with"):
            call()


def test_an_advisor_knows_what_it_is_worth(session: Any, start: Any, examples: Any) -> None:
    node = session.node("PretrainingAdvisor").set(pretrained=False, device="CPU")
    ranking = node.execute(examples, start)[1]
    assert ranking.column_values("Zero-shot mAP@.50:.95") == [0.0]
    probe = ranking.column_values("Linear probe")[0]
    assert probe > 0
    assert ranking.column_values("Transferability") == [probe / 2]
