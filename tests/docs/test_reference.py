"""The reference of the nodes is what its script writes; its links lead somewhere."""

import re
from pathlib import Path

import pytest
from tests.scripts import ROOT, script

from headless.backend import load_extension

PAGES = sorted((ROOT / "docs/nodes").glob("*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_pages_are_what_the_script_writes() -> None:
    written = script("docs/reference.py").reference(load_extension(ROOT))
    assert {page.name for page in PAGES} == set(written), "make reference; delete pages of nodes that are gone"
    for page in PAGES:
        assert page.read_text("utf-8") == written[page.name], "make reference"


def test_every_setting_is_there() -> None:
    for node in load_extension(ROOT).nodes.values():
        text = (ROOT / f"docs/nodes/{node.id}.md").read_text("utf-8")
        for parameter in node.parameters():
            assert f"`{parameter.key}`" in text
            assert all(f"`{choice.id}`" in text for choice in parameter.choices)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)|src="([^"]+)"', page.read_text("utf-8"))
    for link in map("".join, links):
        assert link.startswith("https://") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_whole(page: Path) -> None:
    """Every row of a table has as many cells as its header."""
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("|")]
    width = 0
    for line, below in zip(rows, [*rows[1:], ""], strict=True):
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = cells if below.startswith("|--") else width
        assert cells == width, line
