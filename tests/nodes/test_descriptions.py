"""What nodes say about themselves: everything a user needs is there, and what it names exists."""

import ast
import html
import re
from pathlib import Path
from typing import Any

import pytest
from tests.backends import ON_KNIME

from core.pretrained import NAMES

NODES = Path(__file__).parents[2] / "src/nodes"

KNIME_NODES = {"GroupBy", "CSV Writer"}


def described(path: Path) -> tuple[str, str, list[str]]:
    """The id of a module's node, its description, and those of its ports and its view; empty where it has none."""
    for item in ast.parse(path.read_text("utf-8")).body:
        calls = [call for call in getattr(item, "decorator_list", []) if isinstance(call, ast.Call)]
        decorators = {call: ast.unparse(call.func) for call in calls}
        ids = [
            one.value for call in calls if decorators[call] == "knext.node" for one in call.keywords if one.arg == "id"
        ]
        if ids:
            assert isinstance(item, ast.ClassDef)
            ports = [call.args[1] for call in calls if re.match(r"knext\.(in|out)put_", decorators[call])]
            return ast.literal_eval(ids[0]), ast.get_docstring(item) or "", [ast.literal_eval(text) for text in ports]
    return "", "", []


DESCRIBED = {name: (text, ports) for name, text, ports in map(described, sorted(NODES.glob("*.py"))) if name}


def texts(path: Path) -> set[str]:
    """All texts in a file."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {item.value for item in nodes if isinstance(item, ast.Constant) and isinstance(item.value, str)}


def names(node_id: str, titles: dict[str, str]) -> set[str]:
    """What a node may name: nodes, models; settings, choices, columns and ports of its own and of nodes that it names.

    Labels also without their units.
    """
    text = " ".join(DESCRIBED[node_id][0].split())
    near = {"", node_id, *(other for other, title in titles.items() if f"*{title}*" in text)}
    found = {*KNIME_NODES, *NAMES, *titles.values()}
    for path in NODES.rglob("*.py"):
        if described(path)[0] in near:
            found |= texts(path)
    return found | {re.sub(r" \([^)]*\)$", "", text) for text in found}


def test_every_node_is_described(session: Any) -> None:
    assert set(DESCRIBED) == {node["id"] for node in session.nodes}


@pytest.mark.parametrize("node_id", DESCRIBED)
def test_what_is_said(node_id: str) -> None:
    text, ports = DESCRIBED[node_id]
    short, empty, rest = text.split("\n", 2)
    assert 20 <= len(short) <= 80
    assert short.endswith(".")
    assert not set(short) & set("<&*`"), "KNIME reads the first line as XML"
    assert not empty
    assert len(rest) >= 600
    assert rest.startswith("Use it ")
    for part in ("**Example:**", "**Limits:**"):
        assert rest.count(part) == 1
    assert all(len(port) >= 15 and port.endswith(".") for port in ports)


@pytest.mark.parametrize("node_id", DESCRIBED)
def test_what_is_named_exists(session: Any, node_id: str) -> None:
    """In italics are names only: of nodes, settings, choices, ports, columns, models."""
    text, ports = DESCRIBED[node_id]
    known = names(node_id, {node["id"]: node["name"] for node in session.nodes})
    for part in (text, *ports):
        named = re.findall(r"(?<![*\w])\*([^*`]+)\*(?![*\w])", re.sub(r"`[^`]*`|\*\*[^*]+\*\*", "", part))
        assert [name for name in map(" ".join, map(str.split, named)) if name not in known] == []


@pytest.mark.parametrize("node_id", DESCRIBED)
def test_sources_can_be_looked_up(node_id: str) -> None:
    text, _ = DESCRIBED[node_id]
    links = re.findall(r"\[([^\]]*)\]\(([^)]*)\)", text)
    assert len(links) == text.count("](")
    for label, address in links:
        assert re.fullmatch(r"[A-Z][\w-]+( and [A-Z][\w-]+| et al\.)? (19|20)\d\d", " ".join(label.split()))
        assert re.fullmatch(r"https://doi\.org/10\.\d{4,5}/\S+", address)


@pytest.mark.skipif(not ON_KNIME, reason="needs KNIME's sources")
@pytest.mark.parametrize("node_id", DESCRIBED)
def test_knime_drops_no_word(session: Any, node_id: str) -> None:
    def words(text: str) -> list[str]:
        return sorted(re.findall(r"\w+", text))

    text, ports = DESCRIBED[node_id]
    node = next(node for node in session.nodes if node["id"] == node_id)
    shown = [node["full_description"]]
    shown += [
        one["description"] for key in ("input_port_specifier", "output_port_specifier", "views") for one in node[key]
    ]
    for written, rendered in zip([text.split("\n", 1)[1], *ports], shown, strict=True):
        links = re.findall(r'href="([^"]*)"', rendered)
        plain = html.unescape(re.sub(r"<[^>]*>", " ", rendered))
        assert words(" ".join([plain, *links])) == words(written)
