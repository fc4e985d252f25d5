"""Settings are shown for what is connected, on either backend."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.backends import ON_KNIME, Session
from tests.dialogs.controls import controls, rules_of
from tests.dialogs.scenes import Scene


@pytest.fixture
def holds(session: Any, scene: dict[str, Scene]) -> Any:
    """Whether the rule of a setting, but for other settings, holds with what is connected."""

    def on_knime(node_id: str, path: tuple[str, ...], *specs: Any) -> bool:
        dialog = scene[node_id].node.dialog(*specs)  # type: ignore[attr-defined]
        (rule,) = (control["rule"] for found, control, *_ in controls(dialog) if found == path)
        conditions = rule["condition"].get("conditions", [rule["condition"]])
        (kind,) = (one["schema"]["type"] for one in conditions if one["scope"] == "#")
        return bool((kind == ["object"]) == (rule["effect"] == "SHOW"))

    def on_stand_in(node_id: str, path: tuple[str, ...], *specs: Any) -> bool:
        condition, effect = dict(rules_of(session.extension.nodes[node_id].entry.make()))[path]
        (asked,) = (one for one in getattr(condition, "conditions", [condition]) if hasattr(one, "predicate"))
        context = SimpleNamespace(get_input_specs=lambda: list(specs))
        return bool(asked.predicate(context) == (effect.value == "SHOW"))

    return on_knime if ON_KNIME else on_stand_in


@pytest.fixture
def images(scene: dict[str, Scene]) -> Any:
    """The columns of a Microscopy Image Reader."""
    return scene["SegmentationLearner"].specs[0]


def test_a_file_or_a_column(holds: Any, scene: dict[str, Scene], images: Any) -> None:
    assert holds("LargeImageTiler", ("file",), None)
    assert not holds("LargeImageTiler", ("image_column",), None)
    assert not holds("LargeImageTiler", ("file",), images)
    assert holds("LargeImageTiler", ("image_column",), images)
    model = scene["LargeImagePredictor"].specs[0]
    assert holds("LargeImagePredictor", ("file",), model, None)
    assert not holds("LargeImagePredictor", ("path_column",), model, None)
    assert not holds("LargeImagePredictor", ("file",), model, images)


def test_a_share_for_validation_where_there_is_no_table_for_it(
    holds: Any, scene: dict[str, Scene], images: Any
) -> None:
    share, model = ("training", "validation_fraction"), scene["SegmentationRetrainer"].specs[0]
    assert holds("SegmentationLearner", share, images, None)
    assert holds("SegmentationLearner", share, None, None)
    assert not holds("SegmentationLearner", share, images, images)
    assert holds("SegmentationRetrainer", share, model, images, None, images)
    assert not holds("SegmentationRetrainer", share, model, images, images, None)


def test_a_share_of_former_images_where_there_are_some(holds: Any, scene: dict[str, Scene], images: Any) -> None:
    share, model = ("transfer", "source_share"), scene["SegmentationRetrainer"].specs[0]
    assert holds("SegmentationRetrainer", share, model, images, None, images)
    assert not holds("SegmentationRetrainer", share, model, images, images, None)


def test_thresholds_that_the_model_has(holds: Any, session: Session, images: Any) -> None:
    def model(head: str) -> Any:
        return session.node("SegmentationLearner").set(model={"head": head}).configure(images, None)[0]

    unknown = session.node("ModelReader").set(path="a").configure()[0]
    for name, its_head in (("overlap", "STARDIST"), ("separation", "DISTANCE")):
        threshold = ("thresholds", name)
        for head in ("STARDIST", "FOREGROUND", "DISTANCE"):
            assert holds("SegmentationPredictor", threshold, model(head), images) == (head == its_head)
        assert holds("SegmentationPredictor", threshold, unknown, images)
