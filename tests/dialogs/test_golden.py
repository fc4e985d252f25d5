"""The kept dialogs are those of the nodes as they are now; and all dialogs say what a value means and can be."""

import html
import re
from typing import Any

import PIL.Image
import pytest
from tests.backends import ON_KNIME, Session
from tests.dialogs import record
from tests.dialogs.controls import controls, path_of, rules_of
from tests.dialogs.scenes import Scene

NODES = sorted(file.stem for file in record.FOLDER.glob("*.json"))


def words(text: str) -> str:
    """A description without the signs of Markdown and HTML."""
    return re.sub(r"[\s*`]+", "", html.unescape(re.sub(r"<[^>]+>", "", text)))


def test_there_is_a_dialog_and_a_picture_of_every_node(scene: dict[str, Scene], session: Session) -> None:
    every = sorted(node["id"] for node in session.nodes)
    assert every == sorted(scene) == NODES
    pictures = record.ROOT / "docs/nodes"
    assert set(NODES) <= {file.stem for file in pictures.glob("*.png")}
    for node_id in NODES:
        with PIL.Image.open(pictures / f"{node_id}.png") as picture:
            assert picture.width == 630
        assert (pictures / f"{node_id}.png").stat().st_size < 60_000


@pytest.mark.parametrize("node_id", NODES)
def test_kept_dialogs_hold_the_settings_of_the_nodes(scene: dict[str, Scene], node_id: str) -> None:
    assert record.read(node_id)["data"] == scene[node_id].node.settings


@pytest.mark.skipif(not ON_KNIME, reason="only KNIME's own backend makes dialogs")
@pytest.mark.parametrize("node_id", NODES)
def test_kept_dialogs_are_those_that_knime_makes(scene: dict[str, Scene], node_id: str) -> None:
    one = scene[node_id]
    made = one.node.dialog(*one.specs)  # type: ignore[attr-defined]
    assert record.as_text(made) == (record.FOLDER / f"{node_id}.json").read_text("utf-8"), "make dialogs"


@pytest.mark.skipif(ON_KNIME, reason="compares with what the stand-in knows of the nodes")
@pytest.mark.parametrize("node_id", NODES)
def test_kept_dialogs_are_not_out_of_date(session: Any, node_id: str) -> None:
    kind = session.extension.nodes[node_id]
    rules = {path: (effect.value, plain(one)) for path, (one, effect) in rules_of(kind.entry.make())}
    shown = list(controls(record.read(node_id)))
    assert [path for path, *_ in shown] == [parameter.path for parameter in kind.parameters()]
    for (path, control, schema, advanced), parameter in zip(shown, kind.parameters(), strict=True):
        limits = control["options"].get("validation", {})
        assert control["label"] == schema["title"] == parameter.label
        assert advanced == parameter.is_advanced, path
        assert limits.get("min", {}).get("parameters", {}).get("min") == parameter.minimum, path
        assert limits.get("max", {}).get("parameters", {}).get("max") == parameter.maximum, path
        offered = [(one["const"], one["title"]) for one in schema.get("oneOf", [])]
        assert offered == [(choice.id, choice.label) for choice in parameter.choices], path
        texts = [parameter.description]
        if parameter.choices:
            texts += ["Available options:", *(f"{one.label}: {one.description}" for one in parameter.choices)]
        assert words(schema["description"]) == words("".join(texts)), path
        assert rule_in(control) == rules.get(path), path


def plain(condition: Any) -> Any:
    """A condition of the stand-in in plain values."""
    if hasattr(condition, "conditions"):
        return [plain(one) for one in condition.conditions]
    return (condition.subject.name, condition.values) if hasattr(condition, "subject") else "context"


def rule_in(control: dict[str, Any]) -> Any:
    """When a control is shown, in the same plain values."""

    def read(condition: dict[str, Any]) -> Any:
        if "conditions" in condition:
            return [read(one) for one in condition["conditions"]]
        if condition["scope"] == "#":
            return "context"
        return path_of(condition["scope"])[-1], [one["const"] for one in condition["schema"]["oneOf"]]

    return (control["rule"]["effect"], read(control["rule"]["condition"])) if "rule" in control else None


@pytest.mark.parametrize("node_id", NODES)
def test_numbers_say_what_they_can_be(node_id: str) -> None:
    """In the label or the description, for those who do not want to try."""
    for path, control, schema, _ in controls(record.read(node_id)):
        for limit in control["options"].get("validation", {}).values():
            (bound,) = (value for key, value in limit["parameters"].items() if key != "isExclusive")
            text = f"{control['label']} {schema['description']}".replace(",", "")
            number = f"{bound:.7f}".rstrip("0").rstrip(".")
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text), (path, number)


@pytest.mark.parametrize("node_id", NODES)
def test_nothing_stands_below_a_section_that_it_is_no_part_of(node_id: str) -> None:
    """A dialog draws no line behind a section: settings without one come first."""
    kinds = [element["type"] for element in record.read(node_id)["ui_schema"]["elements"]]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("node_id", NODES)
def test_columns_are_chosen_before_a_dialog_opens(node_id: str) -> None:
    for path, control, *_ in controls(record.read(node_id)):
        possible = [one["id"] for one in control["options"].get("possibleValues", [])]
        value = record.read(node_id)["data"]["model"]
        for name in path:
            value = value[name]
        assert not possible or value in possible, path
