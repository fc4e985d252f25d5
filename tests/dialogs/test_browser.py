"""Dialogs in a browser, through KNIME's own renderer, used as a person would.

They are skipped where there is no Chromium, or `npm ci` was not run in this folder.
"""

import copy

import pytest
from tests.backends import Session
from tests.dialogs import record
from tests.dialogs.dialog import Dialog

SHAPE, STRIDE, EPOCHS = "Shape of the objects", "Stride of the output (1, 2 or 4 pixels)", "Epochs (rounds of training)"
ROUND, ANY = "Round, may touch (StarDist)", "Any shape, rarely touch (foreground)"


@pytest.fixture
def learner(dialog: Dialog) -> Dialog:
    """The dialog of the Segmentation Learner, with its advanced settings."""
    dialog.show(record.read("SegmentationLearner"), advanced=True)
    return dialog


def test_a_beginner_sees_five_settings(dialog: Dialog) -> None:
    dialog.show(record.read("SegmentationLearner"))
    assert dialog.labels == ["Image column", "Label column", SHAPE, EPOCHS, "Patch size (pixels)"]
    dialog.show_advanced()
    assert len(dialog.labels) == 24


def test_settings_of_polygons_go_with_them(learner: Dialog) -> None:
    of_polygons = {"Rays (corners of a polygon)", STRIDE}
    before = learner.labels
    assert of_polygons < set(before)
    learner.choose(SHAPE, ANY)
    assert learner.settings["model"]["model"]["head"] == "FOREGROUND"
    assert learner.labels == [label for label in before if label not in of_polygons]
    learner.choose(SHAPE, ROUND)
    assert learner.labels == before


def test_a_file_of_weights_is_asked_for_where_one_is_read(learner: Dialog) -> None:
    before = learner.labels
    learner.choose("Network", "U-Net on ResNet-18")
    assert set(learner.labels) - set(before) == {"Network starts from"}
    learner.choose("Network starts from", "A file")
    assert set(learner.labels) - set(before) == {"Network starts from", "File of weights"}
    learner.choose("Network", "U-Net")
    assert learner.labels == before


@pytest.mark.parametrize(
    ("text", "message", "afterwards"),
    [("0", "The value must be at least 1.", 1), ("123456", "The value must be at most 100000.", 100_000)],
)
def test_wrong_numbers_are_refused_while_they_are_written(
    learner: Dialog, text: str, message: str, afterwards: int
) -> None:
    assert learner.message(EPOCHS) == ""
    learner.enter(EPOCHS, text)
    assert learner.message(EPOCHS) == message
    learner.leave()
    assert (learner.message(EPOCHS), learner.field(EPOCHS)) == ("", str(afterwards))
    assert learner.settings["model"]["training"]["epochs"] == afterwards


def test_what_only_the_node_knows_is_refused_when_the_dialog_is_applied(learner: Dialog, session: Session) -> None:
    node = session.node("SegmentationLearner")
    node.settings = learner.settings
    assert node.validate() is None
    learner.enter(STRIDE, "3")
    learner.leave()
    node.settings = learner.settings
    assert node.validate() == "The stride of the output is 3. Choose 1, 2 or 4."


def test_columns_that_do_not_fit_are_not_offered(learner: Dialog) -> None:
    images = ["Image", "Labels", "Image preview"]
    assert learner.options("Image column") == learner.options("Label column") == images
    learner.choose("Image column", "Image preview")
    assert learner.settings["model"]["image_column"] == "Image preview"


def test_no_column_is_a_choice_where_none_is_needed(dialog: Dialog) -> None:
    dialog.show(record.read("SegmentationLabelWriter"))
    assert dialog.options("File names from") == ["Name", "Path", "Group", "None"]
    dialog.show(record.read("InstanceCounter"), advanced=True)
    assert "Channels to measure" in dialog.labels
    dialog.choose("Image column for intensities", "None")
    assert "Channels to measure" not in dialog.labels


def test_a_file_is_asked_for_where_no_table_is_connected(dialog: Dialog) -> None:
    connected = copy.deepcopy(record.read("LargeImageTiler"))
    dialog.show(connected)
    assert "Image file" in dialog.labels
    assert "Image column" not in dialog.labels
    for element in connected["ui_schema"]["elements"][:2]:
        element["rule"]["condition"]["schema"]["type"] = ["object"]  # what the backend writes where one is
    dialog.show(connected)
    assert "Image file" not in dialog.labels
    assert "Image column" in dialog.labels


def test_sizes_are_asked_for_where_they_are_not_the_usual_ones(dialog: Dialog) -> None:
    dialog.show(record.read("NucleiSimulator"))
    before = dialog.labels
    dialog.choose("Size, number and clustering", "Set here")
    assert len(dialog.labels) == len(before) + 6
    dialog.choose("Levels of light", "Several levels")
    assert {"High light", "Very low light"} < set(dialog.labels)
    assert "Light" not in dialog.labels


def test_what_does_not_fit_is_noticed(dialog: Dialog) -> None:
    wide = copy.deepcopy(record.read("PretrainingAdvisor"))
    wide["schema"]["properties"]["model"]["properties"]["missing"]["oneOf"][1]["title"] = long = "Unending " * 9
    dialog.show(wide, advanced=True)
    assert long.strip() in dialog.cut


@pytest.mark.parametrize("node_id", sorted(file.stem for file in record.FOLDER.glob("*.json")))
def test_every_dialog_fits_its_panel(dialog: Dialog, node_id: str) -> None:
    dialog.show(record.read(node_id), advanced=True)
    assert dialog.labels
    assert dialog.cut == []
