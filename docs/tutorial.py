"""Follow docs/tutorial.md to the letter and take its pictures: `make tutorial`, a quarter of an hour on two cores.

Every command of the page (```console) is run as it stands there. The pictures are those of the views in the reports
that the commands have written, as Chromium shows them; the results at the end of the page are written anew, too.
"""

import csv
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import PIL.Image
from pictures import workflow
from tests.nodes.browser import CHROMIUM, Browser

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE, PICTURES, RUNS = HERE / "tutorial.md", HERE / "tutorial", ROOT / "out" / "tutorial"

VIEWS = {
    "nuclei": ("nuclei", "Segmentation Predictor (#3)", (960, 640)),
    "counts": ("nuclei", "Instance Counter (#4)", (960, 480)),
    "cells_before": ("cells", "Segmentation Predictor (#3)", (960, 640)),
    "training": ("retrained", "Segmentation Retrainer (#4)", (960, 560)),
    "cells_after": ("retrained", "Segmentation Predictor (#6)", (960, 640)),
    "scores": ("retrained", "Segmentation Scorer (#8)", (960, 640)),
}
"""Picture: which run, which node, and the size of the view in pixels."""


class _Frames(HTMLParser):
    """The views in a report, by their titles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.views: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps what a frame shows."""
        found = dict(attrs)
        if tag == "iframe":
            self.views[str(found["title"])] = str(found["srcdoc"])


def run_commands(text: str) -> None:
    """Run what the page tells the reader to type."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for command in block.strip().splitlines():
            sys.stdout.write(f"$ {command}\n")
            subprocess.run(command, shell=True, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def take_pictures() -> None:
    """The workflow as it lies on the canvas, and the views."""
    assert CHROMIUM, "Chromium is not installed."
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "count_workflow.svg").write_text(workflow("COUNT"))
    browser = Browser()
    with tempfile.TemporaryDirectory() as folder:
        for name, (run, node, size) in VIEWS.items():
            views = _Frames((RUNS / run / "report.html").read_text()).views
            page = Path(folder) / f"{name}.html"
            page.write_text(views[f"View of {node}"])
            browser.resize(*size)
            browser.open(page)
            browser.run("new Promise(done => setTimeout(done, 500))")
            picture = PIL.Image.fromarray(browser.screenshot()).quantize(255, dither=PIL.Image.Dither.NONE)
            picture.save(PICTURES / f"{name}.png", optimize=True)
    browser.close()


def results() -> str:
    """The table at the end of the page."""
    lines = ["| run | images | objects found |", "|---|---|---|"]
    for name in ("nuclei", "cells", "retrained"):
        counts = [float(row["Count"]) for row in _rows(name, "counts.csv")]
        lines.append(f"| `{name}` | {len(counts)} | {sum(counts):.0f} |")
    lines += ["", "| cells, by the Scorer of step 5 | drawn | found | AP@0.5 | F1@0.5 |", "|---|---|---|---|---|"]
    for row in _rows("retrained", "summary.csv"):
        scores = " | ".join(f"{float(row[name]):.3f}" for name in ("AP@0.5", "F1@0.5"))
        lines.append(f"| {row['Method']} | {row['True count']} | {row['Predicted count']} | {scores} |")
    return "\n".join(lines)


def _rows(run: str, name: str) -> list[dict[str, str]]:
    with (RUNS / run / name).open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    page = PAGE.read_text()
    run_commands(page)
    take_pictures()
    before, _, rest = page.partition("<!-- results -->\n")
    after = rest.partition("<!-- end -->")[2]
    PAGE.write_text(f"{before}<!-- results -->\n{results()}\n<!-- end -->{after}")
