"""A node's dialog in a browser, in KNIME's own renderer, used as a person would.

The renderer is the npm package @knime/jsonforms, installed by `npm ci` in this folder for development only.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.nodes.browser import CHROMIUM, Browser

FOLDER = Path(__file__).parent
BUNDLER = FOLDER / "node_modules/.bin/esbuild"

MISSING = "" if CHROMIUM and shutil.which("node") and BUNDLER.exists() else "needs Chromium, and npm ci in its folder"
"""Why no dialog can be shown here; empty where one can."""

WIDTH = 420
"""CSS pixels; KNIME's panel of a node's dialog is about as wide."""

HELPERS = """
const controls = () => [...document.querySelectorAll('.dialog-label, .checkbox-input')];
const lines = (control) => control.innerText.split('\\n').map((line) => line.trim()).filter(Boolean);
const control = (label) => controls().find((one) => lines(one)[0] === label);
const settled = async () => {
  for (let before = '', calm = 0; calm < 3; ) {
    await new Promise((done) => setTimeout(done, 20));
    const now = document.querySelector('.form')?.innerHTML ?? '';
    calm = now && now === before ? calm + 1 : 0;
    before = now;
  }
};
const middle = (element) => {
  element.scrollIntoView({ block: 'center' });
  const box = element.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
};
const offered = () => [...document.querySelectorAll('[role=option]')].filter((one) => one.checkVisibility());
const leaves = () => [...document.querySelectorAll('.form *')].filter((one) => !one.children.length && one.innerText);
const isCut = (one) =>
  one.getBoundingClientRect().right > innerWidth || (one.clientWidth && one.scrollWidth > one.clientWidth);
const option = (label, text) =>
  [...control(label).querySelectorAll('[role=radio], label'), ...offered()]
    .find((one) => one.innerText.trim() === text);
"""


def build(folder: Path) -> Path:
    """Bundle the page and its script into a folder; the page's file."""
    fonts = [f"--loader:{suffix}=dataurl" for suffix in (".woff", ".woff2")]
    options = ["--bundle", "--format=esm", "--splitting", "--minify", "--log-level=warning", f"--outdir={folder}"]
    subprocess.run([BUNDLER, "page.js", *options, *fonts], cwd=FOLDER, check=True)
    return Path(shutil.copy(FOLDER / "page.html", folder))


class Dialog:
    """A page that shows one dialog at a time.

    Parameters
    ----------
    page : file that `build` made.
    """

    def __init__(self, page: Path) -> None:
        self._browser = Browser("--allow-file-access-from-files")  # the script is a module
        self._browser.resize(WIDTH, 900)
        self._browser.open(page)
        self._browser.run(HELPERS)
        parts = [f"import('./{part.name}')" for part in page.parent.glob("*.js")]  # now, not when first needed
        self._browser.run(f"Promise.all([{','.join(parts)}]).then(() => 0)")

    def show(self, dialog: dict[str, Any], advanced: bool = False) -> None:
        """Open a dialog as KNIME's Python backend describes it."""
        self._do(f"show({json.dumps(dialog)})")
        if advanced and self._read("!!document.getElementById('advanced')"):
            self.show_advanced()

    def show_advanced(self) -> None:
        """Click the link below the settings."""
        self._do("document.getElementById('advanced').click()")

    @property
    def labels(self) -> list[str]:
        """Of the settings that are to be seen."""
        return [str(label) for label in self._read("controls().map((one) => lines(one)[0])")]

    @property
    def cut(self) -> list[str]:
        """Texts that are wider than the place they have."""
        return [str(text) for text in self._read("leaves().filter(isCut).map((one) => one.innerText)")]

    @property
    def settings(self) -> dict[str, Any]:
        """As they would be applied."""
        settings: dict[str, Any] = self._read("settings()")
        return settings

    def choose(self, label: str, option: str) -> None:
        """Choose one of the options of a setting."""
        self._unfold(label)
        self._click(f"option({json.dumps(label)}, {json.dumps(option)})")

    def options(self, label: str) -> list[str]:
        """What a drop-down menu offers."""
        self._unfold(label)
        texts = self._read("offered().map((one) => one.innerText.trim())")
        self._browser.key("Escape")
        self._do()
        return [str(text) for text in texts]

    def enter(self, label: str, text: str) -> None:
        """Write into the field of a setting, in place of what is there; the cursor stays in it."""
        self._click(f"control({json.dumps(label)}).querySelector('input')")
        self._do("document.activeElement.select()")
        self._browser.call("Input.insertText", text=text)
        self._do()

    def leave(self) -> None:
        """Take the cursor out of a field."""
        self._do("document.activeElement.blur()")

    def message(self, label: str) -> str:
        """What is said below the field of a setting."""
        return str(self._read(f"lines(control({json.dumps(label)})).slice(1).join(' ')"))

    def field(self, label: str) -> str:
        """What is in the field of a setting."""
        return str(self._read(f"control({json.dumps(label)}).querySelector('input').value"))

    def picture(self, scale: float = 1) -> NDArray[np.uint8]:
        """The whole dialog, at so many pixels of the picture per CSS pixel; axes YX3."""
        self._browser.resize(WIDTH, 900, scale)
        height = self._read("Math.ceil(document.querySelector('.form').scrollHeight)")
        self._browser.resize(WIDTH, height, scale)
        self.leave()
        return self._browser.screenshot()

    def close(self) -> None:
        """End the browser."""
        self._browser.close()

    def _unfold(self, label: str) -> None:
        """Open the drop-down menu of a setting, if it has one."""
        menu = f"control({json.dumps(label)}).querySelector('[aria-haspopup=listbox]')"
        if self._read(f"!!{menu}"):
            self._click(menu)

    def _click(self, element: str) -> None:
        x, y = self._read(f"middle({element})")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._browser.mouse(kind, x, y, button="none" if kind == "mouseMoved" else "left", clickCount=1)
        self._do()

    def _do(self, script: str = "0") -> None:
        """Run a script, and wait until the page has come to rest."""
        self._browser.run(f"(async () => {{ {script}; await settled(); }})()")
        assert not self._browser.complaints, self._browser.complaints

    def _read(self, script: str) -> Any:
        """The value of an expression."""
        return self._browser.run(script)
