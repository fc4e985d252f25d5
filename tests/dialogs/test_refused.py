"""Values that do not go together are refused before a dialog applies them, and again when a node is configured."""

from typing import Any

import pytest
from tests.backends import NodeFailure
from tests.dialogs.scenes import Scene

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("SegmentationLearner", {"model": {"grid": 3}}, "The stride of the output is 3. Choose 1, 2 or 4."),
    ("SegmentationLearner", {"model": {"base": 30}}, "The width of the network is 30. Choose a multiple of 4."),
    (
        "SegmentationLearner",
        {"model": {"network": "RESNET18", "encoder_weights": "IMAGENET"}},
        "Weights of ImageNet are installed for EfficientNet-Lite0 only.",
    ),
    ("SegmentationLearner", {"training": {"devices": 3}}, "The batch size is 4. Choose a multiple of"),
    ("SegmentationRetrainer", {"training": {"devices": 3}}, "The batch size is 4. Choose a multiple of"),
    ("SegmentationPredictor", {"computing": {"tile": 63}}, "The tile size is 63. Enter at least 64 pixels, or 0."),
    ("InstanceCounter", {"limits": {"smallest": 5.0, "largest": 2.0}}, "The largest area is below the smallest."),
    (
        "NucleiSimulator",
        {"objects": {"measures": "MANUAL", "smallest": 50.0}},
        "The smallest diameter (50) is above the largest (40).",
    ),
    ("NucleiSimulator", {"objects": {"measures": "MANUAL", "fewest": 31}}, "The fewest objects (31) are more than"),
    (
        "NucleiSimulator",
        {"light": {"levels": "SEVERAL", "high": False, "medium": False, "low": False, "very_low": False}},
        "No level of light is chosen. Choose at least one.",
    ),
]


@pytest.mark.parametrize(("node_id", "values", "reason"), REFUSED)
def test_refused_with_the_reason(scene: dict[str, Scene], node_id: str, values: dict[str, Any], reason: str) -> None:
    node, specs = scene[node_id].node, scene[node_id].specs
    node.set(**values)
    assert str(node.validate()).startswith(reason)
    with pytest.raises(NodeFailure) as caught:
        node.configure(*specs)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("node_id", "values"),
    [
        ("SegmentationLearner", {"model": {"grid": 4, "base": 4, "encoder_weights": "IMAGENET"}}),
        ("SegmentationLearner", {"model": {"network": "EFFICIENTNET_LITE0", "encoder_weights": "IMAGENET"}}),
        ("SegmentationLearner", {"training": {"batch_size": 6, "devices": 3}}),
        ("SegmentationPredictor", {"computing": {"tile": 64}}),
        ("InstanceCounter", {"limits": {"smallest": 5.0, "largest": 0.0}}),
        ("NucleiSimulator", {"objects": {"smallest": 50.0, "fewest": 31}}),
        ("NucleiSimulator", {"light": {"high": False, "medium": False, "low": False, "very_low": False}}),
    ],
)
def test_what_has_no_effect_or_fits_is_taken(scene: dict[str, Scene], node_id: str, values: dict[str, Any]) -> None:
    node, specs = scene[node_id].node, scene[node_id].specs
    node.set(**values)
    assert node.validate() is None
    node.configure(*specs)


def test_settings_of_an_older_version_are_taken(scene: dict[str, Scene]) -> None:
    """They lack what came later."""
    node = scene["SegmentationLearner"].node
    del node.settings["model"]["training"]["devices"]
    del node.settings["model"]["model"]["encoder_weights"]
    node.settings_version = "0.1.0"
    assert node.validate() is None
